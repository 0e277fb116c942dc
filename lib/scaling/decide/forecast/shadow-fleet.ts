/** Settings of a simulated fleet. */
export interface ShadowFleetOptions {
  readonly slotsPerInstance: number;
  readonly serviceSeconds: number;
  readonly provisioningSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** Length of a part of a minute. */
export const PART_SECONDS = 10;
export const PARTS = 6;
/** Time from the end of a minute until its metric is available. */
const METRIC_DELAY_SECONDS = 10;
/** Maximum wait of a request that counts as on time. */
const MAX_WAIT_SECONDS = 1;

/**
 * Simulated fleet under one candidate policy on the actual traffic: its cost and its late requests. Needs a few operations per minute.
 */
export class ShadowFleet {
  private desired: number;
  private serving: number;
  private launches: { at: number; count: number }[];
  private queue: number;
  /** Instance-seconds and late requests, with decay. */
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
   * Simulates one minute.
   *
   * @param parts requests in each part of the minute
   * @param decay factor of the sums so far
   */
  public simulate(minute: number, parts: readonly number[], decay: number): void {
    const { slotsPerInstance, serviceSeconds } = this.options;
    let cost = 0;
    let missed = 0;
    for (let part = 0; part < PARTS; part++) {
      const at = minute * 60 + part * PART_SECONDS;
      while (this.launches.length > 0 && this.launches[0].at <= at) this.serving += this.launches.shift()!.count;
      cost += this.desired * PART_SECONDS;
      const rate = (this.serving * slotsPerInstance) / serviceSeconds;
      const arrived = parts[part];
      const before = this.queue;
      this.queue = Math.max(0, before + arrived - rate * PART_SECONDS);
      // Part of the time in which the queue was longer than the maximum for requests on time.
      const maxQueue = rate * MAX_WAIT_SECONDS;
      const over = Math.max(0, this.queue - maxQueue) + Math.max(0, before - maxQueue);
      if (over > 0) {
        const lower = Math.min(before, this.queue);
        const higher = Math.max(before, this.queue);
        missed += lower >= maxQueue ? arrived : (arrived * (higher - maxQueue)) / Math.max(1e-9, higher - lower);
        // Clients wait at most a minute.
        this.queue = Math.min(this.queue, rate * 60 + arrived);
      }
    }
    this.sums = { cost: this.sums.cost * decay + cost, missed: this.sums.missed * decay + missed };
  }

  /** Sets the desired capacity once the metric of a minute is known. */
  public setDesired(minute: number, capacity: number): void {
    const { minCapacity, maxCapacity, provisioningSeconds } = this.options;
    const wanted = Math.min(maxCapacity, Math.max(minCapacity, Math.ceil(capacity - 1e-9)));
    if (this.desired === 0) {
      this.desired = this.serving = wanted;
    } else if (wanted > this.desired) {
      const at = (minute + 1) * 60 + METRIC_DELAY_SECONDS + provisioningSeconds;
      this.launches.push({ at, count: wanted - this.desired });
      this.desired = wanted;
    } else if (wanted < this.desired && wanted < this.desired * MAX_SCALE_IN_RATIO) {
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

/** Maximum ratio of the new to the present capacity at which a fleet scales in: one instance more or less in forty is not worth a start. */
export const MAX_SCALE_IN_RATIO = 0.98;

/** State of {@link ShadowFleet} between runs. */
export interface ShadowFleetState {
  readonly desired: number;
  readonly serving: number;
  readonly launches: readonly { readonly at: number; readonly count: number }[];
  readonly queue: number;
  readonly cost: number;
  readonly missed: number;
}
