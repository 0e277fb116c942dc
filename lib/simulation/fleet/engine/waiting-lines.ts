import type { EpochSeconds } from '../../../core/time';
import type { InstanceOrder } from './instance-order';
import { MeanLevel } from './mean-level';
import { grown, NONE, type RequestTable } from './request-table';

const INITIAL_LINES = 64;
/** Number of the queue shared by all instances. */
export const SHARED_LINE = 0;

/** Requests that wait for a slot, first in first out: in a queue for each instance, or in one shared by all. */
export class WaitingLines {
  /** First and last row of each queue, `NONE` if empty; columns are replaced when they grow. */
  public heads = new Int32Array(INITIAL_LINES).fill(NONE);
  private tails = new Int32Array(INITIAL_LINES).fill(NONE);
  /** Number of waiting requests. */
  public length = 0;
  /** Number of those whose callers have given up. */
  public abandoned = 0;
  /** Requests that wait in an instance in service; 0 for a shared queue. */
  public readonly inService: MeanLevel;

  public constructor(
    private readonly table: RequestTable,
    private readonly instances: InstanceOrder,
    /** True if one queue is shared by all instances. */
    public readonly shared: boolean,
    startAt: EpochSeconds,
  ) {
    this.inService = new MeanLevel(startAt);
  }

  /** Adds the queue of an instance that begins to accept requests. */
  public enter(instance: number): void {
    if (instance < this.heads.length) return;
    const size = (instance + 1) * 2;
    this.heads = grown(this.heads, new Int32Array(size).fill(NONE));
    this.tails = grown(this.tails, new Int32Array(size).fill(NONE));
  }

  /** Excludes the waiting requests of an instance that stops accepting requests. */
  public leave(waiting: number, at: EpochSeconds): void {
    if (!this.shared) this.inService.change(-waiting, at);
  }

  /** Adds a request to the queue of an instance, or to the shared one. */
  public put(row: number, instance: number, at: EpochSeconds): void {
    const { table, tails, inService } = this;
    const line = this.shared ? SHARED_LINE : instance;
    const tail = tails[line];
    if (tail === NONE) this.heads[line] = row;
    else table.next[tail] = row;
    tails[line] = row;
    table.next[row] = NONE;
    table.instance[row] = instance;
    this.length++;
    if (this.shared) return;
    inService.level++;
    inService.momentSum += at - inService.from;
  }

  /** Removes the first request from the queue of an instance, or from the shared one: its service begins or it timed out. */
  public take(instance: number, at: EpochSeconds): number {
    const { heads, inService } = this;
    const line = this.shared ? SHARED_LINE : instance;
    const row = heads[line];
    const next = this.table.next[row];
    heads[line] = next;
    if (next === NONE) this.tails[line] = NONE;
    this.length--;
    if (this.shared || this.instances.serves[instance] === 0) return row;
    inService.level--;
    inService.momentSum -= at - inService.from;
    return row;
  }
}
