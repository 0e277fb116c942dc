/** Minutes ahead: what an instance needs to start, with reserve. */
const LEAD_MINUTES = 10;
const QUANTILE = 0.9;
const DAY = 1440;
/** How far one observation moves the learned margin, as a logarithm. */
const STEP = 0.02;
/** Losses fade by half in two days. */
const KEEP = Math.pow(0.5, 1 / (2 * DAY));
/** So many scored minutes are needed before the forecast can be called worse. */
const LEAST_SCORED = 360;

/** Forecasts a high quantile of the demand ten minutes ahead and scores itself against yesterday's same minute. */
export class DemandQuantile {
  /** The last day's rates, oldest first. */
  private readonly recent: number[];
  /** Forecasts whose minute has not come yet, oldest first. */
  private readonly open: { minute: number; level: number; margin: number; naive: number | null }[];
  private margin: number;
  private losses: { forecast: number; naive: number; weight: number; scored: number };

  public constructor(state?: DemandQuantileState) {
    this.recent = [...(state?.recent ?? [])];
    this.open = state?.open.map((forecast) => ({ ...forecast })) ?? [];
    this.margin = state?.margin ?? 0.1;
    this.losses = { ...(state?.losses ?? { forecast: 0, naive: 0, weight: 0, scored: 0 }) };
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
    // What yesterday's minute was that is ten minutes ahead now.
    const naive = this.recent.length === DAY ? this.recent[LEAD_MINUTES] : null;
    this.recent.push(rate);
    if (this.recent.length > DAY) this.recent.shift();
    this.open.push({ minute: minute + LEAD_MINUTES, level, margin: this.margin, naive });
  }

  public score(): { readonly forecast: number; readonly naive: number } {
    const { forecast, naive, weight } = this.losses;
    return weight === 0 ? { forecast: 0, naive: 0 } : { forecast: forecast / weight, naive: naive / weight };
  }

  public isWorseThanNaive(): boolean {
    return this.losses.scored >= LEAST_SCORED && this.losses.forecast >= this.losses.naive;
  }

  public toState(): DemandQuantileState {
    return { recent: this.recent, open: this.open, margin: this.margin, losses: this.losses };
  }

  private judge(forecast: { level: number; margin: number; naive: number | null }, rate: number): void {
    const expected = forecast.level * Math.exp(forecast.margin);
    this.margin = Math.max(0, this.margin + STEP * (rate > expected ? QUANTILE : QUANTILE - 1));
    if (forecast.naive === null) return;
    this.losses = {
      forecast: this.losses.forecast * KEEP + pinball(rate, expected),
      naive: this.losses.naive * KEEP + pinball(rate, forecast.naive),
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
  readonly recent: readonly number[];
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
    readonly weight: number;
    readonly scored: number;
  };
}
