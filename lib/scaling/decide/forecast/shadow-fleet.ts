/** What a fleet that is only computed needs to know. */
export interface ShadowFleetOptions {
  readonly slotsPerInstance: number;
  readonly serviceSeconds: number;
  readonly provisioningSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** Seconds of a part; demand comes in six of them a minute. */
export const PART_SECONDS = 10;
export const PARTS = 6;
/** Seconds from a minute's end until its metric can be acted on. */
const METRIC_DELAY_SECONDS = 10;
/** A request is on time when it waits no longer. */
const WAIT_SECONDS = 1;

/**
 * A fleet that never existed, driven by one way to choose capacity over the traffic that really came: what it would have cost, and
 * whom it would have kept waiting. Half a dozen operations a minute.
 */
export class ShadowFleet {
  private desired: number;
  private serving: number;
  private launches: { at: number; count: number }[];
  private queue: number;
  /** Instance-seconds, misses and requests, older ones fading. */
  private sums: { cost: number; missed: number };

  public constructor(
    private readonly options: ShadowFleetOptions,
    state?: ShadowFleetState,
  ) {
    this.desired = state?.desired ?? 0;
    this.serving = state?.serving ?? 0;
    this.launches = state?.launches.map((launch) => ({ ...launch })) ?? [];
    this.queue = state?.queue ?? 0;
    this.sums = { cost: state?.cost ?? 0, missed: state?.missed ?? 0 };
  }

  public get cost(): number {
    return this.sums.cost;
  }

  public get missed(): number {
    return this.sums.missed;
  }

  /**
   * Plays one minute, then takes what is wanted once its metric is known.
   *
   * @param parts requests that arrived in each part of the minute
   * @param keep the weight that the sums so far keep
   */
  public play(minute: number, parts: readonly number[], keep: number): void {
    const { slotsPerInstance, serviceSeconds } = this.options;
    let cost = 0;
    let missed = 0;
    for (let part = 0; part < PARTS; part++) {
      const at = minute * 60 + part * PART_SECONDS;
      while (this.launches.length > 0 && this.launches[0].at <= at) this.serving += this.launches.shift()!.count;
      cost += this.desired * PART_SECONDS;
      const rate = (this.serving * slotsPerInstance) / serviceSeconds;
      const come = parts[part];
      const before = this.queue;
      this.queue = Math.max(0, before + come - rate * PART_SECONDS);
      // The share of the part in which the queue was longer than what is worked off within the bearable wait.
      const bearable = rate * WAIT_SECONDS;
      const over = Math.max(0, this.queue - bearable) + Math.max(0, before - bearable);
      if (over > 0) {
        const lower = Math.min(before, this.queue);
        const higher = Math.max(before, this.queue);
        missed += lower >= bearable ? come : (come * (higher - bearable)) / Math.max(1e-9, higher - lower);
        // Nobody waits longer than a client does.
        this.queue = Math.min(this.queue, rate * 60 + come);
      }
    }
    this.sums = { cost: this.sums.cost * keep + cost, missed: this.sums.missed * keep + missed };
  }

  public want(minute: number, capacity: number): void {
    const { minCapacity, maxCapacity, provisioningSeconds } = this.options;
    const wanted = Math.min(maxCapacity, Math.max(minCapacity, Math.ceil(capacity - 1e-9)));
    if (this.desired === 0) {
      this.desired = this.serving = wanted;
    } else if (wanted > this.desired) {
      const at = (minute + 1) * 60 + METRIC_DELAY_SECONDS + provisioningSeconds;
      this.launches.push({ at, count: wanted - this.desired });
      this.desired = wanted;
    } else if (wanted < this.desired && wanted < this.desired * STICKINESS) {
      let fewer = this.desired - wanted;
      while (fewer > 0 && this.launches.length > 0) {
        const last = this.launches[this.launches.length - 1];
        const cancelled = Math.min(fewer, last.count);
        last.count -= cancelled;
        fewer -= cancelled;
        if (last.count === 0) this.launches.pop();
      }
      this.serving -= fewer;
      this.desired = wanted;
    }
  }

  public toState(): ShadowFleetState {
    const { desired, serving, launches, queue } = this;
    return { desired, serving, launches, queue, cost: this.cost, missed: this.missed };
  }
}

/** A fleet shrinks when less than this share of it is wanted: an instance more or less in forty is not worth a start. */
export const STICKINESS = 0.98;

/** What {@link ShadowFleet} keeps between runs. */
export interface ShadowFleetState {
  readonly desired: number;
  readonly serving: number;
  readonly launches: readonly { readonly at: number; readonly count: number }[];
  readonly queue: number;
  readonly cost: number;
  readonly missed: number;
}
