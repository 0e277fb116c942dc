import type { EpochSeconds } from '../../../core/time';
import type { StatisticSet } from '../../../simulation/fleet';
import type { Environments } from '../sagemaker/environments';
import { type Measurement, scaled } from './endpoint-metrics';

/** What a serverless variant publishes beside its requests (developer guide, monitoring serverless endpoints). */
export function measureEnvironments(
  dimensions: { readonly [name: string]: string },
  environments: Environments,
  fromSeconds: EpochSeconds,
  toSeconds: EpochSeconds,
): Measurement[] {
  const metrics = environments.drainMetrics(toSeconds);
  const put = (metricName: string, unit: Measurement['unit'], set: StatisticSet): Measurement => ({
    metric: { namespace: 'AWS/SageMaker', metricName, dimensions },
    unit,
    fromSeconds,
    ...set,
  });
  const share = 'ServerlessConcurrentExecutionsUtilization';
  const all = [put(share, 'None', scaled(metrics.busy, 1 / metrics.maxConcurrency))];
  if (metrics.setupSeconds.sampleCount > 0) {
    all.push(put('ModelSetupTime', 'Microseconds', scaled(metrics.setupSeconds, 1_000_000)));
  }
  if (metrics.provisioned === 0) return all;
  const count = (value: number): StatisticSet => ({ sum: value, sampleCount: 1, minimum: value, maximum: value });
  return [
    ...all,
    put('ServerlessProvisionedConcurrencyExecutions', 'Count', metrics.busyProvisioned),
    put(
      'ServerlessProvisionedConcurrencyUtilization',
      'None',
      scaled(metrics.busyProvisioned, 1 / metrics.provisioned),
    ),
    put('ServerlessProvisionedConcurrencyInvocations', 'Count', count(metrics.onProvisioned)),
    put('ServerlessProvisionedConcurrencySpilloverInvocations', 'Count', count(metrics.spilledOver)),
  ];
}
