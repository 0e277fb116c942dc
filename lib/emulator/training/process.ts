import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';

export interface ProcessEnd {
  /** Null after a signal. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** End of its standard error. */
  readonly errorTail: string;
}

/** Characters of standard error kept for the failure reason, whose maximum in SageMaker is 1024. */
const TAIL_CHARACTERS = 800;

/** A command in a process group of its own, so that a signal reaches its child processes too. */
export class GroupedProcess {
  public readonly ended: Promise<ProcessEnd>;
  private readonly child: ChildProcess;
  private alive = true;
  private errorTail = '';

  public constructor(options: {
    readonly command: string;
    readonly arguments: readonly string[];
    readonly directory: string;
    readonly environment: { readonly [name: string]: string };
    readonly logFile: string;
  }) {
    const log = fs.createWriteStream(options.logFile, { flags: 'a' });
    log.on('error', () => undefined);
    this.child = spawn(options.command, [...options.arguments], {
      cwd: options.directory,
      env: options.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.on('data', (text: Buffer) => log.write(text));
    this.child.stderr!.on('data', (text: Buffer) => {
      log.write(text);
      this.errorTail = (this.errorTail + text.toString('utf8')).slice(-TAIL_CHARACTERS);
    });
    this.ended = new Promise((resolve) => {
      const end = (exitCode: number | null, signal: string | null): void => {
        this.alive = false;
        log.end();
        resolve({ exitCode, signal, errorTail: this.errorTail });
      };
      this.child.once('error', (error) => {
        this.errorTail = error.message;
        end(127, null);
      });
      this.child.once('close', end);
    });
  }

  /** Number of the process and of its group; undefined where it did not start. */
  public get pid(): number | undefined {
    return this.child.pid;
  }

  /** Sends a signal to the whole group; without effect once it has ended. */
  public kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (!this.alive || this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // The group ended between the check and the signal.
    }
  }
}

/** Runs a command to its end; rejects with its standard error when it fails. */
export async function run(command: string, args: readonly string[], directory: string): Promise<void> {
  const environment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const child = new GroupedProcess({ command, arguments: args, directory, environment, logFile: '/dev/null' });
  const end = await child.ended;
  if (end.exitCode !== 0) throw new Error(`${command} failed: ${end.errorTail.trim()}`);
}
