/** `/members`: the people who operate Latchkey, and their invitations. */
import { z } from 'zod';
import {
  changeMember,
  createMember,
  demandManager,
  MemberChanges,
  MemberDraft,
  memberMistakes,
  removeMember,
} from '../domain/members/member-changes.ts';
import { members } from '../domain/members/members.ts';
import { type Invitation, inviteAgain, signInUrl } from '../domain/members/sign-in-links.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { findMember, MemberView, memberExample, memberView, memberViews } from './member-view.ts';
import { operation } from './operation.ts';

const InvitationView = z
  .object({
    sign_in_url: z
      .string()
      .meta({ description: 'Sets the password, once: hand it to the member, and to nobody else.' }),
    expires_at: z.iso.datetime(),
  })
  .meta({
    id: 'Invitation',
    example: {
      sign_in_url: 'https://auth.example.com/console/sign-in#token=shown-once',
      expires_at: '2026-11-24T08:00:00.000Z',
    },
  });

const InvitedMember = MemberView.extend({ invitation: InvitationView }).meta({
  id: 'InvitedMember',
  example: {
    ...memberExample,
    invitation: {
      sign_in_url: 'https://auth.example.com/console/sign-in#token=shown-once',
      expires_at: '2026-11-24T08:00:00.000Z',
    },
  },
});

const tag = 'Member';
const reach = 'in_person';

export const memberOperations = [
  operation({
    method: 'get',
    path: '/members',
    operation_id: 'listMembers',
    summary: 'List members',
    tag,
    scope: 'members:read',
    reach,
    query: ListQuery,
    status: 200,
    result: pageOf(MemberView),
    async run({ page, storage }) {
      const { records, next_cursor } = await page(members);
      return { body: { data: await memberViews(storage, records), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/members',
    operation_id: 'inviteMember',
    summary: 'Invite a member',
    description: 'The answer shows the link by which the member sets a password, this once.',
    tag,
    scope: 'members:write',
    reach,
    body: MemberDraft,
    check: ({ storage, body }) => memberMistakes(storage, body),
    status: 201,
    result: InvitedMember,
    async run(call) {
      const { member, invitation } = await createMember(call, call.body);
      const view = await memberView(call.storage, member);
      const body = { ...view, invitation: invitationView(call.services.issuer, invitation) };
      return { body, version: member.version, location: `/members/${member.id}` };
    },
  }),
  operation({
    method: 'get',
    path: '/members/:id',
    operation_id: 'getMember',
    summary: 'Read a member',
    tag,
    scope: 'members:read',
    reach,
    status: 200,
    result: MemberView,
    find: findMember,
    run: async ({ storage, found }) => ({ body: await memberView(storage, found), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: '/members/:id',
    operation_id: 'changeMember',
    summary: 'Change a member',
    description:
      'A change of position, roles or `enabled` ends the sessions. The last platform owner who can sign in stays one.',
    tag,
    scope: 'members:write',
    reach,
    body: MemberChanges,
    check: ({ storage, body }) => memberMistakes(storage, body),
    status: 200,
    result: MemberView,
    find: findMember,
    view: ({ storage, found }) => memberView(storage, found),
    async run(call) {
      const member = await changeMember(call, call.found, call.body);
      return { body: await memberView(call.storage, member), version: member.version };
    },
  }),
  operation({
    method: 'delete',
    path: '/members/:id',
    operation_id: 'deleteMember',
    summary: 'Delete a member with all personal keys',
    description: 'Refused while the member owns applications or keys, and for the last platform owner.',
    tag,
    scope: 'members:write',
    reach,
    status: 204,
    find: findMember,
    async run(call) {
      await removeMember(call, call.found);
      return {};
    },
  }),
  operation({
    method: 'post',
    path: '/members/:id/invitations',
    operation_id: 'inviteMemberAgain',
    summary: 'Invite a member again',
    description: 'Also for who has forgotten the password. Older links of the member die.',
    tag,
    scope: 'invitations:write',
    reach,
    status: 201,
    result: InvitationView,
    find: findMember,
    async run(call) {
      demandManager(call.principal);
      return { body: invitationView(call.services.issuer, await inviteAgain(call, call.found)) };
    },
  }),
];

function invitationView(issuer: string, { token, expires_at }: Invitation) {
  return { sign_in_url: signInUrl(issuer, token), expires_at };
}
