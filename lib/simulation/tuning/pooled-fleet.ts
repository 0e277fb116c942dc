import { Random } from '../random';
import type { Provisioning } from '../simulator/scenario';
import { BLOCK_SECONDS, drainSeconds, type Demand } from './demand';

/** How a fleet answers demand, whatever its policy. */
export interface PooledFleetOptions {
  readonly slotsPerInstance: number;
  readonly provisioning: Provisioning;
  /** A request that waits longer for a slot is served badly, in seconds. */
  readonly sloWaitSeconds: number;
  /** Requests that wait so long are given up, in seconds. */
  readonly requestTimeoutSeconds: number;
  readonly seed: number | string;
}

/** A drained instance was as full as policies usually keep it. */
const USUAL_LOAD = 0.7;
/** A displacement of so few requests is over. */
const NEGLIGIBLE = 0.05;

/**
 * One pooled fleet in blocks of ten seconds, told apart from its demand by the displaced requests only: as long as the slots hold what the
 * requests ask for, occupancy is the demand's own and a block costs a few operations. Where they do not, seconds are played one by one:
 * what finds no slot queues, what is displaced ends by an exponential of the mean service time.
 */
export class PooledFleet {
  public desired = 0;
  public inService = 0;
  /** Requests served badly so far. */
  public missed = 0;
  /** Seconds of instances paid for: starting, in service, draining. */
  public billedSeconds = 0;
  /** Mean requests present in the last block, and the most at the end of one of its seconds. */
  public meanPresent = 0;
  public peakPresent = 0;

  private readonly random: Random;
  private readonly drain: number;
  private readonly mean: number;
  /** What a displaced start adds to the end of its second, and what of it is left a second later. */
  private readonly weight: number;
  private readonly decay: number;
  private starting: number[] = [];
  private queue = 0;
  private displaced = 0;

  public constructor(
    private readonly demand: Demand,
    private readonly options: PooledFleetOptions,
  ) {
    this.random = new Random(options.seed).fork('provisioning');
    this.drain = drainSeconds(demand, Math.max(1, options.slotsPerInstance * USUAL_LOAD));
    this.mean = Math.max(1e-3, demand.meanServiceSeconds);
    this.decay = Math.exp(-1 / this.mean);
    this.weight = this.mean * (1 - this.decay);
  }

  /** The capacity in service when the traffic begins. */
  public begin(count: number): void {
    this.desired = count;
    this.inService = count;
  }

  /** Launches or releases instances at a second from the start; those still starting are cancelled first, the newest before. */
  public setDesired(count: number, second: number): void {
    for (; this.desired < count; this.desired++) this.starting.push(second + Math.max(1, Math.round(this.startUp())));
    this.starting.sort((a, b) => a - b);
    const cancelled = Math.min(this.desired - count, this.starting.length);
    if (cancelled > 0) this.starting.length -= cancelled;
    const released = Math.min(this.inService, this.desired - count - Math.max(0, cancelled));
    if (released > 0) {
      // Their requests end there, outside the pool.
      const block = Math.floor(second / BLOCK_SECONDS);
      const present = block > 0 ? this.demand.occupancy[second - 1] + this.displaced : 0;
      this.displaced -= (Math.max(0, present) * released) / this.inService;
      this.inService -= released;
      this.billedSeconds += released * this.drain;
    }
    this.desired = count;
  }

  /** Plays ten seconds. */
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
    const come = demand.arrivals[second];
    const occupied = demand.occupancy[second];
    this.displaced *= this.decay;
    const slots = this.inService * options.slotsPerInstance;
    if (slots === 0) {
      this.missed += come;
      this.displaced = -occupied;
      this.queue = 0;
      return 0;
    }
    const before = this.queue;
    const more = Math.max(-come, Math.min(before, (slots - occupied - this.displaced) / weight));
    this.displaced += weight * more;
    if (Math.abs(this.displaced) < NEGLIGIBLE) this.displaced = 0;
    const longest = (options.requestTimeoutSeconds * slots) / mean;
    this.queue = Math.min(longest, before - more);
    if (this.queue < 1e-6) this.queue = 0;
    if (this.queue > 0 || before > 0) {
      this.missed += come * shareAbove((before * mean) / slots, (this.queue * mean) / slots, options.sloWaitSeconds);
    }
    return Math.max(0, occupied + this.displaced + this.queue);
  }

  private startUp(): number {
    const { provisioning } = this.options;
    if (provisioning.kind === 'measured') return provisioning.seconds[this.random.integer(provisioning.seconds.length)];
    return this.random.lognormal(provisioning.medianSeconds, provisioning.sigma);
  }
}

/** The share of a second in which a wait that moves evenly from one value to another lies above a limit. */
function shareAbove(from: number, to: number, limit: number): number {
  const low = Math.min(from, to);
  const high = Math.max(from, to);
  if (high <= limit) return 0;
  return low >= limit ? 1 : (high - limit) / (high - low);
}
