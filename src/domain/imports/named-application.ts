/** The application that a row names: by its id, or by its name. */
import type { Inquirer } from '../access/visibility.ts';
import { visibleApplication } from '../access/visibility.ts';
import { type Application, applications } from '../applications/applications.ts';
import { invalid } from '../errors.ts';

/** @returns the application of this id or name; undefined where none has the name @throws DomainError `invalid` */
export async function namedApplication(inquirer: Inquirer, name: string): Promise<Application | undefined> {
  if (/^app_[0-9a-z]{24}$/.test(name)) {
    const application = await visibleApplication(inquirer, name);
    if (application === undefined) throw invalid([{ pointer: '/application', detail: 'names no application' }]);
    return application;
  }
  const [first, ...others] = await inquirer.storage.all(applications, { name });
  if (others.length === 0) return first;
  throw invalid([{ pointer: '/application', detail: 'is the name of several applications: give the id' }]);
}
