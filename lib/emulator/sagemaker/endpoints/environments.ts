import type { EpochSeconds } from '../../../core/time';
import { type StatisticSet, mergeStatistics, NO_SAMPLES } from '../../../simulation/aws/cloudwatch';
import type { ServerlessSnapshot } from '../../snapshot';

/** Seconds to start an environment for a request; on AWS they depend on the size of model and image. An assumption. */
const COLD_START_SECONDS = 12;
/** Seconds for which an idle environment stays warm; AWS does not document them. An assumption. */
const WARM_SECONDS = 600;
/** Seconds until a change of the provisioned concurrency is effective; AWS documents minutes. An assumption. */
const ALLOCATION_SECONDS = 120;

/** Concurrency limits of a serverless variant. */
export interface ServerlessLimits {
  readonly maxConcurrency: number;
  readonly provisionedConcurrency: number;
}

/** Measurements since the last drain. */
export interface EnvironmentMetrics {
  readonly maxConcurrency: number;
  /** Environments in use: time-weighted mean, minimum and maximum. */
  readonly busy: StatisticSet;
  readonly provisioned: number;
  /** Provisioned environments in use: time-weighted mean, minimum and maximum. */
  readonly busyProvisioned: StatisticSet;
  readonly onProvisioned: number;
  readonly spilledOver: number;
  readonly setupSeconds: StatisticSet;
}

/** Execution environments of a serverless variant: provisioned ones, others that are still warm, and new ones. */
export class Environments {
  public maxConcurrency: number;
  private target: number;
  private allocated: number;
  private allocatedAt: EpochSeconds | undefined;
  private busy = 0;
  private busyProvisioned = 0;
  /** Moments at which the warm environments that are not provisioned became idle, oldest first. */
  private idleSince: EpochSeconds[] = [];
  private coldStarts = 0;
  private throttled = 0;
  private lastAt: EpochSeconds;
  private drainedAt: EpochSeconds;
  private span = emptySpan(0, 0);

  public constructor(limits: ServerlessLimits, at: EpochSeconds) {
    this.maxConcurrency = limits.maxConcurrency;
    this.target = this.allocated = limits.provisionedConcurrency;
    this.lastAt = this.drainedAt = at;
  }

  public get desired(): number {
    return this.target;
  }

  /** Provisioned environments that are ready. */
  public get ready(): number {
    return this.allocated;
  }

  /** Sets the provisioned concurrency; it is effective after the allocation. */
  public setProvisioned(count: number, at: EpochSeconds): void {
    if (count === this.target) return;
    this.target = count;
    this.allocatedAt = at + ALLOCATION_SECONDS;
  }

  public nextEventAt(): EpochSeconds | undefined {
    return this.allocatedAt;
  }

  public advanceTo(at: EpochSeconds): void {
    if (this.allocatedAt === undefined || at < this.allocatedAt) return;
    this.track(this.allocatedAt);
    this.allocatedAt = undefined;
    this.allocated = this.target;
  }

  /** Takes an environment for a request; undefined when the limit is reached. `setupSeconds` is the time until it is ready, `release` returns it. */
  public take(
    at: EpochSeconds,
  ): { readonly setupSeconds: number; readonly release: (at: EpochSeconds) => void } | undefined {
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
    } else if (this.target > 0) this.span.spilledOver++;
    this.idleSince = this.idleSince.filter((since) => at - since < WARM_SECONDS);
    const isWarm = isProvisioned || this.idleSince.pop() !== undefined;
    const setupSeconds = isWarm ? 0 : COLD_START_SECONDS;
    if (!isWarm) {
      this.coldStarts++;
      const once = { sum: setupSeconds, sampleCount: 1, minimum: setupSeconds, maximum: setupSeconds };
      this.span.setupSeconds = mergeStatistics(this.span.setupSeconds, once);
    }
    this.trackExtremes();
    return {
      setupSeconds,
      release: (endedAt) => {
        this.track(endedAt);
        this.busy--;
        if (isProvisioned) this.busyProvisioned--;
        else this.idleSince.push(endedAt);
        this.trackExtremes();
      },
    };
  }

  public snapshot(): ServerlessSnapshot {
    return {
      maxConcurrency: this.maxConcurrency,
      desiredProvisionedConcurrency: this.target,
      readyProvisionedConcurrency: this.allocated,
      busy: this.busy,
      coldStarts: this.coldStarts,
      throttled: this.throttled,
    };
  }

  /** Returns the measurements since the last call; for one caller only. */
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
      busy: statistics(span.busyArea, span.minBusy, span.maxBusy),
      busyProvisioned: statistics(span.provisionedArea, span.minProvisioned, span.maxProvisioned),
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

  private trackExtremes(): void {
    const { span, busy, busyProvisioned } = this;
    span.minBusy = Math.min(span.minBusy, busy);
    span.maxBusy = Math.max(span.maxBusy, busy);
    span.minProvisioned = Math.min(span.minProvisioned, busyProvisioned);
    span.maxProvisioned = Math.max(span.maxProvisioned, busyProvisioned);
  }
}

function emptySpan(busy: number, provisioned: number) {
  return {
    busyArea: 0,
    provisionedArea: 0,
    minBusy: busy,
    maxBusy: busy,
    minProvisioned: provisioned,
    maxProvisioned: provisioned,
    onProvisioned: 0,
    spilledOver: 0,
    setupSeconds: NO_SAMPLES,
  };
}
