/** Fields of a log line besides its level and message. */
export interface LogFields {
  readonly [name: string]: unknown;
}

/** Writer of structured log lines. */
export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Converts values that `JSON.stringify` would lose: errors and big integers. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Returns a logger that passes one JSON document per call to `write`. */
export function createLogger(write: (line: string) => void): Logger {
  const log = (level: string, message: string, fields: LogFields = {}): void =>
    write(JSON.stringify({ level, message, ...fields }, plain));
  return {
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
  };
}

/** Logger of the handlers: one JSON line per call on standard output, which Lambda sends to the log group of the function. */
export const logger: Logger = createLogger((line) => {
  process.stdout.write(`${line}\n`);
});
