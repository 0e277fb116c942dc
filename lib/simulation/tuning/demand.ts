import type { ServiceTimes } from '../service-times';
import { RequestBlock, requestSource, type TrafficShare } from '../workload/request-source';
import type { Workload } from '../workload/workload';

/** Seconds in a block: the finest period that a scaling policy can follow. */
export const BLOCK_SECONDS = 10;

/**
 * What a workload asks of any fleet, second by second: every request is walked through once, and no candidate has to walk through them
 * again. The arrays are shared memory, so that threads read the same ones.
 */
export interface Demand {
  /** Whole seconds of the workload, in full blocks; what comes after its end is empty. */
  readonly seconds: number;
  /** Requests that arrive in each second. */
  readonly arrivals: Float32Array;
  /** Requests in slots at the end of each second if none ever waited. */
  readonly occupancy: Float32Array;
  /** Per block: the sum of its arrivals, the sum and the highest of its occupancy. */
  readonly blockArrivals: Float32Array;
  readonly blockOccupancy: Float32Array;
  readonly blockPeak: Float32Array;
  /** Mean seconds of service; 0 without requests. */
  readonly meanServiceSeconds: number;
  /** The share of requests that outlive so many seconds of service, by whole seconds from 0. */
  readonly survival: Float32Array;
  /** The share of requests whose service alone takes longer than the time-out: no fleet serves them well. */
  readonly hopelessShare: number;
}

/** How a workload is walked through. */
export interface DemandOptions {
  readonly service: ServiceTimes;
  readonly seed: number | string;
  /** Seconds in which an answer must be there. */
  readonly requestTimeoutSeconds: number;
  /** The part of the requests that the fleet gets. @default all of them */
  readonly share?: TrafficShare;
  /** Told the share that is done. */
  readonly onProgress?: (share: number) => void;
}

const MOST_SURVIVAL_SECONDS = 4096;

/** Walks through the requests of a workload once, with the service times that a rehearsal with the same seed gives them. */
export function demandOf(workload: Workload, options: DemandOptions): Demand {
  const blocks = Math.max(1, Math.ceil(workload.durationSeconds / BLOCK_SECONDS));
  const seconds = blocks * BLOCK_SECONDS;
  const arrivals = shared(seconds);
  const changes = new Int32Array(seconds + 1);
  const lengths = new Float64Array(MOST_SURVIVAL_SECONDS + 1);
  const { service, seed, share } = options;
  const source = requestSource(workload, { service, seed, ...(share !== undefined && { share }) });
  const block = new RequestBlock();
  let count = 0;
  let work = 0;
  let hopeless = 0;
  while (source.next(block)) {
    for (let index = 0; index < block.length; index++) {
      const at = block.at[index];
      const service = block.service[index];
      const second = Math.min(seconds - 1, Math.floor(at));
      arrivals[second]++;
      changes[second]++;
      changes[Math.min(seconds, Math.max(second, Math.ceil(at + service) - 1))]--;
      lengths[Math.min(MOST_SURVIVAL_SECONDS, Math.floor(service))]++;
      work += service;
      if (service > options.requestTimeoutSeconds) hopeless++;
    }
    count += block.length;
    options.onProgress?.(Math.min(1, block.at[block.length - 1] / seconds));
  }
  return {
    seconds,
    arrivals,
    ...totals(arrivals, changes, blocks),
    meanServiceSeconds: count === 0 ? 0 : work / count,
    survival: survivalOf(lengths, count),
    hopelessShare: count === 0 ? 0 : hopeless / count,
  };
}

/** The mean of the longest of so many residual services: how long an instance that takes no more requests is still billed. */
export function drainSeconds({ survival, meanServiceSeconds }: Demand, requests: number): number {
  if (meanServiceSeconds === 0) return 0;
  let ended = 0;
  let mean = 0;
  for (const share of survival) {
    const next = Math.min(1, ended + share / Math.max(meanServiceSeconds, 0.5));
    mean += 1 - ((ended + next) / 2) ** requests;
    if (next >= 1) break;
    ended = next;
  }
  return mean;
}

function totals(
  arrivals: Float32Array,
  changes: Int32Array,
  blocks: number,
): Pick<Demand, 'occupancy' | 'blockArrivals' | 'blockOccupancy' | 'blockPeak'> {
  const occupancy = shared(arrivals.length);
  const [blockArrivals, blockOccupancy, blockPeak] = [shared(blocks), shared(blocks), shared(blocks)];
  let present = 0;
  for (let second = 0; second < arrivals.length; second++) {
    present += changes[second];
    occupancy[second] = present;
    const block = Math.floor(second / BLOCK_SECONDS);
    blockArrivals[block] += arrivals[second];
    blockOccupancy[block] += present;
    if (present > blockPeak[block]) blockPeak[block] = present;
  }
  return { occupancy, blockArrivals, blockOccupancy, blockPeak };
}

function survivalOf(lengths: Float64Array, count: number): Float32Array {
  let left = count;
  const shares: number[] = [];
  for (let second = 0; second < lengths.length && left > 0; second++) {
    left -= lengths[second];
    // On average over the second, those that end in it are there for half of it.
    shares.push((left + lengths[second] / 2) / Math.max(1, count));
  }
  const survival = shared(Math.max(1, shares.length));
  survival.set(shares);
  return survival;
}

function shared(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
