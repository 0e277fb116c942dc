import type { EpochSeconds } from '../core/time';
import { InputError } from '../core/errors';
import type { ForecastSettings } from './decide/forecast';
import type { CustomMetric } from './decide/plan';

/** The namespace of every metric the package publishes itself. */
export const METRIC_NAMESPACE = 'Tidegate';

/** The dimension of the scale-event metrics. */
export const RESOURCE_ID_DIMENSION = 'ResourceId';

/** Environment variables of the scale-events handler. */
export const SCALE_EVENTS_ENVIRONMENT = {
  tableName: 'TIDEGATE_SCALE_EVENTS_TABLE',
  fleets: 'TIDEGATE_SCALE_EVENTS_FLEETS',
  retentionDays: 'TIDEGATE_SCALE_EVENTS_RETENTION_DAYS',
} as const;

/** The keys of the scale-events table. */
export const SCALE_EVENTS_TABLE_KEYS = { partition: 'resourceId', sort: 'eventKey', expiry: 'expiresAt' } as const;

/** Environment variables of the capacity-forecaster handler; the configuration is JSON of {@link ForecasterConfiguration}. */
export const FORECASTER_ENVIRONMENT = {
  configuration: 'TIDEGATE_FORECASTER_CONFIGURATION',
  tableName: 'TIDEGATE_FORECASTER_TABLE',
} as const;

/** The key and attributes of the forecaster's table; it holds one item, what was learned so far. */
export const FORECASTER_TABLE = { key: 'fleet', generation: 'generation', state: 'state', floor: 'floor' } as const;

/** The metrics of the forecaster; each carries the dimension {@link RESOURCE_ID_DIMENSION}. */
export const FORECASTER_METRICS = {
  /** Requests a second that are expected once an instance launched now serves. */
  predicted: 'ForecastRequestsPerSecond',
  /** The fewest instances the forecast asks for; in shadow mode what it would ask for. */
  floor: 'ForecastFloor',
  /** How far the forecasts were off so far (pinball loss). */
  loss: 'ForecastLoss',
  /** The same for the naive forecast that it has to beat. */
  naiveLoss: 'NaiveForecastLoss',
} as const;

/** What the construct tells the capacity-forecaster handler. */
export interface ForecasterConfiguration {
  /** Whether it writes the minimum; otherwise it predicts, scores itself and changes nothing. */
  readonly active: boolean;
  readonly resourceId: string;
  readonly scalableDimension: string;
  readonly serviceNamespace: string;
  /** The metric that counts the requests. */
  readonly demand: Omit<CustomMetric, 'kind'>;
  readonly settings: ForecastSettings;
}

/** What happened to a fleet. */
export type ScaleEventKind =
  | 'scale-out'
  | 'scale-in'
  | 'limits-changed'
  | 'capacity-error'
  | 'scaling-failed'
  | 'max-reached'
  | 'rollout-taken-back'
  | 'endpoint-state';

/** Something that happened to a fleet, in one shape wherever it was heard of. */
export interface ScaleEvent {
  /** The same happening always gets the same id, however often and in whatever order it is heard of. */
  readonly id: string;
  readonly atSeconds: EpochSeconds;
  /** The fleet, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;
  readonly kind: ScaleEventKind;
  /** The capacity before; null where it does not apply. */
  readonly from: number | null;
  /** The capacity after; null where it does not apply. */
  readonly to: number | null;
  /** Why, in the words of the service that told it. */
  readonly reason: string;
  /** Who told it. */
  readonly source: 'scaling-activity' | 'event-bus';
}

/** The metric that counts each kind of event. */
export const SCALE_EVENT_METRICS: { readonly [kind in ScaleEventKind]: string } = {
  'scale-out': 'ScaleOuts',
  'scale-in': 'ScaleIns',
  'limits-changed': 'LimitChanges',
  'capacity-error': 'CapacityErrors',
  'scaling-failed': 'ScalingFailures',
  'max-reached': 'MaxCapacityReached',
  'rollout-taken-back': 'RolloutsTakenBack',
  'endpoint-state': 'EndpointStateChanges',
};

