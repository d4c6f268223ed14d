/** What the schemas of all nouns share. */
import { z } from 'zod';
import { CONTROL_CHARACTERS } from './control-characters.ts';

/** RFC 3339 in UTC. */
export const Timestamp = z.iso
  .datetime()
  .meta({ description: 'RFC 3339 in UTC', examples: ['2026-11-21T08:00:00.000Z'] });

/** The members of every stored record; `version` is the ETag and leaves only as that. */
export const recordShape = {
  id: z.string(),
  version: z.int().positive(),
  created_at: Timestamp,
  updated_at: Timestamp,
};

/** The longest lifetime of a token, in seconds: what a signed 32-bit millisecond timer of a gateway can hold. */
export const LONGEST_LIFETIME_SECONDS = 2_147_483;

export const LifetimeSeconds = z.int().min(1).max(LONGEST_LIFETIME_SECONDS);

/** A name for people: one line, no control characters. */
export const Name = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(new RegExp(`^[^${CONTROL_CHARACTERS}]*$`, 'u'), 'must not contain control characters');

export const Description = z.string().max(2000);

/** RFC 6749 section 3.3, without the characters that would need quoting somewhere. */
export const ScopeName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9._:-]+$/, 'may only contain letters, digits and . _ : -');

export const Environment = z.enum(['production', 'sandbox']);
export type Environment = z.infer<typeof Environment>;

export const StoredPermission = z.object({ api_id: z.string(), scope: ScopeName });
