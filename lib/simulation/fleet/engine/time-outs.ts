import type { EpochSeconds } from '../../../core/time';
import type { Callers } from './callers';
import type { InstanceOrder } from './instance-order';
import { ABANDONED, type RequestTable } from './request-table';
import type { WaitingLines } from './waiting-lines';

const INITIAL_ENTRIES = 1024;

/**
 * Requests that may time out. All have the same maximum wait, so they expire in order of arrival: a ring of rows with their arrivals.
 * Requests that ended before are dropped when they reach the front.
 */
export class TimeOuts {
  private rows = new Int32Array(INITIAL_ENTRIES);
  private arrivals = new Float64Array(INITIAL_ENTRIES);
  private head = 0;
  private count = 0;

  public constructor(
    /** Seconds from arrival to time-out. */
    public readonly timeout: number,
    /** True if a request whose service has begun no longer times out. */
    private readonly onlyWaiting: boolean,
    /** True if a request that times out in the shared queue goes to another endpoint. */
    private readonly spills: boolean,
    /** True if a request that times out in the queue of an instance stays there: its container serves it all the same. */
    private readonly keepsAbandoned: boolean,
    private readonly table: RequestTable,
    private readonly instances: InstanceOrder,
    private readonly lines: WaitingLines,
    private readonly callers: Callers,
    private readonly sloWait: number,
    /** Called when a caller of an instance has given up that was released. */
    private readonly onGivenUp: (instance: number, at: EpochSeconds) => void,
  ) {}

  /** Maximum seconds of service of a request that starts at once. */
  public get longestService(): number {
    return this.onlyWaiting ? Infinity : this.timeout;
  }

  /** Adds a request that may time out. */
  public watch(row: number, arrived: EpochSeconds): void {
    if (this.timeout === Infinity) return;
    if (this.count === this.rows.length) this.grow();
    const at = (this.head + this.count) & (this.rows.length - 1);
    this.rows[at] = row;
    this.arrivals[at] = arrived;
    this.count++;
  }

  /** Returns the moment of the next time-out; Infinity if there is none. */
  public first(): EpochSeconds {
    while (this.count > 0) {
      const { head, table } = this;
      const arrived = this.arrivals[head];
      const row = this.rows[head];
      const isSafe = this.onlyWaiting && table.finish[row] !== Infinity;
      if (table.arrived[row] === arrived && !isSafe) return arrived + this.timeout;
      this.head = (head + 1) & (this.rows.length - 1);
      this.count--;
    }
    return Infinity;
  }

  /**
   * Times out the request with the first deadline, unless it has ended meanwhile. Returns true if it was in a slot, which it occupies
   * until its service ends.
   *
   * @param completed requests completed so far
   */
  public expire(at: EpochSeconds, completed: number): boolean {
    if (this.first() > at) return false;
    const { table, instances, lines, callers } = this;
    const row = this.take();
    const instance = table.instance[row];
    if (table.finish[row] !== Infinity) {
      const waited = table.finish[row] - table.service[row] - table.arrived[row];
      callers.timedOut(row, at, waited > this.sloWait, completed);
      this.abandon(row, at);
      return true;
    }
    if (this.spills && lines.shared) callers.spilled(row, at);
    else callers.timedOut(row, at, false, completed);
    if (this.keepsAbandoned && !lines.shared) {
      lines.abandoned++;
      this.abandon(row, at);
      return false;
    }
    // It is the oldest of its queue.
    lines.take(instance, at);
    table.arrived[row] = ABANDONED;
    table.release(row);
    if (!lines.shared) {
      instances.lower(instance, at);
      if (instances.serves[instance] === 0) this.onGivenUp(instance, at);
    }
    return false;
  }

  /** Leaves a request without a caller in its instance. */
  private abandon(row: number, at: EpochSeconds): void {
    const { table, instances } = this;
    const instance = table.instance[row];
    table.arrived[row] = ABANDONED;
    instances.abandoned[instance]++;
    if (instances.serves[instance] === 0) this.onGivenUp(instance, at);
  }

  private take(): number {
    const row = this.rows[this.head];
    this.head = (this.head + 1) & (this.rows.length - 1);
    this.count--;
    return row;
  }

  private grow(): void {
    const { rows, arrivals, head, count } = this;
    const size = rows.length * 2;
    this.rows = new Int32Array(size);
    this.arrivals = new Float64Array(size);
    for (let index = 0; index < count; index++) {
      const from = (head + index) & (rows.length - 1);
      this.rows[index] = rows[from];
      this.arrivals[index] = arrivals[from];
    }
    this.head = 0;
  }
}
