#!/usr/bin/env node
// Recall of `tidegate prove` on planted mistakes, and its false accusations: every mistake goes into good templates of every author, beside a
// neighbour that differs in as little as possible and is good.
//   node test/bench/planted/bench.mjs [--seed TEXT] [--rounds N]
// Fails below 95 % of the planted mistakes, and at the first false accusation.
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, stop } from 'esbuild';
import { workFolder } from '../work-folder.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const GOAL_PERCENT = 95;

const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const seed = option('--seed') ?? 'bench';
const rounds = Number(option('--rounds') ?? 8);

const outfile = path.join(workFolder('planted'), 'plant.mjs');
await build({
  absWorkingDir: projectDirectory,
  entryPoints: ['test/proof/planted/plant.ts'],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: `import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);` },
  logLevel: 'silent',
  outfile,
});
await stop();
const { plantAll } = await import(pathToFileURL(outfile).href);
const start = performance.now();
const { kinds, authors, planted, missed, good, accused } = plantAll(seed, rounds);
const seconds = (performance.now() - start) / 1000;
const found = planted - missed.length;
const percent = (100 * found) / planted;
console.log(
  `seed ${seed}, ${rounds} rounds: ${kinds} kinds of mistakes by ${authors} authors, ${seconds.toFixed(1)} s`,
);
console.log(`planted mistakes named  ${found} of ${planted} (${percent.toFixed(2)} %)`);
console.log(`good templates accused  ${accused.length} findings in ${good} templates`);
for (const line of [...missed.map((one) => `missed: ${one}`), ...accused.map((one) => `accused: ${one}`)].slice(0, 20))
  console.log(line);
if (percent < GOAL_PERCENT || accused.length > 0) process.exitCode = 1;
