import { AggregatedFleet, type AggregatedFleetOptions } from '../fleet/pooled/aggregated-fleet';
import type { AbandonedWork } from '../fleet/engine/request-engine';
import { RequestFleet } from '../fleet/engine/request-fleet';
import type { RequestList } from '../fleet/engine/request-list';
import type { SecondFleet } from '../fleet/pooled/second-fleet';
import { RequestBlock, requestSource } from '../traffic/request-source';
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
  /** Single requests, if the trial is played request by request. */
  readonly requests?: RequestList;
  /** Work of single requests whose callers have given up. */
  readonly abandonedWork: AbandonedWork;
}

/** Maximum number of requests, of all seeds together, that are played one by one: each about forty times, a quarter of a microsecond long. */
const MAX_SINGLE_REQUESTS = 4e6;

/** Seconds before a window from which requests may still occupy a slot when it begins: service times of the mean × this. */
const EARLIER_MEANS = 12;

/** Returns a fleet for the traffic of a trial. */
export function fleetOf(trial: Trial): SecondFleet {
  const { requests } = trial;
  return requests === undefined ? new AggregatedFleet(trial) : new RequestFleet({ ...trial, requests });
}

export function trialOf(workload: Workload, settings: ComparisonSettings, seed: number): Trial {
  const single = singleRequests(workload, settings, seed);
  const arrivals = single?.arrivals ?? arrivalsPerSecond(workload, seed, settings.toSeconds);
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
    abandonedWork: settings.abandonedWork,
    ...(single !== undefined && { requests: single.requests }),
    settings: {
      slotsPerInstance: settings.slotsPerInstance,
      serviceMeanSeconds: settings.serviceMeanSeconds,
      provisioningSeconds: settings.provisioningSeconds,
      minCapacity: settings.minCapacity,
      maxCapacity: settings.maxCapacity,
    },
  };
}

/** Reads the requests of a window, and the arrivals of each second until its end; undefined if they are too many. */
function singleRequests(
  workload: Workload,
  settings: ComparisonSettings,
  seed: number,
): { readonly requests: RequestList; readonly arrivals: Float64Array } | undefined {
  const { fromSeconds, toSeconds, serviceMeanSeconds: meanSeconds, serviceCoefficientOfVariation } = settings;
  const service = {
    kind: 'distribution',
    distribution: 'lognormal',
    meanSeconds,
    coefficientOfVariation: serviceCoefficientOfVariation,
  } as const;
  const source = requestSource(workload, { service, seed, toSeconds });
  const arrivals = new Float64Array(toSeconds);
  const first = fromSeconds - EARLIER_MEANS * meanSeconds;
  let at = new Float64Array(1 << 14);
  let seconds = new Float64Array(1 << 14);
  let length = 0;
  let inWindow = 0;
  const block = new RequestBlock();
  while (source.next(block)) {
    while (length + block.length > at.length) {
      at = grown(at);
      seconds = grown(seconds);
    }
    for (let index = 0; index < block.length; index++) {
      const moment = block.at[index];
      arrivals[Math.min(toSeconds - 1, Math.floor(moment))]++;
      if (moment < first) continue;
      if (moment >= fromSeconds) inWindow++;
      at[length] = moment;
      seconds[length++] = block.service[index];
    }
    if (inWindow * settings.seeds > MAX_SINGLE_REQUESTS) return undefined;
  }
  return { requests: { at: at.subarray(0, length), service: seconds.subarray(0, length) }, arrivals };
}

function grown(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(values.length * 2);
  larger.set(values);
  return larger;
}
