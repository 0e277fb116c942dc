import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DEFAULT_SERVICE_PROFILE } from '../../simulation/traffic/service-profile';
import { modelServerDirectory } from './enclosed-server';

/** Fits the small network to the default service profile and exports it in the format of one server, by that server's program. */
export async function exportNetwork(options: {
  readonly projectDirectory: string;
  readonly python: string;
  readonly program: string;
  /** Output folder of the program. */
  readonly target: string;
}): Promise<void> {
  const { projectDirectory, python, program, target } = options;
  const { overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond } = DEFAULT_SERVICE_PROFILE;
  const profile = [overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond].map(String);
  await promisify(execFile)(python, ['-B', program, target, ...profile], {
    env: { ...process.env, PYTHONPATH: modelServerDirectory(projectDirectory) },
  });
}
