/** A hashed credential as Keycloak writes it: two texts of JSON, what is secret and how it was computed. */
import { z } from 'zod';

export const KeycloakCredential = z
  .object({ secretData: z.string().max(2000), credentialData: z.string().max(2000) })
  .meta({
    id: 'KeycloakCredential',
    description: 'As a Keycloak export has it.',
    example: {
      secretData: '{"value": "…", "salt": "…"}',
      credentialData: '{"hashIterations": 5, "algorithm": "argon2"}',
    },
  });

const SecretData = z.object({ value: z.string(), salt: z.string() });
const CredentialData = z.object({
  hashIterations: z.int(),
  algorithm: z.string(),
  additionalParameters: z.record(z.string(), z.array(z.string())).optional(),
});

/** @returns the same as a PHC string; undefined for what is no such credential */
export function phcOfCredential(credential: z.infer<typeof KeycloakCredential>): string | undefined {
  const secret = SecretData.safeParse(parsed(credential.secretData)).data;
  const how = CredentialData.safeParse(parsed(credential.credentialData)).data;
  if (secret === undefined || how === undefined) return undefined;
  const bytes = `${unpadded(secret.salt)}$${unpadded(secret.value)}`;
  if (how.algorithm !== 'argon2') return `$${how.algorithm}$i=${how.hashIterations}$${bytes}`;
  const { type, version, memory, parallelism } = how.additionalParameters ?? {};
  const v = version?.[0] === '1.3' ? 19 : 16;
  const cost = `m=${memory?.[0] ?? 0},t=${how.hashIterations},p=${parallelism?.[0] ?? 0}`;
  return `$argon2${type?.[0] ?? 'id'}$v=${v}$${cost}$${bytes}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '');
}
