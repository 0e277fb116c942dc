#!/usr/bin/env node
// Gives hostile inputs of every form that the product reads to it, and counts what it makes of them.
//   npm run test:hostile                        100,000 inputs, and 200 more through the command itself
//   npm run test:hostile -- --inputs 2000 --commands 0 --seed 7
//   npm run test:hostile -- --form parquet --from 1234 --inputs 1     one input again
// A crash, a hang, a number that is none or a message that says nothing is printed with its seed and shrunk; the exit code is then 1.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { values: flags } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    commands: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    form: { type: 'string' },
    from: { type: 'string', default: '0' },
    workers: { type: 'string', default: '2' },
    'self-test': { type: 'boolean', default: false },
  },
});

/**
 * Longest time for one input, of the processor: the machine may be busy. One that takes longer is tried again alone, with more, before it counts.
 * What waits without end takes no processor, and gets some times as long.
 */
const MAX_MS = Number(process.env.TIDEGATE_HOSTILE_MS ?? 15_000);
const MAX_MS_ALONE = 3 * MAX_MS;
const WAIT_RATIO = 6;
const WATCH_MS = 200;
/** Hangs of a form after which its remaining inputs are left out. */
const MAX_HANGS = 5;

const work = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'tidegate-hostile-'));
process.once('exit', () => fs.rmSync(work, { recursive: true, force: true }));
// The end of the process removes its files.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));
const bundle = path.join(projectDirectory, '.local', 'hostile', `worker-${process.pid}.cjs`);
process.once('exit', () => fs.rmSync(bundle, { force: true }));
buildSync({
  absWorkingDir: projectDirectory,
  entryPoints: ['test/hostile/worker.ts'],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  logLevel: 'error',
  external: ['aws-cdk-lib', 'constructs'],
  mainFields: ['module', 'main'],
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: `const moduleUrl = require('node:url').pathToFileURL(__filename).href;` },
});
process.chdir(projectDirectory);

const results = new Map();
const failures = [];
const known = new Set();

function add({ form, accepted, refused, failed, milliseconds, slowestMs, slowest }) {
  const sum = results.get(form) ?? { accepted: 0, refused: 0, failed: 0, milliseconds: 0, slowestMs: 0, slowest: 0 };
  results.set(form, {
    accepted: sum.accepted + accepted,
    refused: sum.refused + refused,
    failed: sum.failed + failed,
    milliseconds: sum.milliseconds + milliseconds,
    ...(slowestMs > sum.slowestMs ? { slowestMs, slowest } : { slowestMs: sum.slowestMs, slowest: sum.slowest }),
  });
  // Whoever ends a long run early has the forms that it came through.
  const { accepted: yes, refused: no, failed: bad } = results.get(form);
  const part = parts.find((one) => one.form === form);
  if (parts.length > 1 && yes + no + bad === part.to - part.from)
    console.log(
      `read: ${form}, ${part.to - part.from} inputs, ${bad} failed, ${spentSeconds().toFixed(0)} s of CPU so far`,
    );
}

/** Seconds of CPU of this process and its threads; not those of the processes that decode parquet. */
function spentSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Inputs of which at least one is good enough to be accepted, where the good ones of a form are good. */
const ENOUGH_INPUTS = 300;

/** Number of threads, which share the processor time of the process. */
let running = 0;

/** Reads some inputs in a thread; ends with 'end', 'hang' or 'death', and the place from which to go on. */
function readInThread(parts, maxMs, name) {
  return new Promise((resolve, reject) => {
    running++;
    const position = new SharedArrayBuffer(24);
    const place = new Int32Array(position);
    const worker = new Worker(bundle, {
      workerData: { seed: flags.seed, parts, folder: path.join(work, name), isSelfTest: flags['self-test'], position },
      stdout: true,
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
    });
    let last = { steps: 0, at: performance.now(), spent: spentSeconds() };
    const end = (how, reason) => {
      clearInterval(watch);
      running--;
      void worker.terminate().then(() => {
        // What fails before the first input is no fault of an input.
        if (how !== 'end' && place[2] === 0) return reject(new Error(`${name} did not start: ${reason}`));
        const form = forms[place[0]].name;
        if (how !== 'end')
          add({
            form,
            accepted: place[3],
            refused: place[4],
            failed: place[5],
            milliseconds: 0,
            slowestMs: 0,
            slowest: 0,
          });
        resolve({ how, reason, form, index: place[1] });
      });
    };
    const watch = setInterval(() => {
      const steps = Atomics.load(place, 2);
      const now = { steps, at: performance.now(), spent: spentSeconds() };
      if (steps !== last.steps) last = now;
      // The start of the thread is no input.
      if (steps === 0) return;
      const limit = maxMs * running;
      if ((now.spent - last.spent) * 1000 > limit && now.at - last.at > maxMs)
        end('hang', `hang: no end after ${maxMs / 1000} s of the processor`);
      else if (now.at - last.at > limit * WAIT_RATIO)
        end('hang', `hang: no end after ${(limit * WAIT_RATIO) / 1000} s`);
    }, WATCH_MS);
    worker.on('message', (message) => {
      if (message.kind === 'counts') add(message);
      else if (message.kind === 'failure') {
        failures.push(message);
        if (!known.has(message.failure)) print(message);
        known.add(message.failure);
      } else if (message.kind === 'end') end('end');
    });
    worker.on('error', (error) => end('death', `crash of the whole thread: ${error.stack ?? error.message}`));
  });
}

