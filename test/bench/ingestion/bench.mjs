#!/usr/bin/env node
// Random lives of streams through the real handler of the stream consumer: retries, bisections, repetitions, deaths, poison, outages, resharding.
//   npm run bench:ingestion -- [--deliveries N] [--seed N] [--json]
// Fails unless no record is lost, no order of a key broken, and every record has exactly one outcome.
import { spawn } from 'node:child_process';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const outfile = path.join(projectDirectory, '.local', 'bench-ingestion', 'deliveries-bench.cjs');

const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const deliveries = Number(option('--deliveries') ?? 1_000_000);
const seed = Number(option('--seed') ?? 1);
/** Records of one stream. */
const SIZE = 2_000;

async function play(count, firstSeed) {
  const child = spawn(process.execPath, [outfile, String(count), String(firstSeed), String(SIZE)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const part of child.stdout) text += part;
  return JSON.parse(text);
}

await build({
  absWorkingDir: projectDirectory,
  entryPoints: ['test/bench/ingestion/deliveries-bench.ts'],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'silent',
  outfile,
});
await stop();
const workers = Math.max(1, Math.min(16, os.availableParallelism()));
const startedAt = performance.now();
const parts = await Promise.all(
  Array.from({ length: workers }, (_, index) => play(Math.ceil(deliveries / workers), seed + index * 1_000_000)),
);
const sum = (name) => parts.reduce((total, part) => total + part[name], 0);
const breaches = parts.flatMap((part) => part.breaches);
const result = {
  seed,
  workers,
  streams: sum('lives'),
  records: sum('records'),
  deliveries: sum('deliveries'),
  invocations: sum('invocations'),
  readAhead: sum('readAhead'),
  answered: sum('answered'),
  deadLetters: sum('deadLetters'),
  breaches: breaches.length,
  firstBreaches: breaches.slice(0, 10),
  seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  deliveriesPerCpuSecond: Math.round(sum('deliveries') / sum('cpuSeconds')),
};
console.log(JSON.stringify(result, null, args.includes('--json') ? 0 : 2));
if (result.breaches > 0 || result.answered + result.deadLetters !== result.records) process.exitCode = 1;
