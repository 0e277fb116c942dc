import type { EpochSeconds } from '../../../core/time';
import { MeanLevel } from './mean-level';
import { grown } from './request-table';

const INSTANCES_AT_FIRST = 64;
const LOADS_AT_FIRST = 256;

/**
 * The instances in service, sorted by the requests in them, so that the least loaded is found, loaded and unloaded without a search.
 * One request more or fewer swaps two instances. Of equally loaded ones the one that was freed last comes first.
 *
 * Instances are numbers, the places the roster gives them; columns are replaced when they grow.
 */
export class InstanceOrder {
  /** Requests present in each instance, in service or draining. */
  public load = new Int32Array(INSTANCES_AT_FIRST);
  /** 1 for the instances in service. */
  public serves = new Uint8Array(INSTANCES_AT_FIRST);
  /** The instances in service, fewest requests first, and where in that order each one is. */
  public order = new Int32Array(INSTANCES_AT_FIRST);
  public position = new Int32Array(INSTANCES_AT_FIRST);
  /** How many instances are in service. */
  public serving = 0;
  /** For each number of requests, where in `order` the instances with at least so many begin. */
  public firstWith = new Int32Array(LOADS_AT_FIRST);

  /** Requests present in the instances in service. */
  public readonly outstanding: MeanLevel;
  /** The fewest and the most requests in one instance since the span began. */
  public lowest = 0;
  public highest = 0;

  public constructor(startAt: EpochSeconds) {
    this.outstanding = new MeanLevel(startAt);
  }

  /** An instance without requests begins to take them. */
  public enter(instance: number): void {
    if (instance >= this.load.length) this.growInstances((instance + 1) * 2);
    const { order, position, firstWith, serving } = this;
    order.copyWithin(1, 0, serving);
    order[0] = instance;
    this.serving = serving + 1;
    for (let index = 0; index <= serving; index++) position[order[index]] = index;
    for (let load = 1; load < firstWith.length; load++) firstWith[load]++;
    this.load[instance] = 0;
    this.serves[instance] = 1;
    this.lowest = 0;
  }

  /** An instance takes no more requests; those it has no longer count. */
  public leave(instance: number, at: EpochSeconds): void {
    const { order, position, firstWith } = this;
    const load = this.load[instance];
    order.copyWithin(position[instance], position[instance] + 1, this.serving);
    this.serving--;
    for (let index = 0; index < this.serving; index++) position[order[index]] = index;
    for (let higher = load + 1; higher < firstWith.length; higher++) firstWith[higher]--;
    this.serves[instance] = 0;
    this.outstanding.change(-load, at);
  }

  /** One request more in an instance in service. */
  public raise(instance: number, at: EpochSeconds): void {
    const load = this.load[instance];
    if (load >= this.firstWith.length - 2) this.growLoads();
    const last = this.firstWith[load + 1] - 1;
    this.swap(instance, last);
    this.firstWith[load + 1] = last;
    this.load[instance] = load + 1;
    this.outstanding.change(1, at);
    if (load + 1 > this.highest) this.highest = load + 1;
  }

  /** One request fewer in an instance. */
  public lower(instance: number, at: EpochSeconds): void {
    const load = this.load[instance];
    this.load[instance] = load - 1;
    if (this.serves[instance] === 0) return;
    const first = this.firstWith[load];
    this.swap(instance, first);
    this.firstWith[load] = first + 1;
    this.outstanding.change(-1, at);
    if (load - 1 < this.lowest) this.lowest = load - 1;
  }

  /** Makes room for twice as many requests in one instance. */
  public growLoads(): void {
    this.firstWith = grown(this.firstWith, new Int32Array(this.firstWith.length * 2).fill(this.serving));
  }

  /** The next span of measurements begins. */
  public restart(at: EpochSeconds): void {
    const { load, order, serving } = this;
    this.outstanding.restart(at);
    this.lowest = serving === 0 ? 0 : load[order[0]];
    this.highest = serving === 0 ? 0 : load[order[serving - 1]];
  }

  private swap(instance: number, to: number): void {
    const here = this.position[instance];
    const moved = this.order[to];
    this.order[here] = moved;
    this.position[moved] = here;
    this.order[to] = instance;
    this.position[instance] = to;
  }

  private growInstances(size: number): void {
    this.load = grown(this.load, new Int32Array(size));
    this.serves = grown(this.serves, new Uint8Array(size));
    this.order = grown(this.order, new Int32Array(size));
    this.position = grown(this.position, new Int32Array(size));
  }
}
