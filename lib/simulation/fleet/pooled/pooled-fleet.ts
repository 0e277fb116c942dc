import { TARGET_UTILIZATION } from '../../../scaling/decide';
import { Random } from '../../random';
import type { AbandonedWork } from '../engine/request-engine';
import { provisioningTimes, type Provisioning } from '../provisioning';
import { drainSeconds } from '../drain';
import { BLOCK_SECONDS, residualsOf, type Demand } from './demand';

/** Settings of a pooled fleet, independent of its policy. */
export interface PooledFleetOptions {
  readonly slotsPerInstance: number;
  readonly provisioning: Provisioning;
  /** Maximum wait for a slot of a request that is served well. */
  readonly sloWaitSeconds: number;
  /** Maximum wait for a slot; a request that waits longer times out. */
  readonly requestTimeoutSeconds: number;
  /** Work of requests that time out in the queue: done all the same, or dropped. @default 'served' */
  readonly abandonedWork?: AbandonedWork;
  readonly seed: number | string;
}

/** Displaced requests below this number count as none. */
const NEGLIGIBLE = 0.05;

/**
 * One pooled fleet in blocks of ten seconds. It differs from its demand by displaced requests only: while there are enough slots, occupancy
 * is that of the demand and a block costs a few operations. Otherwise seconds are simulated one by one: requests without a slot queue, and
 * displaced ones end exponentially, with the mean service time.
 */
export class PooledFleet {
  public desired = 0;
  public inService = 0;
  /** Requests not served well so far. */
  public missed = 0;
  /** Billed instance seconds: provisioning, in service, draining. */
  public billedSeconds = 0;
  /** Mean of the requests present in the last block, and the maximum at the end of its seconds. */
  public meanPresent = 0;
  public peakPresent = 0;

  private readonly startUp: () => number;
  private readonly drain: number;
  private readonly mean: number;
  /** Displaced requests that one start adds by the end of its second, and the share of them left a second later. */
  private readonly weight: number;
  private readonly decay: number;
  private starting: number[] = [];
  private queue = 0;
  private displaced = 0;

  public constructor(
    private readonly demand: Demand,
    private readonly options: PooledFleetOptions,
  ) {
    this.startUp = provisioningTimes(new Random(options.seed).fork('provisioning'), options.provisioning);
    this.drain = drainSeconds(residualsOf(demand), Math.max(1, options.slotsPerInstance * TARGET_UTILIZATION));
    this.mean = Math.max(1e-3, demand.meanServiceSeconds);
    this.decay = Math.exp(-1 / this.mean);
    this.weight = this.mean * (1 - this.decay);
  }

  /** Sets the capacity in service when the traffic begins. */
  public begin(count: number): void {
    this.desired = count;
    this.inService = count;
  }

  /** Launches or releases instances at a second from the start. Starting instances are cancelled first, the newest before the others. */
  public setDesired(count: number, second: number): void {
    for (; this.desired < count; this.desired++) this.starting.push(second + Math.max(1, Math.round(this.startUp())));
    this.starting.sort((a, b) => a - b);
    const cancelled = Math.min(this.desired - count, this.starting.length);
    if (cancelled > 0) this.starting.length -= cancelled;
    const released = Math.min(this.inService, this.desired - count - Math.max(0, cancelled));
    if (released > 0) {
      // Requests in the released instances end there, outside the pool.
      const block = Math.floor(second / BLOCK_SECONDS);
      const present = block > 0 ? this.demand.occupancy[second - 1] + this.displaced : 0;
      this.displaced -= (Math.max(0, present) * released) / this.inService;
      this.inService -= released;
      this.billedSeconds += released * this.drain;
    }
    this.desired = count;
  }

  /** Simulates ten seconds. */
  public playBlock(block: number): void {
    const { demand, starting } = this;
    const from = block * BLOCK_SECONDS;
    this.billedSeconds += (this.inService + starting.length) * BLOCK_SECONDS;
    const calm =
      this.queue === 0 &&
      this.displaced === 0 &&
      demand.blockPeak[block] <= this.inService * this.options.slotsPerInstance &&
      (starting.length === 0 || starting[0] >= from + BLOCK_SECONDS);
    if (calm) {
      this.meanPresent = demand.blockOccupancy[block] / BLOCK_SECONDS;
      this.peakPresent = demand.blockPeak[block];
      return;
    }
    let sum = 0;
    this.peakPresent = 0;
    for (let second = from; second < from + BLOCK_SECONDS; second++) {
      while (starting.length > 0 && starting[0] <= second) {
        starting.shift();
        this.inService++;
      }
      const present = this.playSecond(second);
      sum += present;
      if (present > this.peakPresent) this.peakPresent = present;
    }
    this.meanPresent = sum / BLOCK_SECONDS;
  }

  private playSecond(second: number): number {
    const { demand, mean, weight, options } = this;
    const arriving = demand.arrivals[second];
    const occupied = demand.occupancy[second];
    this.displaced *= this.decay;
    const slots = this.inService * options.slotsPerInstance;
    if (slots === 0) {
      this.missed += arriving;
      this.displaced = -occupied;
      this.queue = 0;
      return 0;
    }
    const before = this.queue;
    const more = Math.max(-arriving, Math.min(before, (slots - occupied - this.displaced) / weight));
    this.displaced += weight * more;
    if (Math.abs(this.displaced) < NEGLIGIBLE) this.displaced = 0;
    this.queue = before - more;
    if (options.abandonedWork === 'dropped') {
      this.queue = Math.min((options.requestTimeoutSeconds * slots) / mean, this.queue);
    }
    if (this.queue < 1e-6) this.queue = 0;
    if (this.queue > 0 || before > 0) {
      this.missed +=
        arriving * shareAbove((before * mean) / slots, (this.queue * mean) / slots, options.sloWaitSeconds);
    }
    return Math.max(0, occupied + this.displaced + this.queue);
  }
}

/** Returns the share of a second in which a wait that changes linearly between two values lies above a limit. */
function shareAbove(from: number, to: number, limit: number): number {
  const low = Math.min(from, to);
  const high = Math.max(from, to);
  if (high <= limit) return 0;
  return low >= limit ? 1 : (high - limit) / (high - low);
}
