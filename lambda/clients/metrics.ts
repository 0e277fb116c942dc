import {
  CloudWatchClient,
  PutMetricDataCommand,
  type CloudWatchClientConfig,
  type StandardUnit,
} from '@aws-sdk/client-cloudwatch';
import type { EpochSeconds } from '../../lib/core/time';

/** One value of a metric. */
export interface MetricValue {
  readonly metricName: string;
  readonly value: number;
  /** CloudWatch's unit, for example `Count`. */
  readonly unit: string;
  readonly atSeconds: EpochSeconds;
  readonly dimensions: { readonly [name: string]: string };
}

/** Publishes metrics. */
export interface Metrics {
  /** Publishes some values; none is no call. */
  put(values: readonly MetricValue[]): Promise<void>;
}

/** Values in one call at most (API reference of PutMetricData). */
const VALUES_PER_CALL = 1000;

/** {@link Metrics} in a namespace of CloudWatch. */
export function cloudWatchMetrics(namespace: string, configuration: CloudWatchClientConfig = {}): Metrics {
  const client = new CloudWatchClient(configuration);
  return {
    async put(values) {
      for (let start = 0; start < values.length; start += VALUES_PER_CALL) {
        await client.send(
          new PutMetricDataCommand({
            Namespace: namespace,
            MetricData: values.slice(start, start + VALUES_PER_CALL).map((value) => ({
              MetricName: value.metricName,
              Value: value.value,
              Unit: value.unit as StandardUnit,
              Timestamp: new Date(value.atSeconds * 1000),
              Dimensions: Object.entries(value.dimensions).map(([Name, Value]) => ({ Name, Value })),
            })),
          }),
        );
      }
    },
  };
}
