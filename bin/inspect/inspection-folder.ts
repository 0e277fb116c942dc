import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { readText } from '../../lib/files/read-text';
import { writeWholeFile, writingError } from '../../lib/files/write-file';
import { INSPECTION_FILE, parseInspection } from '../../lib/inspection/contract';

/**
 * Checks that a folder may be written: it is absent, empty, or an earlier inspection, which is replaced.
 *
 * @throws InputError for anything else
 */
export function checkInspectionFolder(folder: string): void {
  let names: string[];
  try {
    names = fs.readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    const reason = code === 'ENOTDIR' ? 'it is a file' : String(code);
    throw new InputError(`--out is '${folder}', which cannot be used (${reason}); name another folder`);
  }
  if (names.length === 0 || names.includes(INSPECTION_FILE)) return;
  throw new InputError(
    `--out is '${folder}', which has other files and no ${INSPECTION_FILE}; name a new or an empty folder`,
  );
}

/**
 * Writes the files of an inspection as a whole: all of them into a new folder in this one, from which they then take their places, the
 * manifest last. Files of an earlier inspection that are no longer among them are removed; they stay as they are when the writing fails.
 */
export function writeInspectionFolder(folder: string, files: ReadonlyMap<string, string>): void {
  const earlier = earlierFiles(folder);
  let made: string | undefined;
  try {
    made = fs.mkdirSync(folder, { recursive: true });
    const beside = fs.mkdtempSync(path.join(folder, '.part-'));
    try {
      for (const [name, text] of files) writeNew(folder, beside, name, text);
      const names = [...files.keys()].filter((name) => name !== INSPECTION_FILE);
      for (const name of [...names, INSPECTION_FILE]) fs.renameSync(path.join(beside, name), path.join(folder, name));
    } finally {
      fs.rmSync(beside, { recursive: true, force: true });
    }
    for (const name of earlier) if (!files.has(name)) fs.rmSync(path.join(folder, name), { force: true });
  } catch (error) {
    if (made !== undefined) fs.rmSync(made, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new InputError(`--out is '${folder}', which cannot be written (${code}); check the path and its permissions`);
  }
}

/** Writes a file; an error names it by the place that it will take. */
function writeNew(folder: string, beside: string, name: string, text: string): void {
  try {
    writeWholeFile(path.join(beside, name), text);
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown };
    throw cause instanceof Error ? writingError(path.join(folder, name), cause) : error;
  }
}

/** Files that the manifest of an earlier inspection lists; none where it cannot be read. */
function earlierFiles(folder: string): string[] {
  try {
    const file = path.join(folder, INSPECTION_FILE);
    const { template, fleets } = parseInspection(file, readText(file));
    return [template, ...fleets.flatMap(({ trace, profile, recording }) => [trace, profile, recording])].filter(
      (name) => name !== null,
    );
  } catch {
    return [];
  }
}
