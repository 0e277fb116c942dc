// CPU and wall seconds of two commands on large input. CPU: user and system time of the whole process, the least of several runs, because
// what else a machine does can only add to it. Wall: from start to exit, the median of the runs; on an idle machine it is what a user waits.
//   npm run bench:commands
//   npm run bench:commands -- --runs 5
// - `simulate` of the development stage under a 14-day export of 250,000 requests, with advice and without.
// - `prove` of a template with four fleets and eight independent conditions: 256 branches.
// The exit code is 1 where a command takes more CPU than its limit.
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setUp } from '../../../bin/setup.mjs';

const DAYS = 14;
const REQUESTS = 250_000;
const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const runs = Number(values.runs);

/** The process writes its own times at its end: nothing outside it knows them on every system. */
const REPORT = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  require('node:fs').writeFileSync(process.env.TIDEGATE_BENCH_FILE, String((user + system) / 1e6));
});`;

await setUp();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-bench-'));
const inFolder = (name) => path.join(folder, name);
try {
  fs.writeFileSync(inFolder('report.cjs'), REPORT);
  fs.writeFileSync(inFolder('requests.csv'), exportOfRequests());
  fs.writeFileSync(inFolder('branches.template.json'), JSON.stringify(templateWithBranches()));
  const stage = ['synth', '--quiet', '-c', 'stage=dev', '--output', inFolder('stage')];
  run(path.join(projectDirectory, 'node_modules', 'aws-cdk', 'bin', 'cdk'), stage);
  const simulate = ['simulate', inFolder('stage'), '--trace', inFolder('requests.csv'), '--json'];
  const cases = [
    [`simulate, ${DAYS} days, ${REQUESTS} requests`, 3, simulate],
    ['the same with --no-advice', 3, [...simulate, '--no-advice']],
    ['prove, 256 branches', 1, ['prove', inFolder('branches.template.json'), '--json']],
  ];
  console.log(
    `CPU seconds, the least of ${runs} runs, and wall seconds, the median, on ${os.cpus()[0].model}, Node ${process.versions.node}`,
  );
  for (const [name, limit, args] of cases) {
    const { cpu, wall } = measured(args);
    const outcome = `limit ${limit} s of CPU: ${cpu > limit ? 'missed' : 'met'}`;
    console.log(`${cpu.toFixed(2)} CPU  ${wall.toFixed(2)} wall  ${name} (${outcome})`);
    if (cpu > limit) process.exitCode = 1;
  }
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

/** Runs a script of Node.js; its output goes to a file, because a pipe would limit its size. */
function run(script, args, options = []) {
  const output = fs.openSync(inFolder('output'), 'w');
  const environment = {
    ...process.env,
    XDG_CACHE_HOME: folder,
    TIDEGATE_SET_UP: '1',
    TIDEGATE_BENCH_FILE: inFolder('seconds'),
  };
  const { status, stderr } = spawnSync(process.execPath, [...options, script, ...args], {
    cwd: projectDirectory,
    encoding: 'utf8',
    env: environment,
    stdio: ['ignore', output, 'pipe'],
  });
  fs.closeSync(output);
  // 1 is the answer of a command that has found faults.
  if (status !== 0 && status !== 1) throw new Error(`${args.join(' ')}: ${stderr}`);
}

function measured(args) {
  const command = path.join(projectDirectory, 'bin', 'tidegate.mjs');
  const cpu = [];
  const wall = [];
  for (let index = 0; index < runs; index++) {
    const begun = performance.now();
    run(command, args, ['--require', inFolder('report.cjs')]);
    wall.push((performance.now() - begun) / 1000);
    cpu.push(Number(fs.readFileSync(inFolder('seconds'), 'utf8')));
  }
  wall.sort((a, b) => a - b);
  return { cpu: Math.min(...cpu), wall: (wall[(runs - 1) >> 1] + wall[runs >> 1]) / 2 };
}

/** Requests with their tokens, the same in every run: a wave each day, quieter weekends, a surge now and then. */
function exportOfRequests() {
  let state = 1;
  const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const weights = Array.from({ length: DAYS * 1440 }, (_one, minute) => {
    const wave = ((1 - Math.cos((2 * Math.PI * minute) / 1440)) / 2) ** 2;
    const weekday = Math.floor(minute / 1440) % 7 >= 5 ? 0.5 : 1;
    return (0.03 + wave) * weekday * (uniform() < 1 / 720 ? 8 : 1);
  });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const start = Date.UTC(2026, 9, 5) / 1000;
  const lines = ['TIMESTAMP,ContextTokens,GeneratedTokens'];
  let due = 0;
  weights.forEach((weight, minute) => {
    due += (REQUESTS * weight) / sum;
    const count = Math.round(due) - (lines.length - 1);
    const seconds = Array.from({ length: count }, () => uniform() * 60).sort((a, b) => a - b);
    for (const second of seconds) {
      const at = new Date((start + minute * 60 + second) * 1000).toISOString();
      lines.push(`${at},${200 + Math.floor(uniform() * 800)},${50 + Math.floor(uniform() * 300)}`);
    }
  });
  return `${lines.join('\n')}\n`;
}

/** Four fleets whose limits, targets, cooldowns, metrics and alarms depend on eight conditions. */
function templateWithBranches() {
  const names = Array.from({ length: 8 }, (_one, index) => `C${index}`);
  const resources = Array.from({ length: 4 }, (_one, fleet) => {
    const choice = (index, yes, no) => ({ 'Fn::If': [names[(fleet + index) % names.length], yes, no] });
    const dimensions = [
      { Name: 'EndpointName', Value: `chat-${fleet}` },
      { Name: 'VariantName', Value: 'main' },
    ];
    return {
      [`Config${fleet}`]: {
        Type: 'AWS::SageMaker::EndpointConfig',
        Properties: {
          ProductionVariants: [
            {
              VariantName: 'main',
              ModelName: `model-${fleet}`,
              InitialInstanceCount: choice(0, 2, 1),
              InstanceType: choice(1, 'ml.g5.xlarge', 'ml.g6.xlarge'),
            },
          ],
        },
      },
      [`Endpoint${fleet}`]: {
        Type: 'AWS::SageMaker::Endpoint',
        Properties: {
          EndpointName: `chat-${fleet}`,
          EndpointConfigName: { 'Fn::GetAtt': [`Config${fleet}`, 'EndpointConfigName'] },
        },
      },
      [`Target${fleet}`]: {
        Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
        DependsOn: [`Endpoint${fleet}`],
        Properties: {
          ServiceNamespace: 'sagemaker',
          ResourceId: `endpoint/chat-${fleet}/variant/main`,
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          MinCapacity: choice(2, 2, 1),
          MaxCapacity: choice(3, 8, 4),
        },
      },
      [`Tracking${fleet}`]: {
        Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
        Properties: {
          PolicyName: `tracking-${fleet}`,
          PolicyType: 'TargetTrackingScaling',
          ScalingTargetId: { Ref: `Target${fleet}` },
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: choice(4, 100, choice(5, 80, 60)),
            ScaleInCooldown: choice(6, 300, 600),
            CustomizedMetricSpecification: {
              Namespace: 'AWS/SageMaker',
              MetricName: choice(7, 'InvocationsPerInstance', 'Invocations'),
              Statistic: 'Sum',
              Dimensions: dimensions,
            },
          },
        },
      },
      [`Step${fleet}`]: {
        Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
        Properties: {
          PolicyName: `step-${fleet}`,
          PolicyType: 'StepScaling',
          ScalingTargetId: { Ref: `Target${fleet}` },
          StepScalingPolicyConfiguration: {
            AdjustmentType: 'ChangeInCapacity',
            Cooldown: 60,
            StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: choice(0, 2, 3) }],
          },
        },
      },
      [`Alarm${fleet}`]: {
        Type: 'AWS::CloudWatch::Alarm',
        Properties: {
          AlarmActions: [{ Ref: `Step${fleet}` }],
          Namespace: 'AWS/SageMaker',
          MetricName: 'ConcurrentRequestsPerModel',
          Dimensions: dimensions,
          Statistic: 'Maximum',
          Period: 60,
          EvaluationPeriods: choice(1, 3, 2),
          Threshold: choice(2, 5, 6),
          ComparisonOperator: 'GreaterThanThreshold',
        },
      },
    };
  });
  return {
    Parameters: Object.fromEntries(names.map((name) => [`P${name}`, { Type: 'String', Default: 'no' }])),
    Conditions: Object.fromEntries(names.map((name) => [name, { 'Fn::Equals': [{ Ref: `P${name}` }, 'yes'] }])),
    Resources: Object.assign({}, ...resources),
  };
}
