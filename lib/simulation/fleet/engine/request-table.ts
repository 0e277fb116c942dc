/** End of a list of rows. */
export const NONE = -1;
/** Arrival of a row without a waiting caller: completed, or timed out and only occupying its slot. */
export const ABANDONED = -1;

const INITIAL_ROWS = 1024;

/** Requests present, one per row, with a column for each property. Rows are reused; columns are replaced when they grow. */
export class RequestTable {
  /** End of its service; Infinity while it waits for a slot. */
  public finish = new Float64Array(0);
  /** Moment of arrival, or {@link ABANDONED}. */
  public arrived = new Float64Array(0);
  /** Seconds of service; set only for requests that wait for a slot or may time out. */
  public service = new Float64Array(0);
  /** State of its request, as `Callers` keeps it; 0 for a first attempt. */
  public state = new Uint8Array(0);
  /** Moment of the first attempt of its request; set only for later attempts. */
  public born = new Float64Array(0);
  /** Instance it was sent to. */
  public instance = new Int32Array(0);
  /** Next row of its list: a bucket of the wheel, a queue, or the free rows. */
  public next = new Int32Array(0);
  /** First free row; {@link NONE} if the table has to {@link grow}. */
  public free = NONE;

  public constructor() {
    this.grow();
  }

  /** Doubles the rows. */
  public grow(): void {
    const present = this.next.length;
    const size = Math.max(INITIAL_ROWS, present * 2);
    this.finish = grown(this.finish, new Float64Array(size));
    this.arrived = grown(this.arrived, new Float64Array(size).fill(ABANDONED));
    this.service = grown(this.service, new Float64Array(size));
    this.state = grown(this.state, new Uint8Array(size));
    this.born = grown(this.born, new Float64Array(size));
    this.instance = grown(this.instance, new Int32Array(size));
    this.next = grown(this.next, new Int32Array(size));
    for (let row = size - 1; row >= present; row--) this.release(row);
  }

  /** Frees the row of a request that has left. */
  public release(row: number): void {
    this.next[row] = this.free;
    this.free = row;
  }
}

/** Copies a column into a longer one and returns the longer one. */
export function grown<Column extends Float64Array | Int32Array | Uint8Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
