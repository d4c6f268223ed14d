/**
 * `/gateways/authorize/{api id}/{segment}`, forward-auth: a gateway shows a request, whatever its method, and lets it
 * through if the answer is 200. Below this prefix nothing else ever answers, so it stands before all other surfaces and
 * goes by the request target as it came: what comes behind the segment is written by whoever wants to get past.
 */
import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { Api } from '../domain/apis/apis.ts';
import type { Verdicts } from '../domain/verdicts/verdicts.ts';
import { addressBehind, clientAddress } from '../http/client-address.ts';
import { type AuthorizeAnswer, answerOf, challenge, FORBIDDEN, send, UNAVAILABLE } from './authorize-answer.ts';
import { type Askers, GATEWAY_KEY_HEADER, proxyHopsAt } from './authorize-askers.ts';
import { shownCredential } from './authorize-credential.ts';
import { type AuthorizeFault, faultsOf } from './authorize-faults.ts';
import { Requirements } from './authorize-requirement.ts';
import { isAmbiguous, rawPathOf } from './raw-target.ts';

export const AUTHORIZE_PREFIX = '/gateways/authorize';

export interface AuthorizeParts {
  readonly issuer: string;
  readonly verdicts: Pick<Verdicts, 'judge'>;
  readonly apis: { api(id: string): Api | undefined; secondsToServe(): number };
  readonly askers: Pick<Askers, 'who'>;
  /** How many proxies stand between a gateway and here. */
  readonly trustedProxies: number;
  /** In lower case. */
  readonly apiKeyHeader: string;
  /** Told, for the operator, of gateways that ask from elsewhere or for what is not there. */
  readonly onFault: (fault: AuthorizeFault) => void;
  /** Told of each request without a good credential, and the address of the gateway's client, as far as anyone knows. */
  readonly onUnauthenticated: (address: string | undefined) => void;
  readonly onError: (error: unknown) => void;
}

/** @returns middleware that answers everything below the prefix and passes on the rest; to be used before all others */
export function authorize(parts: AuthorizeParts): Middleware {
  const decide = deciding(parts);
  return async function authorizeRequest(ctx, next) {
    const { req, res } = ctx;
    const path = rawPathOf(req.url ?? '');
    if (!path.startsWith(AUTHORIZE_PREFIX)) return await next();
    // Answered past Koa, which makes other statuses of answers without a body.
    ctx.respond = false;
    try {
      await send(req, res, await decide(req, path.slice(AUTHORIZE_PREFIX.length)));
    } catch (error) {
      parts.onError(error);
      await send(req, res, UNAVAILABLE);
    }
  };
}

/** @returns what decides about a request by the path behind the prefix, as it was sent */
function deciding({ issuer, verdicts, apis, askers, trustedProxies, apiKeyHeader, ...told }: AuthorizeParts) {
  const requirements = new Requirements(apis);
  const tellFault = faultsOf(told.onFault);
  return async function decide(request: IncomingMessage, path: string): Promise<AuthorizeAnswer> {
    if (isAmbiguous(path)) return FORBIDDEN;
    // One that was sent twice is joined to what is no key.
    const key = request.headers[GATEWAY_KEY_HEADER] as string | undefined;
    const asker = askers.who(clientAddress(request, trustedProxies), key);
    if ('fault' in asker) {
      tellFault(asker);
      return FORBIDDEN;
    }
    apis.secondsToServe();
    const requirement = requirements.at(path);
    if ('fault' in requirement) {
      tellFault({ fault: requirement.fault, about: path });
      return FORBIDDEN;
    }
    const proxyHops = proxyHopsAt(asker, requirement.api.id);
    if (proxyHops === undefined) {
      tellFault({ fault: 'its settings.apis do not name this API', about: `${asker.name} ${requirement.api.id}` });
      return FORBIDDEN;
    }
    // The gateway is one hop more. Where it does not say who called it, nobody knows: its own address is not the client's.
    const address = addressBehind(request, trustedProxies + 1 + proxyHops);
    const shown = shownCredential(request.rawHeaders, apiKeyHeader);
    if (typeof shown === 'string') {
      told.onUnauthenticated(address);
      return challenge(issuer, shown === 'none' ? undefined : 'invalid_request');
    }
    const { api, scopes, roles } = requirement;
    const verdict = await verdicts.judge(shown.text, { api, scopes, roles, address, resource: undefined });
    const answer = answerOf(verdict, requirement, issuer);
    if (answer.status === 401) told.onUnauthenticated(address);
    return answer;
  };
}
