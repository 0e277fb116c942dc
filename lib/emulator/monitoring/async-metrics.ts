import type { EpochSeconds } from '../../core/time';
import { equalSamples, type StatisticSet } from '../../simulation/aws/cloudwatch';
import { BACKLOG_METRICS, asPublished, type QuietMetrics } from '../../simulation/aws/sagemaker-metrics';
import type { Variant } from '../sagemaker/endpoints/variant';
import type { AsyncQueue } from '../sagemaker/invocations/async-queue';
import { applyTable, type Measurement, measurements } from './measurement';

/** Metrics that SageMaker publishes of an asynchronous endpoint's queue for a span that has ended (developer guide, monitoring asynchronous endpoints). */
export function measureQueue(
  endpointName: string,
  queue: AsyncQueue,
  variant: Variant,
  fromSeconds: EpochSeconds,
  toSeconds: EpochSeconds,
  quiet: QuietMetrics,
): Measurement[] {
  const metrics = queue.drainMetrics(toSeconds);
  /** One sample of 1 for each event, or one sample of 0 without any. */
  const countOf = (count: number): StatisticSet =>
    count === 0 ? asPublished(quiet, equalSamples(0)) : equalSamples(1, count);
  const ofEndpoint = {
    ...applyTable(BACKLOG_METRICS, { backlog: metrics.backlog, inService: variant.counts().inService }),
    ApproximateAgeOfOldestRequest: equalSamples(metrics.ageOfOldestSeconds),
  };
  const ofVariant = {
    InvocationsProcessed: countOf(metrics.processed),
    InvocationFailures: countOf(metrics.failures),
    ExpiredRequests: countOf(metrics.expired),
    RequestDownloadFailures: countOf(metrics.downloadFailures),
    ResponseUploadFailures: countOf(metrics.uploadFailures),
    NotificationFailures: countOf(metrics.notificationFailures),
    TimeInBacklog: metrics.timeInBacklogMs,
    TotalProcessingTime: metrics.totalProcessingMs,
  };
  return [
    ...measurements(ofEndpoint, { EndpointName: endpointName }, fromSeconds),
    ...measurements(ofVariant, { EndpointName: endpointName, VariantName: variant.name }, fromSeconds),
  ];
}
