import type { IngestSource } from '../options';
import type { ModelServerStatistics } from '../../emulator/model-server/model-server-process';
import type { DeniedCall } from '../../emulator/engine/engine';
import { deniedText } from '../traffic/denied-calls';
import type { GuardReport } from '../traffic/guard-ledger';
import type { LatencyParts, Percentiles, RequestTotals } from '../traffic/outcomes';
import type { TrainingReport } from '../traffic/training';
import type { CapacityShortage } from '../traffic/traffic-watch';
import type { ScalingEventReport } from './scaling-report';
import type { Verification } from '../deploy/verify-resources';
import type { RunSummary, SummaryItem } from '../recording';

/** Content of `report.json`. Seconds are local seconds since the first request; null where a field does not apply. */
export interface RunReport {
  readonly ok: boolean;
  /** One sentence for every failed check; empty if `ok`. */
  readonly problems: readonly string[];
  readonly stage: string;
  readonly seed: number;
  readonly speed: number;
  readonly traffic: string;
  /** Way of the requests that did not call the endpoint directly: `kinesis` or `kafka`. */
  readonly ingest: IngestSource;
  readonly trafficSeconds: number;
  /** Date and time of second 0 on the clock of the run. */
  readonly firstRequestAt: string;
  readonly resources: { readonly declared: number; readonly verified: number };
  readonly requests: RequestTotals & {
    readonly queued: number;
    /** Attempts beyond the first, of both channels. */
    readonly retries: number;
    /** Direct requests that went through the stream after the last attempt. */
    readonly spilled: number;
  };
  readonly scaling: {
    readonly out: number;
    readonly in: number;
    readonly peakInstances: number;
    readonly events: readonly ScalingEventReport[];
  };
  readonly guard: GuardReport;
  readonly training: TrainingReport;
  readonly capacity: {
    readonly errors: readonly CapacityShortage[];
    /** Maximum number of instances in service at once, by type. */
    readonly peakByType: { readonly [instanceType: string]: number };
  };
  readonly latencySeconds: Percentiles;
  /** The same by part. */
  readonly latencyPartsSeconds: LatencyParts;
  /** Cost of endpoint and training since their creation, US dollars. */
  readonly costUsd: number;
  readonly deniedCalls: readonly DeniedCall[];
  readonly handlerErrors: { readonly [functionName: string]: number };
  readonly peakMemoryMiB: number | null;
  /** Model server behind the endpoints with its own statistics; null without one. */
  readonly modelServer:
    | (ModelServerStatistics & {
        readonly name: string;
        /** Model of `--model`; null for the small network. */
        readonly model: string | null;
        /** Result lines in S3 that were read, and those of them with the output of that model. */
        readonly results: { readonly lines: number; readonly withOutput: number };
      })
    | null;
  readonly wallSeconds: number;
}

/** Results of a run from which the report is made. */
export interface RunResults extends Omit<RunReport, 'ok' | 'problems' | 'resources'> {
  readonly verification: Verification;
  /** Ids of requests without an outcome, the first few. */
  readonly unresolvedIds: readonly string[];
  /** Ids of responses and dead letters that belong to no request. */
  readonly unknownIds: readonly string[];
  /** Errors of requests that no retry could change, the first few. */
  readonly refusals: readonly string[];
  /** Other failures. */
  readonly failures: readonly string[];
}

/** Checks the results and makes the report. */
export function assembleReport(results: RunResults): RunReport {
  const { verification, unresolvedIds: _unresolvedIds, unknownIds: _unknownIds, refusals, failures, ...rest } = results;
  const problems = [
    ...failures,
    ...verification.problems.map((problem) => `not verified: ${problem}`),
    ...deniedProblems(results.deniedCalls),
    ...Object.entries(results.handlerErrors).map(
      ([name, count]) => `${name} failed ${count} times; see the engine's log`,
    ),
    ...refusals.map((refusal) => `the endpoint refused a request: ${refusal}`),
    ...sumProblems(results),
    ...outputProblems(results),
    ...(results.training.status === null || results.training.status === 'SUCCEEDED' || isStoppedByGuard(results)
      ? []
      : [`the training execution ended as ${results.training.status}${causeText(results.training.cause)}`]),
  ];
  return {
    ok: problems.length === 0,
    problems,
    ...rest,
    resources: { declared: verification.declared, verified: verification.verified },
  };
}

/** True if training ended because the guard stopped its job. */
function isStoppedByGuard({ guard, training }: Pick<RunReport, 'guard' | 'training'>): boolean {
  return training.status !== null && training.status !== 'SUCCEEDED' && guard.stoppedJobs.length > 0;
}

function causeText(cause: string | null): string {
  return cause === null ? '' : `: ${(failureReason(cause) ?? cause).slice(0, 300)}`;
}

/** Step Functions reports the whole training job as the cause of a failed task; returns the failure reason in it. */
function failureReason(cause: string): string | undefined {
  const [error, job] = [cause.slice(0, cause.indexOf('{')), cause.slice(cause.indexOf('{'))];
  try {
    const { FailureReason } = JSON.parse(job) as { readonly FailureReason?: unknown };
    return typeof FailureReason === 'string' ? `${error}${FailureReason}` : undefined;
  } catch {
    return undefined;
  }
}

