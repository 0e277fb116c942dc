import type { MetricDatum } from '@aws-sdk/client-cloudwatch';
import { PUBLISHED_METRICS } from '../../../catalog/published-metrics';
import { type EpochSeconds, periodStart, SECONDS_PER_MINUTE } from '../../../core/time';
import { type CloudWatch, metricKey } from '../../../simulation/cloudwatch';
import { mergeStatistics } from '../../../simulation/fleet';
import type { Random } from '../../../simulation/random';
import type { Actor } from '../driver';
import type { EngineServices } from '../engine-services';
import type { Outbox } from '../outbox';
import type { Endpoint } from '../sagemaker/endpoint';
import type { Endpoints } from '../sagemaker/endpoints';
import type { Variant } from '../sagemaker/variant';
import { measureQueue } from './async-metrics';
import { measureComponent } from './component-metrics';
import { measureEnvironments } from './serverless-metrics';
import { type Measurement, measureVariant, toDatapoint } from './endpoint-metrics';

/** SageMaker's high-resolution metrics come every 10 seconds (developer guide, endpoint-auto-scaling). */
const SPAN_SECONDS = 10;
/** The lists of asynchronous and serverless endpoints leave some metrics of real-time ones out (developer guide). */
const isNeverOf = (kind: 'async' | 'serverless', metricName: string): boolean =>
  PUBLISHED_METRICS.some((one) => one.metricName === metricName && 'real-time' in one.dimensions) &&
  !PUBLISHED_METRICS.some((one) => one.metricName === metricName && kind in one.dimensions);
/** PutMetricData takes at most 1000 metrics a call. */
const MOST_IN_A_CALL = 1000;

/**
 * Publishes what the endpoints measure: every 10 local seconds to the alarms, and once a local minute, summed up, to the
 * engine, where handlers and dashboards ask for it.
 */
export class MetricsPublisher implements Actor {
  private nextAt: EpochSeconds;
  private readonly minute = new Map<string, Measurement>();

  public constructor(
    private readonly parts: {
      readonly endpoints: Endpoints;
      readonly cloudWatch: CloudWatch;
      readonly engine: EngineServices;
      readonly outbox: Outbox;
      readonly random: Random;
    },
    startSeconds: EpochSeconds,
  ) {
    this.nextAt = periodStart(startSeconds, SPAN_SECONDS) + SPAN_SECONDS;
  }

  public nextEventAt(): EpochSeconds {
    return this.nextAt;
  }

  public advanceTo(atSeconds: EpochSeconds): void {
    while (this.nextAt <= atSeconds) {
      this.publishSpan(this.nextAt);
      if (this.nextAt % SECONDS_PER_MINUTE === 0) this.publishMinute();
      this.nextAt += SPAN_SECONDS;
    }
  }

  private publishSpan(endSeconds: EpochSeconds): void {
    const { endpoints, random } = this.parts;
    for (const endpoint of endpoints.list()) {
      if (!endpoint.takesRequests) continue;
      for (const variant of [...endpoint.currentVariants(), ...endpoint.shadowVariants()]) {
        this.publishVariant(endpoint, variant, endSeconds);
      }
      for (const component of endpoint.placement?.components ?? []) {
        if (component.isAdapter) continue;
        for (const one of measureComponent(component, endSeconds - SPAN_SECONDS, endSeconds, random)) this.publish(one);
      }
    }
  }

  private publishVariant({ name, queue, placement }: Endpoint, variant: Variant, endSeconds: EpochSeconds): void {
    const startSeconds = endSeconds - SPAN_SECONDS;
    const dimensions = { EndpointName: name, VariantName: variant.name };
    const { measured } = measureVariant(dimensions, variant, startSeconds, endSeconds, this.parts.random);
    // The requests of a shared endpoint are those of its components.
    if (placement !== undefined) return;
    const kind = queue !== undefined ? 'async' : variant.environments !== undefined ? 'serverless' : undefined;
    for (const one of measured) {
      if (kind === undefined || !isNeverOf(kind, one.metric.metricName)) this.publish(one);
    }
    if (variant.environments !== undefined) {
      for (const one of measureEnvironments(dimensions, variant.environments, startSeconds, endSeconds))
        this.publish(one);
    }
    if (queue === undefined) return;
    for (const one of measureQueue(name, queue, variant, startSeconds, endSeconds)) this.publish(one);
  }

  private publish(measurement: Measurement): void {
    this.parts.cloudWatch.putMetric(toDatapoint(measurement));
    this.addToMinute(measurement);
  }

  private addToMinute(measurement: Measurement): void {
    const key = metricKey(measurement.metric);
    const present = this.minute.get(key);
    const fromSeconds = periodStart(measurement.fromSeconds, SECONDS_PER_MINUTE);
    const joined = present ? mergeStatistics(present, measurement) : measurement;
    this.minute.set(key, { ...measurement, ...joined, fromSeconds });
  }

  private publishMinute(): void {
    const byNamespace = new Map<string, MetricDatum[]>();
    for (const measurement of this.minute.values()) {
      const { namespace } = measurement.metric;
      byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), toDatum(measurement)]);
    }
    this.minute.clear();
    for (const [namespace, data] of byNamespace) {
      for (let first = 0; first < data.length; first += MOST_IN_A_CALL) {
        const batch = data.slice(first, first + MOST_IN_A_CALL);
        this.parts.outbox.add('PutMetricData', () => this.parts.engine.putMetricData(namespace, batch));
      }
    }
  }
}

function toDatum({ metric, unit, fromSeconds, sum, sampleCount, minimum, maximum }: Measurement): MetricDatum {
  return {
    MetricName: metric.metricName,
    Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
    Timestamp: new Date(fromSeconds * 1000),
    Unit: unit,
    StatisticValues: { Sum: sum, SampleCount: sampleCount, Minimum: minimum, Maximum: maximum },
  };
}
