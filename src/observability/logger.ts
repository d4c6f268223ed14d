/**
 * Owns what every log line goes through: JSON to stdout, an event name and fields, and nothing secret by its name.
 * Knows nothing of requests.
 */
import { type DestinationStream, type Level, type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

/** Members that are never written, at the top of a line and up to two levels below (`error.cause.headers` is not logged). */
const SECRET_MEMBERS = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-csrf-token',
  'client_secret',
  'client_assertion',
  'registration_access_token',
  'initial_access_token',
  'access_token',
  'token',
  'password',
  'api_key',
  'secret',
  'private_key',
  'key_encryption_key',
  'dpop',
];

/**
 * @param level the least level that is written
 * @param destination where lines go; stdout if absent
 */
export function createLogger(level: Level | 'silent', destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_MEMBERS.flatMap(pathsOf), censor: '[redacted]' },
    },
    // Asynchronous, so that a slow reader of stdout does not hold up requests; flushed when the process exits.
    destination ?? pino.destination({ dest: 1, sync: false }),
  );
}

/**
 * A logger for lines made of named scalars alone, such as one per request: redaction costs 25 µs a line, more than
 * the rest of the line together. Never hand it an object that came from outside.
 */
export function withoutRedaction(logger: Logger): Logger {
  return logger.child({}, { redact: [] });
}

function pathsOf(member: string): string[] {
  const name = JSON.stringify(member);
  return [`[${name}]`, `*[${name}]`, `*.*[${name}]`];
}
