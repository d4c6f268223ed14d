/** `/applications`: what API consumers register. */
import { z } from 'zod';
import { type Inquirer, visibleApplication, visibleApplications } from '../domain/access/visibility.ts';
import {
  ApplicationChanges,
  ApplicationDraft,
  applicationMistakes,
  changeApplication,
  createApplication,
  removeApplication,
} from '../domain/applications/application-changes.ts';
import { Application, applications } from '../domain/applications/applications.ts';
import { notFound } from '../domain/errors.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { ADMIN_PATH, operation, recordView } from './operation.ts';

const { shape } = Application;

const ApplicationView = z
  .object({
    ...recordView,
    name: shape.name,
    description: shape.description,
    owner: shape.owner.meta({ description: "A member's id; null for what a machine made." }),
    tags: shape.tags,
    enabled: shape.enabled,
    logo: z.string().nullable().meta({ description: 'Where its logo is.' }),
  })
  .meta({
    id: 'Application',
    example: {
      id: 'app_5vq3m8t1c7w2zk9x4n6bd0fh',
      created_at: '2026-11-21T08:00:00.000Z',
      updated_at: '2026-11-21T08:00:00.000Z',
      name: 'Order sync',
      description: '',
      owner: null,
      tags: ['warehouse'],
      enabled: true,
      logo: null,
    },
  });
type ApplicationView = z.infer<typeof ApplicationView>;

const tag = 'Application';

export const applicationOperations = [
  operation({
    method: 'get',
    path: '/applications',
    operation_id: 'listApplications',
    summary: 'List applications',
    tag,
    scope: 'applications:read',
    query: ListQuery,
    status: 200,
    result: pageOf(ApplicationView),
    async run({ page, principal }) {
      const { records, next_cursor } = await page(applications, visibleApplications(principal));
      return { body: { data: records.map(viewOf), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/applications',
    operation_id: 'createApplication',
    summary: 'Register an application',
    tag,
    scope: 'applications:write',
    body: ApplicationDraft,
    check: (inquiry) => applicationMistakes(inquiry, inquiry.body),
    status: 201,
    result: ApplicationView,
    async run(call) {
      const application = await createApplication(call, call.body);
      const location = `/applications/${application.id}`;
      return { body: viewOf(application), version: application.version, location };
    },
  }),
  operation({
    method: 'get',
    path: '/applications/:id',
    operation_id: 'getApplication',
    summary: 'Read an application',
    tag,
    scope: 'applications:read',
    status: 200,
    result: ApplicationView,
    find: findApplication,
    run: async ({ found }) => ({ body: viewOf(found), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: '/applications/:id',
    operation_id: 'changeApplication',
    summary: 'Change an application',
    description: "Disabling it ends its clients' tokens for good; enabling it does not revive them.",
    tag,
    scope: 'applications:write',
    body: ApplicationChanges,
    check: (inquiry) => applicationMistakes(inquiry, inquiry.body, inquiry.found),
    status: 200,
    result: ApplicationView,
    find: findApplication,
    view: async ({ found }) => viewOf(found),
    async run(call) {
      const application = await changeApplication(call, call.found, call.body);
      return { body: viewOf(application), version: application.version };
    },
  }),
  operation({
    method: 'delete',
    path: '/applications/:id',
    operation_id: 'deleteApplication',
    summary: 'Delete an application with its clients',
    tag,
    scope: 'applications:write',
    status: 204,
    find: findApplication,
    async run(call) {
      await removeApplication(call, call.found);
      return {};
    },
  }),
];

/** @returns the application that the path names @throws DomainError `not_found`, also where it is another's */
export async function findApplication(inquiry: Inquirer & { params: { id: string } }): Promise<Application> {
  const application = await visibleApplication(inquiry, inquiry.params.id);
  if (application !== undefined) return application;
  throw notFound('application', (await inquiry.storage.get(applications, inquiry.params.id)) !== undefined);
}

function viewOf(application: Application): ApplicationView {
  const logo = application.logo_type === null ? null : `${ADMIN_PATH}/applications/${application.id}/logo`;
  return ApplicationView.parse({ ...application, logo });
}
