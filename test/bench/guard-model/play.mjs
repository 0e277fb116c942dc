#!/usr/bin/env node
// The cost guard with everything that can happen between two of its calls, in many scenarios; the tests play the first 120.
//   node test/bench/guard-model/play.mjs [--scenarios N] [--seed FIRST]
// Fails if a limit is not lifted with its reason, a floor is not kept, or a change of level is not told.
import { spawn } from 'node:child_process';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, stop } from 'esbuild';
import { workFolder } from '../work-folder.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const outfile = path.join(workFolder('guard-model'), 'guard-model.cjs');

const { values } = parseArgs({
  options: { scenarios: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const [scenarios, seed] = [Number(values.scenarios), Number(values.seed)];
if (!Number.isSafeInteger(scenarios) || scenarios < 1 || !Number.isSafeInteger(seed) || seed < 0) {
  console.error(`--scenarios ${values.scenarios} --seed ${values.seed}: give whole numbers, at least 1 and 0`);
  process.exit(2);
}

async function play(first, count) {
  const child = spawn(process.execPath, [outfile, String(first), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const part of child.stdout) text += part;
  return JSON.parse(text);
}

await build({
  absWorkingDir: projectDirectory,
  entryPoints: ['test/bench/guard-model/scenarios.ts'],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'silent',
  outfile,
});
await stop();
const start = performance.now();
const workers = Math.max(1, Math.min(16, os.availableParallelism(), scenarios));
const share = Math.ceil(scenarios / workers);
const firsts = Array.from({ length: workers }, (_, index) => index * share).filter((first) => first < scenarios);
const parts = await Promise.all(firsts.map((first) => play(seed + first, Math.min(share, scenarios - first))));
const played = parts.reduce((sum, part) => sum + part.played, 0);
const violations = parts.flatMap((part) => part.violations);
for (const violation of violations) console.log(violation);
const seconds = ((performance.now() - start) / 1000).toFixed(0);
console.log(
  `${played.toLocaleString('en-US')} scenarios, ${violations.length} violations, ${seconds} s on ${firsts.length} processes`,
);
process.exit(violations.length > 0 ? 1 : 0);
