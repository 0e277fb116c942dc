#!/usr/bin/env node
// The simulator's speed: a long trace through a whole rehearsal (least-outstanding routing, quantile sketch, policies on), and the same
// queue in SimPy beside it.
//   node test/bench/simulator/bench.mjs [--trace FILE] [--json]
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const projectDirectory = path.resolve(here, '../../..');
const workDirectory = path.join(projectDirectory, '.local', 'bench-simulator');
const DEFAULT_TRACE = path.resolve(projectDirectory, '../shared/traces/servegen-m-large-d0-7.csv.gz');
const GOAL_REQUESTS_PER_SECOND = 5e6;
const SIMPY = 'simpy==4.1.1';
/** Instances, slots each, requests a second, mean service in seconds: 90 % of the slots in use. */
const QUEUE = ['4', '4', '7.2', '2'];
const ENGINE_REQUESTS = '20000000';
const SIMPY_REQUESTS = '500000';

const args = process.argv.slice(2);
const asJson = args.includes('--json');
const given = args.includes('--trace') ? args[args.indexOf('--trace') + 1] : undefined;

const say = (text) => void (asJson ? process.stderr : process.stdout).write(`${text}\n`);
const millions = (value) => `${(value / 1e6).toFixed(2)} million`;

async function bundled(name) {
  const outfile = path.join(workDirectory, `${name}.cjs`);
  await build({
    absWorkingDir: projectDirectory,
    entryPoints: [path.join(here, `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    logLevel: 'silent',
    outfile,
  });
  return outfile;
}

/** Runs a program of its own, so that its memory is its own, and reads its one line of JSON. */
function measured(command, commandArgs) {
  return JSON.parse(execFileSync(command, commandArgs, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** A Python with SimPy in a virtual environment of its own; undefined, with the reason said, where it cannot be had. */
function pythonWithSimpy() {
  const environment = path.join(workDirectory, 'venv');
  const python = path.join(environment, 'bin', 'python');
  const stamp = path.join(environment, `.${SIMPY}`);
  if (fs.existsSync(stamp)) return python;
  const steps = [
    ['python3', ['-m', 'venv', environment]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', SIMPY]],
  ];
  for (const [command, commandArgs] of steps) {
    const { status, error, stderr } = spawnSync(command, commandArgs, { encoding: 'utf8', timeout: 120_000 });
    if (status === 0) continue;
    const reason = (error?.message ?? stderr ?? '').trim().split('\n').at(-1);
    say(`SimPy   not measured: ${SIMPY} could not be installed (${command}: ${reason})`);
    return undefined;
  }
  fs.writeFileSync(stamp, '');
  return python;
}

fs.mkdirSync(workDirectory, { recursive: true });
const trace = given ?? (fs.existsSync(DEFAULT_TRACE) ? DEFAULT_TRACE : undefined);
if (trace === undefined)
  say(`The trace ${path.basename(DEFAULT_TRACE)} is not here (--trace FILE); generated traffic instead.`);
say(
  `${os.cpus()[0]?.model ?? 'unknown processor'}, ${os.cpus().length} cores, Node ${process.versions.node}; one thread is used`,
);

const rehearsal = measured(process.execPath, [
  await bundled('simulator-bench'),
  ...(trace === undefined ? [] : [trace]),
]);
say(`trace   ${rehearsal.trace}: ${rehearsal.description}`);
say(
  `speed   ${rehearsal.requests} requests in ${rehearsal.seconds.toFixed(1)} s = ${millions(rehearsal.requestsPerSecond)} requests/s ` +
    `(goal ${millions(GOAL_REQUESTS_PER_SECOND)}: ${rehearsal.requestsPerSecond >= GOAL_REQUESTS_PER_SECOND ? 'met' : 'missed'}); ` +
    `reading the trace ${rehearsal.readSeconds.toFixed(1)} s`,
);
say(`memory  ${rehearsal.peakMebibytes.toFixed(0)} MiB at most`);
say(
  `result  ${rehearsal.sloPercent} % waited at most 1 s, ${rehearsal.meanInstances} instances on average, ${rehearsal.scaleActions} changes of capacity`,
);

const [instances, slots, rate, service] = QUEUE;
say(
  `queue   ${instances} instances x ${slots} slots, ${rate} requests/s, service exponential with mean ${service} s, least outstanding`,
);
const engine = measured(process.execPath, [await bundled('queue-bench'), ...QUEUE, ENGINE_REQUESTS]);
say(`ours    ${millions(engine.requestsPerSecond)} requests/s, mean wait ${engine.meanWaitSeconds.toFixed(4)} s`);
const python = pythonWithSimpy();
let simpy = null;
if (python !== undefined) {
  simpy = measured(python, [path.join(here, 'simpy_queue.py'), ...QUEUE, SIMPY_REQUESTS]);
  say(`SimPy   ${millions(simpy.requestsPerSecond)} requests/s, mean wait ${simpy.meanWaitSeconds.toFixed(4)} s`);
  say(`ratio   ${(engine.requestsPerSecond / simpy.requestsPerSecond).toFixed(0)} times SimPy`);
}
if (asJson) {
  const ratio = simpy === null ? null : engine.requestsPerSecond / simpy.requestsPerSecond;
  process.stdout.write(`${JSON.stringify({ rehearsal, queue: { engine, simpy, ratio } }, null, 2)}\n`);
}
await stop();
