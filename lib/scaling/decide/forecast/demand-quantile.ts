/** Minutes ahead: what an instance needs to start, with reserve. */
const LEAD_MINUTES = 10;
const QUANTILE = 0.9;
const DAY = 1440;
/** How far one observation moves the learned margin, as a logarithm. */
const STEP = 0.02;
/** Losses fade by half in two days. */
const KEEP = Math.pow(0.5, 1 / (2 * DAY));
/**
 * Losses this close, as a share of the mean rate, are equal: a forecast that is always 10 % too high loses as much, and the margin,
 * learned in steps of 2 % ten minutes late, cannot come much closer to traffic that repeats itself exactly.
 */
const EQUAL_LOSSES = 0.01;
/** So many scored minutes are needed before the forecast can be called worse. */
const LEAST_SCORED = 360;

/** Forecasts a high quantile of the demand ten minutes ahead and scores itself against yesterday's same minute. */
export class DemandQuantile {
  /** The rate of each minute of the last day up to the newest one, oldest first; null where there was no datapoint. */
  private readonly recent: (number | null)[];
  /** Forecasts whose minute has not come yet, oldest first. */
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

  /** The forecast for ten minutes after the newest minute, in requests per second. */
  public get predicted(): number {
    const newest = this.open[this.open.length - 1];
    return newest === undefined ? 0 : newest.level * Math.exp(newest.margin);
  }

  /**
   * @param minute minutes since 1970
   * @param rate requests per second in the minute
   * @param level requests per second lately, a little smoothed
   */
  public add(minute: number, rate: number, level: number): void {
    while (this.open.length > 0 && this.open[0].minute <= minute) {
      const forecast = this.open.shift()!;
      if (forecast.minute === minute) this.judge(forecast, rate);
    }
    this.remember(minute, rate);
    // What yesterday's minute was that is ten minutes ahead now, where it is known.
    const naive = this.recent[this.recent.length - 1 - DAY + LEAD_MINUTES] ?? null;
    this.open.push({ minute: minute + LEAD_MINUTES, level, margin: this.margin, naive });
    this.newest = minute;
  }

  public score(): { readonly forecast: number; readonly naive: number } {
    const { forecast, naive, weight } = this.losses;
    return weight === 0 ? { forecast: 0, naive: 0 } : { forecast: forecast / weight, naive: naive / weight };
  }

  /** Whether yesterday's same minute tells more, by so much that it matters to the capacity. */
  public isWorseThanNaive(): boolean {
    const { forecast, naive, rate, scored } = this.losses;
    return scored >= LEAST_SCORED && forecast - naive > EQUAL_LOSSES * rate;
  }

  public toState(): DemandQuantileState {
    return { recent: this.recent, open: this.open, margin: this.margin, losses: this.losses };
  }

  /** Appends a minute's rate behind those before it, and a gap for each minute between. */
  private remember(minute: number, rate: number): void {
    const missing = this.newest === undefined ? 0 : minute - this.newest - 1;
    if (missing >= DAY) this.recent.length = 0;
    else for (let gap = 0; gap < missing; gap++) this.recent.push(null);
    this.recent.push(rate);
    if (this.recent.length > DAY) this.recent.splice(0, this.recent.length - DAY);
  }

  private judge(forecast: { level: number; margin: number; naive: number | null }, rate: number): void {
    const expected = forecast.level * Math.exp(forecast.margin);
    this.margin = Math.max(0, this.margin + STEP * (rate > expected ? QUANTILE : QUANTILE - 1));
    if (forecast.naive === null) return;
    this.losses = {
      forecast: this.losses.forecast * KEEP + pinball(rate, expected),
      naive: this.losses.naive * KEEP + pinball(rate, forecast.naive),
      rate: this.losses.rate * KEEP + rate,
      weight: this.losses.weight * KEEP + 1,
      scored: this.losses.scored + 1,
    };
  }
}

/** The loss of a quantile forecast: being too low costs nine times what being too high does. */
export function pinball(actual: number, forecast: number): number {
  return actual >= forecast ? QUANTILE * (actual - forecast) : (1 - QUANTILE) * (forecast - actual);
}

/** What {@link DemandQuantile} keeps between runs. */
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
    /** States of before it was kept have none. */
    readonly rate?: number;
    readonly weight: number;
    readonly scored: number;
  };
}
