import type { AggregatedFleetOptions } from '../fleet/pooled/aggregated-fleet';
import type { Workload } from '../traffic/workload';
import { arrivalsPerSecond } from './arrivals';
import type { ComparisonSettings } from './comparison-settings';
import type { PolicySettings } from './policies/policy';

/** The traffic and the fleet of one seed: the same for every policy. */
export interface Trial extends AggregatedFleetOptions {
  readonly settings: PolicySettings;
  /** Sums of arrivals up to each second from the trace's start; index 0 is 0. */
  readonly arrivalSums: Float64Array;
  /** Seconds from the end of a period until its metric is visible. */
  readonly metricDelaySeconds: number;
}

export function trialOf(workload: Workload, settings: ComparisonSettings, seed: number): Trial {
  const arrivals = arrivalsPerSecond(workload, seed, settings.toSeconds);
  const arrivalSums = new Float64Array(arrivals.length + 1);
  for (let second = 0; second < arrivals.length; second++) {
    arrivalSums[second + 1] = arrivalSums[second] + arrivals[second];
  }
  return {
    arrivals,
    arrivalSums,
    fromSeconds: settings.fromSeconds,
    toSeconds: settings.toSeconds,
    slotsPerInstance: settings.slotsPerInstance,
    service: {
      meanSeconds: settings.serviceMeanSeconds,
      coefficientOfVariation: settings.serviceCoefficientOfVariation,
    },
    sloWaitSeconds: settings.sloWaitSeconds,
    provisioning: { medianSeconds: settings.provisioningSeconds, sigma: settings.provisioningSigma },
    metricDelaySeconds: settings.metricDelaySeconds,
    seed,
    settings: {
      slotsPerInstance: settings.slotsPerInstance,
      serviceMeanSeconds: settings.serviceMeanSeconds,
      provisioningSeconds: settings.provisioningSeconds,
      minCapacity: settings.minCapacity,
      maxCapacity: settings.maxCapacity,
    },
  };
}
