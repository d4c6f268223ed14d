/** What is written of an access profile: to make one, and to change one. */
import { z } from 'zod';
import { AllowedAddresses } from '../access/addresses.ts';
import { AccessProfile } from './access-profiles.ts';
import { AuthenticationChanges, AuthenticationDraft } from './profile-authentication.ts';

const Id = z.string().min(1).max(100);

const writable = {
  name: AccessProfile.shape.name,
  collections: z
    .array(Id)
    .min(1, 'must not be empty')
    .max(100)
    .meta({ description: 'The ids of the collections to whose APIs it narrows.' }),
  policy_id: Id.nullable(),
  allowed_ips: AllowedAddresses,
  enabled: z.boolean(),
};

/** What a profile is made from. */
export const AccessProfileDraft = z
  .strictObject({
    application_id: Id,
    ...writable,
    policy_id: writable.policy_id.default(null),
    allowed_ips: writable.allowed_ips.default(null),
    authentication: AuthenticationDraft.default({ method: 'token' }),
    enabled: writable.enabled.default(true),
  })
  .meta({
    id: 'AccessProfileDraft',
    example: {
      application_id: 'app_5vq3m8t1c7w2zk9x4n6bd0fh',
      name: 'Warehouse only',
      collections: ['col_5vq3m8t1c7w2zk9x4n6bd0fh'],
      allowed_ips: ['192.0.2.0/24'],
    },
  });
export type AccessProfileDraft = z.output<typeof AccessProfileDraft>;

/** What of a profile may be changed. Its application may not: its clients belong to the same. */
export const AccessProfileChanges = z
  .strictObject({ ...writable, authentication: AuthenticationChanges })
  .partial()
  .meta({ id: 'AccessProfileChanges', example: { enabled: false } });
export type AccessProfileChanges = z.output<typeof AccessProfileChanges>;
