import { Duration } from 'aws-cdk-lib';
import { EMR_SERVERLESS_PRICES, emrServerlessUsdPerHour, findEmrServerlessRelease } from '../catalog/emr-serverless';
import { EmrRelease } from '../features';
import type { StageFeatures } from './stage-configuration';

/** Size of a worker of the stage's feature pipeline. */
export const FEATURE_WORKER = { vcpus: 4, memoryGb: 16 } as const;

/** Release of the stage's feature pipeline. */
export const FEATURE_RELEASE = EmrRelease.SPARK_8_1_0;

/** Applies the defaults. */
export function featureSettings(features: StageFeatures) {
  return {
    maxWorkers: features.maxWorkers ?? 4,
    interval: features.interval ?? Duration.hours(1),
    executionTimeout: features.executionTimeout ?? Duration.minutes(30),
    // A run that fails is repeated by the next one of the schedule.
    maxAttempts: 1,
  };
}

/** Returns the problems of a stage's feature pipeline; none without one. */
export function checkFeatures(features: StageFeatures | undefined, region: string): string[] {
  if (features === undefined) return [];
  const { maxWorkers, interval, executionTimeout } = featureSettings(features);
  const problems: string[] = [];
  if (!Number.isInteger(maxWorkers) || maxWorkers < 2 || maxWorkers > 1000)
    problems.push(
      `features.maxWorkers (${maxWorkers}) must be a whole number from 2, a driver and an executor, to 1000`,
    );
  const hours = interval.toHours({ integral: false });
  if (!Number.isInteger(hours) || hours < 1 || hours > 24 * 31)
    problems.push(`features.interval (${hours} hours) must be whole hours from 1 to 744`);
  const minutes = executionTimeout.toMinutes({ integral: false });
  if (!Number.isInteger(minutes) || minutes < 5 || minutes > hours * 60)
    problems.push(
      `features.executionTimeout (${minutes} minutes) must be whole minutes from 5 to the interval, so that runs do not queue up`,
    );
  if (findEmrServerlessRelease(FEATURE_RELEASE.label)?.missingIn.includes(region) === true)
    problems.push(`EMR Serverless has no ${FEATURE_RELEASE.label} in ${region}; leave features out`);
  for (const [name, usd] of Object.entries(features.prices ?? {}))
    if (!(Number(usd) > 0)) problems.push(`features.prices.${name} (${String(usd)}) must be above 0`);
  return problems;
}

/** Returns the most that the feature pipeline costs in some hours, USD: every run at its maximum until its time-out; 0 without one. */
export function featuresCeilingUsd(features: StageFeatures | undefined, region: string, hours: number): number {
  if (features === undefined) return 0;
  const prices = features.prices ?? EMR_SERVERLESS_PRICES[region];
  if (prices === undefined) return 0;
  const { maxWorkers, interval, executionTimeout, maxAttempts } = featureSettings(features);
  const runs = Math.ceil(hours / interval.toHours({ integral: false }));
  const usdPerHour = emrServerlessUsdPerHour(
    FEATURE_WORKER.vcpus * maxWorkers,
    FEATURE_WORKER.memoryGb * maxWorkers,
    prices,
  );
  return runs * maxAttempts * executionTimeout.toHours({ integral: false }) * usdPerHour;
}
