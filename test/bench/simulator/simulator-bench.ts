import * as path from 'node:path';
import { openWorkload } from '../../../lib/traffic-file/open-workload';
import { rehearse } from '../../../lib/simulation/rehearse';
import type { FleetBlueprint } from '../../../lib/simulation/blueprint';
import { parseTrace, splitLines, type Workload } from '../../../lib/simulation/traffic';

/** A fleet with least-outstanding routing and the policies that a stage of the app declares, large enough for the trace. */
function fleetFor(traffic: Workload): FleetBlueprint {
  const requestsPerSecond = traffic.requestCount / traffic.durationSeconds;
  const meanInstances = Math.ceil((requestsPerSecond * MEAN_SERVICE_SECONDS) / (0.7 * SLOTS));
  return {
    resourceId: 'endpoint/bench/variant/main',
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    templateName: 'bench',
    targetLogicalId: 'Target',
    region: 'us-east-1',
    kind: 'real-time',
    pools: [{ instanceType: 'ml.g5.xlarge', priority: 1 }],
    slotsPerInstance: SLOTS,
    slotsFrom: 'tag',
    routing: 'LEAST_OUTSTANDING_REQUESTS',
    initialCapacity: meanInstances,
    plan: {
      minCapacity: 1,
      maxCapacity: meanInstances * 6,
      policies: [
        {
          kind: 'target-tracking',
          policyName: 'concurrency',
          metric: {
            kind: 'predefined',
            predefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
          },
          targetValue: 0.7 * SLOTS,
          scaleOutCooldownSeconds: 60,
          scaleInCooldownSeconds: 300,
          disableScaleIn: false,
        },
      ],
      schedules: [],
    },
    stepAlarms: [],
    notes: [],
  };
}

const SLOTS = 16;
const MEAN_SERVICE_SECONDS = 2;

/** What one run of the bench measures. */
export interface BenchResult {
  readonly trace: string;
  readonly description: string;
  readonly requests: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly readSeconds: number;
  readonly peakMebibytes: number;
  readonly sloPercent: number;
  readonly meanInstances: number;
  readonly scaleActions: number;
}

/** Two days of requests per second, 50 at night and 950 at noon. */
async function* dayCurve(): AsyncGenerator<string> {
  yield '# step_seconds=1\nrequests\n';
  for (let second = 0; second < 2 * 86_400; second++)
    yield `${Math.round(500 - 450 * Math.cos((2 * Math.PI * second) / 86_400))}\n`;
}

async function main(trace: string | null): Promise<BenchResult> {
  const began = performance.now();
  const traffic =
    trace === null
      ? await parseTrace(splitLines(dayCurve(), { name: 'generated' }), { name: 'generated', seed: 1 })
      : await openWorkload({ trace, seed: 1 });
  const opened = performance.now();
  const rehearsal = rehearse(fleetFor(traffic), traffic, {
    service: { kind: 'distribution', distribution: 'exponential', meanSeconds: MEAN_SERVICE_SECONDS },
  });
  const seconds = (performance.now() - opened) / 1000;
  return {
    trace: trace === null ? 'generated' : path.basename(trace),
    description: traffic.description,
    requests: rehearsal.requests.arrived,
    seconds,
    requestsPerSecond: rehearsal.requests.arrived / seconds,
    readSeconds: (opened - began) / 1000,
    peakMebibytes: process.resourceUsage().maxRSS / 1024,
    sloPercent: rehearsal.sloPercent,
    meanInstances: rehearsal.capacity.meanInstances,
    scaleActions: rehearsal.scaling.scaleOuts + rehearsal.scaling.scaleIns,
  };
}

main(process.argv[2] ?? null).then(
  (result) => process.stdout.write(`${JSON.stringify(result)}\n`),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