/** The metrics of a fleet's state, told with every look; each carries the dimension {@link RESOURCE_ID_DIMENSION}. */
export const FLEET_STATE_METRICS = {
  /** Replicas that are wanted and do not serve yet. */
  capacityGap: 'CapacityGap',
  /** 1 while the endpoint runs another configuration than the deployed one, as after a rollout that was taken back; else 0. */
  configurationDrift: 'ConfigurationDrift',
} as const;

/** What a fleet is at a moment. */
export interface FleetState {
  /** The endpoint's or the component's status, in the service's words. */
  readonly status: string;
  /** The endpoint configuration in use; null for inference components. */
  readonly configName: string | null;
  /** Replicas that are wanted, and those there are; null while the service does not tell. */
  readonly desired: number | null;
  readonly current: number | null;
}

/**
 * The metrics of a fleet's state. The configuration is compared while nothing is being deployed: during an update both are in use.
 * After `UpdateRollbackFailed` the fleet may be of both for good (developer guide, "Deployment guardrails"), which is a drift too.
 */
export function fleetStateMetrics(
  { status, configName, desired, current }: FleetState,
  declaredConfigName?: string,
): { readonly metricName: string; readonly value: number }[] {
  const isSettled = status === 'InService' || status === 'UpdateRollbackFailed';
  const isDrifted = status === 'UpdateRollbackFailed' || configName !== declaredConfigName;
  return [
    ...(desired === null || current === null
      ? []
      : [{ metricName: FLEET_STATE_METRICS.capacityGap, value: Math.max(0, desired - current) }]),
    ...(declaredConfigName === undefined || configName === null || !isSettled
      ? []
      : [{ metricName: FLEET_STATE_METRICS.configurationDrift, value: isDrifted ? 1 : 0 }]),
  ];
}

/** A fleet the handler watches, as the construct hands it over. */
export interface WatchedFleet {
  readonly resourceId: string;
  readonly scalableDimension: string;
  readonly serviceNamespace: string;
  /** The endpoint's name, as state-change events carry it. */
  readonly fleetName: string;
  readonly initialCapacity: number;
  /** Whether its state can be read. */
  readonly hasState: boolean;
  /** The endpoint configuration that was deployed. */
  readonly declaredConfigName?: string;
}

/** The status of a scaling activity, in the service's words. */
export type ScalingActivityStatus = 'Pending' | 'InProgress' | 'Successful' | 'Overridden' | 'Unfulfilled' | 'Failed';

/** A scaling activity, in our words. */
export interface ScalingActivity {
  readonly activityId: string;
  readonly resourceId: string;
  readonly description: string;
  readonly cause: string;
  readonly startedAt: EpochSeconds;
  readonly status: ScalingActivityStatus;
  readonly statusMessage?: string;
}

/** What arrived at the handler. */
export type ScaleNotice =
  | { readonly kind: 'reconcile' }
  | {
      readonly kind: 'endpoint-state';
      readonly endpointName: string;
      /** UPPER_SNAKE, as the event carries it, for example `IN_SERVICE`. */
      readonly status: string;
      readonly atSeconds: EpochSeconds;
      readonly failureReason?: string;
    }
  | {
      readonly kind: 'max-reached';
      readonly resourceId: string;
      readonly atSeconds: EpochSeconds;
      readonly from: number | null;
      readonly to: number | null;
    };

/** The key an event is stored under within its fleet: sorts by time, and repeats for a repeated event. */
export function scaleEventKey(event: ScaleEvent): string {
  return `${String(Math.round(event.atSeconds * 1000)).padStart(14, '0')}#${event.id}`;
}

/**
 * Reads an event of Amazon EventBridge: a schedule's tick, a SageMaker endpoint's change of state, or a scaling activity's.
 *
 * Throws an {@link InputError} for anything else, naming what was expected.
 */
