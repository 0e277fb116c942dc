import type { EpochSeconds } from '../../../core/time';
import { breaches } from './alarm-count';
import { alarmState, EXTRA_DATAPOINTS, verdictOf, type AlarmVerdict, type EvaluatedRule } from './alarm-evaluation';
import type { Row } from './metric-math';
import type { MetricSeries } from './metric-series';
import type { AlarmState } from './types';

/** Metric or metric math of an alarm, compiled. */
export interface CompiledMetrics {
  /** Returns the values of `count` consecutive periods from `start`, oldest first. */
  values(start: EpochSeconds, count: number): Row;
  /** Returns the value of one period; undefined without data. Absent where it depends on other periods. */
  readonly value?: (start: EpochSeconds, end: EpochSeconds) => number | undefined;
  /** Series that the values come from. */
  readonly series: readonly MetricSeries[];
  /** True if a value depends on the data of its own period alone. */
  readonly isPointwise: boolean;
}

/**
 * Evaluation range of an alarm, a ring of values that moves on from one evaluation to the next: only the new periods are read, and the
 * datapoints that breach are counted as they come and go.
 *
 * All of the range is read where it does not move by whole periods, where data came late or expired, and where a value of metric math
 * depends on other periods.
 */
export class AlarmWindow {
  private readonly size: number;
  /** Values by period from index `head`, 1 for each that has data, and 1 for each that breaches. */
  private readonly values: Float64Array;
  private readonly present: Uint8Array;
  private readonly breach: Uint8Array;
  private head = 0;
  private presentCount = 0;
  private breachCount = 0;
  private start: EpochSeconds = -Infinity;
  private revision = 0;

  public constructor(
    private readonly rule: EvaluatedRule,
    private readonly metrics: CompiledMetrics,
    private readonly periodSeconds: number,
  ) {
    this.size = rule.evaluationPeriods + EXTRA_DATAPOINTS;
    this.values = new Float64Array(this.size);
    this.present = new Uint8Array(this.size);
    this.breach = new Uint8Array(this.size);
  }

  /** Moves the range to the periods before `end`. */
  public moveTo(end: EpochSeconds): void {
    const { size, metrics, periodSeconds } = this;
    const start = end - size * periodSeconds;
    const moved = (start - this.start) / periodSeconds;
    const revision = this.readUpTo(end);
    const isKept = metrics.isPointwise && revision === this.revision && Number.isInteger(moved) && moved >= 0;
    const read = isKept && moved < size && !this.hasExpired(start) ? moved : size;
    this.start = start;
    this.revision = revision;
    if (read === 1 && metrics.value !== undefined) this.push(metrics.value(end - periodSeconds, end));
    else if (read > 0) for (const value of metrics.values(end - read * periodSeconds, read)) this.push(value);
  }

  /** State of the alarm by the values of the range. */
  public state(state: AlarmState): AlarmState {
    const counted = Math.min(this.presentCount, this.rule.evaluationPeriods);
    return alarmState(this.rule, counted, this.breaching(), this.age, state);
  }

  /** Verdict of an evaluation that ended in a state. */
  public verdict(state: AlarmState, before: AlarmState): AlarmVerdict {
    return verdictOf(this.rule, state, before, this.datapoints(), this.breaching());
  }

  /** The newest value; null without data. */
  public newest(): number | null {
    for (let ago = 1; ago <= this.size; ago++) {
      const index = this.indexOf(this.size - ago);
      if (this.present[index] === 1) return this.values[index];
    }
    return null;
  }

  /** False where the last periods, as many as data may be late, have no data. */
  public isCurrent(): boolean {
    const newest = Math.max(0, this.size - 1 - EXTRA_DATAPOINTS);
    for (let period = newest; period < this.size; period++) if (this.present[this.indexOf(period)] === 1) return true;
    return false;
  }

  /** Datapoints that count, oldest first. */
  private datapoints(): number[] {
    const counted = Math.min(this.presentCount, this.rule.evaluationPeriods);
    const datapoints = new Array<number>(counted);
    for (let period = this.size - 1, left = counted; left > 0; period--) {
      const index = this.indexOf(period);
      if (this.present[index] === 1) datapoints[--left] = this.values[index];
    }
    return datapoints;
  }

  /** Number of datapoints that count and breach: the oldest ones do not count, where the evaluation periods are filled without them. */
  private breaching(): number {
    let { breachCount } = this;
    let skipped = this.presentCount - this.rule.evaluationPeriods;
    for (let period = 0; skipped > 0; period++) {
      const index = this.indexOf(period);
      skipped -= this.present[index];
      breachCount -= this.breach[index];
    }
    return breachCount;
  }

  /** Age of the oldest value in periods; the newest period counts 1. */
  private readonly age = (): number => {
    for (let period = 0; period < this.size; period++) {
      if (this.present[this.indexOf(period)] === 1) return this.size - period;
    }
    return 0;
  };

  private push(value: number | undefined): void {
    const { present, breach, head } = this;
    const isPresent = value === undefined ? 0 : 1;
    const isBreach = value !== undefined && breaches(this.rule, value) ? 1 : 0;
    this.presentCount += isPresent - present[head];
    this.breachCount += isBreach - breach[head];
    present[head] = isPresent;
    breach[head] = isBreach;
    this.values[head] = value ?? 0;
    this.head = head + 1 === this.size ? 0 : head + 1;
  }

  private indexOf(period: number): number {
    const index = this.head + period;
    return index < this.size ? index : index - this.size;
  }

  private readUpTo(end: EpochSeconds): number {
    let revision = 0;
    for (const series of this.metrics.series) {
      revision += series.revision;
      series.readUpTo(end);
    }
    return revision;
  }

  private hasExpired(start: EpochSeconds): boolean {
    for (const { keptFrom } of this.metrics.series) if (keptFrom > start) return true;
    return false;
  }
}
