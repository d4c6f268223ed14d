/** Gets a Python with Authlib for the tests: a judge of the protocol. */
import { type FoundPython, findPython } from './python.ts';

const VERSION = '1.6.11';

/** @returns the interpreter, made at the first call and cached, or why there is none */
export function findAuthlib(environment: NodeJS.ProcessEnv): Promise<FoundPython> {
  const packages = [`authlib==${VERSION}`, 'requests==2.34.2', 'cryptography==46.0.5'];
  const proof = 'import authlib, requests, cryptography; print(authlib.__version__)';
  return findPython({ name: 'authlib', version: VERSION, packages, proof }, environment);
}