/** Every denied call once, without its retries. */
function deniedProblems(denied: readonly DeniedCall[]): readonly string[] {
  return [...new Set(denied.map(deniedText))];
}

/** Requests in = answered + dead-lettered + still queued. */
function sumProblems({ requests, unresolvedIds, unknownIds }: RunResults): readonly string[] {
  const { in: sent, answered, deadLettered, queued } = requests;
  const problems: string[] = [];
  const sum = answered + deadLettered + queued;
  if (sum !== sent) {
    const missing = unresolvedIds.length > 0 ? `; without an outcome: ${unresolvedIds.join(', ')}` : '';
    problems.push(
      `requests do not add up: ${sent} in, but ${answered} answered + ${deadLettered} dead-lettered + ` +
        `${queued} queued = ${sum}${missing}`,
    );
  }
  if (unknownIds.length > 0) {
    problems.push(
      `${unknownIds.length} responses or dead letters belong to no request: ${unknownIds.slice(0, 5).join(', ')}`,
    );
  }
  return problems;
}

/** Every result holds the output of the user's model. */
function outputProblems({ modelServer }: RunResults): readonly string[] {
  if (modelServer === null || modelServer.model === null) return [];
  const { lines, withOutput } = modelServer.results;
  return withOutput === lines
    ? []
    : [`${lines - withOutput} of ${lines} results in S3 are without the output of the model ${modelServer.model}`];
}

/** Summary of the report, for the page and the terminal. */
export function summarise(report: RunReport): RunSummary {
  const { requests, scaling, guard, training, latencySeconds, latencyPartsSeconds: parts, resources } = report;
  const sum = requests.answered + requests.deadLettered + requests.queued;
  const seconds = (value: number | null): string => (value === null ? '–' : value.toFixed(value < 10 ? 2 : 1));
  const percentiles = ({ p50, p95, p99 }: Percentiles): string => `${[p50, p95, p99].map(seconds).join(' / ')} s`;
  const plain = (label: string, value: string | number): SummaryItem => ({
    label,
    value: typeof value === 'number' ? value.toLocaleString('en-US') : value,
    good: null,
  });
  const items: SummaryItem[] = [
    {
      label: 'Resources verified',
      value: `${resources.verified} of ${resources.declared}`,
      good: resources.verified === resources.declared,
    },
    plain('Requests in', requests.in),
    plain('Answered', requests.answered),
    plain('Dead-lettered', requests.deadLettered),
    plain('Still queued', requests.queued),
    {
      label: 'Accounted for',
      value: sum === requests.in ? 'all requests' : `${sum} of ${requests.in}`,
      good: sum === requests.in,
    },
    plain('Latency p50 / p95 / p99', percentiles(latencySeconds)),
    plain('  in service', percentiles(parts.service)),
    plain('  queue in the endpoint', percentiles(parts.endpointQueue)),
    plain('  calls of the endpoint', percentiles(parts.transfer)),
    plain('  waiting in the stream', percentiles(parts.stream)),
    plain('  the same, fleet caught up', percentiles(parts.streamOnceCaughtUp)),
    plain('Scale-outs / scale-ins', `${scaling.out} / ${scaling.in}`),
    plain('Peak instances', scaling.peakInstances),
    plain('Cost', `$${report.costUsd.toFixed(2)}`),
  ];
  if (guard.budgetUsd !== null) {
    items.push(plain('Spent of the budget', `$${guard.spentUsd.toFixed(2)} of $${guard.budgetUsd.toFixed(2)}`));
    items.push(plain('Guard levels', guard.levels.map(({ level }) => level).join(' → ') || 'ok'));
    if (guard.capInstances !== null && guard.maxInstancesAfterCap !== null) {
      items.push({
        label: 'Instances 90 s after the cap',
        value: `${guard.maxInstancesAfterCap}, cap ${guard.capInstances}`,
        good: guard.maxInstancesAfterCap <= guard.capInstances,
      });
    }
  }
  if (report.capacity.errors.length > 0) {
    const types = Object.entries(report.capacity.peakByType).map(([type, count]) => `${count} ${type}`);
    items.push(plain('Peak by type', types.join(', ')));
  }
  items.push({
    label: 'Training',
    value: isStoppedByGuard(report) ? 'stopped by the cost guard' : (training.status ?? 'not started'),
    good: training.status === null || isStoppedByGuard(report) ? null : training.status === 'SUCCEEDED',
  });
  if (report.modelServer !== null) {
    const { name, model, requests, executions, results } = report.modelServer;
    items.push(
      plain(
        'Model server',
        `${name}${model === null ? '' : ` with ${model}`}: ${requests} requests in ${executions} batches` +
          (model === null ? '' : `, output in ${results.withOutput} of ${results.lines} results`),
      ),
    );
  }
  items.push(plain('Peak memory', report.peakMemoryMiB === null ? '–' : `${report.peakMemoryMiB} MiB`));
  items.push(plain('Wall time', `${Math.round(report.wallSeconds)} s`));
  return { ok: report.ok, problems: report.problems, items };
}
