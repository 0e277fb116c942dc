import * as fs from 'node:fs';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Random } from '../../../lib/simulation/random';
import { fleetsOfTemplates } from '../../../lib/simulation/blueprint';
import { rehearsalText, rehearse } from '../../../lib/simulation/rehearse';
import { TraceParser } from '../../../lib/simulation/traffic/trace-parser';
import type { Workload } from '../../../lib/simulation/traffic';
import { openWorkload } from '../../../lib/traffic-file/open-workload';
import { parquetLines } from '../../../lib/traffic-file/parquet-lines';
import { chatTemplate } from '../../simulation/blueprint/chat-template';
import { bytesOf, textOf, type Form, type HostileInput } from '../form';
import { mutated, mutatedBytes, mutatedJsonText, NUMBERS } from '../mutations';

const rows = (count: number, row: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => row(index)).join('\n');

const DATE = (index: number): string => new Date((1_767_571_200 + index * 7) * 1000).toISOString();

/** Good traces of every text form. */
const TEXTS = {
  requests: [
    `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows(40, (i) => `${DATE(i).replace('T', ' ').replace('Z', '0000')},${100 + i},${10 + i}`)}\n`,
    `arrived_at,num_prefill_tokens,num_decode_tokens\n${rows(40, (i) => `${i * 1.5},${100 + i},${10 + i}`)}\n`,
    `timestamp\n${rows(40, (i) => String(1_767_571_200_000 + i * 500))}\n`,
    `time,"request tokens",response_tokens\n${rows(20, (i) => `"2026/01/05 00:${String(i).padStart(2, '0')}:01+01:00",${i},${i}`)}\n`,
  ],
  counts: [
    `# made by hand\n# step_seconds=60\nrequests\n${rows(60, (i) => String((i * 37) % 90))}\n`,
    `# step_seconds: 0.5\ncount\n${rows(40, (i) => String(i / 10))}\n`,
    `timestamp,value\n${rows(60, (i) => `${1_767_571_200 + i * 60},${(i * 13) % 50}`)}\n`,
    `Timestamp,Sum\n${rows(30, (i) => `2026-01-05T00:${String(i).padStart(2, '0')}:00Z,${i}.0`)}\n`,
  ],
  windows: [
    rows(6, (i) => `${i * 600},${0.2 + i / 10},1.2,${['Gamma', 'Weibull', 'Exponential', ''][i % 4]},${0.5 + i / 4},1`),
    `${rows(3, (i) => `${i * 60},2,1,Gamma,0.9,1`)}\n${rows(3, (i) => `${i * 60},1,1,Weibull,0.7,1`)}`,
  ],
  lines: [
    rows(40, (i) => JSON.stringify({ timestamp: i * 900, input_length: 100 + i, output_length: 20, hash_ids: [i] })),
  ],
};

const points = Array.from({ length: 30 }, (_, i) => ({ Timestamp: DATE(i * 60), Sum: (i * 7) % 40, Unit: 'Count' }));

/** Good exports of CloudWatch. */
const EXPORTS = [
  { Label: 'Invocations', Datapoints: points },
  {
    MetricDataResults: [
      {
        Id: 'm',
        Label: 'Invocations',
        Timestamps: points.map((p) => p.Timestamp),
        Values: points.map((p) => p.Sum),
        StatusCode: 'Complete',
      },
    ],
    Messages: [],
  },
];

const [fleet] = fleetsOfTemplates([{ name: 'chat.template.json', document: chatTemplate() }]).fleets;

/** Maximum traffic that is rehearsed too, so that there is time for many inputs. */
const MAX_SECONDS = 3600;
const MAX_REQUESTS = 3000;

/** What a command makes of traffic: the numbers of the trace, and those of a rehearsal where it is short. */
export function playedTraffic(workload: Workload): unknown {
  const { name, description, durationSeconds, requestCount, startsAt } = workload;
  const summary = { name, description, durationSeconds, requestCount, startsAt };
  if (durationSeconds > MAX_SECONDS || requestCount > MAX_REQUESTS) return summary;
  const rehearsal = rehearse(fleet!, workload, { seed: 1 });
  return { summary, rehearsal, text: rehearsalText({ ...rehearsal, advice: [] } as never) };
}

function ofLines(input: HostileInput): unknown {
  const parser = new TraceParser({ name: 'hostile.csv', seed: 1 });
  for (const line of textOf(input).split('\n')) parser.take(line.endsWith('\r') ? line.slice(0, -1) : line);
  return playedTraffic(parser.finish());
}

