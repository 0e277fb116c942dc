#!/usr/bin/env node
// Duration of a tuning, and its CPU time, which does not depend on what else the machine does: 500 candidates over a 14-day trace, compared
// with a rehearsal of every candidate.
//   node test/bench/tune/bench.mjs [--trace FILE] [--candidates N] [--days N] [--json]
// Without --trace it writes a trace of 14 days with daily waves, quieter weekends and occasional surges, and fails unless the best policy
// keeps the objective over the whole trace and saves on its held-out part.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import { workFolder } from '../work-folder.mjs';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const workDirectory = workFolder('tune');
const GOAL_SECONDS = 60;

const args = process.argv.slice(2);
const asJson = args.includes('--json');
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const candidates = Number(option('--candidates') ?? 500);
const days = Number(option('--days') ?? 14);
const print = (text) => void (asJson ? process.stderr : process.stdout).write(`${text}\n`);

/** The command line and its worker, bundled as they are published. */
async function bundled() {
  for (const [entry, name] of [
    ['bin/tidegate.ts', 'tidegate'],
    ['bin/commands/tune-worker.ts', 'tune-worker'],
  ]) {
    await build({
      absWorkingDir: projectDirectory,
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      banner: { js: `import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);` },
      define: { __dirname: 'import.meta.dirname' },
      mainFields: ['module', 'main'],
      logLevel: 'silent',
      outfile: path.join(workDirectory, `${name}.mjs`),
    });
  }
  await stop();
  return path.join(workDirectory, 'tidegate.mjs');
}

/** Requests per minute of the generated trace, the same in every run: up to about 45 per second. */
function writeTrace() {
  let state = 1;
  const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const counts = [];
  let surge = 0;
  for (let minute = 0; minute < days * 1440; minute++) {
    const wave = (1 - Math.cos((2 * Math.PI * minute) / 1440)) / 2;
    const weekend = Math.floor(minute / 1440) % 7 >= 5 ? 0.6 : 1;
    if (uniform() < 1 / 720) surge = 20;
    const surging = surge-- > 0 ? 1.6 : 1;
    counts.push(Math.round((240 + 2100 * wave) * weekend * surging * (0.85 + 0.3 * uniform())));
  }
  const file = path.join(workDirectory, 'trace.csv');
  fs.writeFileSync(file, `# step_seconds=60\nrequests\n${counts.join('\n')}\n`);
  return file;
}

/** One real-time fleet with 16 slots per instance that tracks 70 % of them. */
function writeTemplate() {
  const template = {
    Resources: {
      Config: {
        Type: 'AWS::SageMaker::EndpointConfig',
        Properties: {
          ProductionVariants: [
            {
              VariantName: 'main',
              InitialInstanceCount: 2,
              InstanceType: 'ml.g5.xlarge',
              RoutingConfig: { RoutingStrategy: 'LEAST_OUTSTANDING_REQUESTS' },
            },
          ],
          Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '16' }],
        },
      },
      Endpoint: {
        Type: 'AWS::SageMaker::Endpoint',
        Properties: { EndpointName: 'chat', EndpointConfigName: { 'Fn::GetAtt': ['Config', 'EndpointConfigName'] } },
      },
      Target: {
        Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
        Properties: {
          ServiceNamespace: 'sagemaker',
          ResourceId: 'endpoint/chat/variant/main',
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          MinCapacity: 1,
          MaxCapacity: 200,
        },
      },
      Tracking: {
        Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
        Properties: {
          PolicyName: 'concurrency',
          PolicyType: 'TargetTrackingScaling',
          ScalingTargetId: { Ref: 'Target' },
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: 11.2,
            ScaleOutCooldown: 60,
            ScaleInCooldown: 300,
            PredefinedMetricSpecification: {
              PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
            },
          },
        },
      },
    },
  };
  const file = path.join(workDirectory, 'Bench.template.json');
  fs.writeFileSync(file, JSON.stringify(template));
  return file;
}

