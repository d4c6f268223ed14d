/** An application's logo: a small picture, kept apart from the application so that lists stay light. */
import { z } from 'zod';
import { invalid } from '../errors.ts';
import { newId } from '../ids.ts';
import { recordShape } from '../record.ts';
import type { Storage, Table } from '../store.ts';
import type { Unit } from '../unit.ts';
import { Application, applications } from './applications.ts';

const LogoType = Application.shape.logo_type.unwrap();
export type LogoType = z.infer<typeof LogoType>;

export const LOGO_TYPES: readonly LogoType[] = LogoType.options;

export const ApplicationLogo = z.object({
  ...recordShape,
  application_id: z.string(),
  content_type: LogoType,
  /** base64 */
  data: z.string(),
});
export type ApplicationLogo = z.infer<typeof ApplicationLogo>;

export const applicationLogos: Table<ApplicationLogo> = {
  name: 'application_logos',
  unique: [['application_id']],
  references: (logo) => [logo.application_id],
  audit: {
    noun: 'logo',
    members: {
      application_id: 'shown',
      content_type: 'shown',
      data: 'hidden',
    },
    belongsTo: (logo) => logo.application_id,
  },
};

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** @returns the logo of an application */
export function findLogo(storage: Storage, { id }: Application): Promise<ApplicationLogo | undefined> {
  return storage.find(applicationLogos, { application_id: id });
}

/** Sets or replaces the logo. @throws DomainError `invalid` where the bytes are not what they are said to be */
export function putLogo(
  unit: Unit,
  application: Application,
  before: ApplicationLogo | undefined,
  { type, bytes }: { type: string; bytes: Buffer },
): ApplicationLogo {
  const content_type = typeOf(bytes);
  if (content_type === undefined || content_type !== type) {
    throw invalid([{ pointer: '', detail: `is not ${type} by its first bytes` }]);
  }
  if (application.logo_type !== content_type) unit.replace(applications, application, { logo_type: content_type });
  else unit.require(applications, application);
  const data = bytes.toString('base64');
  if (before) return unit.replace(applicationLogos, before, { content_type, data });
  return unit.insert(applicationLogos, { id: newId('logo'), application_id: application.id, content_type, data });
}

export function removeLogo(unit: Unit, application: Application, logo: ApplicationLogo): void {
  unit.remove(applicationLogos, logo);
  unit.replace(applications, application, { logo_type: null });
}

function typeOf(bytes: Buffer): LogoType | undefined {
  if (bytes.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE)) return 'image/png';
  const isWebP = bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
  return isWebP ? 'image/webp' : undefined;
}
