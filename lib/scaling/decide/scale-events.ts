import { SECONDS_PER_DAY, type EpochSeconds } from '../../core/time';
import {
  FLEET_STATE_METRICS,
  type FleetState,
  type ScaleEvent,
  type ScaleNotice,
  type ScalingActivity,
  type WatchedFleet,
} from '../contract';

/** Returns the events of a notice, one for each recorded fleet that it concerns; none for a tick. */
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
          reason: `the policies require at least the maximum capacity (${notice.to ?? 'unknown'}); the fleet cannot scale out further`,
          source: 'event-bus',
        }));
  }
}

/** Maximum time for which an activity in progress holds back the events after it; then it is taken as it stands, so that it holds them no longer. */
const ACTIVITY_PATIENCE_SECONDS = SECONDS_PER_DAY;

/**
 * Returns the events of a fleet's scaling activities that are final at `atSeconds`.
 *
 * Activities may be in any order and repeated. The capacity before an activity results from the earlier ones: the first starts at
 * `capacityBefore`, a failed one changes nothing. An activity has its events once it and all that began before it have ended, because how
 * they end decides what the fleet started from. Where `capacityBefore` is undefined, because older activities were not read, the first
 * activity that set the capacity only gives the capacity for the next one. A failed activity gives two events: the attempt and the failure.
 */
export function eventsOfActivities(
  activities: readonly ScalingActivity[],
  capacityBefore: number | undefined,
  atSeconds: EpochSeconds,
): ScaleEvent[] {
  const ordered = [...new Map(activities.map((activity) => [activity.activityId, activity])).values()].sort(
    (a, b) => a.startedAt - b.startedAt || a.activityId.localeCompare(b.activityId),
  );
  const events: ScaleEvent[] = [];
  let capacity = capacityBefore;
  for (const activity of ordered) {
    if (!hasEnded(activity) && atSeconds < activity.startedAt + ACTIVITY_PATIENCE_SECONDS) break;
    if (capacity !== undefined) events.push(...eventsOfActivity(activity, capacity, atSeconds));
    if (setCapacity(activity)) capacity = wantedCapacity(activity.description);
  }
  return events;
}

/** Returns true if the activity ended and set the capacity of its fleet. */
export function setsCapacity(activity: ScalingActivity): boolean {
  return hasEnded(activity) && setCapacity(activity);
}

function eventsOfActivity(activity: ScalingActivity, capacity: number, atSeconds: EpochSeconds): ScaleEvent[] {
  const wanted = wantedCapacity(activity.description);
  const base = {
    id: `activity/${activity.activityId}`,
    atSeconds: activity.startedAt,
    resourceId: activity.resourceId,
    reason: reasonOf(activity),
    source: 'scaling-activity' as const,
  };
  const events: ScaleEvent[] = [];
  if (wanted === undefined) events.push({ ...base, kind: 'limits-changed', from: null, to: null });
  else if (wanted !== capacity)
    events.push({ ...base, kind: wanted > capacity ? 'scale-out' : 'scale-in', from: capacity, to: wanted });
  if (hasFailed(activity))
    events.push({
      ...base,
      id: `${base.id}/failed`,
      knownAtSeconds: activity.endedAt ?? atSeconds,
      kind: isCapacityError(activity.statusMessage ?? '') ? 'capacity-error' : 'scaling-failed',
      from: capacity,
      to: wanted ?? null,
      reason: activity.statusMessage ?? `the activity ended as ${activity.status}: ${base.reason}`,
    });
  return events;
}

function hasEnded({ status }: ScalingActivity): boolean {
  return status !== 'Pending' && status !== 'InProgress';
}

function hasFailed({ status }: ScalingActivity): boolean {
  return status === 'Failed' || status === 'Unfulfilled';
}

function setCapacity(activity: ScalingActivity): boolean {
  return !hasFailed(activity) && wantedCapacity(activity.description) !== undefined;
}

/** Returns true if a service's message reports a lack of capacity or quota. */
export function isCapacityError(message: string): boolean {
  return /InsufficientInstanceCapacity|CapacityError|Unable to provision requested ML compute capacity|ResourceLimitExceeded/i.test(
    message,
  );
}

/**
 * Returns the metrics of a fleet's state. The configuration is compared only while no update is in progress, when two are in use. One that a
 * rollout of a model has put in the place of the declared one is no drift. After `UpdateRollbackFailed` instances of both may remain (developer guide, "Deployment guardrails"), which counts as drift.
 */
export function fleetStateMetrics(
  { status, configName, desired, current }: FleetState,
  { declaredConfigName, rolloutConfigPrefix }: Pick<WatchedFleet, 'declaredConfigName' | 'rolloutConfigPrefix'> = {},
): { readonly metricName: string; readonly value: number }[] {
  const isSettled = status === 'InService' || status === 'UpdateRollbackFailed';
  const isRolledOut = rolloutConfigPrefix !== undefined && configName?.startsWith(rolloutConfigPrefix) === true;
  const isDrifted = status === 'UpdateRollbackFailed' || (configName !== declaredConfigName && !isRolledOut);
  return [
    ...(desired === null || current === null
      ? []
      : [{ metricName: FLEET_STATE_METRICS.capacityGap, value: Math.max(0, desired - current) }]),
    ...(declaredConfigName === undefined || configName === null || !isSettled
      ? []
      : [{ metricName: FLEET_STATE_METRICS.configurationDrift, value: isDrifted ? 1 : 0 }]),
  ];
}

/** States of an endpoint whose update is rolled back, successfully or not. */
const ROLLBACK_STATES: readonly string[] = ['ROLLING_BACK', 'UPDATE_ROLLBACK_FAILED'];

function stateEvent(notice: Extract<ScaleNotice, { kind: 'endpoint-state' }>, fleet: WatchedFleet): ScaleEvent {
  const lacksCapacity = notice.failureReason !== undefined && isCapacityError(notice.failureReason);
  const suffix = notice.failureReason === undefined ? '' : `: ${notice.failureReason}`;
  return {
    id: `endpoint-state/${notice.status}/${milliseconds(notice.atSeconds)}`,
    atSeconds: notice.atSeconds,
    resourceId: fleet.resourceId,
    kind: ROLLBACK_STATES.includes(notice.status)
      ? 'rollout-rolled-back'
      : lacksCapacity
        ? 'capacity-error'
        : 'endpoint-state',
    from: null,
    to: null,
    reason: `endpoint ${notice.endpointName} is ${notice.status}${suffix}`,
    source: 'event-bus',
  };
}

/** Returns the number in `Setting desired instance count to 4.`; undefined for activities that only change the limits. */
export function wantedCapacity(description: string): number | undefined {
  const match = /desired (?:\w+ )*(?:count|capacity) to (\d+)/i.exec(description);
  return match === null ? undefined : Number(match[1]);
}

function reasonOf(activity: ScalingActivity): string {
  return activity.cause === '' ? activity.description : activity.cause;
}

function milliseconds(atSeconds: EpochSeconds): number {
  return Math.round(atSeconds * 1000);
}
