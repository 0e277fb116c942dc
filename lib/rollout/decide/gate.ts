import type { EvaluationReport } from './report';

/** Limits that a candidate has to keep beside the live model. */
export interface GateLimits {
  /** Largest fall of the accuracy, 0 to 1. */
  readonly maxAccuracyLoss: number;
  /** Largest fall of the accuracy on any slice, 0 to 1. */
  readonly maxSliceLoss: number;
  /** Rows below which a slice says too little to refuse a candidate. */
  readonly minSliceRows: number;
  /** Largest growth of the latency, median and 95th percentile: 0.2 is a fifth. */
  readonly maxLatencyGrowth: number;
  /** Largest growth of the cost of 1,000 requests. */
  readonly maxCostGrowth: number;
  /** Largest growth of the size; undefined for any. */
  readonly maxSizeGrowth: number | undefined;
}

/** Decision of the gate, with every reason for a refusal. */
export interface GateDecision {
  readonly passes: boolean;
  readonly reasons: readonly string[];
}

/** Rounding of binary numbers: a loss of exactly the limit passes. */
const ROUNDING = 1e-9;

/** Decides whether a candidate may replace the live model: it may be worse by the limits and no more. */
export function decideGate(report: EvaluationReport, limits: GateLimits): GateDecision {
  const { live, candidate } = report;
  const reasons: string[] = [];
  const lost = live.accuracy - candidate.accuracy;
  if (lost > limits.maxAccuracyLoss + ROUNDING) {
    reasons.push(
      `accuracy is ${percent(candidate.accuracy)}, ${points(lost)} below the live model's ${percent(live.accuracy)}; ` +
        `${points(limits.maxAccuracyLoss)} are allowed`,
    );
  }
  for (const [slice, before] of Object.entries(live.slices)) {
    const after = candidate.slices[slice];
    if (after === undefined || before.rows < limits.minSliceRows) continue;
    const fallen = before.accuracy - after.accuracy;
    if (fallen > limits.maxSliceLoss + ROUNDING) {
      reasons.push(
        `accuracy on ${slice} (${before.rows} rows) is ${percent(after.accuracy)}, ${points(fallen)} below the live model's ` +
          `${percent(before.accuracy)}; ${points(limits.maxSliceLoss)} are allowed`,
      );
    }
  }
  const grown = (
    what: string,
    before: number,
    after: number,
    allowed: number,
    text: (value: number) => string,
  ): void => {
    const growth = after / before - 1;
    if (growth <= allowed + ROUNDING) return;
    reasons.push(
      `${what} is ${text(after)}, ${percent(growth)} above the live model's ${text(before)}; ${percent(allowed)} are allowed`,
    );
  };
  grown('median latency', live.latencyP50Seconds, candidate.latencyP50Seconds, limits.maxLatencyGrowth, milliseconds);
  grown(
    'latency at the 95th percentile',
    live.latencyP95Seconds,
    candidate.latencyP95Seconds,
    limits.maxLatencyGrowth,
    milliseconds,
  );
  // On one instance type the cost of a request is the inverse of its throughput, whatever the price.
  grown(
    'cost of 1,000 requests',
    live.costPer1000Usd ?? 1 / live.requestsPerSecond,
    candidate.costPer1000Usd ?? 1 / candidate.requestsPerSecond,
    limits.maxCostGrowth,
    candidate.costPer1000Usd === undefined ? (value) => `1,000 / ${(1 / value).toFixed(0)} s` : usd,
  );
  if (limits.maxSizeGrowth !== undefined) {
    grown('size', live.bytes, candidate.bytes, limits.maxSizeGrowth, (value) => `${value} bytes`);
  }
  return { passes: reasons.length === 0, reasons };
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const points = (value: number): string => `${(value * 100).toFixed(1)} points`;
const milliseconds = (seconds: number): string => `${(seconds * 1000).toPrecision(3)} ms`;
const usd = (value: number): string => `${value.toPrecision(3)} USD`;
