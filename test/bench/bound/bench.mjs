#!/usr/bin/env node
// Tightness of the bound of `tidegate compare`: its cost over that of the best schedule found, by service time, slots and size of the fleet.
//   node test/bench/bound/bench.mjs [--seed N] [--means 1,10] [--slots 1,16] [--instances 2,10]
// Cells of more than MAX_REQUESTS_PER_SECOND are left out. Fails where the bound is above the schedule.
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, stop } from 'esbuild';
import { workFolder } from '../work-folder.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const MAX_REQUESTS_PER_SECOND = 50;

const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const numbers = (name, otherwise) => option(name)?.split(',').map(Number) ?? otherwise;
const seed = Number(option('--seed') ?? 1);
const means = numbers('--means', [0.05, 0.3, 1, 2, 10, 20, 60]);
const slots = numbers('--slots', [1, 4, 16, 64]);
const instances = numbers('--instances', [2, 3, 5, 10, 20, 50]);

const outfile = path.join(workFolder('bound'), 'grid.mjs');
await build({
  absWorkingDir: projectDirectory,
  entryPoints: ['test/bench/bound/grid.ts'],
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: `import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);` },
  logLevel: 'silent',
  outfile,
});
await stop();
const { ratioOf } = await import(pathToFileURL(outfile).href);

const begun = process.cpuUsage();
const all = [];
console.log(`bound / best schedule found, seed ${seed}; instances at the highest rate: ${instances.join(', ')}`);
for (const serviceMeanSeconds of means) {
  for (const slotsPerInstance of slots) {
    const cells = instances.map((count) => {
      if ((count * slotsPerInstance) / serviceMeanSeconds > MAX_REQUESTS_PER_SECOND) return undefined;
      return ratioOf({ serviceMeanSeconds, slotsPerInstance, instances: count }, seed);
    });
    const found = cells.filter((ratio) => ratio !== undefined);
    all.push(...found.map((ratio) => ({ serviceMeanSeconds, ratio })));
    if (found.length === 0) continue;
    const shown = cells.map((ratio) => (ratio === undefined ? '-' : ratio.toFixed(3)).padStart(7)).join('');
    console.log(
      `mean ${String(serviceMeanSeconds).padStart(4)} s, ${String(slotsPerInstance).padStart(2)} slots${shown}`,
    );
  }
}
for (const serviceMeanSeconds of means) {
  const ratios = all.filter((cell) => cell.serviceMeanSeconds === serviceMeanSeconds).map(({ ratio }) => ratio);
  if (ratios.length > 0)
    console.log(
      `mean ${serviceMeanSeconds} s: ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)} in ${ratios.length} fleets`,
    );
}
const { user, system } = process.cpuUsage(begun);
console.log(`${all.length} fleets, ${Math.round((user + system) / 1e6)} s of CPU`);
const above = all.filter(({ ratio }) => ratio > 1);
if (above.length > 0) {
  console.error(`${above.length} bounds are above the schedule that was found`);
  process.exitCode = 1;
}
