import type { EpochSeconds } from '../../../core/time';
import type { InstanceOrder } from './instance-order';
import { MeanLevel } from './mean-level';
import { grown, NONE, type RequestTable } from './request-table';

const LINES_AT_FIRST = 64;
/** The line of everybody where one queue stands before all instances. */
export const SHARED_LINE = 0;

/** Requests that wait for a slot, first come first served: in a line for each instance, or in one before all of them. */
export class WaitingLines {
  /** The first and the last row of each line, `NONE` where nobody waits; columns are replaced when they grow. */
  public heads = new Int32Array(LINES_AT_FIRST).fill(NONE);
  private tails = new Int32Array(LINES_AT_FIRST).fill(NONE);
  /** All that wait. */
  public length = 0;
  /** Those that wait in an instance in service; nobody does in the line before all. */
  public readonly inService: MeanLevel;

  public constructor(
    private readonly table: RequestTable,
    private readonly instances: InstanceOrder,
    /** One line stands before all instances. */
    public readonly shared: boolean,
    startAt: EpochSeconds,
  ) {
    this.inService = new MeanLevel(startAt);
  }

  /** An instance begins to take requests: it has a line. */
  public enter(instance: number): void {
    if (instance < this.heads.length) return;
    const size = (instance + 1) * 2;
    this.heads = grown(this.heads, new Int32Array(size).fill(NONE));
    this.tails = grown(this.tails, new Int32Array(size).fill(NONE));
  }

  /** An instance takes no more requests, and so many still wait in it. */
  public leave(waiting: number, at: EpochSeconds): void {
    if (!this.shared) this.inService.change(-waiting, at);
  }

  /** Puts a request at the end of an instance's line, or of the one before all. */
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
    inService.moments += at - inService.from;
  }

  /** Takes the first out of an instance's line, or of the one before all, because it is served or has waited too long. */
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
    inService.moments -= at - inService.from;
    return row;
  }
}
