#!/usr/bin/env node
// The simulator's speed: a long trace, two generated days by default, through a whole rehearsal (least-outstanding routing, quantile sketch, policies on), and the same
// queue in SimPy beside it.
//   node test/bench/simulator/bench.mjs [--trace FILE] [--json]
// Fails if the mean waits of both programs are more than 0.5 % apart at any load.
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import { workFolder } from '../work-folder.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const projectDirectory = path.resolve(here, '../../..');
const workDirectory = workFolder('simulator');
const GOAL_REQUESTS_PER_SECOND = 5e6;
const SIMPY = 'simpy==4.1.1';
/** Instances, slots each, and mean service in seconds, of the queue that both programs play. */
const [INSTANCES, SLOTS, SERVICE] = [4, 4, 2];
/** Shares of the slots in use. */
const LOADS = [0.5, 0.7, 0.8, 0.9, 0.95];
const REQUESTS = 200_000;
/** Requests of the queue whose mean wait a formula gives. */
const FORMULA_REQUESTS = 10_000_000;
const AGREEMENT_PERCENT = 0.5;

const args = process.argv.slice(2);
const asJson = args.includes('--json');
const trace = args.includes('--trace') ? args[args.indexOf('--trace') + 1] : undefined;

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
  const environment = path.join(projectDirectory, '.local', 'bench-simulator', 'venv');
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

/** Mean wait of M/M/c: Erlang C, by the recursion of Erlang B. */
function erlangWait(servers, offered, meanService) {
  let blocked = 1;
  for (let server = 1; server <= servers; server++) blocked = (offered * blocked) / (server + offered * blocked);
  const waits = blocked / (1 - (offered / servers) * (1 - blocked));
  return (waits * meanService) / (servers - offered);
}

say(
  `queue   ${INSTANCES} instances x ${SLOTS} slots, service exponential with mean ${SERVICE} s, least outstanding; ` +
    'both programs play the same arrivals and service times',
);
const python = pythonWithSimpy();
const queueBench = await bundled('queue-bench');
const requestFile = path.join(workDirectory, 'requests.bin');
const queue = [];
for (const load of LOADS) {
  const rate = (load * INSTANCES * SLOTS) / SERVICE;
  const engine = measured(process.execPath, [
    queueBench,
    ...[INSTANCES, SLOTS, rate, SERVICE, REQUESTS].map(String),
    requestFile,
  ]);
  const simpy =
    python === undefined
      ? null
      : measured(python, [path.join(here, 'simpy_queue.py'), String(INSTANCES), String(SLOTS), requestFile]);
  const apart = simpy === null ? null : 100 * (engine.meanWaitSeconds / simpy.meanWaitSeconds - 1);
  queue.push({ load, engine, simpy, percentApart: apart });
  say(
    `  ${(100 * load).toFixed(0)} %   ours ${engine.meanWaitSeconds.toFixed(5)} s mean wait, ${millions(engine.requestsPerSecond)} requests/s` +
      (simpy === null
        ? ''
        : `; SimPy ${simpy.meanWaitSeconds.toFixed(5)} s, ${millions(simpy.requestsPerSecond)} requests/s; ${apart.toFixed(3)} % apart`),
  );
  if (apart !== null && Math.abs(apart) > AGREEMENT_PERCENT) process.exitCode = 1;
}
const servers = INSTANCES * SLOTS;
const rate = (0.9 * servers) / SERVICE;
const pooled = measured(process.execPath, [queueBench, ...[1, servers, rate, SERVICE, FORMULA_REQUESTS].map(String)]);
const formula = erlangWait(servers, 0.9 * servers, SERVICE);
say(
  `formula one instance x ${servers} slots at 90 %: ours ${pooled.meanWaitSeconds.toFixed(4)} s, Erlang C ${formula.toFixed(4)} s, ` +
    `${(100 * (pooled.meanWaitSeconds / formula - 1)).toFixed(2)} % apart over ${millions(FORMULA_REQUESTS)} requests`,
);
if (asJson) process.stdout.write(`${JSON.stringify({ rehearsal, queue, formula: { ...pooled, formula } }, null, 2)}\n`);
await stop();
