import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { openWorkload } from '../../lib/traffic-file/open-workload';
import { parquetLines } from '../../lib/traffic-file/parquet-lines';
import type { Workload } from '../../lib/simulation/traffic';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-parquet-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

// More than is read at once, in several groups of rows.
const COUNT = 110_000;
const seconds = Array.from({ length: COUNT }, (_, index) => index / 50);

async function parquet(
  name: string,
  columns: readonly { name: string; data: unknown[]; type?: string }[],
): Promise<string> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const file = path.join(folder, name);
  const options = { columnData: columns, rowGroupSize: 40_000 } as Parameters<typeof parquetWriteBuffer>[0];
  fs.writeFileSync(file, Buffer.from(parquetWriteBuffer(options)));
  return file;
}

function open(trace: string): Promise<Workload> {
  return openWorkload({ trace, seed: 1 });
}

describe('a parquet trace', () => {
  test('is read like the CSV of the same columns', async () => {
    const context = seconds.map((_, index) => 100 + (index % 7));
    const file = await parquet('requests.parquet', [
      { name: 'arrived_at', data: seconds, type: 'DOUBLE' },
      { name: 'num_prefill_tokens', data: context, type: 'INT32' },
      { name: 'num_decode_tokens', data: seconds.map(() => 40n), type: 'INT64' },
    ]);
    const csv = path.join(folder, 'requests.csv');
    const rows = seconds.map((second, index) => `${second},${context[index]},40`);
    fs.writeFileSync(csv, `arrived_at,num_prefill_tokens,num_decode_tokens\n${rows.join('\n')}\n`);
    const [one, other] = [await open(file), await open(csv)];
    expect(one.requestCount).toBe(COUNT);
    expect(one.durationSeconds).toBe(other.durationSeconds);
    const sample = (workload: Workload): unknown[] => [...workload.requests()].filter((_, index) => index % 997 === 0);
    expect(sample(one)).toEqual(sample(other));
  });

  test('may hold dates', async () => {
    const file = await parquet('dates.parquet', [
      { name: 'TIMESTAMP', data: [new Date('2023-11-16T18:15:46.500Z'), new Date('2023-11-16T18:15:50.750Z')] },
      { name: 'ContextTokens', data: [374, 396], type: 'INT32' },
      { name: 'GeneratedTokens', data: [44, 109], type: 'INT32' },
    ]);
    expect([...(await open(file)).requests()].map(({ atSeconds }) => atSeconds)).toEqual([0, 4.25]);
  });

  test('is refused with the row when a value is none', async () => {
    const file = await parquet('bad.parquet', [
      { name: 'timestamp', data: [0, 1, 2], type: 'DOUBLE' },
      { name: 'input_tokens', data: [1, -5, 3], type: 'INT32' },
      { name: 'output_tokens', data: [1, 2, 3], type: 'INT32' },
    ]);
    await expect(open(file)).rejects.toThrow(`${file}:3: input_tokens is "-5"`);
  });

  test('is refused when its columns are others', async () => {
    const file = await parquet('other.parquet', [{ name: 'colour', data: ['red'] }]);
    await expect(open(file)).rejects.toThrow('"colour", is not the header of a trace');
  });

  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['nothing but its first word', (bytes: Buffer) => bytes.subarray(0, 4)],
    ['damaged at its end', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -40), Buffer.alloc(40, 255)])],
  ])('is refused when it is %s', async (_what, damage) => {
    const whole = fs.readFileSync(
      await parquet('whole.parquet', [{ name: 'timestamp', data: [0, 1, 2], type: 'DOUBLE' }]),
    );
    const file = path.join(folder, 'damaged.parquet');
    fs.writeFileSync(file, damage(whole));
    await expect(open(file)).rejects.toThrow(`${file}: the parquet data are damaged or cut off`);
  });
});

test('a parquet file whose decoding does not end is refused when its time is up, with the row', async () => {
  const file = await parquet('endless.parquet', [
    { name: 'timestamp', data: seconds.slice(0, 5000), type: 'DOUBLE' },
    { name: 'input_tokens', data: seconds.slice(0, 5000).map((_, index) => index % 3), type: 'INT32' },
    { name: 'output_tokens', data: seconds.slice(0, 5000).map(() => 1), type: 'INT32' },
  ]);
  const lines: string[] = [];
  const read = async (): Promise<void> => {
    for await (const line of parquetLines(file, 0.000_001)) lines.push(line);
  };
  await expect(read()).rejects.toThrow(
    /endless\.parquet: the parquet data are damaged after (its head|row 1) \(decoding takes more than 0\.000001 s\); fetch the file again/,
  );
});

test('a parquet file that ends the process that decodes it is refused, and this process goes on', async () => {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const numbers = Array.from({ length: 300 }, (_, index) => index);
  const columnData = [
    { name: 'timestamp', data: numbers.map((n) => n * 1.5), type: 'DOUBLE' },
    { name: 'input_tokens', data: numbers.map((n) => n % 7), type: 'INT32' },
    { name: 'output_tokens', data: numbers.map((n) => BigInt(n % 3)), type: 'INT64' },
  ];
  const options = { columnData, codec: 'SNAPPY', rowGroupSize: 100 } as Parameters<typeof parquetWriteBuffer>[0];
  const bytes = Buffer.from(parquetWriteBuffer(options));
  // A run of values as long as 32 bits say.
  bytes.set([255, 255, 255, 127], 30);
  bytes.fill(255, 131, 135);
  const file = path.join(folder, 'fatal.parquet');
  fs.writeFileSync(file, bytes);
  const read = async (): Promise<void> => {
    for await (const line of parquetLines(file, 60, 128)) expect(line).not.toBe('');
  };
  await expect(read()).rejects.toThrow(/fatal\.parquet: the parquet data are damaged after/);
});
