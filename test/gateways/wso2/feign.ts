/** Requests without a body as WSO2's HTTP client (Feign) sends them, which `fetch` cannot: declared as JSON, of length 0. */
import { request } from 'node:http';

/** @returns the status, and what the body says where there is one */
export function bare(
  method: string,
  url: string,
  authorization: string,
  // biome-ignore lint/suspicious/noExplicitAny: an answer of a dialect
): Promise<{ status: number | undefined; body: any }> {
  const headers = { authorization, 'content-type': 'application/json', 'content-length': '0', accept: '*/*' };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, body: text === '' ? undefined : JSON.parse(text) });
      });
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