function print({ form, index, reason, input }) {
  console.log(
    `FAILED ${form}, seed ${flags.seed}, input ${index}\n  ${reason.split('\n').slice(0, 4).join('\n  ')}` +
      (input === undefined
        ? ''
        : `\n  smallest input: ${input.length > 1500 ? `${input.slice(0, 1500)}... (${input.length} characters)` : input}`) +
      `\n  again: npm run test:hostile -- --seed ${flags.seed} --form '${form}' --from ${index} --inputs 1 --commands 0`,
  );
}

/** Reads parts of forms until all are done: a hang or a death costs the input that it happened at, and the thread. */
async function readAll(parts, name) {
  const queue = [...parts];
  const hangs = new Map();
  while (queue.length > 0) {
    const { how, reason, form, index } = await readInThread(queue, MAX_MS, name);
    if (how === 'end') return;
    while (queue[0].form !== form) queue.shift();
    const [part] = queue;
    const alone = await readInThread([{ form, from: index, to: index + 1 }], MAX_MS_ALONE, `${name}-alone`);
    if (alone.how !== 'end') {
      const failure = { form, index, reason: how === 'hang' ? alone.reason : reason };
      failures.push(failure);
      print(failure);
      add({
        form,
        accepted: 0,
        refused: 0,
        failed: 1,
        milliseconds: MAX_MS_ALONE,
        slowestMs: MAX_MS_ALONE,
        slowest: index,
      });
      hangs.set(form, (hangs.get(form) ?? 0) + 1);
    }
    queue[0] = { ...part, from: index + 1 };
    if (hangs.get(form) >= MAX_HANGS) {
      console.log(`${form}: the inputs from ${index + 1} to ${part.to - 1} were left out after ${MAX_HANGS} hangs`);
      queue.shift();
    }
    if (queue[0] !== undefined && queue[0].from >= queue[0].to) queue.shift();
  }
}

async function knownForms() {
  const worker = new Worker(bundle, { workerData: null, env: { ...process.env } });
  const forms = await new Promise((resolve, reject) => {
    worker.once('message', (message) => resolve(message.forms));
    worker.once('error', reject);
  });
  await worker.terminate();
  return forms;
}

function partsOf(forms) {
  const inputs = Number(flags.inputs);
  const from = Number(flags.from);
  if (flags.form !== undefined) {
    if (!forms.some(({ name }) => name === flags.form)) {
      throw new Error(`--form is '${flags.form}'; there are ${forms.map(({ name }) => name).join(', ')}`);
    }
    return [{ form: flags.form, from, to: from + inputs }];
  }
  const all = forms.reduce((sum, { share }) => sum + share, 0);
  return forms.map(({ name, share }) => ({
    form: name,
    from,
    to: from + Math.max(1, Math.ceil((inputs * share) / all)),
  }));
}

const started = performance.now();
const forms = flags['self-test']
  ? ['crash', 'not a number', 'endless', 'sound'].map((name) => ({ name, share: 1 }))
  : await knownForms();
const parts = partsOf(forms);
const workers = Math.max(1, Number(flags.workers));
// Every thread has its part of each form, so that all end at about the same time.
const shares = Array.from({ length: workers }, (_, worker) =>
  parts
    .map(({ form, from, to }) => {
      const size = Math.ceil((to - from) / workers);
      return { form, from: from + worker * size, to: Math.min(to, from + (worker + 1) * size) };
    })
    .filter(({ from, to }) => from < to),
);
await Promise.all(
  shares.filter((share) => share.length > 0).map((share, worker) => readAll(share, `thread-${worker}`)),
);

const rows = [...results].map(([form, { accepted, refused, failed, milliseconds, slowestMs, slowest }]) => [
  form,
  String(accepted + refused + failed),
  String(refused),
  String(accepted),
  String(failed),
  (milliseconds / 1000).toFixed(1),
  `${slowestMs.toFixed(0)} ms (${slowest})`,
]);
const total = (column) => String(rows.reduce((sum, row) => sum + Number(row[column]), 0));
const table = [
  ['form', 'inputs', 'refused', 'accepted', 'failed', 'seconds', 'slowest'],
  ...rows,
  ['all', total(1), total(2), total(3), total(4), Number(total(5)).toFixed(1), ''],
];
const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
for (const row of table)
  console.log(
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
  );
const seconds = (performance.now() - started) / 1000;
console.log(
  `${total(1)} inputs in ${seconds.toFixed(0)} s, ${(Number(total(1)) / seconds).toFixed(0)} a second, ${spentSeconds().toFixed(0)} s of CPU; seed ${flags.seed}`,
);
for (const [form, { accepted, refused }] of results) {
  if (accepted > 0 || refused < ENOUGH_INPUTS) continue;
  const failure = { form, reason: 'no input was accepted: the good inputs of this form are none' };
  console.log(`FAILED ${form}: ${failure.reason}`);
  failures.push(failure);
}

if (!flags['self-test'] && Number(flags.commands) > 0) {
  const { readThroughCommand } = await import('./through-command.mjs');
  failures.push(
    ...(await readThroughCommand({
      projectDirectory,
      bundle,
      work,
      count: Number(flags.commands),
      seed: flags.seed,
      spawnSync,
    })),
  );
}
process.exitCode = failures.length === 0 ? 0 : 1;
