#!/usr/bin/env node
// Duration of one evaluation of the capacity-forecaster after 14 days of minutes, without calls to AWS: read the state, observe the new
// minute, decide, write the state. Prints one line of JSON.
//   node test/bench/forecast/step.mjs
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, stop } from 'esbuild';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const MINUTES = 14 * 1440;
const STEPS = 5000;

/** The forecast, bundled as in the handler. */
async function loadForecast(folder) {
  const outfile = path.join(folder, 'forecast.mjs');
  await build({
    absWorkingDir: projectDirectory,
    entryPoints: ['./lib/scaling/decide/forecast/index.ts'],
    bundle: true,
    format: 'esm',
    platform: 'node',
    minify: true,
    outfile,
    logLevel: 'silent',
  });
  await stop();
  return import(pathToFileURL(outfile).href);
}

/** Daily curve with noise, the same in every run. */
function requestsOf(minute) {
  const noise = Math.sin(minute * 12.9898) * 43_758.5453;
  const curve = 6000 * (1.2 + Math.sin((2 * Math.PI * minute) / 1440));
  return Math.round(curve * (0.9 + 0.2 * (noise - Math.floor(noise))));
}

function quantile(sorted, rank) {
  return Number(sorted[Math.min(sorted.length - 1, Math.floor(rank * sorted.length))].toFixed(3));
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-bench-'));
try {
  const { CapacityForecast, parseForecastState } = await loadForecast(folder);
  const settings = {
    slotsPerInstance: 8,
    serviceSeconds: 2,
    provisioningSeconds: 258,
    minCapacity: 1,
    maxCapacity: 200,
  };
  const first = 29_000_000;
  const started = performance.now();
  const learning = new CapacityForecast(settings);
  for (let minute = first; minute < first + MINUTES; minute++) learning.observe(minute, requestsOf(minute));
  learning.decide();
  const learnSeconds = (performance.now() - started) / 1000;

  let text = JSON.stringify(learning.toState());
  const durations = [];
  for (let minute = first + MINUTES; minute < first + MINUTES + STEPS; minute++) {
    const begun = performance.now();
    const forecast = new CapacityForecast(settings, parseForecastState(JSON.parse(text)));
    forecast.observe(minute, requestsOf(minute));
    forecast.decide();
    text = JSON.stringify(forecast.toState());
    durations.push(performance.now() - begun);
  }
  durations.sort((a, b) => a - b);
  const result = {
    minutesLearned: MINUTES,
    firstEvaluationSeconds: Number(learnSeconds.toFixed(3)),
    steps: STEPS,
    stepMilliseconds: { p50: quantile(durations, 0.5), p99: quantile(durations, 0.99), max: quantile(durations, 1) },
    stateBytes: text.length,
    node: process.version,
    commit: spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: projectDirectory,
      encoding: 'utf8',
    }).stdout.trim(),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  fs.rmSync(folder, { recursive: true });
}
