import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { InputError } from '../../lib/core/errors';
import type { LocalRunOptions } from '../../lib/local/options';
import { runLocal } from '../../lib/local/run';

const projectDirectory = path.resolve(__dirname, '../..');
let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-refusals-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function run(changes: Partial<LocalRunOptions>): Promise<unknown> {
  return runLocal(
    {
      projectDirectory,
      stage: 'local',
      trace: null,
      speed: 30,
      seed: 1,
      budgetUsd: null,
      chaos: false,
      quietMetrics: 'zeros',
      keep: false,
      server: null,
      model: null,
      modelName: null,
      payload: null,
      ingest: 'kinesis',
      endpoint: null,
      outDirectory: folder,
      durationSeconds: null,
      pagePort: null,
      assemblyDirectory: null,
      ...changes,
    },
    { output: { write: () => undefined }, signal: new AbortController().signal },
  );
}

function trace(text: string | Buffer, name = 'trace.csv'): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
}

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';

describe('before anything is started, a local run refuses', () => {
  test.each([
    ['AWS_PROFILE', 'work'],
    ['AWS_SESSION_TOKEN', 'token'],
    ['AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE'],
    ['AWS_WEB_IDENTITY_TOKEN_FILE', '/var/token'],
    ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', '/v2'],
  ])('real credentials in %s', async (name, value) => {
    const before = process.env[name];
    process.env[name] = value;
    try {
      await expect(run({})).rejects.toThrow(new RegExp(`real AWS credentials are in the environment .*${name}`));
    } finally {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    }
  });

  test.each([
    ['a negative count', `${HEADER}\n2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:47.68,-3,44\n`, ':3:'],
    ['a count that is no number', `${HEADER}\n2023-11-16 18:15:46.68,NaN,44\n`, ':2:'],
    ['a count beyond all numbers', `${HEADER}\n2023-11-16 18:15:46.68,1e999,44\n`, ':2:'],
    ['a row that is cut off', `${HEADER}\n2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15\n`, ':3:'],
    ['a NUL', `${HEADER}\n2023-11-16 18:15:46.68,3\u00004,44\n`, ':2:'],
    ['nothing at all', '', ':1:'],
  ])('a trace with %s, by its line', async (_what, text, place) => {
    const file = trace(text);
    await expect(run({ trace: file })).rejects.toThrow(InputError);
    await expect(run({ trace: file })).rejects.toThrow(`${file}${place}`);
  });

  test('a compressed trace by its line too', async () => {
    const file = trace(gzipSync(`${HEADER}\n2023-11-16 18:15:46.68,x,44\n`), 'trace.csv.gz');
    await expect(run({ trace: file })).rejects.toThrow(`${file}:2:`);
  });

  test('a compressed trace that is cut off', async () => {
    const whole = gzipSync(`${HEADER}\n${'2023-11-16 18:15:46.68,374,44\n'.repeat(500)}`);
    const file = trace(whole.subarray(0, whole.length - 20), 'trace.csv.gz');
    await expect(run({ trace: file })).rejects.toThrow('damaged or cut off');
  });

  test('a trace that is not there, or a folder', async () => {
    await expect(run({ trace: path.join(folder, 'none.csv') })).rejects.toThrow('there is no such file');
    await expect(run({ trace: folder })).rejects.toThrow('which is a folder');
  });

  test('flags that contradict each other', async () => {
    await expect(run({ endpoint: 'http://127.0.0.1:1', chaos: true })).rejects.toThrow(
      'leave out --endpoint, or --chaos',
    );
    await expect(run({ endpoint: 'http://127.0.0.1:1', quietMetrics: 'missing' })).rejects.toThrow(
      'leave out --endpoint, or --quiet-metrics',
    );
    await expect(run({ endpoint: 'http://127.0.0.1:1', ingest: 'kafka' })).rejects.toThrow(
      'leave out --endpoint, or --ingest',
    );
    await expect(run({ model: folder, server: 'torchserve' })).rejects.toThrow(
      '--server torchserve serves no artifact; leave out --model, or give --server onnx or triton',
    );
    await expect(run({ model: folder, endpoint: 'http://127.0.0.1:1' })).rejects.toThrow(
      '--model needs our own engine; leave out --endpoint, or --model',
    );
    await expect(run({ payload: 'rows.jsonl', modelName: 'tides' })).rejects.toThrow(
      /--model-name goes with --model .*\n.*--payload goes with --model/,
    );
  });

  test('an artifact or its requests that are not there', async () => {
    const model = path.join(folder, 'none.tar.gz');
    await expect(run({ model, server: 'triton' })).rejects.toThrow(`--model ${model}: there is no such file or folder`);
    await expect(run({ model: folder, server: 'triton', payload: model })).rejects.toThrow(
      `--payload ${model}: there is no such file`,
    );
    await expect(run({ model: folder, server: 'triton' })).rejects.toThrow('it has no config.pbtxt and no ONNX file');
    await expect(run({ model: folder })).rejects.toThrow('it has no config.pbtxt and no ONNX file');
    await expect(run({ model: folder, server: 'onnx', payload: model })).rejects.toThrow('there is no such file');
  });

  test('a port of the page that is taken', async () => {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      await expect(run({ pagePort: port })).rejects.toThrow(`port ${port} is in use`);
      await expect(run({ pagePort: port })).rejects.toThrow(InputError);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('an assembly that is none', async () => {
    await expect(run({ assemblyDirectory: folder })).rejects.toThrow('is not a cloud assembly');
  });
});
