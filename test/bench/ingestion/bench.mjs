#!/usr/bin/env node
// Ten million deliveries each by the models of the Kinesis and the Kafka event source mapping, with the decisions of the consumer: lost records,
// order breaks of keys, double effects.
// Then random lives of streams through the real handler of the stream consumer: retries, bisections, repetitions, deaths, poison, outages, resharding.
//   npm run bench:ingestion -- [--deliveries N] [--model-deliveries N] [--only-models] [--seed N] [--json]
// Then the real handler in front of an endpoint at 30, 60 and 90 % use: what the stream adds to the service time.
// Then the real handler, and the batch processor of Powertools, in front of an endpoint that answers at once: processor time for one record.
// Fails unless no record is lost, no order of a key broken, every record has exactly one outcome, and the stream adds at most two seconds (p95)
// where the endpoint has free slots.
import { spawn } from 'node:child_process';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import { workFolder } from '../work-folder.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const outdir = workFolder('ingestion');

const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const deliveries = Number(option('--deliveries') ?? 1_000_000);
const modelDeliveries = Number(option('--model-deliveries') ?? 10_000_000);
const seed = Number(option('--seed') ?? 1);
/** Records of a stream that the models play. */
const MODEL_SIZE = 20_000;
/** Records of one stream. */
const SIZE = 2_000;

/** Records of the play that measures the latency. */
const FRESHNESS_RECORDS = 20_000;
/** Batches of 1,000 records of each handler whose overhead is measured. */
const OVERHEAD_BATCHES = 100;
/** Share of records that arrive with a free slot, from which on the fleet counts as one with free slots. */
const FREE = 0.95;

async function run(bench, ...numbers) {
  const child = spawn(process.execPath, [path.join(outdir, `${bench}.js`), ...numbers.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const part of child.stdout) text += part;
  return JSON.parse(text);
}

await build({
  absWorkingDir: projectDirectory,
  entryPoints: ['mapping', 'deliveries', 'freshness', 'overhead'].map(
    (name) => `test/bench/ingestion/${name}-bench.ts`,
  ),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'silent',
  outdir,
});
await stop();
const workers = Math.max(1, Math.min(16, os.availableParallelism()));
const models = {};
let modelBreaches = 0;
for (const kind of ['kinesis', 'kafka']) {
  const begunAt = performance.now();
  const lives = await Promise.all(
    Array.from({ length: workers }, (_, index) =>
      run('mapping-bench', kind, Math.ceil(modelDeliveries / workers), seed + index * 1_000_000, MODEL_SIZE),
    ),
  );
  const total = (name) => lives.reduce((sum, life) => sum + life[name], 0);
  const names = ['lives', 'records', 'deliveries', 'invocations', 'answered', 'deadLetters', 'givenUp'];
  const breaches = ['lost', 'orderBreaks', 'doubleEffects'];
  models[kind] = {
    ...Object.fromEntries([...names, ...breaches].map((name) => [name, total(name)])),
    seconds: Math.round((performance.now() - begunAt) / 100) / 10,
    cpuSeconds: Math.round(total('cpuSeconds') * 10) / 10,
    deliveriesPerCpuSecond: Math.round(total('deliveries') / total('cpuSeconds')),
  };
  modelBreaches += breaches.reduce((sum, name) => sum + total(name), 0);
  if (total('answered') + total('deadLetters') + total('givenUp') !== total('records')) modelBreaches += 1;
}
if (modelBreaches > 0) process.exitCode = 1;
if (args.includes('--only-models')) {
  console.log(JSON.stringify({ seed, workers, models }, null, args.includes('--json') ? 0 : 2));
  process.exit();
}

const startedAt = performance.now();
const parts = await Promise.all(
  Array.from({ length: workers }, (_, index) =>
    run('deliveries-bench', Math.ceil(deliveries / workers), seed + index * 1_000_000, SIZE),
  ),
);
const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
const sum = (name) => parts.reduce((total, part) => total + part[name], 0);
const breaches = parts.flatMap((part) => part.breaches);
const freshness = await run('freshness-bench', seed, FRESHNESS_RECORDS);
const overhead = await run('overhead-bench', OVERHEAD_BATCHES);
const result = {
  seed,
  workers,
  models,
  streams: sum('lives'),
  records: sum('records'),
  deliveries: sum('deliveries'),
  invocations: sum('invocations'),
  readAhead: sum('readAhead'),
  answered: sum('answered'),
  deadLetters: sum('deadLetters'),
  breaches: breaches.length,
  firstBreaches: breaches.slice(0, 10),
  seconds,
  deliveriesPerCpuSecond: Math.round(sum('deliveries') / sum('cpuSeconds')),
  freshness,
  overhead,
};
console.log(JSON.stringify(result, null, args.includes('--json') ? 0 : 2));
const isLate = freshness.some(
  ({ arrivedWithFreeSlots, addedSeconds }) => arrivedWithFreeSlots >= FREE && addedSeconds.p95 > 2,
);
if (
  result.breaches > 0 ||
  result.answered + result.deadLetters !== result.records ||
  isLate ||
  overhead.some(({ failures }) => failures > 0)
)
  process.exitCode = 1;
