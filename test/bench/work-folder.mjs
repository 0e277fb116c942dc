import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const state = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../.local');

/**
 * Creates the folder of a benchmark's run, two folders deep in the project, and removes it when the process ends: runs at the same time do not
 * write each other's files.
 */
export function workFolder(name) {
  const folder = path.join(state, `bench-${name}-${process.pid}`);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}
