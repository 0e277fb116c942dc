import type { EpochSeconds } from '../../../core/time';
import type { Row } from './metric-math';
import type { StatisticSet } from './statistics';
import type { Statistic } from './types';

/** Numbers of a cell: its second, then the statistic set of its samples. */
const CELL = 5;
const [SECOND, SUM, COUNT, MINIMUM, MAXIMUM] = [0, 1, 2, 3, 4];
const INITIAL_CELLS = 64;
/** Discarded cells that are removed at once. */
const PRUNED_CELLS = 256;
/** Cells that are looked at one by one, newest first, before the others are searched by halves. */
const NEWEST_CELLS = 16;

/** Samples of one metric in cells of one second, oldest first, in one array of numbers. */
export class MetricSeries {
  /** Grows with every sample in what has been read ({@link readUpTo}): values that a reader keeps are outdated. */
  public revision = 0;
  /** Moment before which cells were discarded. */
  public keptFrom: EpochSeconds = -Infinity;
  private cells = new Float64Array(INITIAL_CELLS * CELL);
  /** Indices of the oldest cell still kept and of the first free one. */
  private first = 0;
  private end = 0;
  private readUntil: EpochSeconds = -Infinity;

  public constructor(public retentionSeconds: number) {}

  /** Number of cells held. */
  public get cellCount(): number {
    return this.end - this.first;
  }

  /** Adds samples; those older than the retention are discarded. */
  public put(second: EpochSeconds, { sum, sampleCount, minimum, maximum }: StatisticSet): void {
    if (second < this.readUntil) this.revision++;
    const newest = this.end > 0 ? this.cells[(this.end - 1) * CELL + SECOND] : second;
    if (second < newest - this.retentionSeconds) return;
    const index = second > newest ? this.end : second === newest ? Math.max(0, this.end - 1) : this.lowerBound(second);
    const at = index * CELL;
    const { cells } = this;
    if (index < this.end && cells[at + SECOND] === second) {
      cells[at + SUM] += sum;
      cells[at + COUNT] += sampleCount;
      cells[at + MINIMUM] = Math.min(cells[at + MINIMUM], minimum);
      cells[at + MAXIMUM] = Math.max(cells[at + MAXIMUM], maximum);
    } else {
      this.insert(index);
      this.cells[at + SECOND] = second;
      this.cells[at + SUM] = sum;
      this.cells[at + COUNT] = sampleCount;
      this.cells[at + MINIMUM] = minimum;
      this.cells[at + MAXIMUM] = maximum;
    }
    this.prune();
  }

  /** Returns the values of `count` consecutive periods from `start`, oldest first. */
  public values(statistic: Statistic, start: EpochSeconds, periodSeconds: number, count: number): Row {
    const values = new Array<number | undefined>(count).fill(undefined);
    const { cells, end: last } = this;
    let index = this.lowerBound(start);
    for (let period = 0; period < count; period++) {
      const end = start + (period + 1) * periodSeconds;
      const from = index;
      while (index < last && cells[index * CELL + SECOND] < end) index++;
      if (index > from) values[period] = this.aggregate(from, index, statistic);
    }
    return values;
  }

  /** Returns the value of the period from `start` to `end`; undefined without data. */
  public value(statistic: Statistic, start: EpochSeconds, end: EpochSeconds): number | undefined {
    const from = this.lowerBound(start);
    let to = from;
    while (to < this.end && this.cells[to * CELL + SECOND] < end) to++;
    return to > from ? this.aggregate(from, to, statistic) : undefined;
  }

  /** Takes note that a reader keeps what it has read up to a moment: see {@link revision}. */
  public readUpTo(atSeconds: EpochSeconds): void {
    if (atSeconds > this.readUntil) this.readUntil = atSeconds;
  }

  /** Index of the first kept cell at or after a moment. */
  private lowerBound(atSeconds: EpochSeconds): number {
    const { cells, end } = this;
    let low = this.first;
    let high = end;
    // Most readers ask for the newest cells.
    for (const newest = Math.max(low, end - NEWEST_CELLS); high > newest; high--) {
      if (cells[(high - 1) * CELL + SECOND] < atSeconds) return high;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cells[middle * CELL + SECOND] < atSeconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private aggregate(from: number, to: number, statistic: Statistic): number {
    const { cells } = this;
    let sum = 0;
    let sampleCount = 0;
    let minimum = Infinity;
    let maximum = -Infinity;
    for (let at = from * CELL; at < to * CELL; at += CELL) {
      sum += cells[at + SUM];
      sampleCount += cells[at + COUNT];
      minimum = Math.min(minimum, cells[at + MINIMUM]);
      maximum = Math.max(maximum, cells[at + MAXIMUM]);
    }
    switch (statistic) {
      case 'Average':
        return sum / sampleCount;
      case 'Sum':
        return sum;
      case 'SampleCount':
        return sampleCount;
      case 'Minimum':
        return minimum;
      case 'Maximum':
        return maximum;
    }
  }

  /** Makes room for a cell at an index. */
  private insert(index: number): void {
    if ((this.end + 1) * CELL > this.cells.length) {
      const larger = new Float64Array(this.cells.length * 2);
      larger.set(this.cells);
      this.cells = larger;
    }
    if (index < this.end) this.cells.copyWithin((index + 1) * CELL, index * CELL, this.end * CELL);
    this.end++;
  }

  private prune(): void {
    const { cells } = this;
    const oldest = cells[(this.end - 1) * CELL + SECOND] - this.retentionSeconds;
    while (cells[this.first * CELL + SECOND] < oldest) {
      this.first++;
      this.keptFrom = oldest;
    }
    if (this.first > PRUNED_CELLS && this.first * 2 > this.end) {
      cells.copyWithin(0, this.first * CELL, this.end * CELL);
      this.end -= this.first;
      this.first = 0;
    }
  }
}
