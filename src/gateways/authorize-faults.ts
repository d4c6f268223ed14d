/** Tells an operator what is wrong with how a gateway asks: each fault once a minute, however often it asks. */

const MINUTE_MS = 60_000;
/** How many different ones are told in a minute. */
const FAULTS_MAX = 100;
/** Longer than any id or segment that an operator means. */
const TEXT_MAX = 200;

export interface AuthorizeFault {
  /** What is wrong. */
  readonly fault: string;
  /** The address that asked, or the path that it asked for. */
  readonly about: string;
}

/** @returns what tells `tell` of faults */
export function faultsOf(tell: (fault: AuthorizeFault) => void): (fault: AuthorizeFault) => void {
  const told = new Set<string>();
  let since = 0;
  return ({ fault, about }) => {
    const now = performance.now();
    if (now - since > MINUTE_MS) {
      told.clear();
      since = now;
    }
    const cut = about.slice(0, TEXT_MAX);
    const name = `${fault} ${cut}`;
    if (told.has(name) || told.size >= FAULTS_MAX) return;
    told.add(name);
    tell({ fault, about: cut });
  };
}
