import * as fs from 'node:fs';
import * as path from 'node:path';

/**
 * Tests that need something this machine may lack, named in `missing`: they are skipped then, and counted so, with the need in their names,
 * which the closing summary lists.
 */
export function testWith(missing: string | undefined): jest.It {
  if (missing === undefined) return test;
  const skipped = (name: string, run?: jest.ProvidesCallback): void => test.skip(needing(name, missing), run);
  const each =
    (table: readonly unknown[]) =>
    (name: string, run: (...row: never[]) => unknown): void =>
      test.skip.each(table as readonly unknown[][])(needing(name, missing), run as never);
  return Object.assign(skipped, { each }) as unknown as jest.It;
}

/** A group of tests that is skipped where something is missing. */
export function describeWith(missing: string | undefined, name: string, body: () => void): void {
  if (missing === undefined) describe(name, body);
  else describe.skip(needing(name, missing), body);
}

const needing = (name: string, missing: string): string => `${name} (needs ${missing})`;

/** Folder of the public traces. */
export const TRACES_DIRECTORY = process.env.TRACES_DIR ?? path.resolve(__dirname, '..', '..', '..', 'shared', 'traces');

export const MISSING_TRACES = fs.existsSync(TRACES_DIRECTORY)
  ? undefined
  : 'the public traces: set TRACES_DIR to their folder';

/** A Chromium for tests of pages; undefined where none is installed. */
export const CHROMIUM = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((file) => file !== undefined && fs.existsSync(file));

export const MISSING_CHROMIUM =
  CHROMIUM === undefined ? 'Chromium: apt-get install chromium, or set CHROMIUM_PATH' : undefined;
