#!/usr/bin/env node
// How long tuning takes: 500 candidates over a 14-day trace, beside a rehearsal of every candidate.
//   node test/bench/tune/bench.mjs [--trace FILE] [--candidates N] [--json]
// Without --trace it writes a trace of 14 days with a day's wave, quieter weekends and a surge now and then.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';

const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const workDirectory = path.join(projectDirectory, '.local', 'bench-tune');
const GOAL_SECONDS = 60;
const DAYS = 14;

const args = process.argv.slice(2);
const asJson = args.includes('--json');
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const candidates = Number(option('--candidates') ?? 500);
const say = (text) => void (asJson ? process.stderr : process.stdout).write(`${text}\n`);

/** The command line and its threads, as they are shipped. */
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
      format: 'cjs',
      target: 'node20',
      mainFields: ['module', 'main'],
      logLevel: 'silent',
      outfile: path.join(workDirectory, `${name}.cjs`),
    });
  }
  await stop();
  return path.join(workDirectory, 'tidegate.cjs');
}

/** Requests in each minute of two weeks, the same each time: up to about 45 a second. */
function writeTrace() {
  let state = 1;
  const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const counts = [];
  let surge = 0;
  for (let minute = 0; minute < DAYS * 1440; minute++) {
    const wave = (1 - Math.cos((2 * Math.PI * minute) / 1440)) / 2;
    const weekend = Math.floor(minute / 1440) % 7 >= 5 ? 0.6 : 1;
    if (uniform() < 1 / 720) surge = 20;
    const surging = surge-- > 0 ? 1.6 : 1;
    counts.push(Math.round((240 + 2100 * wave) * weekend * surging * (0.85 + 0.3 * uniform())));
  }
  const file = path.join(workDirectory, 'fourteen-days.csv');
  fs.writeFileSync(file, `# step_seconds=60\nrequests\n${counts.join('\n')}\n`);
  return file;
}

/** One real-time fleet of 16 slots an instance that tracks 70 % of them. */
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

/** Runs the command line; its output goes through a file, which takes any size. */
function timed(commandLine, commandArgs) {
  const file = path.join(workDirectory, 'output.json');
  const output = fs.openSync(file, 'w');
  const begin = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [commandLine, ...commandArgs], {
    encoding: 'utf8',
    stdio: ['ignore', output, 'pipe'],
    env: { ...process.env, TIDEGATE_PROJECT_DIRECTORY: projectDirectory },
  });
  const seconds = (performance.now() - begin) / 1000;
  fs.closeSync(output);
  if (status > 1) throw new Error(stderr);
  return { seconds, result: JSON.parse(fs.readFileSync(file, 'utf8')) };
}

fs.mkdirSync(workDirectory, { recursive: true });
const commandLine = await bundled();
const trace = option('--trace') ?? writeTrace();
const common = ['--template', writeTemplate(), '--trace', trace, '--json'];
const profile = path.join(workDirectory, 'profile.json');
fs.writeFileSync(profile, '{"distribution": "lognormal", "meanSeconds": 2, "coefficientOfVariation": 1}');
const threads = Math.min(4, os.availableParallelism());
say(`${os.cpus()[0]?.model ?? 'unknown processor'}, ${threads} threads, Node ${process.versions.node}`);

const tuned = timed(commandLine, ['tune', ...common, '--profile', profile, '--candidates', String(candidates)]);
const [tuning] = tuned.result.tunings;
const { trace: played, search, verdict, saving } = tuning;
say(
  `tune     ${search.candidates} candidates × ${(played.seconds / 86_400).toFixed(1)} days (${(played.requests / 1e6).toFixed(1)} million requests) ` +
    `in ${tuned.seconds.toFixed(1)} s (goal ${GOAL_SECONDS} s for 500 × 14 days), ${(search.candidates / tuned.seconds).toFixed(1)} candidates/s; ` +
    `${search.rehearsed} of them rehearsed on the whole`,
);
say(
  `finds    ${verdict}${saving === null ? '' : `, ${saving.percent} % less; ${saving.heldOutPercent} % on what was held out`}`,
);

const rehearsed = timed(commandLine, ['simulate', ...common, '--profile', profile, '--no-advice']);
const everySeconds = (rehearsed.seconds * search.candidates) / threads;
const ratio = everySeconds / tuned.seconds;
say(
  `beside   one candidate rehearsed request by request in ${rehearsed.seconds.toFixed(1)} s: all of them on ${threads} threads would take ` +
    `${(everySeconds / 60).toFixed(0)} minutes (extrapolated), ${ratio.toFixed(0)} times as long`,
);
if (asJson) {
  process.stdout.write(
    `${JSON.stringify({
      threads,
      days: played.seconds / 86_400,
      requests: played.requests,
      candidates: search.candidates,
      seconds: tuned.seconds,
      goalSeconds: GOAL_SECONDS,
      candidatesPerSecond: search.candidates / tuned.seconds,
      rehearsalSeconds: rehearsed.seconds,
      ratioToRehearsingAll: ratio,
      verdict,
      saving,
    })}\n`,
  );
}
