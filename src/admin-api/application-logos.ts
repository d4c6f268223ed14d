/** `/applications/{id}/logo`: a small picture, given back as a file and never shown as a page. */
import { demandForeignApplication } from '../domain/applications/application-changes.ts';
import { findLogo, LOGO_TYPES, putLogo, removeLogo } from '../domain/applications/application-logos.ts';
import { notFound } from '../domain/errors.ts';
import { findApplication } from './applications.ts';
import { operation } from './operation.ts';

const path = '/applications/:id/logo';
const tag = 'Application';

export const applicationLogoOperations = [
  operation({
    method: 'get',
    path,
    operation_id: 'getApplicationLogo',
    summary: "Read an application's logo",
    tag,
    scope: 'applications:read',
    status: 200,
    download: LOGO_TYPES,
    find: findApplication,
    async run({ storage, found, demandMatch }) {
      const logo = await findLogo(storage, found);
      if (logo === undefined) throw notFound('logo');
      demandMatch(logo.version);
      return { body: { type: logo.content_type, bytes: Buffer.from(logo.data, 'base64') }, version: logo.version };
    },
  }),
  operation({
    method: 'put',
    path,
    operation_id: 'putApplicationLogo',
    summary: "Set an application's logo",
    description: 'PNG or WebP of at most 256 KB.',
    tag,
    scope: 'applications:write',
    upload: LOGO_TYPES,
    status: 204,
    find: findApplication,
    async run({ storage, unit, principal, found, upload, demandMatch }) {
      const before = await findLogo(storage, found);
      demandMatch(before?.version);
      await demandForeignApplication({ storage, unit, principal }, found);
      return { version: putLogo(unit, found, before, upload).version };
    },
  }),
  operation({
    method: 'delete',
    path,
    operation_id: 'deleteApplicationLogo',
    summary: "Delete an application's logo",
    tag,
    scope: 'applications:write',
    status: 204,
    find: findApplication,
    async run({ storage, unit, principal, found, demandMatch }) {
      const logo = await findLogo(storage, found);
      if (logo === undefined) throw notFound('logo');
      demandMatch(logo.version);
      await demandForeignApplication({ storage, unit, principal }, found);
      removeLogo(unit, found, logo);
      return {};
    },
  }),
];
