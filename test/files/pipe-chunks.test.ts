import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { isPipe, pipeChunks } from '../../lib/files/pipe-chunks';
import { openWorkload } from '../../lib/traffic-file/open-workload';
import { readTraceFile } from '../../lib/traffic-file/read-trace';

let folder: string;
let pipe: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-pipes-'));
  pipe = path.join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const textOf = (maxWaitSeconds?: number): string => Buffer.concat([...pipeChunks(pipe, maxWaitSeconds)]).toString();

describe('a named pipe', () => {
  test('without a writer is refused when its time is up, with the way out', () => {
    expect(() => textOf(0.05)).toThrow(
      `${pipe} is a named pipe that no program has opened for writing in 0.05 s; start the program that writes to it, or give a file`,
    );
  });

  test('is read to its end, from a writer that comes later and pauses', async () => {
    const lines =
      "sleep 0.2; exec > \"$1\"; printf 'one '; sleep 0.2; head -c 200000 /dev/zero | tr '\\0' x; printf ' end'";
    const writer = spawn('bash', ['-c', lines, 'bash', pipe], { stdio: 'ignore' });
    const ended = new Promise((resolve) => writer.on('close', resolve));
    const text = textOf();
    await ended;
    expect(text).toBe(`one ${'x'.repeat(200_000)} end`);
  });

  test('is told from a file, a folder and nothing', () => {
    expect([pipe, __filename, folder, path.join(folder, 'none')].map(isPipe)).toEqual([true, false, false, false]);
  });

  test('is refused where a trace is read more than once', async () => {
    await expect(openWorkload({ trace: pipe, seed: 1 })).rejects.toThrow(
      `--trace is '${pipe}', which is a pipe; give a file`,
    );
    expect(() => readTraceFile(pipe, 1)).toThrow(`trace is '${pipe}', which is a pipe; give a file`);
  });
});
