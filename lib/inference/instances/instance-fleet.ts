import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

/** Instances of a variant, and the metrics of their resources. */
export interface IInstanceFleet {
  /** Instance types of the pools in order of preference; empty where they are not known. */
  readonly instanceTypes: string[];

  /** Utilization of the CPU cores in percent, up to 100 times their number on one instance. */
  metricCpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the main memory in percent. */
  metricMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the disks in percent. */
  metricDiskUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the GPUs in percent, up to 100 times their number on one instance. */
  metricGpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the GPUs' memory in percent, up to 100 times their number on one instance. */
  metricGpuMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}
