import { findInstanceType } from '../../catalog/instance-types';
import type { EpochSeconds } from '../../core/time';
import { equalSamples, NO_SAMPLES, scaleStatistics, type StatisticSet } from '../../simulation/aws/cloudwatch';
import {
  type EndpointLoad,
  FOLLOWING_UTILIZATION_METRICS,
  asPublished,
  type QuietMetrics,
  variantMetrics,
} from '../../simulation/aws/sagemaker-metrics';
import type { FleetMetrics, InstanceSnapshot } from '../../simulation/fleet';
import type { Random } from '../../simulation/random';
import type { StreamMetrics, Variant } from '../sagemaker/endpoints/variant';
import { applyTable, type Dimensions, type Measurement, measurements, type StatisticsByName } from './measurement';

const MICROSECONDS = 1_000_000;
/** Seconds that SageMaker adds around the container: a few milliseconds with a long tail; an assumption. */
const OVERHEAD = { medianSeconds: 0.006, sigma: 0.4 } as const;
/** An assumption. */
const DISK_PERCENT = 18;

/** Metrics that SageMaker publishes of one variant for a span that has ended. */
export function measureVariant(
  dimensions: Dimensions,
  variant: Variant,
  fromSeconds: EpochSeconds,
  toSeconds: EpochSeconds,
  random: Random,
  quiet: QuietMetrics,
): Measurement[] {
  const ofRequests = variantMetrics(quiet);
  const drained = variant.drainMetrics(toSeconds);
  const gpus = gpusOf(variant.spec.pools[0]!.instanceType);
  const load = loadOf(drained.all, drained.refused, gpus);
  const all = measurements(
    {
      ...applyTable(ofRequests, load),
      ...overheadOf(load, random),
      ...applyTable(FOLLOWING_UTILIZATION_METRICS, load),
      DiskUtilization: equalSamples(DISK_PERCENT, load.gpuUtilizationPercent.sampleCount),
    },
    dimensions,
    fromSeconds,
  );
  if (drained.byConfig.length > 1) {
    for (const { configName, metrics } of drained.byConfig) {
      const ofConfig = { ...loadOf(metrics, 0, gpus), gpuUtilizationPercent: NO_SAMPLES };
      const statistics = { ...applyTable(ofRequests, ofConfig), ...overheadOf(ofConfig, random) };
      all.push(...measurements(statistics, { ...dimensions, EndpointConfigName: configName }, fromSeconds));
    }
  }
  all.push(...measurements(streamStatistics(drained, random), dimensions, fromSeconds));
  if (variant.spec.pooled) all.push(...perInstanceType(variant, dimensions, fromSeconds, quiet));
  return all;
}

/** Load of a fleet; `refused` requests have a body that the model cannot parse. */
export const loadOf = (metrics: FleetMetrics, refused: number, gpusPerInstance: number): EndpointLoad => ({
  ...metrics,
  invocations: metrics.invocations + refused,
  errors4xx: metrics.errors4xx + refused,
  modelErrors: metrics.modelErrors + refused,
  gpusPerInstance,
});

/** Time outside the container, equal for all requests of a span. */
export function overheadOf({ modelLatencySeconds: { sampleCount } }: EndpointLoad, random: Random): StatisticsByName {
  if (sampleCount === 0) return {};
  const overhead = random.lognormal(OVERHEAD.medianSeconds, OVERHEAD.sigma);
  return { OverheadLatency: equalSamples(overhead * MICROSECONDS, sampleCount) };
}

function streamStatistics({ firstChunkSeconds, midStreamErrors }: StreamMetrics, random: Random): StatisticsByName {
  const errors = { MidStreamErrors: equalSamples(1, midStreamErrors) };
  const { sum, sampleCount, minimum, maximum } = firstChunkSeconds;
  if (sampleCount === 0) return errors;
  const overhead = random.lognormal(OVERHEAD.medianSeconds, OVERHEAD.sigma);
  const whole = {
    sum: sum + overhead * sampleCount,
    sampleCount,
    minimum: minimum + overhead,
    maximum: maximum + overhead,
  };
  return {
    FirstChunkLatency: scaleStatistics(whole, MICROSECONDS),
    FirstChunkModelLatency: scaleStatistics(firstChunkSeconds, MICROSECONDS),
    FirstChunkOverheadLatency: equalSamples(overhead * MICROSECONDS, sampleCount),
    ...errors,
  };
}

/** Load per instance type, which SageMaker publishes for instance pools; here as it is at the end of the span. */
function perInstanceType(
  variant: Variant,
  dimensions: Dimensions,
  fromSeconds: EpochSeconds,
  quiet: QuietMetrics,
): Measurement[] {
  const byType = new Map<string, InstanceSnapshot[]>();
  for (const instance of variant.fleet.instances()) {
    if (instance.state !== 'in-service') continue;
    byType.set(instance.instanceType, [...(byType.get(instance.instanceType) ?? []), instance]);
  }
  return [...byType].flatMap(([InstanceType, instances]) => {
    const requests = instances.map(({ busySlots, queued }) => busySlots + queued);
    const busyPercent = instances.map(({ busySlots, slots }) => (busySlots / slots) * 100);
    const statistics = {
      ConcurrentRequestsPerModel: asPublished(quiet, statisticsOf(requests)),
      GPUUtilization: scaleStatistics(statisticsOf(busyPercent), gpusOf(InstanceType)),
    };
    return measurements(statistics, { ...dimensions, InstanceType }, fromSeconds);
  });
}

const gpusOf = (instanceType: string): number => findInstanceType(instanceType)?.accelerator?.count ?? 1;

const statisticsOf = (values: readonly number[]): StatisticSet => ({
  sum: values.reduce((sum, value) => sum + value, 0),
  sampleCount: values.length,
  minimum: Math.min(...values),
  maximum: Math.max(...values),
});
