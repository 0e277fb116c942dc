import { SECONDS_PER_DAY } from '../../lib/core/time';
import {
  parseScaleNotice,
  RESOURCE_ID_DIMENSION,
  SCALE_EVENT_METRICS,
  scaleEventKey,
  type ScaleEvent,
  type WatchedFleet,
} from '../../lib/scaling/contract';
import { eventsOfActivities, eventsOfNotice, fleetStateMetrics } from '../../lib/scaling/decide/scale-events';
import type { EndpointStates } from '../clients/endpoint-state';
import type { MetricValue, Metrics } from '../clients/metrics';
import type { ScaleEventStore } from '../clients/scale-event-store';
import type { ScalingActivities } from '../clients/scaling-activities';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';

/** Maximum number of keys of stored events that are kept between invocations. */
const MAX_KNOWN_KEYS = 10_000;

/** Everything outside the handler. */
export interface ScaleEventsDependencies {
  readonly fleets: readonly WatchedFleet[];
  readonly retentionDays: number;
  readonly activities: ScalingActivities;
  readonly endpoints: Pick<EndpointStates, 'fleetState'>;
  readonly store: ScaleEventStore;
  readonly metrics: Metrics;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** Number of events that one invocation recorded for the first time. */
export interface ScaleEventsResult {
  readonly recorded: number;
}

/**
 * Records the scale events of the fleets.
 *
 * An event of the bus is recorded as it arrives. Every invocation reads the scaling activities as well, so that an event that the bus
 * lost is recorded with the next scheduled one; an activity has its events once it has ended. Repeats and late arrivals change nothing:
 * the key of an event is made from its content. Each event is counted once, when it is first stored; should counting fail, it stays
 * uncounted rather than counted twice. The state of the fleets is published with every invocation.
 *
 * Fleets are read beside each other, each before a deadline of its own: one that fails or is silent delays no other.
 */
export function createHandler(deps: ScaleEventsDependencies): (event: unknown) => Promise<ScaleEventsResult> {
  const stored = new Set<string>();
  return async (event) => {
    const notice = parseScaleNotice(event);
    const failures: string[] = [];
    const attempt = async <T>(subject: string, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> => {
      try {
        return await withDeadline(LOOK_DEADLINE_SECONDS, subject, work);
      } catch (error) {
        failures.push(`${subject}: ${String(error)}`);
        return undefined;
      }
    };

    const [activities, states] = await Promise.all([
      Promise.all(deps.fleets.map((fleet) => attempt(fleet.resourceId, (signal) => endedEvents(deps, fleet, signal)))),
      Promise.all(
        deps.fleets
          .filter(({ hasState }) => hasState)
          .map((fleet) => attempt(fleet.resourceId, (signal) => stateValues(deps, fleet, signal))),
      ),
    ]);
    const found = [...eventsOfNotice(notice, deps.fleets), ...activities.flatMap((events) => events ?? [])];
    const [recorded] = await Promise.all([
      record(found, stored, deps, attempt),
      attempt('metrics of the states', (signal) =>
        deps.metrics.put(
          states.flatMap((values) => values ?? []),
          signal,
        ),
      ),
    ]);
    deps.logger.info('scale events recorded', {
      notice: notice.kind,
      seen: found.length,
      recorded: recorded.map(({ resourceId, kind, from, to, reason }) => ({ resourceId, kind, from, to, reason })),
      failures,
    });
    if (failures.length > 0)
      throw new Error(`some of the scale events could not be read or recorded: ${failures.join('; ')}`);
    return { recorded: recorded.length };
  };
}

/** Runs a part of the work before its deadline; undefined, and a failure of the invocation, when it fails. */
type Attempt = <T>(subject: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T | undefined>;

/** Returns the metrics of a fleet's state. */
async function stateValues(
  { endpoints, clock }: ScaleEventsDependencies,
  fleet: WatchedFleet,
  signal: AbortSignal,
): Promise<MetricValue[]> {
  const state = await endpoints.fleetState(fleet, signal);
  const common = { unit: 'Count', atSeconds: clock.now(), dimensions: { [RESOURCE_ID_DIMENSION]: fleet.resourceId } };
  return fleetStateMetrics(state, fleet).map((metric) => ({ ...metric, ...common }));
}

/** Returns the events of the newest activities that have ended. */
async function endedEvents(
  { activities, clock }: ScaleEventsDependencies,
  fleet: WatchedFleet,
  signal: AbortSignal,
): Promise<ScaleEvent[]> {
  const recent = await activities.recent(fleet, signal);
  return eventsOfActivities(recent.activities, recent.complete ? fleet.initialCapacity : undefined, clock.now());
}

/**
 * Stores the events that are new, and counts them. `stored` saves a write for events known to be in the table; the table alone decides
 * what is new. Events older than the retention are not stored again.
 */
async function record(
  found: readonly ScaleEvent[],
  stored: Set<string>,
  deps: ScaleEventsDependencies,
  attempt: Attempt,
): Promise<ScaleEvent[]> {
  if (stored.size > MAX_KNOWN_KEYS) stored.clear();
  const outcomes = await Promise.all(
    found.map(async (event) => {
      const key = `${event.resourceId}#${scaleEventKey(event)}`;
      const expiresAt = event.atSeconds + deps.retentionDays * SECONDS_PER_DAY;
      if (stored.has(key) || expiresAt <= deps.clock.now()) return [];
      const isNew = await attempt(`${event.resourceId}, event ${event.id}`, (signal) =>
        deps.store.putIfAbsent(event, expiresAt, signal),
      );
      if (isNew !== undefined) stored.add(key);
      return isNew === true ? [event] : [];
    }),
  );
  const recorded = outcomes.flat();
  const values = recorded.map((event) => ({
    metricName: SCALE_EVENT_METRICS[event.kind],
    value: 1,
    unit: 'Count',
    atSeconds: event.knownAtSeconds ?? event.atSeconds,
    dimensions: { [RESOURCE_ID_DIMENSION]: event.resourceId },
  }));
  await attempt('metrics of the events', (signal) => deps.metrics.put(values, signal));
  return recorded;
}
