/** Number of minutes in memory: the 3 hours over which jumps are measured, and the 20 minutes that a jump spans. */
const MAX_MINUTES = 204;
const HELD_MINUTES = 12;
const JUMP_MINUTES = 180;

/** Assumed size of jumps until some have been measured; a mean absolute logarithm. */
const FIRST_JUMP = 0.07;

/** Recent minutes of demand, and the demand to expect from them. */
export class Minutes {
  private readonly means: number[];
  private readonly spreads: number[];
  private readonly jumps: number[];
  private jumpSum: number;

  public constructor(state: MinutesState = { means: [], spreads: [], jumps: [] }) {
    this.means = [...state.means];
    this.spreads = [...state.spreads];
    this.jumps = [...state.jumps];
    this.jumpSum = this.jumps.reduce((sum, jump) => sum + jump, 0);
  }

  /**
   * @param mean concurrent requests of the minute
   * @param spread standard deviation ÷ mean of its 10-second parts
   */
  public add(mean: number, spread: number): void {
    this.means.push(mean);
    this.spreads.push(spread);
    if (this.means.length > MAX_MINUTES) {
      this.means.shift();
      this.spreads.shift();
    }
    if (this.means.length < 15) return;
    // Half a request keeps the logarithm of an idle minute finite.
    const jump = Math.abs(Math.log((this.mean(5) + 0.5) / (this.mean(5, 10) + 0.5)));
    this.jumps.push(jump);
    this.jumpSum += jump;
    if (this.jumps.length > JUMP_MINUTES) this.jumpSum -= this.jumps.shift()!;
  }

  public get count(): number {
    return this.means.length;
  }

  /** Demand of the newest minute. */
  public get last(): number {
    return this.means[this.means.length - 1] ?? 0;
  }

  /** Returns the mean demand of `minutes` minutes, up to `ago` minutes before the newest. */
  public mean(minutes: number, ago = 0): number {
    const until = this.means.length - ago;
    let sum = 0;
    for (let index = Math.max(0, until - minutes); index < until; index++) sum += this.means[index];
    return sum / Math.max(1, Math.min(minutes, until));
  }

  /** Recent move of demand within ten minutes, as a mean absolute logarithm. */
  public get jump(): number {
    return this.jumps.length < HELD_MINUTES ? FIRST_JUMP : this.jumpSum / this.jumps.length;
  }

  /** Returns the highest of the last twelve minutes with its bursts, raised by the recent jump. */
  public heldDemand(): number {
    return this.burstyDemand(HELD_MINUTES, 1, this.spread(HELD_MINUTES)) * (1 + this.jump);
  }

  /** Returns the highest of the last minutes with twice its bursts, for times without a jump. */
  public calmDemand(minutes: number): number {
    return this.burstyDemand(minutes, 2, Math.max(this.spread(minutes), this.spread(HELD_MINUTES)));
  }

  public toState(): MinutesState {
    return { means: this.means, spreads: this.spreads, jumps: this.jumps };
  }

  private burstyDemand(minutes: number, weight: number, spread: number): number {
    let highest = 0;
    for (let index = Math.max(0, this.means.length - minutes); index < this.means.length; index++) {
      highest = Math.max(highest, this.means[index]);
    }
    return highest * (1 + weight * spread);
  }

  private spread(minutes: number): number {
    let sum = 0;
    const from = Math.max(0, this.spreads.length - minutes);
    for (let index = from; index < this.spreads.length; index++) sum += this.spreads[index];
    return sum / Math.max(1, this.spreads.length - from);
  }
}

/** State of {@link Minutes} between runs. */
export interface MinutesState {
  readonly means: readonly number[];
  readonly spreads: readonly number[];
  readonly jumps: readonly number[];
}
