import type { EpochSeconds } from '../../../core/time';
import { MeanLevel } from './mean-level';
import { grown } from './request-table';

const INITIAL_INSTANCES = 64;
const INITIAL_LOADS = 256;

/**
 * Instances in service, sorted by the requests in them, so that the least loaded one is found without a search. One request more or fewer
 * swaps two instances. Of equally loaded ones the one that was freed last comes first.
 *
 * An instance is the number of its place in the roster; columns are replaced when they grow.
 */
export class InstanceOrder {
  /** Requests present in each instance, in service or draining. */
  public load = new Int32Array(INITIAL_INSTANCES);
  /** Those of them whose callers have given up. */
  public abandoned = new Int32Array(INITIAL_INSTANCES);
  /** 1 for instances in service. */
  public serves = new Uint8Array(INITIAL_INSTANCES);
  /** Instances in service, fewest requests first, and the index of each in that order. */
  public order = new Int32Array(INITIAL_INSTANCES);
  public position = new Int32Array(INITIAL_INSTANCES);
  /** Number of instances in service. */
  public serving = 0;
  /** Index in `order` of the first instance with at least a number of requests, by that number. */
  public firstWith = new Int32Array(INITIAL_LOADS);

  /** Requests present in the instances in service. */
  public readonly outstanding: MeanLevel;
  /** Minimum and maximum of the requests in one instance since the start of the span. */
  public lowest = 0;
  public highest = 0;

  public constructor(startAt: EpochSeconds) {
    this.outstanding = new MeanLevel(startAt);
  }

  /** Adds an instance without requests. */
  public enter(instance: number): void {
    if (instance >= this.load.length) this.growInstances((instance + 1) * 2);
    const { order, position, firstWith, serving } = this;
    order.copyWithin(1, 0, serving);
    order[0] = instance;
    this.serving = serving + 1;
    for (let index = 0; index <= serving; index++) position[order[index]] = index;
    for (let load = 1; load < firstWith.length; load++) firstWith[load]++;
    this.load[instance] = 0;
    this.abandoned[instance] = 0;
    this.serves[instance] = 1;
    this.lowest = 0;
  }

  /** Removes an instance; its requests no longer count. */
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

  /** Adds a request to an instance in service. */
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

  /** Removes a request from an instance. */
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

  /** Doubles the maximum number of requests in one instance. */
  public growLoads(): void {
    this.firstWith = grown(this.firstWith, new Int32Array(this.firstWith.length * 2).fill(this.serving));
  }

  /** Starts the next span of measurements. */
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
    this.abandoned = grown(this.abandoned, new Int32Array(size));
    this.serves = grown(this.serves, new Uint8Array(size));
    this.order = grown(this.order, new Int32Array(size));
    this.position = grown(this.position, new Int32Array(size));
  }
}
