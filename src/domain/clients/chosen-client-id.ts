/** A `client_id` that is chosen elsewhere and not made here: an import keeps those that machines already use. */
import { z } from 'zod';

export const ChosenClientId = z
  .string()
  .regex(/^[A-Za-z0-9._~-]{8,128}$/, 'must have 8 to 128 letters, digits and . _ ~ -')
  // One in the shape of ours could be taken for what it is not, or be given out here later.
  .refine((id) => !/^(cli_|[a-z]+_[0-9a-z]{24}$)/i.test(id), 'must not look like an id that is made here')
  .meta({ description: 'The consumer key that is in use already.', examples: ['billing-service'] });
