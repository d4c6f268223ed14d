/** `/clients/{client_id}/registration`: what lets a client that registered itself change itself, to be taken back. */
import { withdrawRegistration } from '../domain/registration/registration-withdrawal.ts';
import { findClient } from './client-view.ts';
import { operation } from './operation.ts';

export const clientRegistrationOperations = [
  operation({
    method: 'delete',
    path: '/clients/:client_id/registration',
    acts_on_one: true,
    operation_id: 'deleteClientRegistration',
    summary: "End a client's registration access token",
    description:
      'From then on only the admin API changes the client, which stays with its secrets and tokens. 404 where it did ' +
      'not register itself.',
    tag: 'Client',
    scope: 'clients:write',
    status: 204,
    find: findClient,
    async run(call) {
      await withdrawRegistration(call, call.found);
      return {};
    },
  }),
];
