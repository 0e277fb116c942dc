import type { RolloutRate } from './decide/rollout';

/** Settings of a rollout that speeds up. */
export interface ExponentialRolloutOptions {
  /** Devices a minute at first, 1 to 1,000. */
  readonly basePerMinute: number;

  /**
   * Maximum devices a minute, 1 to 1,000.
   *
   * @default 1000
   */
  readonly maxPerMinute?: number;

  /**
   * Factor by which the rate grows, above 1 and up to 5.
   *
   * @default 2
   */
  readonly incrementFactor?: number;

  /**
   * Devices that have to succeed before the rate grows.
   *
   * @default - `basePerMinute`
   */
  readonly increaseAfterSucceeded?: number;
}

/** Speed at which the devices of a fleet get a new version. */
export class EdgeRollout {
  /**
   * The same number of devices each minute.
   *
   * @param devicesPerMinute devices a minute, 1 to 1,000
   */
  public static constant(devicesPerMinute: number): EdgeRollout {
    return new EdgeRollout({
      basePerMinute: devicesPerMinute,
      maxPerMinute: devicesPerMinute,
      incrementFactor: 1,
      increaseAfterSucceeded: 1,
    });
  }

  /**
   * A few devices at first, and more with each success.
   *
   * @param options speed and growth
   */
  public static exponential(options: ExponentialRolloutOptions): EdgeRollout {
    return new EdgeRollout({
      basePerMinute: options.basePerMinute,
      maxPerMinute: options.maxPerMinute ?? 1000,
      incrementFactor: options.incrementFactor ?? 2,
      increaseAfterSucceeded: options.increaseAfterSucceeded ?? options.basePerMinute,
    });
  }

  /** @internal */
  public readonly _rate: RolloutRate;

  private constructor(rate: RolloutRate) {
    this._rate = rate;
  }

  /** @internal */
  public _check(): string[] {
    const { basePerMinute, maxPerMinute, incrementFactor, increaseAfterSucceeded } = this._rate;
    const problems: string[] = [];
    const isRate = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= MAX_PER_MINUTE;
    const allowed = `a whole number from 1 to ${MAX_PER_MINUTE} devices a minute is allowed`;
    if (!isRate(basePerMinute)) problems.push(`rollout: basePerMinute (${basePerMinute}) is out of range; ${allowed}`);
    if (!isRate(maxPerMinute)) problems.push(`rollout: maxPerMinute (${maxPerMinute}) is out of range; ${allowed}`);
    if (maxPerMinute < basePerMinute) {
      problems.push(
        `rollout: maxPerMinute (${maxPerMinute}) is below basePerMinute (${basePerMinute}); raise the one or lower the other`,
      );
    }
    if (
      incrementFactor !== 1 &&
      !(incrementFactor >= MIN_INCREMENT_FACTOR && incrementFactor <= MAX_INCREMENT_FACTOR)
    ) {
      problems.push(
        `rollout: incrementFactor (${incrementFactor}) is out of range; ${MIN_INCREMENT_FACTOR} to ${MAX_INCREMENT_FACTOR} is allowed`,
      );
    }
    if (!(Number.isInteger(increaseAfterSucceeded) && increaseAfterSucceeded >= 1)) {
      problems.push(`rollout: increaseAfterSucceeded (${increaseAfterSucceeded}) must be a whole number from 1`);
    }
    return problems;
  }

  /** @internal */
  public _render(): object {
    const { basePerMinute, maxPerMinute, incrementFactor, increaseAfterSucceeded } = this._rate;
    if (incrementFactor === 1) return { maximumPerMinute: maxPerMinute };
    return {
      maximumPerMinute: maxPerMinute,
      exponentialRate: {
        baseRatePerMinute: basePerMinute,
        incrementFactor,
        // The L1 construct passes it on as it is.
        rateIncreaseCriteria: { NumberOfSucceededThings: increaseAfterSucceeded },
      },
    };
  }
}

/** Limits of the rates of jobs (quotas of AWS IoT Device Management; API reference of ExponentialRolloutRate). */
const MAX_PER_MINUTE = 1000;
const MIN_INCREMENT_FACTOR = 1.1;
const MAX_INCREMENT_FACTOR = 5;
