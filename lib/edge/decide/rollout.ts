/** Speed at which devices are notified of a deployment, devices a minute. */
export interface RolloutRate {
  /** Devices a minute at first. */
  readonly basePerMinute: number;
  /** Maximum devices a minute. */
  readonly maxPerMinute: number;
  /** Factor by which the rate grows; 1 for a constant rate. */
  readonly incrementFactor: number;
  /** Devices that have to succeed before the rate grows. */
  readonly increaseAfterSucceeded: number;
}

/** Threshold at which a deployment is cancelled for the devices that it has not reached. */
export interface RolloutAbort {
  /** Share of failed devices, percent. */
  readonly failedPercentage: number;
  /** Devices that must have ended before the share counts. */
  readonly minDevices: number;
}

/** Devices of a deployment by their state. */
export interface RolloutProgress {
  readonly notified: number;
  readonly succeeded: number;
  readonly failed: number;
}

export interface RolloutDecision {
  /** Devices to notify in the next minute. */
  readonly notify: number;
  /** True if the deployment is cancelled. */
  readonly abort: boolean;
  readonly reason: string;
}

/**
 * Decides how many devices a deployment reaches in the next minute, and when it is cancelled, as the jobs of AWS IoT do.
 *
 * https://docs.aws.amazon.com/iot/latest/developerguide/jobs-configurations-details.html
 */
export function decideRollout(
  rate: RolloutRate,
  abort: RolloutAbort | undefined,
  devices: number,
  { notified, succeeded, failed }: RolloutProgress,
): RolloutDecision {
  const ended = succeeded + failed;
  if (abort !== undefined && ended >= abort.minDevices && failed > 0) {
    const percentage = (100 * failed) / ended;
    if (percentage >= abort.failedPercentage) {
      return {
        notify: 0,
        abort: true,
        reason: `${failed} of ${ended} devices failed (${percentage.toFixed(1)} %), at ${abort.failedPercentage} % the deployment is cancelled`,
      };
    }
  }
  const steps = Math.floor(succeeded / rate.increaseAfterSucceeded);
  const perMinute = Math.min(rate.maxPerMinute, Math.floor(rate.basePerMinute * rate.incrementFactor ** steps));
  const notify = Math.min(perMinute, devices - notified);
  return { notify, abort: false, reason: `${perMinute} devices a minute after ${succeeded} successes` };
}
