// npm run bench:policies: every policy on the recorded traces, and the geometric means. The traces are not part of the package.
// SEEDS, DAYS (of each window) and PROVISIONING (seconds, several separated by commas) make it shorter.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const traces = path.resolve(projectDirectory, '../shared/traces');
const DAY = 86_400;
const WINDOWS = [
  ...['steps', 'linear', 'offset'].map((form) => ({
    trace: `servegen-m-large-d0-7-${form}.csv.gz`,
    from: 3 * DAY,
    to: 8 * DAY,
  })),
  ...['steps', 'linear', 'offset'].map((form) => ({
    trace: `servegen-m-small-d0-2-${form}.csv.gz`,
    from: DAY,
    to: 3 * DAY,
  })),
];
const { SEEDS: seeds = '5', DAYS: days = '5', PROVISIONING: startUps = '258,525' } = process.env;

if (!fs.existsSync(traces)) {
  console.log(`skipped: no traces in ${path.relative(projectDirectory, traces)}`);
  process.exit(0);
}

let missesObjective = false;
for (const provisioning of startUps.split(',').map(Number)) {
  const products = new Map();
  for (const { trace, from, to: end } of WINDOWS) {
    const to = Math.min(end, from + Number(days) * DAY);
    const flags = { trace: path.join(traces, trace), from, to, provisioning, seeds };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [path.join(projectDirectory, 'bin', 'tidegate.mjs'), 'compare', ...args, '--json'],
      { encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    if (status !== 0) throw new Error(stderr);
    const { policies, bound, clairvoyant } = JSON.parse(stdout);
    console.log(`\n${trace}, ${provisioning} s to start, worst of ${seeds} seeds`);
    for (const { name, costRatio, sloRatio } of policies) {
      console.log(`  ${name.padEnd(40)} ${costRatio.toFixed(3)}x  ${(100 * sloRatio).toFixed(2)} % on time`);
      const product = products.get(name) ?? { costRatio: 1, sloRatio: 1 };
      products.set(name, {
        costRatio: product.costRatio * costRatio,
        sloRatio: Math.min(product.sloRatio, sloRatio),
      });
    }
    console.log(
      `  clairvoyant ÷ bound                      ${(clairvoyant.instanceHours / bound.instanceHours).toFixed(3)}`,
    );
    const keeping = policies.filter(({ name, sloRatio }) => name !== 'clairvoyant' && sloRatio >= 0.99);
    const cheaper = keeping.filter(({ costRatio }) => costRatio < 1).map(({ name }) => name);
    if (!clairvoyant.isFound || cheaper.length > 0 || bound.instanceHours > clairvoyant.instanceHours) {
      console.log(`  the clairvoyant breaks its laws: found ${clairvoyant.isFound}, cheaper: ${cheaper.join(', ')}`);
      process.exitCode = 1;
    }
  }
  const mean = (name) => products.get(name).costRatio ** (1 / WINDOWS.length);
  const forecast = mean('tidegate-forecast');
  const saving = (name) => `${(100 * (1 - forecast / mean(name))).toFixed(1)} % cheaper than ${name}`;
  console.log(`\n  Geometric means, ${provisioning} s to start`);
  for (const [name, { sloRatio }] of products) {
    console.log(
      `  ${name.padEnd(40)} ${mean(name).toFixed(3)}x  ${(100 * sloRatio).toFixed(2)} % on time on the worst trace`,
    );
  }
  console.log(`  tidegate-forecast: ${saving('aws-target-tracking-0.5')}; ${saving('aws-target-tracking-hindsight')}`);
  missesObjective ||= products.get('tidegate-forecast').sloRatio < 0.99;
}
if (missesObjective) console.log('\n  The forecast served less than 99 % on time on one of the traces.');
