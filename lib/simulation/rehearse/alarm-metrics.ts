import { findInstanceType } from '../../catalog/instance-types';
import type { EpochSeconds } from '../../core/time';
import { metricKey, NO_SAMPLES, type CloudWatch, type MetricId, type StatisticSet } from '../aws/cloudwatch';
import { equalSamples } from '../aws/cloudwatch/statistics';
import {
  BACKLOG_METRICS,
  componentMetrics,
  FOLLOWING_UTILIZATION_METRICS,
  namedForComponents,
  variantMetrics,
  type EndpointLoad,
  type MetricTable,
  type QuietMetrics,
} from '../aws/sagemaker-metrics';
import {
  BACKLOG_PER_INSTANCE_METRIC,
  BACKLOG_PERIOD_SECONDS,
  WAITING_RECORD_AGE_METRIC,
} from '../../ingestion/contract';
import { MAX_WAITING_RECORDS } from '../../ingestion/decide/session';
import { METRIC_NAMESPACE } from '../../core/metric-namespace';
import type { FleetBlueprint } from '../blueprint';
import type { EngineSpan } from '../fleet';

/** Publishes the metrics that alarms watch, and no others. */
export class AlarmMetrics {
  private readonly watched: {
    readonly metric: MetricId;
    readonly statistics: (span: EngineSpan, load: EndpointLoad) => StatisticSet;
  }[] = [];
  /** Metrics that alarms watch and no endpoint publishes: their alarms stay without data. */
  public readonly unknown: string[] = [];
  /** Seconds between two publications: 10 when an alarm has a period below a minute, else 60. */
  public readonly spanSeconds: number;
  private readonly known: MetricTable<EndpointLoad>;
  private readonly slots: number;
  private stream: FleetBlueprint['stream'];
  private readonly gpusPerInstance: number;

  public constructor(
    private readonly cloudWatch: CloudWatch,
    {
      slotsPerInstance,
      placement,
      pools,
      stream,
    }: Pick<FleetBlueprint, 'slotsPerInstance' | 'placement' | 'pools' | 'stream'>,
    quiet: QuietMetrics,
  ) {
    // Of the utilizations that are assumed, memory alone: it tells a quiet fleet from a lost metric.
    const memory = { MemoryUtilization: FOLLOWING_UTILIZATION_METRICS.MemoryUtilization! };
    const ofVariant = variantMetrics(quiet);
    const ofComponent = componentMetrics(quiet);
    this.known = {
      ...(placement === undefined ? { ...ofComponent, ...ofVariant } : { ...ofVariant, ...ofComponent }),
      ...memory,
      ...namedForComponents(memory),
    };
    this.slots = slotsPerInstance;
    this.stream = stream;
    this.gpusPerInstance =
      placement !== undefined ? 1 : (findInstanceType(pools[0]!.instanceType)?.accelerator?.count ?? 1);
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
        this.watch(metric);
      }
    }
    this.spanSeconds = finest;
  }

  /** Sets the shards of the stream, and the requests that its consumer has in flight at most. */
  public setShards(shards: number, maxInFlight: number): void {
    if (this.stream !== undefined) this.stream = { ...this.stream, shards, maxInFlight };
  }

  public publish(span: EngineSpan, fromSeconds: EpochSeconds): void {
    const load = new SpanLoad(span, this.slots, this.gpusPerInstance);
    for (const { metric, statistics } of this.watched) {
      const samples = statistics(span, load);
      if (samples.sampleCount > 0) this.cloudWatch.putSamples(metric, fromSeconds, samples);
    }
  }

  /** Metrics of the records that wait in a stream, as its consumer publishes them: while records wait for the fleet, and not for the consumer. */
  private waitingRecords(): { readonly [metricName: string]: (span: EngineSpan) => StatisticSet } {
    const whileWaiting =
      (measure: (span: EngineSpan, periods: number, shards: number) => StatisticSet) =>
      (span: EngineSpan): StatisticSet => {
        const { shards, maxInFlight } = this.stream!;
        return span.queued === 0 || span.inService * this.slots > maxInFlight
          ? NO_SAMPLES
          : measure(span, (span.toSeconds - span.fromSeconds) / BACKLOG_PERIOD_SECONDS, shards);
      };
    return {
      [BACKLOG_PER_INSTANCE_METRIC]: whileWaiting(({ queued, meanBusy, inService }, periods, shards) => {
        const records = meanBusy + Math.min(queued, shards * MAX_WAITING_RECORDS);
        const perInstance = records / Math.max(1, inService);
        return { sum: perInstance * periods, sampleCount: periods, minimum: perInstance, maximum: perInstance };
      }),
      [WAITING_RECORD_AGE_METRIC]: whileWaiting(({ longestWaiting }) => equalSamples(longestWaiting)),
    };
  }

  private watch(metric: MetricId): void {
    const { namespace, metricName } = metric;
    const known = <Measure>(table: { readonly [name: string]: Measure }): Measure | undefined =>
      /sagemaker/i.test(namespace) && Object.hasOwn(table, metricName) ? table[metricName] : undefined;
    if (namespace === METRIC_NAMESPACE && this.stream !== undefined) {
      const ofStream = this.waitingRecords()[metricName];
      if (ofStream !== undefined) {
        this.watched.push({ metric, statistics: ofStream });
        return;
      }
    }
    const ofLoad = known(this.known);
    const ofBacklog = known(BACKLOG_METRICS);
    if (ofLoad !== undefined) this.watched.push({ metric, statistics: (_, load) => ofLoad(load) });
    else if (ofBacklog !== undefined) {
      const backlogOf = ({ queued, meanBusy, inService }: EngineSpan) => ({ backlog: queued + meanBusy, inService });
      this.watched.push({ metric, statistics: (span) => ofBacklog(backlogOf(span)) });
    } else this.unknown.push(`${namespace} ${metricName}`);
  }
}

/** Load of an endpoint over a span. The engine keeps no minimum of latencies and no utilization of single instances. */
class SpanLoad implements EndpointLoad {
  public readonly errors4xx = 0;

  public constructor(
    private readonly span: EngineSpan,
    private readonly slots: number,
    public readonly gpusPerInstance: number,
  ) {}

  public get invocations(): number {
    return this.span.arrived + this.span.retried;
  }

  public get invocationsPerInstance(): number {
    return this.span.invocationsPerInstance;
  }

  public get errors5xx(): number {
    return this.span.rejectedWithoutInstance + this.span.rejectedByQueue;
  }

  public get modelErrors(): number {
    return this.span.rejectedByQueue + this.span.timedOut;
  }

  public get rejectedWithoutInstance(): number {
    return this.span.rejectedWithoutInstance;
  }

  public get modelLatencySeconds(): StatisticSet {
    const { completed, latencySum, latencyMaximum } = this.span;
    return completed === 0
      ? NO_SAMPLES
      : { sum: latencySum, sampleCount: completed, minimum: 0, maximum: latencyMaximum };
  }

  public get concurrentRequests(): StatisticSet {
    const { meanOutstanding, lowestOutstanding, highestOutstanding } = this.span;
    return this.perInstance(meanOutstanding, lowestOutstanding, highestOutstanding);
  }

  public get gpuUtilizationPercent(): StatisticSet {
    return this.perInstance((100 * this.span.meanBusy) / this.slots, 0, 100);
  }

  private perInstance(sum: number, minimum: number, maximum: number): StatisticSet {
    const { inService } = this.span;
    return inService === 0 ? NO_SAMPLES : { sum, sampleCount: inService, minimum, maximum };
  }
}
