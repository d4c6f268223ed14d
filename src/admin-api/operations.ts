/** Every operation of the admin API. A new resource is one more line. */
import { accessProfileOperations } from './access-profiles.ts';
import { apiKeyOperations } from './api-keys.ts';
import { apiOperations } from './apis.ts';
import { applicationLogoOperations } from './application-logos.ts';
import { applicationOperations } from './applications.ts';
import { auditEntryOperations } from './audit-entries.ts';
import { clientPreviewOperations } from './client-preview.ts';
import { clientRegistrationOperations } from './client-registration.ts';
import { clientSecretRecoveryOperations } from './client-secret-recovery.ts';
import { clientSecretOperations } from './client-secrets.ts';
import { clientOperations } from './clients.ts';
import { collectionOperations } from './collections.ts';
import { gatewayClientOperations } from './gateway-clients.ts';
import { gatewayCredentialOperations } from './gateway-credentials.ts';
import { gatewayKongOperations } from './gateway-kong.ts';
import { gatewayNoticeOperations } from './gateway-notices.ts';
import { gatewayTestOperations } from './gateway-test.ts';
import { gatewayOperations } from './gateways.ts';
import { importOperations } from './imports.ts';
import { initialAccessTokenOperations } from './initial-access-tokens.ts';
import { memberOperations } from './members.ts';
import { ownershipOperations } from './ownership.ts';
import { policyOperations } from './policies.ts';
import { revocationOperations } from './revocations.ts';
import { roleOperations } from './roles.ts';
import { sessionOperations } from './sessions.ts';
import { signingKeyOperations } from './signing-keys.ts';
import { usageOperations } from './usage.ts';
import { webhookDeliveryOperations } from './webhook-deliveries.ts';
import { webhookOperations } from './webhooks.ts';

export const operations = [
  ...apiOperations,
  ...roleOperations,
  ...collectionOperations,
  ...policyOperations,
  ...applicationOperations,
  ...applicationLogoOperations,
  ...accessProfileOperations,
  ...clientOperations,
  ...clientPreviewOperations,
  ...clientRegistrationOperations,
  ...clientSecretOperations,
  ...clientSecretRecoveryOperations,
  ...apiKeyOperations,
  ...initialAccessTokenOperations,
  ...gatewayOperations,
  ...gatewayTestOperations,
  ...gatewayCredentialOperations,
  ...gatewayClientOperations,
  ...gatewayKongOperations,
  ...gatewayNoticeOperations,
  ...importOperations,
  ...memberOperations,
  ...ownershipOperations,
  ...sessionOperations,
  ...signingKeyOperations,
  ...revocationOperations,
  ...usageOperations,
  ...auditEntryOperations,
  ...webhookOperations,
  ...webhookDeliveryOperations,
];
