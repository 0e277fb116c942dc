import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { promisify } from 'node:util';
import { describeJava, type Java } from '../../java';

const run = promisify(execFile);

const MIN_JAVA_VERSION = 11;
/** Free disk during an installation: the packages and their downloads, GB. */
const INSTALL_GB = 6;

/** Returns the requirements of TorchServe that this machine does not meet, before anything is installed. */
export async function checkMachine(options: {
  readonly java: Java;
  readonly projectDirectory: string;
  /** True if the packages have to be installed first. */
  readonly installs: boolean;
  /** @default process.platform */
  readonly platform?: NodeJS.Platform;
  /** @default process.arch */
  readonly architecture?: string;
}): Promise<string[]> {
  const { java, projectDirectory, installs, platform = process.platform, architecture = process.arch } = options;
  if (platform !== 'linux' || architecture !== 'x64') {
    return [`Linux on x64, for which its packages are pinned; this is ${platform} on ${architecture}`];
  }
  const problems: string[] = [];
  if (java.version === undefined || java.version < MIN_JAVA_VERSION) {
    problems.push(
      `Java ${MIN_JAVA_VERSION} or newer, in which it is written (${describeJava(java)}): install one, on Debian or Ubuntu the package ` +
        'default-jre-headless, or set JAVA_HOME',
    );
  }
  if (installs) {
    const { bavail, bsize } = await fs.statfs(projectDirectory);
    const freeGb = (bavail * bsize) / 1e9;
    if (freeGb < INSTALL_GB) {
      problems.push(
        `${INSTALL_GB} GB of free disk for its packages (${freeGb.toFixed(1)} GB are free in ${projectDirectory})`,
      );
    }
    if (!(await hasOwnNetworks())) {
      problems.push('a network of its own: allow unprivileged user namespaces on this machine');
    }
  }
  return problems;
}

/** True if processes may have a network of their own, or if only a try can show it. */
async function hasOwnNetworks(): Promise<boolean> {
  for (const flags of [['-Urn'], ['-n']]) {
    try {
      await run('unshare', [...flags, 'true'], { timeout: 30_000 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    }
  }
  return false;
}
