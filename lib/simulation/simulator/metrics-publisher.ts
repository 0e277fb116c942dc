import type { EpochSeconds } from '../../core/time';
import type { CloudWatch, MetricId } from '../cloudwatch';
import { metricKey } from '../cloudwatch';
import type { EngineSpan } from '../fleet';

interface Measured {
  readonly sum: number;
  readonly sampleCount: number;
  readonly minimum: number;
  readonly maximum: number;
}

type Measure = (span: EngineSpan, slots: number) => Measured | undefined;

const MICROSECONDS = 1_000_000;

/** One sample for each of `count` requests, whose values add up to a sum; SageMaker publishes a 0 where there was no request. */
function perRequest(sum: number, count: number): Measured {
  if (count === 0) return { sum: 0, sampleCount: 1, minimum: 0, maximum: 0 };
  return { sum, sampleCount: count, minimum: 0, maximum: 1 };
}

/** One sample for each instance in service, at the mean of all. */
function perInstance(total: number, { inService }: EngineSpan, minimum: number, maximum: number): Measured | undefined {
  return inService === 0 ? undefined : { sum: total, sampleCount: inService, minimum, maximum };
}

function concurrency(span: EngineSpan): Measured | undefined {
  return perInstance(span.meanOutstanding, span, span.lowestOutstanding, span.highestOutstanding);
}

function gauge(value: number): Measured {
  return { sum: value, sampleCount: 1, minimum: value, maximum: value };
}

/** The metrics that endpoints publish, by name; units are CloudWatch's. */
const MEASURES: { readonly [metricName: string]: Measure } = {
  Invocations: (span) => perRequest(span.arrived, span.arrived),
  InvocationsPerInstance: (span) => perRequest(span.invocationsPerInstance, span.arrived),
  InvocationsPerCopy: (span) => perRequest(span.invocationsPerInstance, span.arrived),
  ConcurrentRequestsPerModel: concurrency,
  ConcurrentRequestsPerCopy: concurrency,
  ModelLatency: ({ completed, latencySum, latencyMaximum }) =>
    completed === 0
      ? undefined
      : { sum: latencySum * MICROSECONDS, sampleCount: completed, minimum: 0, maximum: latencyMaximum * MICROSECONDS },
  Invocation4XXErrors: (span) => perRequest(0, span.arrived),
  Invocation5XXErrors: (span) => perRequest(span.rejectedWithoutInstance + span.rejectedByQueue, span.arrived),
  InvocationModelErrors: (span) => perRequest(span.rejectedByQueue + span.timedOut, span.arrived),
  NoCapacityInvocationFailures: (span) =>
    span.rejectedWithoutInstance === 0
      ? undefined
      : perRequest(span.rejectedWithoutInstance, span.rejectedWithoutInstance),
  GPUUtilization: (span, slots) => {
    const percent = (100 * span.meanBusy) / slots;
    return perInstance(percent, span, 0, 100);
  },
  ApproximateBacklogSize: (span) => gauge(span.queued + span.meanBusy),
  ApproximateBacklogSizePerInstance: (span) => gauge((span.queued + span.meanBusy) / Math.max(1, span.inService)),
  HasBacklogWithoutCapacity: (span) => gauge(span.inService === 0 && span.queued > 0 ? 1 : 0),
};

/** The metrics an alarm can be fed with here. */
export const REHEARSED_METRICS: readonly string[] = Object.keys(MEASURES);

/** Publishes what alarms watch, and nothing else. */
export class MetricsPublisher {
  private readonly watched: { readonly metric: MetricId; readonly measure: Measure }[] = [];
  /** Metrics that alarms watch and no endpoint publishes: their alarms stay without data. */
  public readonly unknown: string[] = [];
  /** Seconds between two publications: what the finest alarm needs. */
  public readonly spanSeconds: number;

  public constructor(
    private readonly cloudWatch: CloudWatch,
    private readonly slots: number,
  ) {
    const seen = new Set<string>();
    let finest = 60;
    for (const { definition } of cloudWatch.alarms()) {
      if (definition.periodSeconds < 60) finest = 10;
      const metrics = definition.metric === undefined ? [] : [definition.metric];
      for (const query of definition.metrics ?? []) if (query.metric !== undefined) metrics.push(query.metric);
      for (const metric of metrics) {
        const key = metricKey(metric);
        if (seen.has(key)) continue;
        seen.add(key);
        const measure = MEASURES[metric.metricName];
        if (measure === undefined || !/sagemaker/i.test(metric.namespace)) {
          this.unknown.push(`${metric.namespace} ${metric.metricName}`);
        } else {
          this.watched.push({ metric, measure });
        }
      }
    }
    this.spanSeconds = finest;
  }

  public publish(span: EngineSpan, fromSeconds: EpochSeconds): void {
    for (const { metric, measure } of this.watched) {
      const measured = measure(span, this.slots);
      if (measured !== undefined) this.cloudWatch.putMetric({ metric, atSeconds: fromSeconds, ...measured });
    }
  }
}
