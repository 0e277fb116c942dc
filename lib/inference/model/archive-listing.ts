import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';

/** Names of the entries of an archive. */
export interface ArchiveListing {
  /** Files, without a leading `./`. */
  readonly files: readonly string[];
  /** Symbolic and hard links. */
  readonly links: readonly string[];
}

/** Maximum size: larger archives take too long to read at every synthesis. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Lists a `.tar.gz` with the machine's own `tar`.
 *
 * @returns undefined where it is not read: above 256 MiB, or on a machine without `tar`; a reason where it cannot be read
 */
export function listArchive(archive: string): ArchiveListing | { readonly unreadable: string } | undefined {
  if (fs.statSync(archive).size > MAX_BYTES) return undefined;
  const run = (flags: string): { readonly lines: string[]; readonly failure?: string } | undefined => {
    const { error, status, stdout, stderr } = spawnSync('tar', [flags, archive], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 64 * 1024 * 1024,
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    if (error !== undefined || status !== 0) {
      return { lines: [], failure: (error?.message ?? stderr.trim().split('\n')[0]) || `exit code ${status}` };
    }
    return { lines: stdout.split('\n').filter((line) => line !== '') };
  };
  const names = run('-tzf');
  const details = names?.failure === undefined ? run('-tvzf') : names;
  if (names === undefined || details === undefined) return undefined;
  const failure = names.failure ?? details.failure;
  if (failure !== undefined) return { unreadable: failure };
  const kinds = details.lines.map((line) => line[0]);
  const named = names.lines.map((name, index) => ({ name: name.replace(/^\.\//, ''), kind: kinds[index] }));
  return {
    files: named.filter(({ name, kind }) => kind === '-' && name !== '').map(({ name }) => name),
    links: named.filter(({ kind }) => kind === 'l' || kind === 'h').map(({ name }) => name),
  };
}
