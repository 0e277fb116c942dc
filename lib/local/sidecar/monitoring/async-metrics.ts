import type { EpochSeconds } from '../../../core/time';
import type { StatisticSet } from '../../../simulation/fleet';
import type { AsyncQueue } from '../sagemaker/async-queue';
import type { Variant } from '../sagemaker/variant';
import type { Measurement } from './endpoint-metrics';

const NAMESPACE = 'AWS/SageMaker';

/**
 * What SageMaker publishes of the queue of an asynchronous endpoint for a span that has ended (developer guide, monitoring asynchronous
 * endpoints). The backlog for each instance counts one instance while there is none, because AWS does not say what it divides by then.
 */
export function measureQueue(
  endpointName: string,
  queue: AsyncQueue,
  variant: Variant,
  fromSeconds: EpochSeconds,
  toSeconds: EpochSeconds,
): Measurement[] {
  const metrics = queue.drainMetrics(toSeconds);
  const put = (
    metricName: string,
    set: StatisticSet,
    unit: Measurement['unit'] = 'Count',
    dimensions: { readonly [name: string]: string } = { EndpointName: endpointName },
  ): Measurement => ({ metric: { namespace: NAMESPACE, metricName, dimensions }, unit, fromSeconds, ...set });
  const { inService } = variant.counts();
  const ofVariant = { EndpointName: endpointName, VariantName: variant.name };
  const counted: { readonly [metricName: string]: number } = {
    InvocationsProcessed: metrics.processed,
    InvocationFailures: metrics.failures,
    ExpiredRequests: metrics.expired,
    RequestDownloadFailures: metrics.downloadFailures,
    ResponseUploadFailures: metrics.uploadFailures,
    NotificationFailures: metrics.notificationFailures,
  };
  const times: { readonly [metricName: string]: StatisticSet } = {
    TimeInBacklog: metrics.timeInBacklogMs,
    TotalProcessingTime: metrics.totalProcessingMs,
  };
  return [
    put('ApproximateBacklogSize', gauge(metrics.backlog)),
    put('ApproximateBacklogSizePerInstance', gauge(metrics.backlog / Math.max(1, inService))),
    put('ApproximateAgeOfOldestRequest', gauge(metrics.ageOfOldestSeconds), 'Seconds'),
    put('HasBacklogWithoutCapacity', gauge(inService === 0 && metrics.backlog > 0 ? 1 : 0)),
    ...Object.entries(counted).map(([name, count]) => put(name, ones(count), 'Count', ofVariant)),
    ...Object.entries(times)
      .filter(([, set]) => set.sampleCount > 0)
      .map(([name, set]) => put(name, set, 'Milliseconds', ofVariant)),
  ];
}

const gauge = (value: number): StatisticSet => ({ sum: value, sampleCount: 1, minimum: value, maximum: value });

const ones = (count: number): StatisticSet =>
  count === 0 ? gauge(0) : { sum: count, sampleCount: count, minimum: 1, maximum: 1 };
