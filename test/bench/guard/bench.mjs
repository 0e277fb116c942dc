#!/usr/bin/env node
// The spend cap over 10 million evaluated minutes of random demand, budgets and late looks, beside the rule before (levels by the spend alone).
//   node test/bench/guard/bench.mjs [--minutes N] [--seed N] [--json]
// Fails unless every month of the present rule ends at or below its budget and two minutes of burn (late looks added), and no month whose
// demand costs 1 / 1.3 of the budget is limited.
import { spawn } from 'node:child_process';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import { workFolder } from '../work-folder.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const outfile = path.join(workFolder('guard'), 'guard-bench.cjs');

const args = process.argv.slice(2);
const asJson = args.includes('--json');
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const minutes = Number(option('--minutes') ?? 10_000_000);
const seed = Number(option('--seed') ?? 1);
/** Highest lateness of a look, minutes. */
const LATE_MINUTES = 6;

async function play(count, ownSeed) {
  const child = spawn(process.execPath, [outfile, String(count), String(ownSeed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const part of child.stdout) text += part;
  return JSON.parse(text);
}

const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
const ascending = (values) => values.filter((value) => value !== null).sort((a, b) => a - b);

function summary(months) {
  const over = months.map(({ billedUsd, budgetUsd }) => Math.max(0, billedUsd - budgetUsd));
  const overShare = ascending(months.map(({ budgetUsd }, index) => over[index] / budgetUsd));
  const overBurn = ascending(months.map(({ burnUsdPerMinute }, index) => over[index] / burnUsdPerMinute));
  const breaches = ascending(months.map(({ breachToCapMinutes }) => breachToCapMinutes));
  const caps = ascending(months.map(({ shrinkToCapMinutes }) => shrinkToCapMinutes));
  const covered = months.filter(({ budgetUsd, demandUsd }) => budgetUsd >= 1.2999 * demandUsd);
  const capped = months.filter(({ shrinkToCapMinutes }) => shrinkToCapMinutes !== null);
  const unused = ascending(capped.map(({ billedUsd, budgetUsd }) => Math.max(0, 1 - billedUsd / budgetUsd)));
  return {
    months: months.length,
    minutes: months.reduce((sum, month) => sum + month.minutes, 0),
    monthsOverBudget: over.filter((usd) => usd > 1e-9).length,
    overshoot: { shareP99: quantile(overShare, 0.99), shareMax: overShare.at(-1), burnMinutesMax: overBurn.at(-1) },
    breaches: {
      months: breaches.length,
      toCapMinutesP50: quantile(breaches, 0.5),
      toCapMinutesP99: quantile(breaches, 0.99),
    },
    shrinkToCap: { months: caps.length, minutesP50: quantile(caps, 0.5), minutesP99: quantile(caps, 0.99) },
    falseCuts: { months: covered.filter(({ limited }) => limited).length, of: covered.length },
    unusedShareOfCappedMonths: { p50: quantile(unused, 0.5), max: unused.at(-1) ?? null },
    releasesPerMonthMax: Math.max(...months.map(({ releases }) => releases)),
  };
}

await build({
  absWorkingDir: projectDirectory,
  entryPoints: ['test/bench/guard/guard-bench.ts'],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'silent',
  outfile,
});
await stop();
const workers = Math.max(1, Math.min(16, os.availableParallelism()));
const parts = await Promise.all(
  Array.from({ length: workers }, (_, index) => play(Math.ceil(minutes / workers), seed * 1000 + index)),
);
const months = (rule) => parts.flatMap((part) => part[rule]);
const result = {
  seed,
  present: summary(months('present')),
  former: summary(months('former')),
  wallSeconds: Math.max(...parts.map(({ wallSeconds }) => wallSeconds)),
};

const percent = (share) => `${(100 * share).toFixed(2)} %`;
const shown = (minutesOrNull) => (minutesOrNull === null ? '-' : String(minutesOrNull));
const rows = [
  ['', 'present rule', 'rule before'],
  ['evaluated minutes', (one) => one.minutes.toLocaleString('en-US')],
  ['months', (one) => String(one.months)],
  ['months above the budget', (one) => String(one.monthsOverBudget)],
  ['highest overshoot, of the budget', (one) => percent(one.overshoot.shareMax)],
  ['highest overshoot, minutes of burn', (one) => one.overshoot.burnMinutesMax.toFixed(1)],
  [
    'breach -> cap p50 / p99, minutes',
    (one) =>
      `${shown(one.breaches.toCapMinutesP50)} / ${shown(one.breaches.toCapMinutesP99)} (${one.breaches.months} months)`,
  ],
  [
    'shrink -> cap p50 / p99, minutes',
    (one) =>
      `${shown(one.shrinkToCap.minutesP50)} / ${shown(one.shrinkToCap.minutesP99)} (${one.shrinkToCap.months} months)`,
  ],
  ['false cuts at 1.3 x the demand', (one) => `${one.falseCuts.months} of ${one.falseCuts.of}`],
  [
    'unused in capped months p50 / max',
    (one) =>
      one.unusedShareOfCappedMonths.p50 === null
        ? '-'
        : `${percent(one.unusedShareOfCappedMonths.p50)} / ${percent(one.unusedShareOfCappedMonths.max)}`,
  ],
  ['releases in a month, highest', (one) => String(one.releasesPerMonthMax)],
];
if (asJson) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  for (const [label, a, b] of rows) {
    const cells = typeof a === 'string' ? [a, b] : [a(result.present), a(result.former)];
    process.stdout.write(`${label.padEnd(38)}${cells.map((cell) => cell.padStart(24)).join('')}\n`);
  }
  process.stdout.write(`${result.wallSeconds.toFixed(0)} s on ${workers} processes, seed ${seed}\n`);
}
const { overshoot, falseCuts } = result.present;
if (overshoot.burnMinutesMax > 2 + LATE_MINUTES || falseCuts.months > 0) process.exit(1);
