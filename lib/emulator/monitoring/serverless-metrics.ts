import type { EpochSeconds } from '../../core/time';
import { equalSamples, scaleStatistics } from '../../simulation/aws/cloudwatch';
import { asPublished, type QuietMetrics } from '../../simulation/aws/sagemaker-metrics';
import type { Environments } from '../sagemaker/endpoints/environments';
import { type Dimensions, type Measurement, measurements, type StatisticsByName } from './measurement';

const MICROSECONDS = 1_000_000;

/** Metrics that SageMaker publishes of a serverless variant's environments for a span that has ended (developer guide, monitoring serverless endpoints). */
export function measureEnvironments(
  dimensions: Dimensions,
  environments: Environments,
  fromSeconds: EpochSeconds,
  toSeconds: EpochSeconds,
  quiet: QuietMetrics,
): Measurement[] {
  const metrics = environments.drainMetrics(toSeconds);
  const { busy, busyProvisioned, maxConcurrency, provisioned } = metrics;
  const ofProvisioned: StatisticsByName = {
    ServerlessProvisionedConcurrencyExecutions: asPublished(quiet, busyProvisioned),
    ServerlessProvisionedConcurrencyUtilization: asPublished(quiet, scaleStatistics(busyProvisioned, 1 / provisioned)),
    ServerlessProvisionedConcurrencyInvocations: asPublished(quiet, equalSamples(metrics.onProvisioned)),
    ServerlessProvisionedConcurrencySpilloverInvocations: asPublished(quiet, equalSamples(metrics.spilledOver)),
  };
  const statistics = {
    ServerlessConcurrentExecutionsUtilization: asPublished(quiet, scaleStatistics(busy, 1 / maxConcurrency)),
    ModelSetupTime: scaleStatistics(metrics.setupSeconds, MICROSECONDS),
    ...(provisioned > 0 ? ofProvisioned : {}),
  };
  return measurements(statistics, dimensions, fromSeconds);
}