const text = (name: string, share: number, good: readonly string[]): Form => ({
  name,
  share,
  input: (random) => mutated(good[Math.floor(random.uniform() * good.length)]!, random),
  read: ofLines,
});

/** A table whose cells are hostile from the beginning, rather than a good one that was changed. */
function madeTable(random: Random): string {
  const cell = (): string =>
    random.uniform() < 0.7
      ? String(Math.floor(random.uniform() * 1000))
      : NUMBERS[Math.floor(random.uniform() * NUMBERS.length)]!;
  const header = [
    'timestamp,value',
    'timestamp',
    'timestamp,input_tokens,output_tokens',
    '# step_seconds=1\nrequests',
    '0,1,1,Gamma,1,1',
  ];
  const chosen = header[Math.floor(random.uniform() * header.length)]!;
  const columns = chosen.split('\n').at(-1)!.split(',').length;
  const body = rows(1 + Math.floor(random.uniform() * 30), () => Array.from({ length: columns }, cell).join(','));
  return `${chosen}\n${body}\n`;
}

function write(folder: string, name: string, input: HostileInput): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, bytesOf(input));
  return file;
}

const GZIPPED = Object.values(TEXTS)
  .flat()
  .map((one) => gzipSync(one));

const readFile = async (input: HostileInput, folder: string): Promise<unknown> =>
  playedTraffic(await openWorkload({ trace: write(folder, 'hostile-trace', input), seed: 1 }));

/** Maximum seconds for a part of a parquet file here; the product waits longer. */
const PARQUET_SECONDS = 5;

let parquetFiles: readonly Uint8Array[] = [];

/** Makes the good parquet files; called once before the first input. */
export async function prepareParquet(): Promise<void> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const numbers = Array.from({ length: 300 }, (_, index) => index);
  const file = (columnData: unknown, codec: string): Uint8Array =>
    new Uint8Array(
      parquetWriteBuffer({ columnData, codec, rowGroupSize: 100 } as Parameters<typeof parquetWriteBuffer>[0]),
    );
  const columns = [
    { name: 'timestamp', data: numbers.map((n) => n * 1.5), type: 'DOUBLE' },
    { name: 'input_tokens', data: numbers.map((n) => n % 7), type: 'INT32' },
    { name: 'output_tokens', data: numbers.map((n) => BigInt(n % 3)), type: 'INT64' },
  ];
  const dated = [
    { name: 'timestamp', data: numbers.map((n) => new Date(1_767_571_200_000 + n * 1000)) },
    { name: 'value', data: numbers.map((n) => n % 11), type: 'INT32' },
  ];
  parquetFiles = [file(columns, 'UNCOMPRESSED'), file(columns, 'SNAPPY'), file(dated, 'UNCOMPRESSED')];
}

async function readParquet(input: HostileInput, folder: string): Promise<unknown> {
  const parser = new TraceParser({ name: 'hostile.parquet', seed: 1 });
  for await (const line of parquetLines(write(folder, 'hostile.parquet', input), PARQUET_SECONDS)) parser.take(line);
  return playedTraffic(parser.finish());
}

export const TRACES: readonly Form[] = [
  text('requests as CSV', 14, TEXTS.requests),
  text('counts and metrics as CSV', 10, TEXTS.counts),
  text('client windows', 5, TEXTS.windows),
  text('requests as JSON Lines', 8, TEXTS.lines),
  { name: 'tables of hostile cells', share: 8, input: madeTable, read: ofLines },
  {
    name: 'CloudWatch exports as JSON',
    share: 8,
    input: (random) => mutatedJsonText(EXPORTS[Math.floor(random.uniform() * EXPORTS.length)], random),
    read: ofLines,
  },
  {
    name: 'traces in gzip',
    share: 3,
    input: (random) => {
      const good = GZIPPED[Math.floor(random.uniform() * GZIPPED.length)]!;
      return random.uniform() < 0.3
        ? new Uint8Array(gzipSync(mutated(Object.values(TEXTS).flat()[0]!, random)))
        : mutatedBytes(random.uniform() < 0.2 ? Buffer.concat([good, good]) : good, random);
    },
    read: readFile,
  },
  {
    name: 'parquet',
    share: 0.5,
    input: (random) => mutatedBytes(parquetFiles[Math.floor(random.uniform() * parquetFiles.length)]!, random),
    read: readParquet,
  },
];
