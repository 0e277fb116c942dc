import { findInstanceType } from '../../../catalog/instance-types';
import type { EpochSeconds } from '../../../core/time';
import type { FleetMetrics, InstanceSnapshot, StatisticSet } from '../../../simulation/fleet';
import type { Random } from '../../../simulation/random';
import type { Datapoint, MetricId } from '../../../simulation/cloudwatch';
import type { StreamMetrics, Variant } from '../sagemaker/variant';

const NAMESPACE = 'AWS/SageMaker';
const UTILIZATION_NAMESPACE = '/aws/sagemaker/Endpoints';

const MICROSECONDS = 1_000_000;
/** What SageMaker adds around the container, seconds: a few milliseconds with a long tail; an assumption. */
const OVERHEAD = { medianSeconds: 0.006, sigma: 0.4 } as const;
/** A loaded model fills most of the accelerator's memory whatever the traffic; an assumption, like the two below. */
const GPU_MEMORY_PERCENT = 78;
const CPU_PERCENT = { idle: 3, busy: 35 } as const;
const MEMORY_PERCENT = { idle: 22, busy: 30 } as const;
const DISK_PERCENT = 18;

/** One metric over one span, with the unit CloudWatch shows. */
export interface Measurement extends StatisticSet {
  readonly metric: MetricId;
  readonly unit: 'Count' | 'Microseconds' | 'Milliseconds' | 'Seconds' | 'Percent' | 'None';
  readonly fromSeconds: EpochSeconds;
}

/** What SageMaker publishes of one variant for a span that has ended. */
export function measureVariant(
  dimensions: MetricId['dimensions'],
  variant: Variant,
  fromSeconds: EpochSeconds,
  toSeconds: EpochSeconds,
  random: Random,
): { readonly measured: Measurement[]; readonly metrics: FleetMetrics } {
  const drained = variant.drainMetrics(toSeconds);
  const span = { fromSeconds, random };
  const all = ofFleet(drained.all, drained.refused, dimensions, variant, span);
  if (drained.byConfig.length > 1) {
    for (const { configName, metrics } of drained.byConfig) {
      all.push(...requestMetrics(metrics, 0, { ...dimensions, EndpointConfigName: configName }, span));
    }
  }
  all.push(...streamMetrics(drained, dimensions, span));
  if (variant.spec.pooled) all.push(...perInstanceType(variant, dimensions, fromSeconds));
  return { measured: all, metrics: drained.all };
}

/** Of streamed answers, where there are any. */
function streamMetrics(
  { firstChunkSeconds, midStreamErrors }: StreamMetrics,
  dimensions: Dimensions,
  { fromSeconds, random }: Span,
): Measurement[] {
  const { sampleCount } = firstChunkSeconds;
  const put = (metricName: string, unit: Measurement['unit'], set: StatisticSet): Measurement => ({
    metric: { namespace: NAMESPACE, metricName, dimensions },
    unit,
    fromSeconds,
    ...set,
  });
  const broken = midStreamErrors === 0 ? [] : [put('MidStreamErrors', 'Count', constant(1, midStreamErrors))];
  if (sampleCount === 0) return broken;
  const overhead = random.lognormal(OVERHEAD.medianSeconds, OVERHEAD.sigma);
  const { sum, minimum, maximum } = firstChunkSeconds;
  const whole = {
    sum: sum + overhead * sampleCount,
    sampleCount,
    minimum: minimum + overhead,
    maximum: maximum + overhead,
  };
  return [
    put('FirstChunkLatency', 'Microseconds', scaled(whole, MICROSECONDS)),
    put('FirstChunkModelLatency', 'Microseconds', scaled(firstChunkSeconds, MICROSECONDS)),
    put('FirstChunkOverheadLatency', 'Microseconds', scaled(constant(overhead, sampleCount), MICROSECONDS)),
    ...broken,
  ];
}

interface Span {
  readonly fromSeconds: EpochSeconds;
  readonly random: Random;
}

type Dimensions = MetricId['dimensions'];

function ofFleet(
  metrics: FleetMetrics,
  refused: number,
  dimensions: Dimensions,
  variant: Variant,
  span: Span,
): Measurement[] {
  const gpus = findInstanceType(variant.spec.pools[0]!.instanceType)?.accelerator?.count ?? 1;
  return [
    ...requestMetrics(metrics, refused, dimensions, span),
    ...utilization(metrics.gpuUtilizationPercent, gpus, dimensions, span.fromSeconds),
  ];
}

