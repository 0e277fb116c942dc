import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { readText } from '../../lib/files/read-text';
import { writeWholeFile } from '../../lib/files/write-file';
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

/** Writes the files of an inspection, the manifest last, and removes those of an earlier one that are no longer among them. */
export function writeInspectionFolder(folder: string, files: ReadonlyMap<string, string>): void {
  const earlier = earlierFiles(folder);
  try {
    fs.mkdirSync(folder, { recursive: true });
    for (const name of earlier) if (!files.has(name)) fs.rmSync(path.join(folder, name), { force: true });
    for (const [name, text] of [...files].filter(([name]) => name !== INSPECTION_FILE)) {
      writeWholeFile(path.join(folder, name), text);
    }
    writeWholeFile(path.join(folder, INSPECTION_FILE), files.get(INSPECTION_FILE)!);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new InputError(`--out is '${folder}', which cannot be written (${code}); check the path and its permissions`);
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
