/** Somebody at a browser: keeps cookies, sends the session's token with writes, and comes from an address of his own. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type Answer, type Running, send } from '../support/running.ts';

/** With this, tests say where they come from. */
export const BEHIND_PROXY = { LATCHKEY_TRUSTED_PROXIES: '1' };

export const PASSWORD = 'correct horse battery staple';

export class Browser {
  readonly cookies = new Map<string, string>();
  csrfToken = '';
  readonly #server: Running;
  readonly #address: string;

  /** @param address from where it calls, on a server behind a proxy */
  constructor(server: Running, address = '192.0.2.1') {
    this.#server = server;
    this.#address = address;
  }

  /** Calls the admin API as this server's own page would. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await send(`${this.#server.issuer}/admin/v1${path}`, {
      method,
      headers: {
        'x-forwarded-for': this.#address,
        origin: this.#server.issuer,
        ...(cookie !== '' && { cookie }),
        ...(this.csrfToken !== '' && { 'x-csrf-token': this.csrfToken }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0/.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    if (answer.status < 300 && typeof answer.body === 'object' && 'csrf_token' in answer.body) {
      this.csrfToken = answer.body.csrf_token;
    }
    return answer;
  }

  /** Calls, and demands the status. @returns the body */
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  async must(status: number, method: string, path: string, body?: unknown): Promise<any> {
    const answer = await this.call(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    return answer.body;
  }

  signIn(email: string, password: string = PASSWORD): Promise<Answer> {
    return this.call('POST', '/session', { email, password });
  }

  redeem(signInUrl: string, password: string = PASSWORD, email?: string): Promise<Answer> {
    return this.call('POST', '/sign-in-links/redeem', { token: tokenOf(signInUrl), password, ...(email && { email }) });
  }

  /** @returns whether its session counts */
  async isSignedIn(): Promise<boolean> {
    const { status } = await this.call('GET', '/session');
    assert.ok(status === 200 || status === 401, String(status));
    return status === 200;
  }
}

/** @returns the token in a sign-in link's fragment */
export function tokenOf(signInUrl: string): string {
  return signInUrl.split('#token=')[1] ?? '';
}

/** A member at his browser. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly browser: Browser;
}

/** @returns the first owner, signed in by his link */
export async function firstOwner(server: Running, address?: string): Promise<Person> {
  const browser = new Browser(server, address);
  const { status, body, text } = await browser.redeem(server.told.owner.sign_in_url, PASSWORD, 'owner@example.com');
  assert.equal(status, 201, text);
  return { id: body.member.id, email: body.member.email, browser };
}

/** @returns a member who was invited by the administrator's machine, and has signed in */
export async function invited(server: Running, members: object = {}, address?: string): Promise<Person> {
  const email = `member-${randomBytes(4).toString('hex')}@example.com`;
  const { status, body, text } = await server.call('POST', '/members', { email, name: 'Ada', ...members });
  assert.equal(status, 201, text);
  const browser = new Browser(server, address);
  assert.equal((await browser.redeem(body.invitation.sign_in_url)).status, 201);
  return { id: body.id, email: body.email, browser };
}
