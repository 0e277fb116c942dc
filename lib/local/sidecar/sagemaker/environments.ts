import type { EpochSeconds } from '../../../core/time';
import { type StatisticSet, mergeStatistics, NO_SAMPLES } from '../../../simulation/fleet';
import type { ServerlessSnapshot } from '../snapshot';

/** Seconds to start an environment for a request; AWS says that it depends on the size of model and image. An assumption. */
const COLD_START_SECONDS = 12;
/** Seconds that an idle environment stays; AWS does not tell. An assumption. */
const WARM_SECONDS = 600;
/** Seconds until a change of the provisioned concurrency holds; AWS speaks of minutes. An assumption. */
const ALLOCATION_SECONDS = 120;

/** The settings of a serverless variant. */
export interface ServerlessLimits {
  readonly maxConcurrency: number;
  readonly provisionedConcurrency: number;
}

/** What was measured since the last look. */
export interface EnvironmentMetrics {
  readonly maxConcurrency: number;
  /** Environments in use: time-weighted mean, with the extremes. */
  readonly busy: StatisticSet;
  readonly provisioned: number;
  /** Provisioned environments in use, likewise. */
  readonly busyProvisioned: StatisticSet;
  readonly onProvisioned: number;
  readonly spilledOver: number;
  readonly setupSeconds: StatisticSet;
}

/** The environments that a serverless variant runs its requests in: provisioned ones, others that are still warm, and new ones. */
export class Environments {
  public maxConcurrency: number;
  private wanted: number;
  private allocated: number;
  private allocatedAt: EpochSeconds | undefined;
  private busy = 0;
  private busyProvisioned = 0;
  /** When each environment that is warm by chance became idle, the oldest first. */
  private idleSince: EpochSeconds[] = [];
  private coldStarts = 0;
  private throttled = 0;
  private lastAt: EpochSeconds;
  private drainedAt: EpochSeconds;
  private span = emptySpan(0, 0);

  public constructor(limits: ServerlessLimits, at: EpochSeconds) {
    this.maxConcurrency = limits.maxConcurrency;
    this.wanted = this.allocated = limits.provisionedConcurrency;
    this.lastAt = this.drainedAt = at;
  }

  public get desired(): number {
    return this.wanted;
  }

  /** Provisioned environments that are ready. */
  public get ready(): number {
    return this.allocated;
  }

  /** Wants a provisioned concurrency from now on. */
  public setProvisioned(count: number, at: EpochSeconds): void {
    if (count === this.wanted) return;
    this.wanted = count;
    this.allocatedAt = at + ALLOCATION_SECONDS;
  }

  public nextEventAt(): EpochSeconds | undefined {
    return this.allocatedAt;
  }

  public advanceTo(at: EpochSeconds): void {
    if (this.allocatedAt === undefined || at < this.allocatedAt) return;
    this.track(this.allocatedAt);
    this.allocatedAt = undefined;
    this.allocated = this.wanted;
  }

  /** Takes an environment for a request: seconds until it is ready and what gives it back; undefined when the limit is reached. */
  public take(
    at: EpochSeconds,
  ): { readonly setupSeconds: number; readonly giveBack: (at: EpochSeconds) => void } | undefined {
    if (this.busy >= this.maxConcurrency) {
      this.throttled++;
      return undefined;
    }
    this.track(at);
    this.busy++;
    const isProvisioned = this.busyProvisioned < this.allocated;
    if (isProvisioned) {
      this.busyProvisioned++;
      this.span.onProvisioned++;
    } else if (this.wanted > 0) this.span.spilledOver++;
    this.idleSince = this.idleSince.filter((since) => at - since < WARM_SECONDS);
    const isWarm = isProvisioned || this.idleSince.pop() !== undefined;
    const setupSeconds = isWarm ? 0 : COLD_START_SECONDS;
    if (!isWarm) {
      this.coldStarts++;
      const once = { sum: setupSeconds, sampleCount: 1, minimum: setupSeconds, maximum: setupSeconds };
      this.span.setupSeconds = mergeStatistics(this.span.setupSeconds, once);
    }
    this.extremes();
    return {
      setupSeconds,
      giveBack: (endedAt) => {
        this.track(endedAt);
        this.busy--;
        if (isProvisioned) this.busyProvisioned--;
        else this.idleSince.push(endedAt);
        this.extremes();
      },
    };
  }

  public snapshot(): ServerlessSnapshot {
    return {
      maxConcurrency: this.maxConcurrency,
      desiredProvisionedConcurrency: this.wanted,
      readyProvisionedConcurrency: this.allocated,
      busy: this.busy,
      coldStarts: this.coldStarts,
      throttled: this.throttled,
    };
  }

  /** For one caller only. */
  public drainMetrics(at: EpochSeconds): EnvironmentMetrics {
    this.track(at);
    const { span, drainedAt } = this;
    const seconds = Math.max(at - drainedAt, Number.MIN_VALUE);
    const statistics = (area: number, minimum: number, maximum: number): StatisticSet => ({
      sum: Math.min(maximum, Math.max(minimum, area / seconds)),
      sampleCount: 1,
      minimum,
      maximum,
    });
    this.span = emptySpan(this.busy, this.busyProvisioned);
    this.drainedAt = at;
    return {
      maxConcurrency: this.maxConcurrency,
      provisioned: this.allocated,
      busy: statistics(span.busyArea, span.leastBusy, span.mostBusy),
      busyProvisioned: statistics(span.provisionedArea, span.leastProvisioned, span.mostProvisioned),
      onProvisioned: span.onProvisioned,
      spilledOver: span.spilledOver,
      setupSeconds: span.setupSeconds,
    };
  }

  private track(at: EpochSeconds): void {
    const seconds = Math.max(0, at - this.lastAt);
    this.span.busyArea += this.busy * seconds;
    this.span.provisionedArea += this.busyProvisioned * seconds;
    this.lastAt = Math.max(this.lastAt, at);
  }

  private extremes(): void {
    const { span, busy, busyProvisioned } = this;
    span.leastBusy = Math.min(span.leastBusy, busy);
    span.mostBusy = Math.max(span.mostBusy, busy);
    span.leastProvisioned = Math.min(span.leastProvisioned, busyProvisioned);
    span.mostProvisioned = Math.max(span.mostProvisioned, busyProvisioned);
  }
}

function emptySpan(busy: number, provisioned: number) {
  return {
    busyArea: 0,
    provisionedArea: 0,
    leastBusy: busy,
    mostBusy: busy,
    leastProvisioned: provisioned,
    mostProvisioned: provisioned,
    onProvisioned: 0,
    spilledOver: 0,
    setupSeconds: NO_SAMPLES,
  };
}
