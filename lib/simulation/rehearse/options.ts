import { CACHED_PROVISIONING } from '../../catalog/provisioning-times';
import { InputError, throwProblems } from '../../core/errors';
import { SECONDS_PER_HOUR, type EpochSeconds } from '../../core/time';
import { cloudPart } from '../../edge/decide/offload';
import type { CloudWatchOptions } from '../aws/cloudwatch';
import { DEFAULT_QUIET_METRICS, type QuietMetrics } from '../aws/sagemaker-metrics';
import type { FleetBlueprint } from '../blueprint';
import { checkZone, datedClock, type DatedClock } from '../clock';
import {
  checkCallerRetries,
  type AbandonedWork,
  type CallerRetries,
  type EngineSpan,
  type Provisioning,
} from '../fleet';
import { listSource, type RequestList } from '../fleet/engine/request-list';
import { requestSource, type RequestSource, type Workload } from '../traffic';
import { DEFAULT_SERVICE_PROFILE } from '../traffic/service-profile';
import { checkServiceTimes, type ServiceTimes } from '../traffic/service-times';
import { fleetPrices, type InstancePrices } from './billing';
import { checkStartInstances, neededAtStart } from './start-instances';

/** Time in which an instance type cannot be launched. */
export interface CapacityFailure {
  readonly instanceType: string;
  /** Seconds from the start of the run. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** Settings of a rehearsal besides the fleet and its traffic. Every field has a default. */
export interface RehearsalOptions {
  /** @default 1 */
  readonly seed?: number | string;
  /** @default tokens at the default service profile */
  readonly service?: ServiceTimes;
  /** @default lognormal, median 258 s, sigma 0.2: with container and model caching */
  readonly provisioning?: Provisioning;
  /** Maximum wait for a slot of a request that is served well. @default 1 */
  readonly sloWaitSeconds?: number;
  /** Objective of the advice: requests to serve well, in percent. @default 99 */
  readonly sloPercent?: number;
  /** Seconds from arrival after which a request without response times out. @default 60 for real-time fleets, 6 hours for asynchronous ones, the maximum age of a record for those behind a stream */
  readonly requestTimeoutSeconds?: number;
  /**
   * Work of requests that time out in a container's queue: done all the same, as the model servers of SageMaker's containers do, or dropped.
   *
   * @default served
   */
  readonly abandonedWork?: AbandonedWork;
  /**
   * Further attempts of callers whose requests time out or are rejected with an error that AWS SDKs retry.
   *
   * @default the standard mode of the SDKs, with ten clients; no retries on asynchronous endpoints and
   * behind streams, whose callers do not wait, and where the traffic is a metric, whose counts contain retries
   */
  readonly retries?: CallerRetries;
  /** Maximum number of requests that wait in one instance's container. @default Infinity */
  readonly queueLimitPerInstance?: number;
  /** Start of the run, for schedules and the budget's month. @default the first moment of the traffic, else 2026-01-05T00:00:00Z */
  readonly startSeconds?: EpochSeconds;
  /** Zone of the times in texts: a name such as Europe/Berlin, or an offset such as +01:00. @default the offset of the trace's dates */
  readonly timezone?: string;
  /** Instances in service at the start. @default as many as the first five minutes need, within the limits */
  readonly startInstances?: number;
  readonly capacityFailures?: readonly CapacityFailure[];
  /** USD per instance-hour by type; precedes the prices of the guard and of the dated table. */
  readonly pricesPerHourUsd?: InstancePrices;
  /** Datapoints of the metrics of requests while there are none. @default zeros */
  readonly quietMetrics?: QuietMetrics;
  /** Delays of CloudWatch. */
  readonly cloudWatch?: CloudWatchOptions;
  /** Part of the traffic to replay, in seconds from its start. @default all */
  readonly fromSeconds?: number;
  readonly toSeconds?: number;
  /** Receives the completed ratio of the run, about a thousand times at most. */
  readonly onProgress?: (ratio: number) => void;
  /** Receives every span of 10 or 60 seconds, its times from the start of the run. */
  readonly onSpan?: (span: EngineSpan) => void;
}

/** 2026-01-05T00:00:00Z, a Monday. */
const DEFAULT_START_SECONDS = 1_767_571_200;

/** Maximum time of a request to an asynchronous endpoint. */
export const ASYNC_TIMEOUT_SECONDS = 6 * SECONDS_PER_HOUR;
const REAL_TIME_TIMEOUT_SECONDS = 60;
/** Maximum number of requests of a run: more than a minute of computation. */
const MAX_REQUESTS = 100_000_000;

/** A fleet, its traffic and every setting of a run. */
export interface RehearsalSetup {
  readonly blueprint: FleetBlueprint;
  readonly traffic: Workload;
  readonly seed: number | string;
  readonly service: ServiceTimes;
  readonly provisioning: Provisioning;
  readonly sloWaitSeconds: number;
  readonly sloPercent: number;
  readonly requestTimeoutSeconds: number;
  readonly abandonedWork: AbandonedWork;
  readonly retries: CallerRetries;
  readonly queueLimitPerInstance: number;
  readonly capacityFailures: readonly CapacityFailure[];
  readonly pricesPerHourUsd: InstancePrices;
  readonly quietMetrics: QuietMetrics;
  readonly cloudWatch?: CloudWatchOptions;
  /** Second of the traffic at which the run begins. */
  readonly fromSeconds: number;
  readonly durationSeconds: number;
  /** Start of the run on the clock, on a full minute. */
  readonly startSeconds: EpochSeconds;
  /** The same start with its zone; null if neither the traffic nor an option has a date. */
  readonly clock: DatedClock;
  readonly startInstances: number;
  /** Requests to play in place of those of the traffic, in seconds of the run. @default - those of the traffic */
  readonly requests?: RequestList;
  /** Asynchronous fleet that records spill to. @default - none is rehearsed */
  readonly spill?: SpillSetup;
  readonly onProgress?: (ratio: number) => void;
  readonly onSpan?: (span: EngineSpan) => void;
}

/** Fleet that takes the records that spill. */
export interface SpillSetup {
  readonly blueprint: FleetBlueprint;
  readonly pricesPerHourUsd: InstancePrices;
}

/**
 * Checks the options and applies their defaults.
 *
 * @throws InputError naming every option that cannot be rehearsed.
 */
export function resolveSetup(blueprint: FleetBlueprint, traffic: Workload, options: RehearsalOptions): RehearsalSetup {
  const resolved = withDefaultOptions(options, blueprint, traffic);
  checkOptions(resolved);
  const pricesPerHourUsd = fleetPrices(blueprint, options.pricesPerHourUsd);
  const { fromSeconds } = resolved;
  if (fromSeconds > 0 && fromSeconds >= traffic.durationSeconds) {
    throw new InputError(
      `the run begins ${fromSeconds} s into ${traffic.name}, which ends after ${Math.ceil(traffic.durationSeconds)} s; begin earlier`,
    );
  }
  checkStartInstances(blueprint, options.startInstances);
  const endSeconds = Math.min(options.toSeconds ?? Infinity, traffic.durationSeconds);
  // A trace of requests ends with its last one, whose second belongs to the run.
  const endsWithRequest = traffic.columns?.kind === 'requests' && (options.toSeconds ?? Infinity) > endSeconds;
  const durationSeconds = endsWithRequest
    ? Math.floor(endSeconds - fromSeconds) + 1
    : Math.max(1, Math.ceil(endSeconds - fromSeconds));
  const known = options.startSeconds ?? traffic.startsAt;
  const first =
    options.startSeconds ?? (traffic.startsAt === undefined ? DEFAULT_START_SECONDS : traffic.startsAt + fromSeconds);
  checkRequestCount(traffic, fromSeconds, endSeconds);
  // Periods of metrics begin on the minute, and so does the run.
  const startSeconds = Math.floor(first / 60) * 60;
  const spillTo = blueprint.stream?.spillTo;
  const setup = {
    ...resolved,
    blueprint,
    traffic,
    pricesPerHourUsd,
    ...(spillTo !== undefined && {
      spill: { blueprint: spillTo, pricesPerHourUsd: fleetPrices(spillTo, options.pricesPerHourUsd) },
    }),
    durationSeconds,
    startSeconds,
    clock: datedClock(known === undefined ? undefined : startSeconds, options.timezone, traffic.utcOffsetSeconds),
  };
  const startInstances = options.startInstances ?? neededAtStart(blueprint, requestsOf(setup), durationSeconds);
  return { ...setup, startInstances };
}

/**
 * Checks that a window has no more requests than a run plays one by one: its time and memory grow with each of them.
 *
 * @throws InputError naming the number of requests, the maximum and the way out
 */
export function checkRequestCount({ name, requestCount, durationSeconds }: Workload, from: number, end: number): void {
  const share = durationSeconds > 0 ? Math.max(0, end - from) / durationSeconds : 1;
  const requests = Math.round(requestCount * share);
  if (requests <= MAX_REQUESTS) return;
  throw new InputError(
    `${name} has ${requests} requests in this window; a rehearsal plays them one by one and takes at most ${MAX_REQUESTS}. ` +
      'Correct the counts, give a part of the trace, or compare policies second by second with tidegate compare',
  );
}

/** Requests of a run, from its first second on. */
export function requestsOf({
  blueprint,
  traffic,
  service,
  seed,
  fromSeconds,
  durationSeconds,
  requests,
}: Omit<RehearsalSetup, 'startInstances'>): RequestSource {
  if (requests !== undefined) return listSource(requests);
  const hasPart = blueprint.share !== undefined || blueprint.edgeOffload !== undefined;
  return requestSource(traffic, {
    service,
    seed,
    fromSeconds,
    toSeconds: fromSeconds + durationSeconds,
    ...(hasPart && { share: cloudPart(blueprint.share ?? { from: 0, to: 1 }, blueprint.edgeOffload ?? 0) }),
  });
}

type ResolvedOptions = Required<Omit<RehearsalOptions, OptionalOption>> & Pick<RehearsalOptions, OptionalOption>;

type OptionalOption =
  | 'startSeconds'
  | 'timezone'
  | 'startInstances'
  | 'pricesPerHourUsd'
  | 'cloudWatch'
  | 'toSeconds'
  | 'onProgress'
  | 'onSpan';

function defaultTimeout({ kind, stream }: FleetBlueprint): number {
  if (stream !== undefined) return stream.maxRecordAgeSeconds;
  return kind === 'async' ? ASYNC_TIMEOUT_SECONDS : REAL_TIME_TIMEOUT_SECONDS;
}

/** Retries of the callers of a fleet that are not given. */
function defaultRetries({ kind, stream }: FleetBlueprint, { countsAttempts }: Workload): CallerRetries {
  const waits = kind !== 'async' && stream === undefined;
  return { mode: waits && countsAttempts !== true ? 'standard' : 'none' };
}

function withDefaultOptions(options: RehearsalOptions, blueprint: FleetBlueprint, traffic: Workload): ResolvedOptions {
  return {
    ...options,
    seed: options.seed ?? 1,
    service: options.service ?? { kind: 'tokens', profile: DEFAULT_SERVICE_PROFILE },
    provisioning: options.provisioning ?? { kind: 'lognormal', ...CACHED_PROVISIONING },
    sloWaitSeconds: options.sloWaitSeconds ?? 1,
    sloPercent: options.sloPercent ?? 99,
    requestTimeoutSeconds: options.requestTimeoutSeconds ?? defaultTimeout(blueprint),
    abandonedWork: options.abandonedWork ?? 'served',
    retries: options.retries ?? defaultRetries(blueprint, traffic),
    queueLimitPerInstance: options.queueLimitPerInstance ?? Infinity,
    capacityFailures: options.capacityFailures ?? [],
    quietMetrics: options.quietMetrics ?? DEFAULT_QUIET_METRICS,
    fromSeconds: options.fromSeconds ?? 0,
  };
}

function checkOptions(options: ResolvedOptions): void {
  checkServiceTimes(options.service);
  checkCallerRetries(options.retries);
  if (options.timezone !== undefined) checkZone(options.timezone);
  const problems: string[] = [];
  const within = (name: string, value: number | undefined, minimum: number, maximum: number): void => {
    if (value !== undefined && !(value >= minimum && value <= maximum)) {
      problems.push(`${name} (${value}) must be a number from ${minimum} to ${maximum}`);
    }
  };
  if (options.sloWaitSeconds !== 0) within('sloWaitSeconds', options.sloWaitSeconds, 0.001, 86_400);
  within('sloPercent', options.sloPercent, 0, 100);
  within('requestTimeoutSeconds', options.requestTimeoutSeconds, 0.001, 7 * 86_400);
  within('startSeconds', options.startSeconds, 0, 1e10);
  within('startInstances', options.startInstances, 0, 100_000);
  within('fromSeconds', options.fromSeconds, 0, 1e9);
  within('toSeconds', options.toSeconds, options.fromSeconds, 1e9);
  const { provisioning } = options;
  if (provisioning.kind === 'lognormal') {
    within('provisioning median', provisioning.medianSeconds, 0, 86_400);
    within('provisioning sigma', provisioning.sigma, 0, 5);
  } else {
    if (provisioning.seconds.length === 0) problems.push('the list of measured provisioning times is empty');
    for (const seconds of provisioning.seconds) within('provisioning time', seconds, 0, 86_400);
  }
  for (const { instanceType, fromSeconds, toSeconds } of options.capacityFailures) {
    if (!(fromSeconds >= 0 && toSeconds > fromSeconds && toSeconds <= 1e9)) {
      problems.push(
        `the capacity failure of ${instanceType} runs from ${fromSeconds} to ${toSeconds} s; it must end later than it begins, and by 1000000000 s`,
      );
    }
  }
  throwProblems('rehearsal', problems);
}