export function parseScaleNotice(event: unknown): ScaleNotice {
  const envelope = record(event, 'event');
  const detailType = text(envelope, 'detail-type', 'event');
  switch (detailType) {
    case 'Scheduled Event':
      return { kind: 'reconcile' };
    case 'SageMaker Endpoint State Change':
      return parseEndpointState(envelope);
    case 'Application Auto Scaling Scaling Activity State Change':
      return parseActivityState(envelope);
    default:
      throw new InputError(
        `event has detail-type '${detailType}'; expected 'Scheduled Event', 'SageMaker Endpoint State Change' or ` +
          `'Application Auto Scaling Scaling Activity State Change'`,
      );
  }
}

/** The events a notice stands for, one for each watched fleet it concerns; a reconcile tick stands for none. */
export function eventsOfNotice(notice: ScaleNotice, fleets: readonly WatchedFleet[]): ScaleEvent[] {
  switch (notice.kind) {
    case 'reconcile':
      return [];
    case 'endpoint-state':
      return fleets
        .filter((fleet) => fleet.fleetName === notice.endpointName)
        .map((fleet) => stateEvent(notice, fleet));
    case 'max-reached':
      return fleets
        .filter((fleet) => fleet.resourceId === notice.resourceId)
        .map(({ resourceId }) => ({
          id: `max-reached/${milliseconds(notice.atSeconds)}`,
          atSeconds: notice.atSeconds,
          resourceId,
          kind: 'max-reached',
          from: notice.from,
          to: notice.to,
          reason: `the policies want at least the maximum capacity (${notice.to ?? 'unknown'}); the fleet cannot grow further`,
          source: 'event-bus',
        }));
  }
}

/**
 * The events that a fleet's scaling activities stand for.
 *
 * Activities may come in any order and repeated. The capacity before an activity follows from the ones before it: the first starts at
 * `capacityBefore`, a failed one changes nothing. An activity that failed stands for two events: what was wanted, and that it failed.
 */
export function eventsOfActivities(activities: readonly ScalingActivity[], capacityBefore: number): ScaleEvent[] {
  const ordered = [...new Map(activities.map((activity) => [activity.activityId, activity])).values()].sort(
    (a, b) => a.startedAt - b.startedAt || a.activityId.localeCompare(b.activityId),
  );
  const events: ScaleEvent[] = [];
  let capacity = capacityBefore;
  for (const activity of ordered) {
    const wanted = wantedCapacity(activity.description);
    const failed = activity.status === 'Failed' || activity.status === 'Unfulfilled';
    const base = {
      atSeconds: activity.startedAt,
      resourceId: activity.resourceId,
      source: 'scaling-activity' as const,
    };
    if (wanted === undefined) {
      events.push({
        ...base,
        id: `activity/${activity.activityId}`,
        kind: 'limits-changed',
        from: null,
        to: null,
        reason: why(activity),
      });
    } else if (wanted !== capacity) {
      const kind = wanted > capacity ? 'scale-out' : 'scale-in';
      events.push({
        ...base,
        id: `activity/${activity.activityId}`,
        kind,
        from: capacity,
        to: wanted,
        reason: why(activity),
      });
    }
    if (failed) {
      const kind = isCapacityError(activity.statusMessage ?? '') ? 'capacity-error' : 'scaling-failed';
      const reason = activity.statusMessage ?? `the activity ended as ${activity.status}: ${why(activity)}`;
      events.push({
        ...base,
        id: `activity/${activity.activityId}/failed`,
        kind,
        from: capacity,
        to: wanted ?? null,
        reason,
      });
    } else if (wanted !== undefined) {
      capacity = wanted;
    }
  }
  return events;
}

/** Whether a service's message says that capacity or quota was lacking. */
export function isCapacityError(message: string): boolean {
  return /InsufficientInstanceCapacity|CapacityError|Unable to provision requested ML compute capacity|ResourceLimitExceeded/i.test(
    message,
  );
}

