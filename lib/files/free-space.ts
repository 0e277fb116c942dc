import * as fs from 'node:fs';
import { InputError } from '../core/errors';

const MIB = 1024 * 1024;

/** Free bytes of the disk of a folder that this user may write. */
function freeBytes(folder: string): number {
  const { bavail, bsize } = fs.statfsSync(folder);
  return bavail * bsize;
}

/**
 * Checks the free space of a disk before a long run writes to it.
 *
 * @throws InputError naming the folder and what is missing
 */
export function requireFreeSpace(folder: string, minimumMib: number, wayOut: string): void {
  const free = freeBytes(folder);
  if (free >= minimumMib * MIB) return;
  throw new InputError(
    `the disk of ${folder} has ${Math.floor(free / MIB)} MiB left, and ${minimumMib} MiB are needed; ${wayOut}`,
  );
}

/** Sentence about a disk that is full; undefined for any other. */
export function fullDiskNote(folder: string): string | undefined {
  const free = freeBytes(folder);
  return free >= MIB ? undefined : `the disk of ${folder} is full (${Math.floor(free / 1024)} KiB left)`;
}

/** True if the output of a program, such as an installer, says that a disk is full. */
export const saysFullDisk = (output: string): boolean =>
  /ENOSPC|EDQUOT|no space left on device|disk quota exceeded/i.test(output);
