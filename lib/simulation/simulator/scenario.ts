import { throwProblems } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import { CACHED_PROVISIONING } from '../../catalog/provisioning-times';
import type { CloudWatchOptions } from '../cloudwatch';
import { checkServiceTimes, type ServiceTimes } from '../service-times';
import { DEFAULT_SERVICE_PROFILE } from '../service-profile';

/** How long an instance takes from launch to in service. */
export type Provisioning =
  | {
      readonly kind: 'lognormal';
      readonly medianSeconds: number;
      /** Standard deviation of the logarithm. */
      readonly sigma: number;
    }
  /** Measured times, each equally likely. */
  | { readonly kind: 'measured'; readonly seconds: readonly number[] };

/** A time in which an instance type cannot be launched. */
export interface CapacityFailure {
  readonly instanceType: string;
  /** Seconds from the start of the run. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** What a fleet is rehearsed with, besides its own declaration and the traffic. Every field has a default. */
export interface RehearsalOptions {
  /** @default 1 */
  readonly seed?: number | string;
  /** @default tokens at the default service profile */
  readonly service?: ServiceTimes;
  /** @default lognormal, median 258 s, sigma 0.2: with container and model caching */
  readonly provisioning?: Provisioning;
  /** A request is served well when it waits at most so long for a slot. @default 1 */
  readonly sloWaitSeconds?: number;
  /** The share of requests, in percent, that should be served well; advice aims at it. @default 99 */
  readonly sloPercent?: number;
  /** Seconds from arrival in which the answer must be there. @default 60 for real-time fleets, 6 hours for asynchronous ones */
  readonly requestTimeoutSeconds?: number;
  /** Requests that may wait in one instance's container. @default Infinity */
  readonly queueLimitPerInstance?: number;
  /** When the run begins, for schedules and the budget's month. @default the traffic's own first moment, else 2026-01-05T00:00:00Z */
  readonly startSeconds?: EpochSeconds;
  /** Instances in service at the start. @default what the first five minutes ask for, within the limits */
  readonly startInstances?: number;
  readonly capacityFailures?: readonly CapacityFailure[];
  /** USD per instance-hour by type; goes before the guard's prices and the dated table. */
  readonly pricesPerHourUsd?: { readonly [instanceType: string]: number };
  /** CloudWatch's delays. */
  readonly cloudWatch?: CloudWatchOptions;
  /** Seconds of the traffic to replay. @default all */
  readonly fromSeconds?: number;
  readonly toSeconds?: number;
  /** Told the share of the traffic that is done, at most about a thousand times. */
  readonly onProgress?: (share: number) => void;
}

/** 2026-01-05T00:00:00Z, a Monday. */
export const DEFAULT_START_SECONDS = 1_767_571_200;

/** The options with their defaults read. */
export interface Scenario {
  readonly seed: number | string;
  readonly service: ServiceTimes;
  readonly provisioning: Provisioning;
  readonly sloWaitSeconds: number;
  readonly sloPercent: number;
  readonly queueLimitPerInstance: number;
  readonly capacityFailures: readonly CapacityFailure[];
}

/**
 * Reads the defaults and checks the rest.
 *
 * @throws InputError naming every option that makes no sense.
 */
export function readScenario(options: RehearsalOptions): Scenario {
  const scenario: Scenario = {
    seed: options.seed ?? 1,
    service: options.service ?? { kind: 'tokens', profile: DEFAULT_SERVICE_PROFILE },
    provisioning: options.provisioning ?? { kind: 'lognormal', ...CACHED_PROVISIONING },
    sloWaitSeconds: options.sloWaitSeconds ?? 1,
    sloPercent: options.sloPercent ?? 99,
    queueLimitPerInstance: options.queueLimitPerInstance ?? Infinity,
    capacityFailures: options.capacityFailures ?? [],
  };
  checkServiceTimes(scenario.service);
  const problems: string[] = [];
  const within = (name: string, value: number | undefined, least: number, most: number): void => {
    if (value !== undefined && !(value >= least && value <= most)) {
      problems.push(`${name} (${value}) must be a number from ${least} to ${most}`);
    }
  };
  within('sloWaitSeconds', scenario.sloWaitSeconds, 0, 86_400);
  within('sloPercent', scenario.sloPercent, 0, 100);
  within('requestTimeoutSeconds', options.requestTimeoutSeconds, 0.001, 7 * 86_400);
  within('startSeconds', options.startSeconds, 0, 1e10);
  within('startInstances', options.startInstances, 0, 100_000);
  within('fromSeconds', options.fromSeconds, 0, 1e9);
  if (options.toSeconds !== undefined) within('toSeconds', options.toSeconds, options.fromSeconds ?? 0, 1e9);
  const { provisioning } = scenario;
  if (provisioning.kind === 'lognormal') {
    within('provisioning median', provisioning.medianSeconds, 0, 86_400);
    within('provisioning sigma', provisioning.sigma, 0, 5);
  } else {
    if (provisioning.seconds.length === 0) problems.push('the list of measured provisioning times is empty');
    for (const seconds of provisioning.seconds) within('provisioning time', seconds, 0, 86_400);
  }
  for (const { instanceType, fromSeconds, toSeconds } of scenario.capacityFailures) {
    if (!(fromSeconds >= 0 && toSeconds > fromSeconds)) {
      problems.push(
        `the capacity failure of ${instanceType} runs from ${fromSeconds} to ${toSeconds} s; it must end later`,
      );
    }
  }
  throwProblems('rehearsal', problems);
  return scenario;
}