/** Reads the fleets that the construct hands over in the environment. */
export function parseWatchedFleets(json: string): WatchedFleet[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw new InputError(`${SCALE_EVENTS_ENVIRONMENT.fleets} is no JSON; expected a list of fleets`);
  }
  if (!Array.isArray(parsed))
    throw new InputError(`${SCALE_EVENTS_ENVIRONMENT.fleets} is no list; expected a list of fleets`);
  return parsed.map((item: unknown, index) => {
    const where = `${SCALE_EVENTS_ENVIRONMENT.fleets}[${index}]`;
    const fleet = record(item, where);
    const declared = fleet['declaredConfigName'];
    return {
      resourceId: text(fleet, 'resourceId', where),
      scalableDimension: text(fleet, 'scalableDimension', where),
      serviceNamespace: text(fleet, 'serviceNamespace', where),
      fleetName: text(fleet, 'fleetName', where),
      initialCapacity: finite(fleet['initialCapacity']) ?? 0,
      hasState: fleet['hasState'] === true,
      ...(typeof declared === 'string' && declared !== '' ? { declaredConfigName: declared } : {}),
    };
  });
}

function parseEndpointState(envelope: { readonly [name: string]: unknown }): ScaleNotice {
  const detail = record(envelope['detail'], 'event.detail');
  const failureReason = detail['FailureReason'];
  const modified = finite(detail['LastModifiedTime']);
  return {
    kind: 'endpoint-state',
    endpointName: text(detail, 'EndpointName', 'event.detail'),
    status: text(detail, 'EndpointStatus', 'event.detail'),
    atSeconds: modified === undefined ? time(envelope['time'], 'event.time') : modified / 1000,
    ...(typeof failureReason === 'string' && failureReason !== '' ? { failureReason } : {}),
  };
}

function parseActivityState(envelope: { readonly [name: string]: unknown }): ScaleNotice {
  const detail = record(envelope['detail'], 'event.detail');
  return {
    kind: 'max-reached',
    resourceId: text(detail, 'resourceId', 'event.detail'),
    atSeconds: time(detail['startTime'] ?? envelope['time'], 'event.detail.startTime'),
    from: finite(detail['oldDesiredCapacity']) ?? null,
    to: finite(detail['newDesiredCapacity']) ?? finite(detail['maxCapacity']) ?? null,
  };
}

/** States of an endpoint that goes back to the configuration it had, or tried to. */
const WAYS_BACK: readonly string[] = ['ROLLING_BACK', 'UPDATE_ROLLBACK_FAILED'];

function stateEvent(notice: Extract<ScaleNotice, { kind: 'endpoint-state' }>, fleet: WatchedFleet): ScaleEvent {
  const lacksCapacity = notice.failureReason !== undefined && isCapacityError(notice.failureReason);
  const because = notice.failureReason === undefined ? '' : `: ${notice.failureReason}`;
  return {
    id: `endpoint-state/${notice.status}/${milliseconds(notice.atSeconds)}`,
    atSeconds: notice.atSeconds,
    resourceId: fleet.resourceId,
    kind: WAYS_BACK.includes(notice.status)
      ? 'rollout-taken-back'
      : lacksCapacity
        ? 'capacity-error'
        : 'endpoint-state',
    from: null,
    to: null,
    reason: `endpoint ${notice.endpointName} is ${notice.status}${because}`,
    source: 'event-bus',
  };
}

/** The number in `Setting desired instance count to 4.`; undefined for activities that only change the limits. */
function wantedCapacity(description: string): number | undefined {
  const match = /desired (?:\w+ )*(?:count|capacity) to (\d+)/i.exec(description);
  return match === null ? undefined : Number(match[1]);
}

function why(activity: ScalingActivity): string {
  return activity.cause === '' ? activity.description : activity.cause;
}

function milliseconds(atSeconds: EpochSeconds): number {
  return Math.round(atSeconds * 1000);
}

function record(value: unknown, where: string): { readonly [name: string]: unknown } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as { [name: string]: unknown };
  throw new InputError(`${where} is no object`);
}

function text(from: { readonly [name: string]: unknown }, name: string, where: string): string {
  const value = from[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new InputError(`${where} has no text '${name}'`);
}

function finite(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function time(value: unknown, where: string): EpochSeconds {
  const parsed = typeof value === 'string' ? Date.parse(value) : NaN;
  if (Number.isFinite(parsed)) return parsed / 1000;
  throw new InputError(`${where} is no time; expected ISO 8601, as in 2026-11-23T14:05:00Z`);
}
