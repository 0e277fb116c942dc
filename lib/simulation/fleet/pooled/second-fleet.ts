import { Random } from '../../random';
import type { SecondsHistogram } from '../seconds-histogram';

/** Window and start-up of a fleet that is scaled second by second. */
export interface SecondFleetOptions {
  /** Arrivals in each second from the trace's start. */
  readonly arrivals: Float64Array;
  /** Seconds from the trace's start at which the window begins. */
  readonly fromSeconds: number;
  /** Seconds from the trace's start at which the window ends. */
  readonly toSeconds: number;
  readonly slotsPerInstance: number;
  /** Maximum wait for a slot within the objective, in whole seconds. */
  readonly sloWaitSeconds: number;
  readonly provisioning: { readonly medianSeconds: number; readonly sigma: number };
  readonly seed: number;
  /** Maximum wait for a slot; a request that waits longer times out and counts as missed. @default 60 */
  readonly requestTimeoutSeconds?: number;
}

/** Change of the fleet, for timelines. */
export interface FleetChange {
  readonly second: number;
  readonly desired: number;
  readonly inService: number;
  readonly billed: number;
}

/** One fleet whose capacity is changed and measured at whole seconds; its requests are those of a subclass. */
export abstract class SecondFleet {
  public now: number;
  public desired = 0;
  public inService = 0;
  /** Number of changes of the desired capacity after the first. */
  public scaleActions = 0;
  /** Seconds in a queue, of the requests whose service began. */
  public abstract readonly wait: SecondsHistogram;
  public readonly changes: FleetChange[] = [];
  /** Prefix sums of the requests present (in slots and queue) in each second of the window; index 0 is 0. */
  public readonly presentSums: Float64Array;
  /** The same sums per instance in service. */
  public readonly loadSums: Float64Array;
  /** Prefix sums of the arrivals of each second divided by the instances in service. */
  public readonly sharedArrivalSums: Float64Array;

  private readonly provisioning: Random;
  private ready: number[] = [];
  private billedSeconds = 0;

  protected constructor(private readonly window: SecondFleetOptions) {
    const { fromSeconds, toSeconds, seed } = window;
    const seconds = toSeconds - fromSeconds;
    this.now = fromSeconds;
    this.provisioning = new Random(seed).fork('provisioning');
    this.presentSums = new Float64Array(seconds + 1);
    this.loadSums = new Float64Array(seconds + 1);
    this.sharedArrivalSums = new Float64Array(seconds + 1);
  }

  /** Requests of the window that arrived, and those of them that are not on time, so far. */
  public abstract readonly requests: { readonly arrived: number; readonly missed: number };

  /** Requests of the window that are not on time, so far. */
  public abstract readonly missed: number;

  /** Number of instances that are released and still work. */
  protected abstract readonly draining: number;

  /** Puts the first instances into service, with the slots occupied by the traffic just before. */
  protected abstract occupy(count: number): void;

  /** Puts instances into service. */
  protected abstract enter(count: number): void;

  /** Takes instances out of service, before {@link inService} falls. */
  protected abstract leave(count: number): void;

  /** Plays the requests of one second; returns the number of requests present. */
  protected abstract playSecond(arriving: number): number;

  /** Sets the capacity at the start, in service at once. */
  public begin(count: number): void {
    this.desired = count;
    this.inService = count;
    this.occupy(count);
    this.note();
  }

  /** Launches or releases instances; provisioning ones are cancelled first. */
  public setDesired(count: number): void {
    if (count === this.desired) return;
    this.scaleActions++;
    if (count > this.desired) {
      const { medianSeconds, sigma } = this.window.provisioning;
      for (let launch = this.desired; launch < count; launch++) {
        this.ready.push(this.now + Math.max(1, Math.round(this.provisioning.lognormal(medianSeconds, sigma))));
      }
      this.ready.sort((a, b) => a - b);
    } else {
      const cancelled = Math.min(this.desired - count, this.ready.length);
      this.ready.length -= cancelled;
      this.release(this.desired - count - cancelled);
    }
    this.desired = count;
    this.note();
  }

  /** Launches instances that come into service at a given second, for schedules that include provisioning. */
  public launchFor(count: number, readySecond: number): void {
    this.scaleActions++;
    this.desired += count;
    for (let launch = 0; launch < count; launch++) this.ready.push(readySecond);
    this.ready.sort((a, b) => a - b);
    this.note();
  }

  /** Releases instances in service; provisioning ones stay. */
  public releaseServing(count: number): void {
    this.scaleActions++;
    this.desired -= count;
    this.release(count);
    this.note();
  }

  /** Number of billed instances: provisioning, in service and draining. */
  public get billed(): number {
    return this.inService + this.ready.length + this.draining;
  }

  /** Simulates one second. */
  public step(): void {
    const { arrivals, fromSeconds } = this.window;
    const at = this.now;
    const index = at - fromSeconds;
    this.admit();
    const { billed } = this;
    if (billed !== this.changes[this.changes.length - 1].billed) this.note();
    this.billedSeconds += billed;
    const arriving = at < arrivals.length ? arrivals[at] : 0;
    const present = this.playSecond(arriving);
    const serving = Math.max(1, this.inService);
    this.presentSums[index + 1] = this.presentSums[index] + present;
    this.loadSums[index + 1] = this.loadSums[index] + present / serving;
    this.sharedArrivalSums[index + 1] = this.sharedArrivalSums[index] + arriving / serving;
    this.now = at + 1;
  }

  /** Returns the ratio of requests that waited no longer than the objective. */
  public slo(): number {
    const { arrived, missed } = this.requests;
    return arrived === 0 ? 1 : 1 - missed / arrived;
  }

  public instanceHours(): number {
    return this.billedSeconds / 3600;
  }

  private admit(): void {
    const { now, ready } = this;
    let count = 0;
    while (count < ready.length && ready[count] <= now) count++;
    if (count === 0) return;
    ready.splice(0, count);
    this.enter(count);
    this.inService += count;
    this.note();
  }

  private release(count: number): void {
    if (count <= 0) return;
    this.leave(count);
    this.inService -= count;
  }

  private note(): void {
    const change = { second: this.now, desired: this.desired, inService: this.inService, billed: this.billed };
    const last = this.changes[this.changes.length - 1];
    if (last?.second === this.now) this.changes[this.changes.length - 1] = change;
    else this.changes.push(change);
  }
}
