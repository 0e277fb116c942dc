import type { EndpointStates } from '../../../lambda/clients/endpoint-state';
import type { MetricValue } from '../../../lambda/clients/metrics';
import type { RecentActivities } from '../../../lambda/clients/scaling-activities';
import { createHandler } from '../../../lambda/scale-events/handler';
import {
  FLEET_STATE_METRICS,
  scaleEventKey,
  type FleetState,
  type ScaleEvent,
  type ScalingActivity,
  type WatchedFleet,
} from '../../../lib/scaling/contract';

const tick = { 'detail-type': 'Scheduled Event' };

function fleetOf(name: string): WatchedFleet {
  return {
    resourceId: `endpoint/${name}/variant/main`,
    scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    serviceNamespace: 'sagemaker',
    fleetName: name,
    initialCapacity: 1,
    hasState: true,
    declaredConfigName: 'config-2',
  };
}

function activity(fleet: WatchedFleet, id: string, startedAt: number, to: number): ScalingActivity {
  return {
    activityId: id,
    resourceId: fleet.resourceId,
    description: `Setting desired instance count to ${to}.`,
    cause: 'an alarm',
    startedAt,
    status: 'Successful',
  };
}

const chat = fleetOf('chat');

function stateChange(LastModifiedTime: number): object {
  return {
    'detail-type': 'SageMaker Endpoint State Change',
    time: '2026-11-23T14:05:00Z',
    detail: { EndpointName: 'chat', EndpointStatus: 'UPDATING', LastModifiedTime },
  };
}

const STATE_METRICS: readonly string[] = Object.values(FLEET_STATE_METRICS);

const settled: FleetState = { status: 'InService', configName: 'config-2', desired: 1, current: 1 };

const endpointsWith = (states: ReadonlyMap<string, FleetState | Error>): Pick<EndpointStates, 'fleetState'> => ({
  fleetState: ({ resourceId }) => {
    const state = states.get(resourceId) ?? settled;
    return state instanceof Error ? Promise.reject(state) : Promise.resolve(state);
  },
});

