import type { EpochSeconds } from '../../../core/time';
import { NONE, type RequestTable } from './request-table';

/** Number of buckets as a power of two: few requests need no large wheel, whose making takes longer than they do. */
const MIN_WHEEL_BITS = 12;
const MAX_WHEEL_BITS = 18;
/** Ratio of the buckets to those that pass before the wheel turns, so that few ends lie beyond it. */
const TURNS = 8;

/**
 * Future ends of service: a timing wheel of buckets, each an unordered list of rows. The width of a bucket follows the traffic, so that
 * it holds about one end; the engine's loop takes the rows of a bucket in exact order. Ends beyond the wheel are kept in `far`.
 */
export class DepartureWheel {
  /** First row of each bucket. */
  public readonly heads: Int32Array<ArrayBuffer>;
  /** Number of buckets - 1: the bits of a bucket's index. */
  public readonly mask: number;
  /** Buckets per second. */
  public inverseWidth: number;
  /** Start of bucket number `bucket`. */
  public time: EpochSeconds;
  public bucket = 0;
  /** Rows on the wheel. */
  public held = 0;
  /** Rows whose service ends beyond the wheel. */
  public readonly far: number[] = [];
  /** Ends taken since the width was last adjusted, and the moment of the adjustment. */
  public taken = 0;
  private tunedAt: EpochSeconds;
  private readonly bits: number;

  /** @param requestsPerSecond expected rate; a good estimate saves the first adjustment. */
  public constructor(
    private readonly table: RequestTable,
    startAt: EpochSeconds,
    requestsPerSecond: number,
  ) {
    this.bits = Math.min(MAX_WHEEL_BITS, MIN_WHEEL_BITS + Math.ceil(Math.log2(Math.max(1, requestsPerSecond))));
    this.mask = (1 << this.bits) - 1;
    this.heads = new Int32Array(1 << this.bits).fill(NONE);
    this.inverseWidth = widthFor(requestsPerSecond, this.bits);
    this.time = Math.floor(startAt * this.inverseWidth) / this.inverseWidth;
    this.tunedAt = startAt;
  }

  /** Last moment that can be reached before the wheel has to turn. */
  public get reach(): EpochSeconds {
    return this.time + (this.mask + 1) / TURNS / this.inverseWidth;
  }

  /** Adds a row, whose service ends at its `finish`. */
  public put(row: number): void {
    const ahead = Math.floor((this.table.finish[row] - this.time) * this.inverseWidth);
    if (ahead >= this.mask) {
      this.far.push(row);
      return;
    }
    const home = (this.bucket + ahead) & this.mask;
    this.table.next[row] = this.heads[home];
    this.heads[home] = row;
    this.held++;
  }

  /** Sorts the rows of a bucket by their ends. */
  public sort(slot: number): void {
    const { heads } = this;
    const { next, finish } = this.table;
    const rows: number[] = [];
    for (let row = heads[slot]; row !== NONE; row = next[row]) rows.push(row);
    rows.sort((a, b) => finish[a] - finish[b] || a - b);
    heads[slot] = rows[0];
    rows.forEach((row, index) => (next[row] = rows[index + 1] ?? NONE));
  }

  /** Turns the wheel to the current time, adds far rows that are now within its reach, and adjusts the width to the traffic. */
  public turnTo(present: EpochSeconds): void {
    const passed = Math.floor((present - this.time) * this.inverseWidth);
    this.time += passed / this.inverseWidth;
    this.bucket = (this.bucket + passed) & this.mask;
    if (this.far.length > 0) {
      for (const row of this.far.splice(0)) this.put(row);
    }
    this.tune(present);
  }

  private tune(present: EpochSeconds): void {
    const seconds = present - this.tunedAt;
    if (seconds < 20 || this.taken < 20) return;
    const wanted = widthFor(this.taken / seconds, this.bits);
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
    // The next ends are in the buckets ahead: the rest of the wheel is empty once all are found.
    for (let ahead = 0; this.held > 0; ahead++) {
      const slot = (this.bucket + ahead) & this.mask;
      for (let row = this.heads[slot]; row !== NONE; row = this.table.next[row]) {
        rows.push(row);
        this.held--;
      }
      this.heads[slot] = NONE;
    }
    return rows;
  }
}

/** Returns the buckets per second, a power of two: one end per bucket, and at least a minute on the wheel. */
function widthFor(requestsPerSecond: number, bits: number): number {
  const exponent = Math.ceil(Math.log2(Math.max(requestsPerSecond, 0.25)));
  return Math.pow(2, Math.min(bits - 6, exponent));
}
