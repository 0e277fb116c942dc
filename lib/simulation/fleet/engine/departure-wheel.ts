import type { EpochSeconds } from '../../../core/time';
import { NONE, type RequestTable } from './request-table';

const WHEEL_BITS = 18;
export const WHEEL = 1 << WHEEL_BITS;
export const WHEEL_MASK = WHEEL - 1;
/** So many buckets are gone through at once at most, so that an end seldom lies beyond the wheel. */
const MOST_BUCKETS_AT_ONCE = WHEEL >> 3;

/**
 * The ends of service to come: a wheel of buckets of time, each a list of rows without order. A bucket's width follows the traffic, so
 * that it holds about one end; the engine's loop takes a bucket in exact order. Ends beyond the wheel wait in `far`.
 */
export class DepartureWheel {
  /** The first row of each bucket. */
  public readonly heads = new Int32Array(WHEEL).fill(NONE);
  /** Buckets per second. */
  public inverseWidth: number;
  /** Where bucket number `bucket` begins. */
  public time: EpochSeconds;
  public bucket = 0;
  /** Rows on the wheel. */
  public held = 0;
  /** Rows whose service ends beyond the wheel. */
  public readonly far: number[] = [];
  /** Ends taken since the width was last looked at, and when that was. */
  public taken = 0;
  private tunedAt: EpochSeconds;

  /** @param requestsPerSecond what is expected; a good guess saves the first adjustment. */
  public constructor(
    private readonly table: RequestTable,
    startAt: EpochSeconds,
    requestsPerSecond: number,
  ) {
    this.inverseWidth = widthFor(requestsPerSecond);
    this.time = Math.floor(startAt * this.inverseWidth) / this.inverseWidth;
    this.tunedAt = startAt;
  }

  /** The furthest moment to go to before the wheel must be turned. */
  public get reach(): EpochSeconds {
    return this.time + MOST_BUCKETS_AT_ONCE / this.inverseWidth;
  }

  /** Puts in a row whose service ends at its `finish`. */
  public put(row: number): void {
    const ahead = Math.floor((this.table.finish[row] - this.time) * this.inverseWidth);
    if (ahead >= WHEEL - 1) {
      this.far.push(row);
      return;
    }
    const home = (this.bucket + ahead) & WHEEL_MASK;
    this.table.next[row] = this.heads[home];
    this.heads[home] = row;
    this.held++;
  }

  /** Puts the rows of a bucket in order of their ends. */
  public sort(slot: number): void {
    const { heads } = this;
    const { next, finish } = this.table;
    const rows: number[] = [];
    for (let row = heads[slot]; row !== NONE; row = next[row]) rows.push(row);
    rows.sort((a, b) => finish[a] - finish[b] || a - b);
    heads[slot] = rows[0];
    rows.forEach((row, index) => (next[row] = rows[index + 1] ?? NONE));
  }

  /** Lets the wheel begin at the present, takes in what has come within its reach, and fits its buckets to the traffic. */
  public turnTo(present: EpochSeconds): void {
    const passed = Math.floor((present - this.time) * this.inverseWidth);
    this.time += passed / this.inverseWidth;
    this.bucket = (this.bucket + passed) & WHEEL_MASK;
    if (this.far.length > 0) {
      for (const row of this.far.splice(0)) this.put(row);
    }
    this.tune(present);
  }

  private tune(present: EpochSeconds): void {
    const seconds = present - this.tunedAt;
    if (seconds < 20 || this.taken < 20) return;
    const wanted = widthFor(this.taken / seconds);
    this.taken = 0;
    this.tunedAt = present;
    const ratio = wanted / this.inverseWidth;
    if (ratio < 4 && ratio > 0.25) return;
    const rows = this.takeAll();
    this.inverseWidth = wanted;
    this.time = Math.floor(present * wanted) / wanted;
    for (const row of rows) this.put(row);
  }

  private takeAll(): number[] {
    const rows = this.far.splice(0);
    if (this.held > 0) {
      for (let slot = 0; slot < WHEEL; slot++) {
        for (let row = this.heads[slot]; row !== NONE; row = this.table.next[row]) rows.push(row);
        this.heads[slot] = NONE;
      }
    }
    this.held = 0;
    return rows;
  }
}

/** Buckets per second, a power of two: one end a bucket, and at least a minute on the wheel. */
function widthFor(requestsPerSecond: number): number {
  const exponent = Math.ceil(Math.log2(Math.max(requestsPerSecond, 0.25)));
  return Math.pow(2, Math.min(WHEEL_BITS - 6, exponent));
}
