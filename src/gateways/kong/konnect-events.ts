/** `POST /{client}/event-hook`: what Konnect tells of an application after it was made. Each may come twice. */
import { invalid } from '../../domain/errors.ts';
import { changeThrough } from '../../domain/gateways/gateway-registrations.ts';
import {
  addProductRegistration,
  removeProductRegistration,
} from '../../domain/gateways/product-registration-changes.ts';
import type { DialectAnswer, DialectCall, DialectParts } from '../dialect.ts';
import { demandOwn, readBody, withOwn } from './konnect-clients.ts';
import { EventHook, RegistrationEvent, saidOf, UpdateApplication } from './konnect-words.ts';

/** Answers an event; one of a kind that is not known here is accepted, and changes nothing. */
export async function takeEvent(parts: DialectParts, call: DialectCall, id: string): Promise<DialectAnswer> {
  const { event_type, client_id } = readBody(EventHook, call);
  if (client_id !== id) throw invalid([{ pointer: '/client_id', detail: 'must be the client of the path' }]);
  await demandOwn(parts, call.gateway, id);
  if (event_type === 'update_application') await update(parts, call, id);
  if (event_type === 'add_registration') await register(parts, call, id, addProductRegistration);
  if (event_type === 'remove_registration') await register(parts, call, id, removeProductRegistration);
  return { status: 200, body: {} };
}

async function update(parts: DialectParts, call: DialectCall, id: string): Promise<void> {
  const event = readBody(UpdateApplication, call);
  await withOwn(parts, call, id, (unit, gateway, own) =>
    changeThrough({ ...parts, unit }, gateway, own, {
      client_name: event.application_name,
      said: saidOf(event),
    }),
  );
}

async function register(
  parts: DialectParts,
  call: DialectCall,
  id: string,
  change: typeof addProductRegistration,
): Promise<void> {
  const { api_product_version_id: version } = readBody(RegistrationEvent, call);
  await withOwn(parts, call, id, (unit, gateway, own) => change({ ...parts, unit }, gateway, own, version));
}
