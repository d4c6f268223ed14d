/** Seals what must be readable again (private keys, server keys) under the key-encryption key: AES-256-GCM. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/**
 * Where a sealed value lives. It is bound in as additional data, so that whoever can write to the database
 * cannot move a sealed value to a record of his own.
 */
export interface Place {
  readonly table: string;
  readonly id: string;
  readonly field: string;
}

const FORMAT = 'v1';
const IV_BYTES = 12;
const TAG_BYTES = 16;

export class Sealer {
  readonly #key: Buffer;
  /** Names the key without telling anything about it. */
  readonly keyId: string;

  /** @param key 32 bytes, from the configuration */
  constructor(key: Buffer) {
    if (key.length !== 32) throw new RangeError('a key-encryption key has 32 bytes');
    this.#key = key;
    this.keyId = createHash('sha256').update('latchkey key id').update(key).digest('hex').slice(0, 12);
  }

  /** @returns text that only `open` with the same place and key can read */
  seal(place: Place, plaintext: Buffer): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv);
    cipher.setAAD(this.#boundTo(place));
    const sealed = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    return `${FORMAT}.${this.keyId}.${sealed.toString('base64url')}`;
  }

  /** @throws Error where the value was sealed under another key, for another place, or altered */
  open(place: Place, sealed: string): Buffer {
    const [format, keyId, body] = sealed.split('.');
    if (format !== FORMAT || keyId !== this.keyId || body === undefined) {
      throw new Error(`${place.table} ${place.id} was sealed under another key-encryption key (${keyId})`);
    }
    const bytes = Buffer.from(body, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, IV_BYTES), {
      // Otherwise a tag cut to four bytes would be taken too.
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(this.#boundTo(place));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  }

  #boundTo({ table, id, field }: Place): Buffer {
    return Buffer.from(JSON.stringify([table, id, field, this.keyId]));
  }
}
