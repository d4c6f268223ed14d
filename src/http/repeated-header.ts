/** Whether a header was sent more than once, which Node does not say: it joins them, or takes the first. */
import type { IncomingMessage } from 'node:http';

/** @param name in lower case @returns how often it stands in the request */
export function timesSent({ rawHeaders }: IncomingMessage, name: string): number {
  return rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}
