/** Reads a request's body line by line as it comes, within limits, never more of it than is asked for. */
import type { IncomingMessage } from 'node:http';

export interface LineLimits {
  readonly lineBytes: number;
  readonly lines: number;
}

/** One line, without its end; one that is too long or beyond the last is not read. */
export type BodyLine = { readonly number: number } & ({ readonly bytes: Buffer } | { readonly mistake: string });

const NEWLINE = 10;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * @returns the lines that are not blank, numbered from 1
 * @throws Error where the body breaks off
 */
export async function* bodyLines(
  body: IncomingMessage | AsyncIterable<Buffer>,
  { lineBytes, lines }: LineLimits,
): AsyncGenerator<BodyLine> {
  let number = 0;
  let pending: Buffer[] = [];
  let size = 0;
  const line = (): BodyLine | undefined => {
    number += 1;
    const whole = Buffer.concat(pending);
    const isTooLong = size > lineBytes;
    [pending, size] = [[], 0];
    if (isTooLong) return { number, mistake: `has more than ${lineBytes} bytes` };
    const bytes = number === 1 && whole.subarray(0, 3).equals(BYTE_ORDER_MARK) ? whole.subarray(3) : whole;
    return isBlank(bytes) ? undefined : { number, bytes };
  };
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      size += end - from;
      if (size <= lineBytes) pending.push(chunk.subarray(from, end));
      from = end + 1;
      const read = line();
      if (number > lines) {
        yield { number, mistake: `is beyond the ${lines} lines of one request: send the rest in another` };
        return;
      }
      if (read) yield read;
    }
    size += chunk.length - from;
    // What is too long already is not kept.
    if (size <= lineBytes) pending.push(chunk.subarray(from));
    else pending = [];
  }
  const last = size > 0 ? line() : undefined;
  if (last) yield last;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 32 || byte === 9 || byte === 13);
}