function requestMetrics(metrics: FleetMetrics, refused: number, dimensions: Dimensions, span: Span): Measurement[] {
  const { fromSeconds, random } = span;
  const put = (metricName: string, unit: Measurement['unit'], set: StatisticSet): Measurement => ({
    metric: { namespace: NAMESPACE, metricName, dimensions },
    unit,
    fromSeconds,
    ...set,
  });
  const invocations = metrics.invocations + refused;
  const latency = metrics.modelLatencySeconds;
  const measured = [
    put('Invocations', 'Count', eachCounts(1, invocations, invocations)),
    put('InvocationsPerInstance', 'Count', eachCounts(1, metrics.invocationsPerInstance, invocations)),
    put('Invocation4XXErrors', 'Count', eachCounts(1, refused + metrics.errors4xx, invocations)),
    put('Invocation5XXErrors', 'Count', eachCounts(1, metrics.errors5xx, invocations)),
    put('InvocationModelErrors', 'Count', eachCounts(1, refused + metrics.modelErrors, invocations)),
  ];
  if (metrics.concurrentRequests.sampleCount > 0) {
    measured.push(put('ConcurrentRequestsPerModel', 'Count', metrics.concurrentRequests));
  }
  if (latency.sampleCount > 0) {
    const overhead = random.lognormal(OVERHEAD.medianSeconds, OVERHEAD.sigma);
    measured.push(
      put('ModelLatency', 'Microseconds', scaled(latency, MICROSECONDS)),
      put('OverheadLatency', 'Microseconds', scaled(constant(overhead, latency.sampleCount), MICROSECONDS)),
    );
  }
  return measured;
}

/**
 * A count of which each request gives 0 or one unit, so that the average is a rate. Without requests there is one sample
 * of 0, as SageMaker publishes zeros while there is no traffic.
 */
function eachCounts(unit: number, sum: number, requests: number): StatisticSet {
  if (requests === 0) return { sum: 0, sampleCount: 1, minimum: 0, maximum: 0 };
  return { sum, sampleCount: requests, minimum: sum < requests ? 0 : unit, maximum: sum > 0 ? unit : 0 };
}

function utilization(
  gpu: StatisticSet,
  gpus: number,
  dimensions: Dimensions,
  fromSeconds: EpochSeconds,
): Measurement[] {
  if (gpu.sampleCount === 0) return [];
  const put = (metricName: string, set: StatisticSet): Measurement => ({
    metric: { namespace: UTILIZATION_NAMESPACE, metricName, dimensions },
    unit: 'Percent',
    fromSeconds,
    ...set,
  });
  const follow = ({ idle, busy }: { readonly idle: number; readonly busy: number }): StatisticSet => {
    const of = (percent: number): number => idle + ((busy - idle) * percent) / 100;
    const { sampleCount } = gpu;
    return {
      sum: idle * sampleCount + ((busy - idle) * gpu.sum) / 100,
      sampleCount,
      minimum: of(gpu.minimum),
      maximum: of(gpu.maximum),
    };
  };
  return [
    put('GPUUtilization', scaled(gpu, gpus)),
    put('GPUMemoryUtilization', constant(GPU_MEMORY_PERCENT * gpus, gpu.sampleCount)),
    put('CPUUtilization', follow(CPU_PERCENT)),
    put('MemoryUtilization', follow(MEMORY_PERCENT)),
    put('DiskUtilization', constant(DISK_PERCENT, gpu.sampleCount)),
  ];
}

/** With instance pools the load is published per instance type too; here as it is at the end of the span. */
function perInstanceType(variant: Variant, dimensions: Dimensions, fromSeconds: EpochSeconds): Measurement[] {
  const byType = new Map<string, InstanceSnapshot[]>();
  for (const instance of variant.fleet.instances()) {
    if (instance.state !== 'in-service') continue;
    byType.set(instance.instanceType, [...(byType.get(instance.instanceType) ?? []), instance]);
  }
  return [...byType].flatMap(([InstanceType, instances]) => {
    const of = (namespace: string, metricName: string, unit: Measurement['unit'], values: number[]): Measurement => ({
      metric: { namespace, metricName, dimensions: { ...dimensions, InstanceType } },
      unit,
      fromSeconds,
      sum: values.reduce((sum, value) => sum + value, 0),
      sampleCount: values.length,
      minimum: Math.min(...values),
      maximum: Math.max(...values),
    });
    const gpus = findInstanceType(InstanceType)?.accelerator?.count ?? 1;
    const requests = instances.map(({ busySlots, queued }) => busySlots + queued);
    const busy = instances.map(({ busySlots, slots }) => (busySlots / slots) * 100 * gpus);
    return [
      of(NAMESPACE, 'ConcurrentRequestsPerModel', 'Count', requests),
      of(UTILIZATION_NAMESPACE, 'GPUUtilization', 'Percent', busy),
    ];
  });
}

const constant = (value: number, sampleCount: number): StatisticSet => ({
  sum: value * sampleCount,
  sampleCount,
  minimum: value,
  maximum: value,
});

export const scaled = ({ sum, sampleCount, minimum, maximum }: StatisticSet, factor: number): StatisticSet => ({
  sum: sum * factor,
  sampleCount,
  minimum: minimum * factor,
  maximum: maximum * factor,
});

/** The measurement as the CloudWatch model takes it. */
export const toDatapoint = ({ metric, fromSeconds, sum, sampleCount, minimum, maximum }: Measurement): Datapoint => ({
  metric,
  atSeconds: fromSeconds,
  sum,
  sampleCount,
  minimum,
  maximum,
});
