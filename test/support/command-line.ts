import { runCommandLine } from '../../bin/command-line';
import { projectDirectory } from '../architecture/imports';

/** Output and exit code of the command line. */
export interface CommandLineRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** Runs the command line in this process; nothing is a terminal, and local runs end at once. */
export async function runTidegate(
  args: readonly string[],
  environment: { readonly [name: string]: string } = {},
): Promise<CommandLineRun> {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(args, {
    projectDirectory,
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    environment,
    signal: new AbortController().signal,
    runLocal: () => Promise.resolve({ ok: true } as never),
    runTour: () => Promise.resolve({ ok: true } as never),
  });
  return { stdout, stderr, code };
}

/** Words of a command line as a shell takes them apart. */
export function shellWords(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}
