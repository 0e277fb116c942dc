/** Forecast horizon in minutes: the start of an instance, with reserve. */
const LEAD_MINUTES = 10;
const QUANTILE = 0.9;
const DAY = 1440;
/** Change of the learned margin by one observation, as a logarithm. */
const STEP = 0.02;
/** Decay of the losses per minute: a half-life of two days. */
const DECAY = Math.pow(0.5, 1 / (2 * DAY));
/**
 * Maximum difference of equal losses, as a ratio of the mean rate: a forecast that is always 10 % too high loses as much, and the margin,
 * learned in steps of 2 % ten minutes late, cannot come much closer to traffic that repeats itself exactly.
 */
const EQUAL_LOSSES = 0.01;
/** Minimum number of scored minutes before the forecast can count as worse. */
const MIN_SCORED = 360;

/** Forecasts a high quantile of the demand ten minutes ahead and scores itself against the same minute of the previous day. */
export class DemandQuantile {
  /** Rate of each minute of the last day, oldest first; null without a datapoint. */
  private readonly recent: (number | null)[];
  /** Forecasts of future minutes, oldest first. */
  private readonly open: { minute: number; level: number; margin: number; naive: number | null }[];
  private newest: number | undefined;
  private margin: number;
  private losses: { forecast: number; naive: number; rate: number; weight: number; scored: number };

  public constructor(state?: DemandQuantileState) {
    this.recent = [...(state?.recent ?? [])];
    this.open = state?.open.map((forecast) => ({ ...forecast })) ?? [];
    const last = this.open[this.open.length - 1];
    this.newest = last === undefined ? undefined : last.minute - LEAD_MINUTES;
    this.margin = state?.margin ?? 0.1;
    this.losses = { forecast: 0, naive: 0, rate: 0, weight: 0, scored: 0, ...state?.losses };
  }

  /** Forecast for ten minutes after the newest minute, in requests per second. */
  public get predicted(): number {
    const newest = this.open[this.open.length - 1];
    return newest === undefined ? 0 : newest.level * Math.exp(newest.margin);
  }

  /**
   * @param minute minutes since 1970
   * @param rate requests per second in the minute
   * @param level recent requests per second, smoothed
   */
  public add(minute: number, rate: number, level: number): void {
    while (this.open.length > 0 && this.open[0].minute <= minute) {
      const forecast = this.open.shift()!;
      if (forecast.minute === minute) this.evaluate(forecast, rate);
    }
    this.remember(minute, rate);
    // Rate of the previous day's minute, ten minutes ahead, where it is known.
    const naive = this.recent[this.recent.length - 1 - DAY + LEAD_MINUTES] ?? null;
    this.open.push({ minute: minute + LEAD_MINUTES, level, margin: this.margin, naive });
    this.newest = minute;
  }

  public score(): { readonly forecast: number; readonly naive: number } {
    const { forecast, naive, weight } = this.losses;
    return weight === 0 ? { forecast: 0, naive: 0 } : { forecast: forecast / weight, naive: naive / weight };
  }

  /** Returns true if the naive forecast is significantly better. */
  public isWorseThanNaive(): boolean {
    const { forecast, naive, rate, scored } = this.losses;
    return scored >= MIN_SCORED && forecast - naive > EQUAL_LOSSES * rate;
  }

  public toState(): DemandQuantileState {
    return { recent: this.recent, open: this.open, margin: this.margin, losses: this.losses };
  }

  /** Appends the rate of a minute, with a gap for each missing minute before it. */
  private remember(minute: number, rate: number): void {
    const missing = this.newest === undefined ? 0 : minute - this.newest - 1;
    if (missing >= DAY) this.recent.length = 0;
    else for (let gap = 0; gap < missing; gap++) this.recent.push(null);
    this.recent.push(rate);
    if (this.recent.length > DAY) this.recent.splice(0, this.recent.length - DAY);
  }

  private evaluate(forecast: { level: number; margin: number; naive: number | null }, rate: number): void {
    const expected = forecast.level * Math.exp(forecast.margin);
    this.margin = Math.max(0, this.margin + STEP * (rate > expected ? QUANTILE : QUANTILE - 1));
    if (forecast.naive === null) return;
    this.losses = {
      forecast: this.losses.forecast * DECAY + pinball(rate, expected),
      naive: this.losses.naive * DECAY + pinball(rate, forecast.naive),
      rate: this.losses.rate * DECAY + rate,
      weight: this.losses.weight * DECAY + 1,
      scored: this.losses.scored + 1,
    };
  }
}

/** Returns the loss of a quantile forecast: too low costs nine times as much as too high. */
export function pinball(actual: number, forecast: number): number {
  return actual >= forecast ? QUANTILE * (actual - forecast) : (1 - QUANTILE) * (forecast - actual);
}

/** State of {@link DemandQuantile} between runs. */
export interface DemandQuantileState {
  readonly recent: readonly (number | null)[];
  readonly open: readonly {
    readonly minute: number;
    readonly level: number;
    readonly margin: number;
    readonly naive: number | null;
  }[];
  readonly margin: number;
  readonly losses: {
    readonly forecast: number;
    readonly naive: number;
    /** Missing in older states. */
    readonly rate?: number;
    readonly weight: number;
    readonly scored: number;
  };
}
