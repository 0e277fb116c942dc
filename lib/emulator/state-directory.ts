import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../core/errors';

/** True for a package that npm installed, false for a clone of the repository. */
export function isInstalledPackage(projectDirectory: string): boolean {
  return projectDirectory.split(path.sep).includes('node_modules');
}

/**
 * Returns the folder for what commands keep between runs: Python environments, the data and the logs of the last run.
 *
 * In a clone it is the clone's `.local`. An installed package never writes into `node_modules`, which `npm ci` removes and which may be
 * read-only: its folder is `tidegate` in the user's cache (`XDG_CACHE_HOME`, by default `~/.cache`).
 */
export function stateDirectory(projectDirectory: string, environment: NodeJS.ProcessEnv = process.env): string {
  if (!isInstalledPackage(projectDirectory)) return path.join(projectDirectory, '.local');
  return cacheDirectory(environment);
}

/** Returns the folder for what all clones and installed packages share: `tidegate` in the user's cache. */
function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return path.join(environment.XDG_CACHE_HOME || path.join(homeDirectory(), '.cache'), 'tidegate');
}

/** @throws InputError for a user without a home, as in containers whose user is a number */
function homeDirectory(): string {
  try {
    return os.homedir();
  } catch {
    throw new InputError('the user has no home for what is kept between runs; set HOME or XDG_CACHE_HOME to a folder');
  }
}

/** Returns the folder of the Python environments that components of local edge devices install, once for each set of pins. */
export function edgeEnvironmentsDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return path.join(cacheDirectory(environment), 'edge-environments');
}
