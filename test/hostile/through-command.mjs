import * as fs from 'node:fs';
import * as path from 'node:path';
import { Worker } from 'node:worker_threads';

/** Longest time for one command, on a machine that does much else. */
const MAX_MS = 120_000;

/** Commands that read a file of a form. */
const COMMANDS = {
  'requests as CSV': (file, good) => ['simulate', good.template, '--no-advice', '--trace', file],
  'CloudWatch exports as JSON': (file, good) => ['simulate', good.template, '--no-advice', '--json', '--trace', file],
  'traces in gzip': (file, good) => ['simulate', good.template, '--no-advice', '--trace', file],
  parquet: (file, good) => ['simulate', good.template, '--no-advice', '--trace', file],
  'templates as JSON': (file) => ['prove', file],
  'templates as YAML': (file) => ['prove', file, '--format', 'markdown'],
  'terraform show -json': (file, good) => ['inspect', '--terraform', file, '--out', good.out, '--json'],
  'service profiles': (file, good) => [
    'simulate',
    good.template,
    '--no-advice',
    '--trace',
    good.trace,
    '--profile',
    file,
  ],
};

/**
 * Gives inputs of some forms to the command itself, one process each: it ends by itself, with 0, 1 or 2, with one message that begins with
 * its name and no stack trace, and prints no number that is none. Returns the failures.
 */
export async function readThroughCommand({ projectDirectory, bundle, work, count, seed, spawnSync }) {
  const started = performance.now();
  const names = Object.keys(COMMANDS);
  const inputs = await inputsOf(bundle, names, seed, Math.ceil(count / names.length));
  const good = {
    template: path.join(work, 'good.template.json'),
    trace: path.join(work, 'good.csv'),
    out: path.join(work, 'inspected'),
  };
  fs.writeFileSync(good.template, inputs.template);
  fs.writeFileSync(good.trace, `# step_seconds=60\nrequests\n${'40\n'.repeat(12)}`);
  const failures = [];
  const codes = { 0: 0, 1: 0, 2: 0 };
  let slowestMs = 0;
  inputs.list.slice(0, count).forEach(({ form, index, input }) => {
    const file = path.join(work, form.includes('template') ? 'hostile.template.json' : 'hostile.input');
    fs.writeFileSync(file, typeof input === 'string' ? input : Buffer.from(input));
    fs.rmSync(good.out, { recursive: true, force: true });
    const start = performance.now();
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      [path.join(projectDirectory, 'bin', 'tidegate.mjs'), ...COMMANDS[form](file, good)],
      { cwd: work, encoding: 'utf8', timeout: MAX_MS, env: { ...process.env, TIDEGATE_SET_UP: '1' } },
    );
    slowestMs = Math.max(slowestMs, performance.now() - start);
    const text = typeof input === 'string' ? input : Buffer.from(input).toString('utf8');
    const word = /\b(NaN|Infinity)\b/.exec(stdout)?.[0];
    const reason =
      signal !== null
        ? `ended by ${signal}`
        : ![0, 1, 2].includes(status)
          ? `exit code ${status}`
          : /^\s+at .*:\d+:\d+\)?$/m.test(stderr)
            ? 'a stack trace'
            : status === 2 && !/^tidegate: /.test(stderr)
              ? 'no message of the command'
              : status === 1 && stdout === ''
                ? 'a failure that is none of the input'
                : word !== undefined && !text.includes(word)
                  ? `the word ${word}`
                  : undefined;
    if (reason === undefined) codes[status]++;
    else {
      failures.push({ form, index, reason });
      console.log(
        `FAILED ${form} through the command, seed ${seed}, input ${index}: ${reason}\n  ${stderr.split('\n').slice(0, 4).join('\n  ')}`,
      );
    }
  });
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${Math.min(count, inputs.list.length)} inputs through the command in ${seconds.toFixed(0)} s: ${codes[2]} refused, ${codes[0] + codes[1]} accepted, ` +
      `${failures.length} failed; the slowest took ${slowestMs.toFixed(0)} ms`,
  );
  return failures;
}

function inputsOf(bundle, forms, seed, each) {
  const worker = new Worker(bundle, { workerData: { generate: { forms, seed, each } } });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
