import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Called for every line of output, of either stream, without colour codes. */
  readonly onLine?: (line: string) => void;
}

/** Failure of a command, with the end of its output. */
export class CommandError extends Error {
  public constructor(
    message: string,
    public readonly output: string,
  ) {
    super(message);
    this.name = 'CommandError';
  }
}

const KEPT_LINES = 200;
const KILL_AFTER_MS = 3000;
const COLOUR_CODES = /\u001b\[[0-9;]*[A-Za-z]/g;

/** Runs a command to its end in a process group of its own; an abort ends the whole group. */
export async function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<string> {
  options.signal.throwIfAborted();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const take = (line: string): void => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    options.onLine?.(line);
  };
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      const parts = (rest + text.replace(COLOUR_CODES, '')).split(/\r?\n|\r/);
      rest = parts.pop() ?? '';
      parts.forEach(take);
    });
    stream.on('end', () => {
      if (rest !== '') take(rest);
    });
  }

  let killTimer: NodeJS.Timeout | undefined;
  const endGroup = (): void => {
    killGroup(child.pid, 'SIGTERM');
    killTimer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), KILL_AFTER_MS);
  };
  const killNow = (): void => killGroup(child.pid, 'SIGKILL');
  options.signal.addEventListener('abort', endGroup, { once: true });
  process.once('exit', killNow);
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
    });
    options.signal.throwIfAborted();
    const output = lines.join('\n');
    if (code !== 0) throw new CommandError(`${command} ${args[0] ?? ''} ended with ${code}`, output);
    return output;
  } finally {
    clearTimeout(killTimer);
    options.signal.removeEventListener('abort', endGroup);
    process.removeListener('exit', killNow);
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // it has ended
  }
}
