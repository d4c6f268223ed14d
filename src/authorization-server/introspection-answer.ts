/** Answers an introspection whose caller is known: RFC 7662 section 2.2, or signed as RFC 9701 has it. */
import type { Context } from 'koa';
import type { Standing } from '../domain/catalogue/standing.ts';
import { INACTIVE, type Introspection, type IntrospectionParts, introspect } from '../domain/tokens/introspection.ts';
import { bearerOf } from '../domain/verdicts/bearer.ts';
import type { CredentialReader, ReadCredential } from '../domain/verdicts/credentials.ts';
import { INTROSPECTION_ALGORITHM } from './discovery.ts';
import { type Form, UnreadableForm } from './form-request.ts';
import type { Keys } from './keys.ts';

const SIGNED_INTROSPECTION = 'application/token-introspection+jwt';

interface AnswerParts extends IntrospectionParts {
  readonly issuer: string;
  readonly keys: Pick<Keys, 'sign'>;
  readonly credentials: CredentialReader;
  readonly onIntrospected: NonNullable<IntrospectionParts['onIntrospected']>;
}

/**
 * Puts into the context what the caller may know of a token, signed where he asks for that.
 * @param caller who asked, as the engine authenticated him
 * @param accepted his `Accept`
 * @throws UnreadableForm
 */
export async function answerIntrospection(
  parts: AnswerParts,
  ctx: Context,
  caller: Standing,
  form: Form,
  accepted: string,
): Promise<void> {
  const { credentials, keys, issuer } = parts;
  const read = await credentials.read(String(form['token']));
  const address = onlyOne(form, 'ip');
  const resource = onlyOne(form, 'resource');
  const introspection =
    read.outcome === 'genuine'
      ? await introspect(parts, caller, { credential: read.credential, address, resource })
      : await inactive(parts, read);
  if (!accepted.toLowerCase().includes(SIGNED_INTROSPECTION)) {
    ctx.body = introspection;
    return;
  }
  // RFC 9701 section 5: aud is who asked, so that an answer cannot be shown to another.
  const signed = { iss: issuer, aud: caller.client.id, iat: Math.floor(Date.now() / 1000) };
  ctx.body = await keys.sign(
    { ...signed, token_introspection: { ...introspection } },
    INTROSPECTION_ALGORITHM,
    'token-introspection+jwt',
  );
  ctx.type = SIGNED_INTROSPECTION;
}

async function inactive(
  { knowledge, onIntrospected }: AnswerParts,
  read: Exclude<ReadCredential, { outcome: 'genuine' }>,
): Promise<Introspection> {
  const bearer = read.outcome === 'expired' ? await bearerOf(knowledge, read.credential) : undefined;
  onIntrospected(read.outcome, bearer, null);
  return INACTIVE;
}

/** A parameter of our own beside those of RFC 7662. */
function onlyOne(form: Form, name: string): string | undefined {
  const value = form[name];
  if (typeof value === 'object') throw new UnreadableForm(`${name} was sent more than once`);
  return value === '' ? undefined : value;
}
