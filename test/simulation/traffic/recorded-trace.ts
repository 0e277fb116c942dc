import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { parseTrace, splitLines, type Workload } from '../../../lib/simulation/traffic';
import { TRACES_DIRECTORY } from '../../support/needs';

/** Reads one of the public traces. */
export function readRecorded(file: string): Promise<Workload> {
  const bytes = fs.createReadStream(path.join(TRACES_DIRECTORY, file));
  const text = file.endsWith('.gz') ? bytes.pipe(zlib.createGunzip()) : bytes;
  text.setEncoding('utf8');
  return parseTrace(splitLines(text as AsyncIterable<string>, { name: file }), { name: file });
}

/** Checks the count and the length of a trace, and the order of its first 200,000 requests. */
export async function expectRecorded(file: string, requestCount: number, durationSeconds: number): Promise<void> {
  const workload = await readRecorded(file);
  expect(workload.requestCount).toBe(requestCount);
  expect(workload.durationSeconds).toBeCloseTo(durationSeconds, 3);
  let seen = 0;
  let previous = 0;
  let disorder = 0;
  for (const { atSeconds } of workload.requests()) {
    if (atSeconds < previous) disorder++;
    previous = atSeconds;
    if (++seen === 200_000) break;
  }
  expect(disorder).toBe(0);
  expect(seen).toBe(Math.min(requestCount, 200_000));
}
