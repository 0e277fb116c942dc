import type { ServiceTimes } from '../../traffic/service-times';
import { RequestBlock, requestSource, type TrafficShare } from '../../traffic/request-source';
import type { Workload } from '../../traffic/workload';

/** Seconds in a block: the finest period that a scaling policy can follow. */
export const BLOCK_SECONDS = 10;

/**
 * Demand of a workload, second by second, for any fleet: its requests are read once, and not again for each candidate. The arrays are in
 * shared memory, so that threads read the same ones.
 */
export interface Demand {
  /** Whole seconds of the workload in full blocks; seconds after its end have no requests. */
  readonly seconds: number;
  /** Requests that arrive in each second. */
  readonly arrivals: Uint32Array;
  /** Requests in slots at the end of each second, with unlimited capacity. */
  readonly occupancy: Uint32Array;
  /** Sum of arrivals, sum and maximum of occupancy of each block. */
  readonly blockArrivals: Float64Array;
  readonly blockOccupancy: Float64Array;
  readonly blockPeak: Float64Array;
  /** Mean seconds of service; 0 without requests. */
  readonly meanServiceSeconds: number;
  /** Share of requests with a longer service time, for whole seconds from 0. */
  readonly survival: Float32Array;
  /** Ratio of requests whose service alone takes longer than the time-out: no fleet serves them well. */
  readonly unservableRatio: number;
}

/** Settings of a demand. */
export interface DemandOptions {
  readonly service: ServiceTimes;
  readonly seed: number | string;
  /** Maximum seconds from arrival to response. */
  readonly requestTimeoutSeconds: number;
  /** Part of the requests that is routed to the fleet. @default all of them */
  readonly share?: TrafficShare;
  /** Receives the share of the workload read so far. */
  readonly onProgress?: (share: number) => void;
}

const MAX_SURVIVAL_SECONDS = 4096;

/** Reads the requests of a workload, with the service times that a rehearsal with the same seed draws. */
export function demandOf(workload: Workload, options: DemandOptions): Demand {
  const blocks = Math.max(1, Math.ceil(workload.durationSeconds / BLOCK_SECONDS));
  const seconds = blocks * BLOCK_SECONDS;
  const arrivals = sharedCounts(seconds);
  const changes = new Int32Array(seconds + 1);
  const lengths = new Float64Array(MAX_SURVIVAL_SECONDS + 1);
  const { service, seed, share } = options;
  const source = requestSource(workload, { service, seed, ...(share !== undefined && { share }) });
  const block = new RequestBlock();
  let count = 0;
  let work = 0;
  let unservable = 0;
  while (source.next(block)) {
    for (let index = 0; index < block.length; index++) {
      const at = block.at[index];
      const service = block.service[index];
      const second = Math.min(seconds - 1, Math.floor(at));
      arrivals[second]++;
      changes[second]++;
      changes[Math.min(seconds, Math.max(second, Math.ceil(at + service) - 1))]--;
      lengths[Math.min(MAX_SURVIVAL_SECONDS, Math.floor(service))]++;
      work += service;
      if (service > options.requestTimeoutSeconds) unservable++;
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
    unservableRatio: count === 0 ? 0 : unservable / count,
  };
}

/** Share of residual service times that have ended in the middle of each second, for {@link drainSeconds}. */
export function residualsOf({ survival, meanServiceSeconds }: Demand): number[] {
  if (meanServiceSeconds === 0) return [];
  let ended = 0;
  return Array.from(survival, (share) => {
    const before = ended;
    ended = Math.min(1, ended + share / Math.max(meanServiceSeconds, 0.5));
    return (before + ended) / 2;
  });
}

function totals(
  arrivals: Uint32Array,
  changes: Int32Array,
  blocks: number,
): Pick<Demand, 'occupancy' | 'blockArrivals' | 'blockOccupancy' | 'blockPeak'> {
  const occupancy = sharedCounts(arrivals.length);
  const [blockArrivals, blockOccupancy, blockPeak] = [sharedSums(blocks), sharedSums(blocks), sharedSums(blocks)];
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
    // Requests that end within the second are present for half of it on average.
    shares.push((left + lengths[second] / 2) / Math.max(1, count));
  }
  const survival = new Float32Array(new SharedArrayBuffer(Math.max(1, shares.length) * Float32Array.BYTES_PER_ELEMENT));
  survival.set(shares);
  return survival;
}

/** Counts of single seconds, as small as those of 32 bits and exact: 32-bit floats stop counting at 2^24 requests. */
function sharedCounts(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT));
}

/** Sums of blocks, which may exceed 32 bits. */
function sharedSums(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT));
}
