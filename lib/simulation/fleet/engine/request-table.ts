/** No row, no instance: the end of a list. */
export const NONE = -1;
/** The arrival of a row whose caller waits no more: it was answered, or has had a time-out and only keeps its slot. */
export const ABANDONED = -1;

const ROWS_AT_FIRST = 1024;

/** The requests present as numbers: a row a request, a column a fact. Rows are used again; columns are replaced when they grow. */
export class RequestTable {
  /** When its service ends; Infinity while it waits for a slot. */
  public finish = new Float64Array(0);
  /** When it came, or {@link ABANDONED}. */
  public arrived = new Float64Array(0);
  /** Seconds of service; kept only for those that wait for a slot or that may time out. */
  public service = new Float64Array(0);
  /** The instance it was sent to. */
  public instance = new Int32Array(0);
  /** The next row of the list it is in: a bucket of the wheel, a line, or the free rows. */
  public next = new Int32Array(0);
  /** The first free row; {@link NONE} when it is time to {@link grow}. */
  public free = NONE;

  public constructor() {
    this.grow();
  }

  /** Doubles the rows. */
  public grow(): void {
    const present = this.next.length;
    const size = Math.max(ROWS_AT_FIRST, present * 2);
    this.finish = grown(this.finish, new Float64Array(size));
    this.arrived = grown(this.arrived, new Float64Array(size).fill(ABANDONED));
    this.service = grown(this.service, new Float64Array(size));
    this.instance = grown(this.instance, new Int32Array(size));
    this.next = grown(this.next, new Int32Array(size));
    for (let row = size - 1; row >= present; row--) this.release(row);
  }

  /** Gives back the row of a request that has left; its caller waits no more. */
  public release(row: number): void {
    this.next[row] = this.free;
    this.free = row;
  }
}

/** A longer column with the beginning of a shorter one. */
export function grown<Column extends Float64Array | Int32Array | Uint8Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
