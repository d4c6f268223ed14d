/** `/roles`: named sets of scopes. */
import { z } from 'zod';
import { NamedPermission, readNames } from '../domain/apis/references.ts';
import {
  changeRole,
  createRole,
  RoleChanges,
  RoleDraft,
  removeRole,
  roleMistakes,
} from '../domain/apis/role-changes.ts';
import { Role, roles } from '../domain/apis/roles.ts';
import { notFound } from '../domain/errors.ts';
import type { Storage } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const RoleView = z
  .object({
    ...recordView,
    name: Role.shape.name,
    description: Role.shape.description,
    permissions: z.array(z.object(NamedPermission.shape)),
  })
  .meta({
    id: 'Role',
    example: {
      id: 'role_5vq3m8t1c7w2zk9x4n6bd0fh',
      created_at: '2026-11-21T08:00:00.000Z',
      updated_at: '2026-11-21T08:00:00.000Z',
      name: 'order-reader',
      description: 'Reads orders',
      permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
    },
  });

type RoleView = z.infer<typeof RoleView>;

const tag = 'Role';

export const roleOperations = [
  operation({
    method: 'get',
    path: '/roles',
    operation_id: 'listRoles',
    summary: 'List roles',
    tag,
    scope: 'roles:read',
    query: ListQuery,
    status: 200,
    result: pageOf(RoleView),
    async run({ page, storage }) {
      const { records, next_cursor } = await page(roles);
      return { body: { data: await viewsOf(storage, records), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/roles',
    operation_id: 'createRole',
    summary: 'Create a role',
    tag,
    scope: 'roles:write',
    reach: 'platform_owner',
    body: RoleDraft,
    check: ({ storage, body }) => roleMistakes(storage, body),
    status: 201,
    result: RoleView,
    async run(call) {
      const role = await createRole(call, call.body);
      return { body: await viewOf(call.storage, role), version: role.version, location: `/roles/${role.id}` };
    },
  }),
  operation({
    method: 'get',
    path: '/roles/:id',
    operation_id: 'getRole',
    summary: 'Read a role',
    tag,
    scope: 'roles:read',
    status: 200,
    result: RoleView,
    find: findRole,
    run: async ({ storage, found }) => ({ body: await viewOf(storage, found), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: '/roles/:id',
    operation_id: 'changeRole',
    summary: 'Change a role',
    description: 'Its holders have what it holds, from their next token on.',
    tag,
    scope: 'roles:write',
    reach: 'platform_owner',
    body: RoleChanges,
    check: ({ storage, body }) => roleMistakes(storage, body),
    status: 200,
    result: RoleView,
    find: findRole,
    view: ({ storage, found }) => viewOf(storage, found),
    async run(call) {
      const role = await changeRole(call, call.found, call.body);
      return { body: await viewOf(call.storage, role), version: role.version };
    },
  }),
  operation({
    method: 'delete',
    path: '/roles/:id',
    operation_id: 'deleteRole',
    summary: 'Delete a role',
    description: 'Refused while someone holds it.',
    tag,
    scope: 'roles:write',
    reach: 'platform_owner',
    status: 204,
    find: findRole,
    async run(call) {
      removeRole(call, call.found);
      return {};
    },
  }),
];

async function findRole({ storage, params }: { storage: Storage; params: { id: string } }): Promise<Role> {
  const role = await storage.get(roles, params.id);
  if (role === undefined) throw notFound('role');
  return role;
}

async function viewOf(storage: Storage, role: Role): Promise<RoleView> {
  const [view] = await viewsOf(storage, [role]);
  return RoleView.parse(view);
}

async function viewsOf(storage: Storage, records: readonly Role[]): Promise<RoleView[]> {
  const apiIds = records.flatMap(({ permissions }) => permissions.map(({ api_id }) => api_id));
  const names = await readNames(storage, apiIds);
  return records.map((role) => ({ ...role, permissions: names.permissions(role.permissions) }));
}
