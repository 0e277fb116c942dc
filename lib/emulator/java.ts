import { execFile } from 'node:child_process';
import * as path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Java {
  readonly command: string;
  /** Major version; undefined when it does not run. */
  readonly version: number | undefined;
}

/** Finds the Java of JAVA_HOME, or of the PATH. */
export async function findJava(environment: NodeJS.ProcessEnv): Promise<Java> {
  const home = environment.JAVA_HOME;
  const command = home ? path.join(home, 'bin', 'java') : 'java';
  try {
    const { stderr, stdout } = await run(command, ['-version'], { env: environment, timeout: 30_000 });
    const version = /version "(?:1\.)?(\d+)/.exec(`${stderr}${stdout}`)?.[1];
    return { command, version: version === undefined ? undefined : Number(version) };
  } catch {
    return { command, version: undefined };
  }
}

/** The Java that was found, for messages. */
export function describeJava({ command, version }: Java): string {
  return version === undefined ? `${command} does not run` : `${command} is ${version}`;
}
