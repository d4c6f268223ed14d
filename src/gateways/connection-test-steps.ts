/** Which steps each type of gateway goes through: a new type is one more entry. */
import type { Gateway, GatewayType } from '../domain/gateways/gateways.ts';
import { genericSteps } from './connection-test-generic.ts';
import { kongAdminSteps, konnectSteps } from './connection-test-kong.ts';
import type { Step } from './connection-test-rehearsal.ts';
import { isConnector, keycloakConnector, oktaConnector, wso2Steps } from './connection-test-wso2.ts';

export const STEPS: Readonly<Record<GatewayType, (gateway: Gateway) => readonly Step[]>> = {
  'wso2-keycloak': () => wso2Steps(keycloakConnector),
  'wso2-okta': () => wso2Steps(oktaConnector),
  'wso2-is': () => wso2Steps(isConnector),
  'kong-konnect': konnectSteps,
  'kong-admin': () => kongAdminSteps,
  generic: genericSteps,
};
