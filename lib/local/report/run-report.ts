import type { ModelServerStatistics } from '../model-server/model-server-process';
import type { DeniedCall } from '../engine/engine';
import type { RequestCounts } from '../load/outcomes';
import type { TrainingReport } from '../training-run';
import type { Verification } from '../verify-resources';
import type { GuardReport } from './guard-ledger';
import type { RunSummary, SummaryItem } from './recording';

/** A change of the wanted number of instances. Seconds count from the first request. */
export interface ScalingEventReport {
  readonly atSecond: number;
  readonly direction: 'out' | 'in';
  readonly from: number;
  readonly to: number;
  /** The steps that changed something. */
  readonly reason: string;
  /** The policy or scheduled action that decided; null where the limits alone did. */
  readonly decidedBy: string | null;
  /** Every step of the decision. */
  readonly steps: readonly string[];
  /** The words of Application Auto Scaling. */
  readonly cause: string;
}

/** What `report.json` carries. Seconds count on the local clock from the first request; null where it does not apply. */
export interface RunReport {
  readonly ok: boolean;
  /** One sentence for everything that is not as it should be; empty when `ok`. */
  readonly problems: readonly string[];
  readonly stage: string;
  readonly seed: number;
  readonly speed: number;
  readonly traffic: string;
  readonly trafficSeconds: number;
  readonly resources: { readonly declared: number; readonly verified: number };
  readonly requests: RequestCounts & {
    readonly queued: number;
    /** Tries beyond the first, of either door. */
    readonly retries: number;
    /** Direct requests that went through the stream in the end. */
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
    /** Moments at which instances of a type could not be had. */
    readonly errors: readonly {
      readonly atSecond: number;
      readonly instanceType: string;
      readonly fallbackInstanceType: string | null;
    }[];
    /** The most instances in service at once, by type. */
    readonly peakByType: { readonly [instanceType: string]: number };
  };
  readonly latencySeconds: { readonly p50: number | null; readonly p95: number | null; readonly p99: number | null };
  /** Endpoint and training since they were created, US dollars. */
  readonly costUsd: number;
  readonly deniedCalls: readonly DeniedCall[];
  readonly handlerErrors: { readonly [functionName: string]: number };
  readonly peakMemoryMiB: number | null;
  /** The model server behind the endpoints, and what it counted itself; null without one. */
  readonly modelServer: (ModelServerStatistics & { readonly name: string }) | null;
  readonly wallSeconds: number;
}

/** Everything a report is made of. */
export interface RunFacts extends Omit<RunReport, 'ok' | 'problems' | 'resources'> {
  readonly verification: Verification;
  /** Ids of requests whose end was not seen, the first few. */
  readonly openIds: readonly string[];
  /** Answers and dead letters of things that were never sent. */
  readonly unknownIds: readonly string[];
  /** Requests the endpoint refused for good, the first few reasons. */
  readonly refusals: readonly string[];
  /** What else went wrong. */
  readonly failures: readonly string[];
}

/** A refused call in one sentence: who wanted what on which. */
export function deniedText({ principal, action, resource }: DeniedCall): string {
  return `access denied: ${principal} may not ${action} on ${resource}`;
}

/** Checks the facts against what must hold and makes the report. */
export function assembleReport(facts: RunFacts): RunReport {
  const { verification, openIds: _openIds, unknownIds: _unknownIds, refusals, failures, ...rest } = facts;
  const problems = [
    ...failures,
    ...verification.problems.map((problem) => `not verified: ${problem}`),
    ...deniedProblems(facts.deniedCalls),
    ...Object.entries(facts.handlerErrors).map(
      ([name, count]) => `${name} failed ${count} times; see the engine's log`,
    ),
    ...refusals.map((refusal) => `the endpoint refused a request: ${refusal}`),
    ...sumProblems(facts),
    ...(facts.training.status === null || facts.training.status === 'SUCCEEDED'
      ? []
      : [`the training execution ended as ${facts.training.status}${causeText(facts.training.cause)}`]),
  ];
  return {
    ok: problems.length === 0,
    problems,
    ...rest,
    resources: { declared: verification.declared, verified: verification.verified },
  };
}

function causeText(cause: string | null): string {
  return cause === null ? '' : `: ${(failureReason(cause) ?? cause).slice(0, 300)}`;
}

/** A task that waits for a training job fails with the whole job as its cause; its reason stands in the midst of it. */
function failureReason(cause: string): string | undefined {
  const [error, job] = [cause.slice(0, cause.indexOf('{')), cause.slice(cause.indexOf('{'))];
  try {
    const { FailureReason } = JSON.parse(job) as { readonly FailureReason?: unknown };
    return typeof FailureReason === 'string' ? `${error}${FailureReason}` : undefined;
  } catch {
    return undefined;
  }
}

/** The same denial comes again with every retry: once is enough. */
function deniedProblems(denied: readonly DeniedCall[]): readonly string[] {
  return [...new Set(denied.map(deniedText))];
}

/** Requests in = answered + dead-lettered + still queued. */
function sumProblems({ requests, openIds, unknownIds }: RunFacts): readonly string[] {
  const { in: sent, answered, deadLettered, queued } = requests;
  const problems: string[] = [];
  const sum = answered + deadLettered + queued;
  if (sum !== sent) {
    const missing = openIds.length > 0 ? `; without an end: ${openIds.join(', ')}` : '';
    problems.push(
      `the sum does not hold: ${sent} requests in, but ${answered} answered + ${deadLettered} dead-lettered + ` +
        `${queued} queued = ${sum}${missing}`,
    );
  }
  if (unknownIds.length > 0) {
    problems.push(
      `${unknownIds.length} answers or dead letters belong to no request: ${unknownIds.slice(0, 5).join(', ')}`,
    );
  }
  return problems;
}

/** The report as the page and the terminal show it. */
export function summarise(report: RunReport): RunSummary {
  const { requests, scaling, guard, training, latencySeconds: latency, resources } = report;
  const sum = requests.answered + requests.deadLettered + requests.queued;
  const seconds = (value: number | null): string => (value === null ? '–' : value.toFixed(value < 10 ? 2 : 1));
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
    { label: 'Sum', value: sum === requests.in ? 'holds' : `off by ${requests.in - sum}`, good: sum === requests.in },
    plain('Latency p50 / p95 / p99', `${[latency.p50, latency.p95, latency.p99].map(seconds).join(' / ')} s`),
    plain('Scale-outs / scale-ins', `${scaling.out} / ${scaling.in}`),
    plain('Peak instances', scaling.peakInstances),
    plain('Cost', `$${report.costUsd.toFixed(2)}`),
  ];
  if (guard.budgetUsd !== null) {
    items.push(plain('Spent of the budget', `$${guard.spentUsd.toFixed(2)} of $${guard.budgetUsd.toFixed(2)}`));
    items.push(plain('Guard levels', guard.levels.map(({ level }) => level).join(' → ') || 'ok'));
    if (guard.capInstances !== null && guard.maxInstancesAfterCap !== null) {
      items.push({
        label: 'Instances 90 s after the breach',
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
    value: training.status ?? 'not started',
    good: training.status === null ? null : training.status === 'SUCCEEDED',
  });
  if (report.modelServer !== null) {
    const { name, requests, executions } = report.modelServer;
    items.push(plain('Model server', `${name}: ${requests} requests in ${executions} batches`));
  }
  items.push(plain('Peak memory', report.peakMemoryMiB === null ? '–' : `${report.peakMemoryMiB} MiB`));
  items.push(plain('Wall time', `${Math.round(report.wallSeconds)} s`));
  return { ok: report.ok, problems: report.problems, items };
}
