import {
  CloudWatchClient,
  PutMetricDataCommand,
  type MetricDatum,
  type StandardUnit,
} from '@aws-sdk/client-cloudwatch';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR, type EpochSeconds } from '../../lib/core/time';
import { systemClock, type WallClock } from '../support/clock';
import { logger as systemLogger, type Logger } from '../support/logger';
import { awsClient } from './aws-client';

/** One value of a metric. */
export interface MetricValue {
  readonly metricName: string;
  readonly value: number;
  /** Unit of CloudWatch, for example `Count`. */
  readonly unit: string;
  readonly atSeconds: EpochSeconds;
  readonly dimensions: { readonly [name: string]: string };
  /** True for a value of high resolution, which alarms with a period below a minute need. @default false */
  readonly isHighResolution?: boolean;
}

/** Client that publishes metrics. */
export interface Metrics {
  /**
   * Publishes values; makes no call for an empty list. Values that CloudWatch refuses keep none of the others from being published: the log
   * has their number and the first of them.
   *
   * @throws when CloudWatch refuses the call itself, or is not reached
   */
  put(values: readonly MetricValue[], signal?: AbortSignal): Promise<void>;
}

/** Maximum number of values in one call (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html). */
const MAX_VALUES_PER_CALL = 1000;

/**
 * Times that CloudWatch takes: up to two weeks in the past and two hours in the future, by its own clock (API reference of PutMetricData).
 * One value outside has the whole call refused. Values as close to the limits as the call may take are left out too.
 */
const MAX_AGE_SECONDS = 14 * SECONDS_PER_DAY - 60;
const MAX_AHEAD_SECONDS = 2 * SECONDS_PER_HOUR - 60;

interface MetricsOptions {
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** {@link Metrics} in a namespace of CloudWatch. */
export function createMetrics(
  namespace: string,
  cloudWatch = awsClient(CloudWatchClient),
  { clock, logger }: MetricsOptions = { clock: systemClock, logger: systemLogger },
): Metrics {
  /** Publishes values; returns those that CloudWatch refuses. A refused call is repeated in halves, down to the values that cause it. */
  async function publish(values: readonly MetricValue[], signal?: AbortSignal): Promise<MetricValue[]> {
    try {
      const command = new PutMetricDataCommand({ Namespace: namespace, MetricData: values.map(datum) });
      await cloudWatch.send(command, { abortSignal: signal });
      return [];
    } catch (error) {
      if (!isRefusedInput(error)) throw error;
      if (values.length === 1) return [...values];
      const middle = values.length >> 1;
      return [...(await publish(values.slice(0, middle), signal)), ...(await publish(values.slice(middle), signal))];
    }
  }

  return {
    async put(values, signal) {
      const now = clock.now();
      const isTimely = ({ atSeconds }: MetricValue): boolean =>
        atSeconds > now - MAX_AGE_SECONDS && atSeconds < now + MAX_AHEAD_SECONDS;
      const timely = values.filter(isTimely);
      const unpublished = values.filter((value) => !isTimely(value));
      for (let start = 0; start < timely.length; start += MAX_VALUES_PER_CALL)
        unpublished.push(...(await publish(timely.slice(start, start + MAX_VALUES_PER_CALL), signal)));
      if (unpublished.length > 0)
        logger.warn('values of metrics were not published', { count: unpublished.length, first: unpublished[0] });
    },
  };
}

function datum({ metricName, value, unit, atSeconds, dimensions, isHighResolution }: MetricValue): MetricDatum {
  return {
    MetricName: metricName,
    Value: value,
    Unit: unit as StandardUnit,
    Timestamp: new Date(atSeconds * 1000),
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    ...(isHighResolution === true && { StorageResolution: 1 }),
  };
}

/** True if CloudWatch refuses what a call contains: another content may be taken. */
function isRefusedInput(error: unknown): boolean {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  return (
    status === 413 ||
    (status === 400 &&
      !/Throttl|LimitExceeded|AccessDenied|Token|Signature|UnrecognizedClient|Expired|Clock/i.test(name))
  );
}
