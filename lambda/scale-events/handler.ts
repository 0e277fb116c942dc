import { SECONDS_PER_DAY } from '../../lib/core/time';
import {
  eventsOfActivities,
  eventsOfNotice,
  fleetStateMetrics,
  parseScaleNotice,
  RESOURCE_ID_DIMENSION,
  SCALE_EVENT_METRICS,
  scaleEventKey,
  type ScaleEvent,
  type WatchedFleet,
} from '../../lib/scaling/contract';
import type { FleetStates } from '../clients/fleet-state';
import type { MetricValue, Metrics } from '../clients/metrics';
import type { ScaleEventStore } from '../clients/scale-event-store';
import type { RecentActivities, ScalingActivities } from '../clients/scaling-activities';
import type { Clock } from '../support/clock';
import type { Logger } from '../support/logger';

/** Keys of stored events to remember between invocations at most. */
const MAX_REMEMBERED = 10_000;

/** What the handler works with. */
export interface ScaleEventsDependencies {
  readonly fleets: readonly WatchedFleet[];
  readonly retentionDays: number;
  readonly activities: ScalingActivities;
  readonly states: FleetStates;
  readonly store: ScaleEventStore;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How many events one invocation recorded for the first time. */
export interface ScaleEventsResult {
  readonly recorded: number;
}

/**
 * Records what happened to the fleets.
 *
 * An event of the bus is recorded as it comes. Whatever woke the handler, the scaling activities are read back too, so that an event
 * the bus lost is recorded with the next tick. Repeats and late arrivals change nothing: an event's key is made from what happened.
 * Each event is counted once, when it is first stored; should counting fail, it is left uncounted rather than counted twice. The state
 * of the fleets is told with every look.
 */
export function createHandler(deps: ScaleEventsDependencies): (event: unknown) => Promise<ScaleEventsResult> {
  const stored = new Set<string>();
  return async (event) => {
    const notice = parseScaleNotice(event);
    const failures: string[] = [];
    const found: ScaleEvent[] = eventsOfNotice(notice, deps.fleets);
    for (const fleet of deps.fleets) {
      try {
        found.push(...eventsOfRecent(await deps.activities.recent(fleet), fleet));
      } catch (error) {
        // One fleet that cannot be read must not keep the others from being recorded.
        failures.push(`${fleet.resourceId}: ${String(error)}`);
      }
    }

    const recorded = await record(found, stored, deps);
    failures.push(...(await tellStates(deps)));
    deps.logger.info('scale events recorded', {
      notice: notice.kind,
      seen: found.length,
      recorded: recorded.map(({ resourceId, kind, from, to, reason }) => ({ resourceId, kind, from, to, reason })),
      failures,
    });
    if (failures.length > 0) throw new Error(`some of the fleets could not be read: ${failures.join('; ')}`);
    return { recorded: recorded.length };
  };
}

/** Publishes what the fleets are now; returns why some could not be read, which keeps none of the others from being told. */
async function tellStates(deps: ScaleEventsDependencies): Promise<readonly string[]> {
  const failures: string[] = [];
  const values: MetricValue[] = [];
  for (const fleet of deps.fleets.filter(({ hasState }) => hasState)) {
    const { resourceId, declaredConfigName } = fleet;
    try {
      const state = await deps.states.read(fleet);
      const atSeconds = deps.clock.now();
      const dimensions = { [RESOURCE_ID_DIMENSION]: resourceId };
      for (const metric of fleetStateMetrics(state, declaredConfigName))
        values.push({ ...metric, unit: 'Count', atSeconds, dimensions });
    } catch (error) {
      failures.push(`${resourceId}: ${String(error)}`);
    }
  }
  await deps.metrics.put(values);
  return failures;
}

/**
 * Where older activities exist, the oldest of the page only tells the capacity the next one started from; it was recorded
 * when it was new.
 */
function eventsOfRecent({ activities, complete }: RecentActivities, fleet: WatchedFleet): ScaleEvent[] {
  const events = eventsOfActivities(activities, fleet.initialCapacity);
  if (complete) return events;
  const oldest = Math.min(...activities.map((activity) => activity.startedAt));
  return events.filter((event) => event.atSeconds > oldest);
}

/** `stored` spares a write for each event this process has already seen in the table; the table alone decides what is new. */
async function record(
  found: readonly ScaleEvent[],
  stored: Set<string>,
  deps: ScaleEventsDependencies,
): Promise<ScaleEvent[]> {
  const recorded: ScaleEvent[] = [];
  if (stored.size > MAX_REMEMBERED) stored.clear();
  try {
    for (const event of found) {
      const key = `${event.resourceId}#${scaleEventKey(event)}`;
      if (stored.has(key)) continue;
      const isNew = await deps.store.putIfAbsent(event, event.atSeconds + deps.retentionDays * SECONDS_PER_DAY);
      stored.add(key);
      if (isNew) recorded.push(event);
    }
  } finally {
    await deps.metrics.put(
      recorded.map((event) => ({
        metricName: SCALE_EVENT_METRICS[event.kind],
        value: 1,
        unit: 'Count',
        atSeconds: event.atSeconds,
        dimensions: { [RESOURCE_ID_DIMENSION]: event.resourceId },
      })),
    );
  }
  return recorded;
}
