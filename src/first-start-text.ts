/** What the first start prints, once: how to come in, and lines that work as pasted. */
import type { FirstStart } from './domain/installation/first-start.ts';

/** @returns the text for the terminal; it holds secrets and never goes through the logger */
export function firstStartText({ issuer, owner, admin, demo }: FirstStart): string {
  const lines = [
    '',
    'Latchkey is set up. What follows is shown this once: keep what you need.',
    '',
    `  Issuer             ${issuer}`,
    `  Owner's sign-in    ${owner.sign_in_url}`,
    '                     (works once, for 30 minutes; npm run owner:link makes another)',
    `  Administrator      client_id      ${admin.client_id}`,
    `                     client_secret  ${admin.client_secret}`,
    `                     resource       ${admin.resource}`,
  ];
  if (demo) {
    lines.push(
      `  Demo application   consumer key     ${demo.client_id}`,
      `                     consumer secret  ${demo.client_secret}`,
      `                     API              ${demo.api} (${demo.scopes.join(', ')}; role ${demo.role})`,
    );
  }
  return [...lines, '', ...curlLines(issuer, admin, demo), ''].join('\n');
}

function curlLines(issuer: string, admin: FirstStart['admin'], demo: FirstStart['demo']): string[] {
  const tokenFrom = (credentials: string, more = '') =>
    `$(curl -s -u '${credentials}' -d grant_type=client_credentials${more} ${issuer}/oauth2/token ` +
    `| sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`;
  const lines: string[] = [];
  if (demo) {
    const credentials = `${demo.client_id}:${demo.client_secret}`;
    lines.push(
      '# A token for the demo application:',
      `curl -s -w '\\n' -u '${credentials}' -d grant_type=client_credentials ${issuer}/oauth2/token`,
      '',
      '# Get one and introspect it:',
      `TOKEN=${tokenFrom(credentials)}`,
      `curl -s -w '\\n' -u '${credentials}' -d "token=$TOKEN" ${issuer}/oauth2/introspect`,
      '',
    );
  }
  return [
    ...lines,
    '# Call the admin API:',
    `ADMIN=${tokenFrom(`${admin.client_id}:${admin.client_secret}`, ` -d resource=${admin.resource}`)}`,
    `curl -s -w '\\n' -H "Authorization: Bearer $ADMIN" ${issuer}/admin/v1/applications`,
  ];
}
