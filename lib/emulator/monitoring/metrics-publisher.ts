import type { MetricDatum } from '@aws-sdk/client-cloudwatch';
import { type EndpointKind, PUBLISHED_METRICS } from '../../catalog/hosting-metrics';
import { type EpochSeconds, periodStart, SECONDS_PER_MINUTE } from '../../core/time';
import { type CloudWatch, mergeStatistics, metricKey } from '../../simulation/aws/cloudwatch';
import type { QuietMetrics } from '../../simulation/aws/sagemaker-metrics';
import type { Random } from '../../simulation/random';
import type { Actor } from '../actor';
import type { DeliveryQueue } from '../engine/delivery-queue';
import type { EngineClient } from '../engine/engine-client';
import type { Endpoint } from '../sagemaker/endpoints/endpoint';
import type { Endpoints } from '../sagemaker/endpoints/endpoints';
import type { Variant } from '../sagemaker/endpoints/variant';
import { measureQueue } from './async-metrics';
import { measureComponent } from './component-metrics';
import { measureVariant } from './endpoint-metrics';
import { type Measurement, toDatapoint } from './measurement';
import { measureEnvironments } from './serverless-metrics';

/** Interval of SageMaker's high-resolution metrics (developer guide, endpoint-auto-scaling). */
const SPAN_SECONDS = 10;
/** Maximum number of metrics in one call of PutMetricData. */
const MAX_METRICS_PER_CALL = 1000;

/** Publishes the endpoints' measurements: every 10 local seconds to the alarms, and summed up once a local minute to the engine. */
export class MetricsPublisher implements Actor {
  private nextAt: EpochSeconds;
  private readonly minute = new Map<string, Measurement>();

  public constructor(
    private readonly parts: {
      readonly endpoints: Endpoints;
      readonly cloudWatch: CloudWatch;
      readonly engine: EngineClient;
      readonly deliveries: DeliveryQueue;
      readonly random: Random;
      readonly quietMetrics: QuietMetrics;
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
    const { endpoints, random, quietMetrics } = this.parts;
    const startSeconds = endSeconds - SPAN_SECONDS;
    for (const endpoint of endpoints.list()) {
      if (!endpoint.takesRequests) continue;
      for (const variant of [...endpoint.currentVariants(), ...endpoint.shadowVariants()]) {
        this.publishVariant(endpoint, variant, endSeconds);
      }
      for (const component of endpoint.placement?.components ?? []) {
        if (!component.isAdapter)
          this.publish(measureComponent(component, startSeconds, endSeconds, random, quietMetrics));
      }
    }
  }

  private publishVariant({ name, queue, placement }: Endpoint, variant: Variant, endSeconds: EpochSeconds): void {
    const startSeconds = endSeconds - SPAN_SECONDS;
    const dimensions = { EndpointName: name, VariantName: variant.name };
    const { environments } = variant;
    const { random, quietMetrics } = this.parts;
    const measured = measureVariant(dimensions, variant, startSeconds, endSeconds, random, quietMetrics);
    // The requests of a shared endpoint are those of its components.
    if (placement !== undefined) return;
    const kind = queue !== undefined ? 'async' : environments !== undefined ? 'serverless' : 'real-time';
    this.publish(measured.filter(({ metric }) => isPublishedBy(kind, metric.metricName)));
    if (environments !== undefined) {
      this.publish(measureEnvironments(dimensions, environments, startSeconds, endSeconds, quietMetrics));
    }
    if (queue !== undefined) this.publish(measureQueue(name, queue, variant, startSeconds, endSeconds, quietMetrics));
  }

  private publish(measurements: readonly Measurement[]): void {
    for (const measurement of measurements) {
      this.parts.cloudWatch.putMetric(toDatapoint(measurement));
      this.addToMinute(measurement);
    }
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
    const { deliveries, engine } = this.parts;
    for (const [namespace, data] of byNamespace) {
      for (let first = 0; first < data.length; first += MAX_METRICS_PER_CALL) {
        const batch = data.slice(first, first + MAX_METRICS_PER_CALL);
        deliveries.add('PutMetricData', () => engine.putMetricData(namespace, batch));
      }
    }
  }
}

/** True if a kind of endpoint publishes a metric: asynchronous and serverless endpoints lack some of the real-time ones (developer guide). */
const isPublishedBy = (kind: EndpointKind, metricName: string): boolean =>
  PUBLISHED_METRICS.some((one) => one.metricName === metricName && kind in one.dimensions);

function toDatum({ metric, unit, fromSeconds, sum, sampleCount, minimum, maximum }: Measurement): MetricDatum {
  return {
    MetricName: metric.metricName,
    Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
    Timestamp: new Date(fromSeconds * 1000),
    Unit: unit,
    StatisticValues: { Sum: sum, SampleCount: sampleCount, Minimum: minimum, Maximum: maximum },
  };
}