/** A table, a scaling service and CloudWatch, all in memory; handlers made with `newHandler` share them as new processes would. */
function world(fleets: readonly WatchedFleet[] = [chat]) {
  const stored = new Map<string, { event: ScaleEvent; expiresAt: number }>();
  const counted: MetricValue[] = [];
  const activities = new Map<string, RecentActivities | Error>();
  const states = new Map<string, FleetState | Error>();
  const told: MetricValue[] = [];
  let writes = 0;
  let metricsDown = false;
  const newHandler = () =>
    createHandler({
      fleets,
      retentionDays: 90,
      activities: {
        recent: (fleet) => {
          const recent = activities.get(fleet.resourceId) ?? { activities: [], complete: true };
          return recent instanceof Error ? Promise.reject(recent) : Promise.resolve(recent);
        },
      },
      endpoints: endpointsWith(states),
      store: {
        putIfAbsent: (event, expiresAt) => {
          writes++;
          const key = `${event.resourceId}/${scaleEventKey(event)}`;
          if (stored.has(key)) return Promise.resolve(false);
          stored.set(key, { event, expiresAt });
          return Promise.resolve(true);
        },
      },
      metrics: {
        put: (values) => {
          if (metricsDown) return Promise.reject(new Error('metrics are down'));
          for (const value of values) (STATE_METRICS.includes(value.metricName) ? told : counted).push(value);
          return Promise.resolve();
        },
      },
      clock: { now: () => 1_000_000 },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
  return {
    newHandler,
    stored: () => [...stored.values()].map(({ event }) => event),
    expiries: () => [...stored.values()].map(({ expiresAt }) => expiresAt),
    counted,
    activities,
    states,
    told,
    writes: () => writes,
    breakMetrics: () => (metricsDown = true),
  };
}

describe('the scale-events handler', () => {
  test('records and counts the events of the activities', async () => {
    const { newHandler, stored, counted, activities, expiries } = world();
    activities.set(chat.resourceId, {
      activities: [activity(chat, 'b', 200, 2), activity(chat, 'a', 100, 4)],
      complete: true,
    });
    await expect(newHandler()(tick)).resolves.toEqual({ recorded: 2 });
    expect(stored()).toMatchObject([
      { kind: 'scale-out', from: 1, to: 4, reason: 'an alarm' },
      { kind: 'scale-in', from: 4, to: 2 },
    ]);
    expect(expiries()[0]).toBe(100 + 90 * 86_400);
    expect(counted).toEqual([
      { metricName: 'ScaleOuts', value: 1, unit: 'Count', atSeconds: 100, dimensions: { ResourceId: chat.resourceId } },
      { metricName: 'ScaleIns', value: 1, unit: 'Count', atSeconds: 200, dimensions: { ResourceId: chat.resourceId } },
    ]);
  });

  test('counts an event once for any number of deliveries, to this process or another', async () => {
    const { newHandler, stored, counted, activities } = world();
    activities.set(chat.resourceId, { activities: [activity(chat, 'a', 100, 4)], complete: true });
    const handler = newHandler();
    for (const run of [handler, handler, newHandler()]) {
      await run(tick);
      await run(stateChange(1_795_442_400_000));
    }
    expect(stored()).toHaveLength(2);
    expect(counted).toHaveLength(2);
  });

  test('stores the same events for any order of arrival', async () => {
    const first = world();
    const second = world();
    const events = [stateChange(1_795_442_400_000), stateChange(1_795_442_460_000), tick];
    const forwards = first.newHandler();
    for (const event of events) await forwards(event);
    const backwards = second.newHandler();
    for (const event of [...events].reverse()) await backwards(event);
    const byKey = (list: ScaleEvent[]): string[] => list.map(scaleEventKey).sort();
    expect(byKey(second.stored())).toEqual(byKey(first.stored()));
  });

  test('makes up with the next tick for an event that was lost', async () => {
    const { newHandler, stored, activities } = world();
    const handler = newHandler();
    await handler(tick);
    // the event that told of this activity never arrived
    activities.set(chat.resourceId, { activities: [activity(chat, 'lost', 100, 3)], complete: true });
    await handler(tick);
    expect(stored()).toMatchObject([{ kind: 'scale-out', to: 3 }]);
  });

  test('takes the oldest of a full page for the capacity before only', async () => {
    const { newHandler, stored, activities } = world();
    activities.set(chat.resourceId, {
      activities: [activity(chat, 'a', 100, 5), activity(chat, 'b', 200, 3)],
      complete: false,
    });
    await newHandler()(tick);
    expect(stored()).toMatchObject([{ kind: 'scale-in', from: 5, to: 3 }]);
  });

  test('records the other fleets when one cannot be read, and fails afterwards', async () => {
    const search = fleetOf('search');
    const { newHandler, stored, activities } = world([chat, search]);
    activities.set(chat.resourceId, new Error('ThrottlingException'));
    activities.set(search.resourceId, { activities: [activity(search, 'a', 100, 4)], complete: true });
    await expect(newHandler()(tick)).rejects.toThrow(/endpoint\/chat\/variant\/main: Error: ThrottlingException/);
    expect(stored()).toMatchObject([{ resourceId: search.resourceId, kind: 'scale-out' }]);
  });

  test('does not count an event twice after counting failed', async () => {
    const { newHandler, stored, counted, activities, breakMetrics } = world();
    activities.set(chat.resourceId, { activities: [activity(chat, 'a', 100, 4)], complete: true });
    breakMetrics();
    await expect(newHandler()(tick)).rejects.toThrow('metrics are down');
    await expect(newHandler()(tick)).rejects.toThrow('metrics are down');
    expect(stored()).toHaveLength(1);
    expect(counted).toHaveLength(0);
  });

  test('does not write an event again that it knows to be in the table', async () => {
    const { newHandler, activities, writes } = world();
    activities.set(chat.resourceId, { activities: [activity(chat, 'a', 100, 4)], complete: true });
    const handler = newHandler();
    await handler(tick);
    await handler(tick);
    expect(writes()).toBe(1);
  });

  test('refuses an event it does not know', async () => {
    await expect(world().newHandler()({ 'detail-type': 'Something Else' })).rejects.toThrow(
      /expected 'Scheduled Event'/,
    );
  });
});

describe('the state of the fleets', () => {
  const values = (told: readonly MetricValue[]): object =>
    Object.fromEntries(
      told.map(({ metricName, value, dimensions }) => [`${dimensions['ResourceId']} ${metricName}`, value]),
    );

  test('is published with every invocation', async () => {
    const { newHandler, states, told } = world();
    states.set(chat.resourceId, { ...settled, desired: 5, current: 2 });
    await newHandler()(tick);
    const common = { unit: 'Count', atSeconds: 1_000_000, dimensions: { ResourceId: chat.resourceId } };
    expect(told).toEqual([
      { metricName: 'CapacityGap', value: 3, ...common },
      { metricName: 'ConfigurationDrift', value: 0, ...common },
    ]);
  });

  test.each<[string, Partial<FleetState>, object]>([
    ['a rollout that was rolled back', { configName: 'config-1' }, { CapacityGap: 0, ConfigurationDrift: 1 }],
    ['a rollback that failed', { status: 'UpdateRollbackFailed' }, { CapacityGap: 0, ConfigurationDrift: 1 }],
    ['an update', { status: 'Updating', configName: 'config-1', desired: 4 }, { CapacityGap: 3 }],
    ['more instances than wanted', { current: 4 }, { CapacityGap: 0, ConfigurationDrift: 0 }],
    ['an endpoint that is made', { status: 'Creating', desired: null, current: null }, {}],
  ])('tells of %s', async (_, state, expected) => {
    const { newHandler, states, told } = world();
    states.set(chat.resourceId, { ...settled, ...state });
    await newHandler()(tick);
    expect(Object.fromEntries(told.map(({ metricName, value }) => [metricName, value]))).toEqual(expected);
  });

  test('is published for the others when one cannot be read, and the invocation fails', async () => {
    const films = fleetOf('films');
    const { newHandler, states, told } = world([chat, films]);
    states.set(chat.resourceId, new Error('throttled'));
    await expect(newHandler()(tick)).rejects.toThrow('endpoint/chat/variant/main: Error: throttled');
    expect(values(told)).toEqual({
      'endpoint/films/variant/main CapacityGap': 0,
      'endpoint/films/variant/main ConfigurationDrift': 0,
    });
  });

  test('of fleets that have none is not read', async () => {
    const { newHandler, states, told } = world([{ ...chat, hasState: false }]);
    states.set(chat.resourceId, new Error('not asked'));
    await newHandler()(tick);
    expect(told).toEqual([]);
  });
});