/** The process writes its own CPU time, of all its threads, at its end. */
const REPORT = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  require('node:fs').writeFileSync(process.env.TIDEGATE_BENCH_FILE, String((user + system) / 1e6));
});`;

/** Runs the command line and measures it. Its output goes through a file: a pipe would limit its size. */
function timed(commandLine, commandArgs) {
  const file = path.join(workDirectory, 'output.json');
  const output = fs.openSync(file, 'w');
  const hook = path.join(workDirectory, 'report.cjs');
  const cpuFile = path.join(workDirectory, 'cpu-seconds');
  fs.writeFileSync(hook, REPORT);
  const begin = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['--require', hook, commandLine, ...commandArgs], {
    encoding: 'utf8',
    stdio: ['ignore', output, 'pipe'],
    env: { ...process.env, TIDEGATE_PROJECT_DIRECTORY: projectDirectory, TIDEGATE_BENCH_FILE: cpuFile },
  });
  const seconds = (performance.now() - begin) / 1000;
  fs.closeSync(output);
  if (status > 1) throw new Error(stderr);
  const cpuSeconds = Number(fs.readFileSync(cpuFile, 'utf8'));
  return { seconds, cpuSeconds, result: JSON.parse(fs.readFileSync(file, 'utf8')) };
}

const commandLine = await bundled();
const trace = option('--trace') ?? writeTrace();
const common = ['--template', writeTemplate(), '--trace', trace, '--json'];
const profile = path.join(workDirectory, 'profile.json');
fs.writeFileSync(profile, '{"distribution": "lognormal", "meanSeconds": 2, "coefficientOfVariation": 1}');
const threads = Math.min(4, os.availableParallelism());
print(`${os.cpus()[0]?.model ?? 'unknown processor'}, ${threads} threads, Node ${process.versions.node}`);

const tuneRun = timed(commandLine, ['tune', ...common, '--profile', profile, '--candidates', String(candidates)]);
const [tuning] = tuneRun.result.tunings;
const { trace: tuned, search, verdict, best, saving } = tuning;
print(
  `tune     ${search.candidates} candidates × ${(tuned.seconds / 86_400).toFixed(1)} days (${(tuned.requests / 1e6).toFixed(1)} million requests) ` +
    `in ${tuneRun.seconds.toFixed(1)} s, ${tuneRun.cpuSeconds.toFixed(1)} s of CPU (goal ${GOAL_SECONDS} s for 500 × 14 days), ${(search.candidates / tuneRun.seconds).toFixed(1)} candidates/s; ` +
    `${search.rehearsed} of them rehearsed over the whole trace`,
);
print(
  `verdict  ${verdict}${saving === null ? '' : `: saves ${saving.percent} %, ${saving.heldOutPercent} % on the held-out part`}`,
);

const rehearsal = timed(commandLine, ['simulate', ...common, '--profile', profile, '--no-advice']);
const allSeconds = (rehearsal.cpuSeconds * search.candidates) / threads;
const ratio = (rehearsal.cpuSeconds * search.candidates) / tuneRun.cpuSeconds;
print(
  `compare  one candidate rehearsed request by request in ${rehearsal.cpuSeconds.toFixed(1)} s of CPU: all of them on ${threads} threads would take ` +
    `${(allSeconds / 60).toFixed(0)} minutes (extrapolated), ${ratio.toFixed(0)} times the CPU time`,
);
if (asJson) {
  process.stdout.write(
    `${JSON.stringify({
      threads,
      days: tuned.seconds / 86_400,
      requests: tuned.requests,
      candidates: search.candidates,
      seconds: tuneRun.seconds,
      cpuSeconds: tuneRun.cpuSeconds,
      goalSeconds: GOAL_SECONDS,
      candidatesPerSecond: search.candidates / tuneRun.seconds,
      rehearsalCpuSeconds: rehearsal.cpuSeconds,
      ratioToRehearsingAll: ratio,
      verdict,
      saving,
    })}\n`,
  );
}
if (option('--trace') === undefined && !(best?.whole.sloPercent >= 99 && saving?.heldOutPercent > 0)) {
  print('failed   the best policy misses the objective, or saves nothing on the held-out part');
  process.exitCode = 1;
}
