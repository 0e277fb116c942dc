import { AggregatedFleet, type AggregatedFleetOptions } from '../fleet/pooled/aggregated-fleet';
import type { AbandonedWork } from '../fleet/engine/request-engine';
import { RequestFleet } from '../fleet/engine/request-fleet';
import { listSource, type RequestList } from '../fleet/engine/request-list';
import type { SecondFleet } from '../fleet/pooled/second-fleet';
import { RequestBlock, requestSource, type RequestSource } from '../traffic/request-source';
import type { Workload } from '../traffic/workload';
import { PLAY_LIMITS, type ComparisonSettings } from './comparison-settings';
import type { PolicySettings } from './policies/policy';

/** The traffic and the fleet of one seed: the same for every policy. */
export interface Trial extends AggregatedFleetOptions {
  readonly settings: PolicySettings;
  /** Sums of arrivals up to each second from the trace's start; index 0 is 0. */
  readonly arrivalSums: Float64Array;
  /** Seconds from the end of a period until its metric is visible. */
  readonly metricDelaySeconds: number;
  /** Single requests of the window and those before it that may still occupy a slot, if they are few enough to be kept. */
  readonly requests?: RequestList;
  /** Those before the window. */
  readonly earlier: RequestList;
  readonly requestCount: number;
  /** True if every policy is played request by request. */
  readonly isPlayedSingly: boolean;
  /** Returns the requests of the window from its beginning. */
  readonly source: () => RequestSource;
  /** Work of single requests whose callers have given up. */
  readonly abandonedWork: AbandonedWork;
}

/** Seconds before a window from which requests may still occupy a slot when it begins: service times of the mean × this. */
const EARLIER_MEANS = 12;

/** Returns a fleet for the traffic of a trial, played request by request unless they are too many. */
export function fleetOf(trial: Trial): SecondFleet {
  return trial.isPlayedSingly ? new RequestFleet(trial) : new AggregatedFleet(trial);
}

/** Returns a fleet in which the schedules of a search are played: second by second where the requests are too many to be kept. */
export function searchFleetOf(trial: Trial): SecondFleet {
  return trial.requests === undefined ? new AggregatedFleet(trial) : fleetOf(trial);
}

export function trialOf(workload: Workload, settings: ComparisonSettings, seed: number): Trial {
  const { arrivals, earlier, requests, requestCount, source } = requestsOf(workload, settings, seed);
  const { played } = settings.limits ?? PLAY_LIMITS;
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
    earlier,
    requestCount,
    isPlayedSingly: requestCount * settings.seeds <= played,
    source,
    ...(requests !== undefined && { requests }),
    settings: {
      slotsPerInstance: settings.slotsPerInstance,
      serviceMeanSeconds: settings.serviceMeanSeconds,
      provisioningSeconds: settings.provisioningSeconds,
      minCapacity: settings.minCapacity,
      maxCapacity: settings.maxCapacity,
    },
  };
}

/** Requests of a window and of the time before it. */
type WindowRequests = Pick<Trial, 'arrivals' | 'earlier' | 'requests' | 'requestCount' | 'source'>;

/** Reads the requests of a window once, counts the arrivals of each second until its end, and keeps the requests if they are few enough. */
function requestsOf(workload: Workload, settings: ComparisonSettings, seed: number): WindowRequests {
  const { fromSeconds, toSeconds, serviceMeanSeconds: meanSeconds, serviceCoefficientOfVariation } = settings;
  const service = {
    kind: 'distribution',
    distribution: 'lognormal',
    meanSeconds,
    coefficientOfVariation: serviceCoefficientOfVariation,
  } as const;
  const all = requestSource(workload, { service, seed, toSeconds });
  const arrivals = new Float64Array(toSeconds);
  const first = fromSeconds - EARLIER_MEANS * meanSeconds;
  let at = new Float64Array(1 << 14);
  let seconds = new Float64Array(1 << 14);
  let length = 0;
  let before = 0;
  let requestCount = 0;
  const { kept } = settings.limits ?? PLAY_LIMITS;
  let areKept = true;
  const block = new RequestBlock();
  while (all.next(block)) {
    while (length + block.length > at.length) {
      at = grown(at);
      seconds = grown(seconds);
    }
    for (let index = 0; index < block.length; index++) {
      const moment = block.at[index];
      arrivals[Math.min(toSeconds - 1, Math.floor(moment))]++;
      if (moment < first) continue;
      if (moment < fromSeconds) before++;
      else {
        requestCount++;
        if (!areKept) continue;
      }
      at[length] = moment;
      seconds[length++] = block.service[index];
    }
    if (requestCount * settings.seeds > kept) {
      areKept = false;
      length = before;
    }
  }
  const part = (from: number, to: number): RequestList => ({
    at: at.slice(from, to),
    service: seconds.slice(from, to),
  });
  const earlier = part(0, before);
  if (areKept) {
    const requests = { at: at.subarray(0, length), service: seconds.subarray(0, length) };
    const end = length;
    return { arrivals, earlier, requestCount, requests, source: () => listSource(requests, before, end) };
  }
  return {
    arrivals,
    earlier,
    requestCount,
    source: () => {
      // Counts have the same requests in every window; others are drawn one after the other from the beginning.
      const begin = workload.columns?.kind === 'counts' ? fromSeconds : 0;
      return from(requestSource(workload, { service, seed, fromSeconds: begin, toSeconds }), begin, fromSeconds);
    },
  };
}

/** The requests of a source whose clock begins at a second, from another second on. */
function from(source: RequestSource, begin: number, first: number): RequestSource {
  return {
    next(block: RequestBlock): boolean {
      do {
        if (!source.next(block)) return false;
        const { at, service, length } = block;
        let kept = 0;
        for (let index = 0; index < length; index++) {
          const moment = at[index] + begin;
          if (moment < first) continue;
          at[kept] = moment;
          service[kept++] = service[index];
        }
        block.length = kept;
      } while (block.length === 0);
      return true;
    },
  };
}

function grown(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(values.length * 2);
  larger.set(values);
  return larger;
}
