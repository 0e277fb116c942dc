import * as fc from 'fast-check';
import { parseScaleNotice, scaleEventKey, type ScaleEvent, type ScalingActivity } from '../../../lib/scaling/contract';
import {
  eventsOfNotice,
  fleetStateMetrics,
  setsCapacity,
  wantedCapacity,
  isCapacityError,
  eventsOfActivities as decide,
} from '../../../lib/scaling/decide/scale-events';
import { CHAT_FLEET } from '../../support/watched-fleet';

const resourceId = 'endpoint/chat/variant/main';
const fleet = CHAT_FLEET;

function activity(id: string, startedAt: number, to: number, more: Partial<ScalingActivity> = {}): ScalingActivity {
  return {
    activityId: id,
    resourceId,
    description: `Setting desired instance count to ${to}.`,
    cause: `monitor alarm TargetTracking-${id} in state ALARM triggered policy concurrency`,
    startedAt,
    status: 'Successful',
    ...more,
  };
}

/** Events of activities, an hour after the last of them began. */
const eventsOfActivities = (activities: readonly ScalingActivity[], capacityBefore: number | undefined): ScaleEvent[] =>
  decide(activities, capacityBefore, 3600);

const stateChange = (detail: object): object => ({
  'detail-type': 'SageMaker Endpoint State Change',
  source: 'aws.sagemaker',
  time: '2026-11-23T14:05:00Z',
  detail: { EndpointName: 'chat', EndpointStatus: 'IN_SERVICE', ...detail },
});

describe('eventsOfNotice', () => {
  test('tells a state change to each fleet of the endpoint and to no other', () => {
    const notice = parseScaleNotice(stateChange({}));
    expect(eventsOfNotice(notice, [fleet, { ...fleet, resourceId: 'other', fleetName: 'other' }])).toMatchObject([
      {
        resourceId,
        kind: 'endpoint-state',
        from: null,
        to: null,
        reason: 'endpoint chat is IN_SERVICE',
        source: 'event-bus',
      },
    ]);
  });

  test('recognises a lack of capacity in the reason of a failure', () => {
    const FailureReason =
      'Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.';
    const notice = parseScaleNotice(stateChange({ EndpointStatus: 'FAILED', FailureReason }));
    expect(eventsOfNotice(notice, [fleet])).toMatchObject([
      { kind: 'capacity-error', reason: `endpoint chat is FAILED: ${FailureReason}` },
    ]);
  });

  test('gives a repeated delivery the same id', () => {
    const first = { ...stateChange({ LastModifiedTime: 1_795_442_400_000 }), id: 'a' };
    const again = { ...first, id: 'b', time: '2026-11-23T14:09:00Z' };
    const keys = [first, again].map((event) => scaleEventKey(eventsOfNotice(parseScaleNotice(event), [fleet])[0]!));
    expect(keys[0]).toBe(keys[1]);
  });

  test.each([
    ['ROLLING_BACK', undefined, 'rollout-rolled-back'],
    ['UPDATE_ROLLBACK_FAILED', 'the old instances cannot be had', 'rollout-rolled-back'],
    ['ROLLING_BACK', 'InsufficientInstanceCapacity', 'rollout-rolled-back'],
    ['FAILED', 'InsufficientInstanceCapacity', 'capacity-error'],
    ['IN_SERVICE', undefined, 'endpoint-state'],
  ])('tells the state %s (%s) as %s', (EndpointStatus, FailureReason, kind) => {
    const event = stateChange({ EndpointStatus, ...(FailureReason !== undefined && { FailureReason }) });
    expect(eventsOfNotice(parseScaleNotice(event), [fleet])).toMatchObject([{ kind }]);
  });

  test('makes nothing of a tick', () => {
    expect(eventsOfNotice({ kind: 'reconcile' }, [fleet])).toEqual([]);
  });
});

describe('eventsOfActivities', () => {
  test('follows the capacity from one activity to the next', () => {
    const events = eventsOfActivities([activity('a', 100, 4), activity('b', 200, 2), activity('c', 300, 2)], 1);
    // c repeats what is wanted already: nothing happened
    expect(events.map(({ kind, from, to }) => ({ kind, from, to }))).toEqual([
      { kind: 'scale-out', from: 1, to: 4 },
      { kind: 'scale-in', from: 4, to: 2 },
    ]);
    expect(events[0]).toMatchObject({
      id: 'activity/a',
      atSeconds: 100,
      source: 'scaling-activity',
      reason: 'monitor alarm TargetTracking-a in state ALARM triggered policy concurrency',
    });
  });

  test('tells a failed activity as wanted and failed, and lets it change nothing', () => {
    const failed = activity('a', 100, 4, { status: 'Failed', statusMessage: 'CapacityError: Unable to provision' });
    expect(eventsOfActivities([failed, activity('b', 200, 2)], 1)).toMatchObject([
      { id: 'activity/a', kind: 'scale-out', from: 1, to: 4 },
      { id: 'activity/a/failed', kind: 'capacity-error', from: 1, to: 4, reason: 'CapacityError: Unable to provision' },
      { id: 'activity/b', kind: 'scale-out', from: 1, to: 2 },
    ]);
  });

  test('tells failures for other reasons apart', () => {
    const failed = activity('a', 100, 4, { status: 'Unfulfilled' });
    expect(eventsOfActivities([failed], 1)[1]).toMatchObject({
      kind: 'scaling-failed',
      reason: expect.stringContaining('Unfulfilled'),
    });
  });

  test('tells a change of the limits without a capacity', () => {
    const description = 'Setting min capacity to 2 and max capacity to 8';
    const [event] = eventsOfActivities([activity('a', 100, 0, { description, cause: '' })], 1);
    expect(event).toMatchObject({ kind: 'limits-changed', from: null, to: null, reason: description });
  });

  test('knows a failure from its end on, and without one from the look', () => {
    const failed = activity('a', 100, 4, { status: 'Failed', endedAt: 1000 });
    expect(eventsOfActivities([failed], 1)[1]).toMatchObject({ atSeconds: 100, knownAtSeconds: 1000 });
    const withoutEnd = activity('a', 100, 4, { status: 'Failed' });
    expect(decide([withoutEnd], 1, 700)[1]).toMatchObject({ atSeconds: 100, knownAtSeconds: 700 });
  });

  test('tells nothing of an activity in progress, nor of those that began after it', () => {
    const running = activity('b', 200, 6, { status: 'InProgress' });
    const activities = [activity('a', 100, 4), running, activity('c', 300, 2)];
    expect(eventsOfActivities(activities, 1)).toMatchObject([{ id: 'activity/a', from: 1, to: 4 }]);
  });

  test('takes an activity as it stands when it has been in progress for a day', () => {
    const running = activity('a', 100, 6, { status: 'InProgress' });
    const activities = [running, activity('b', 300, 2)];
    expect(decide(activities, 1, 100 + 86_399)).toEqual([]);
    expect(decide(activities, 1, 100 + 86_400)).toMatchObject([
      { kind: 'scale-out', from: 1, to: 6 },
      { kind: 'scale-in', from: 6, to: 2 },
    ]);
  });

  test('starts from the first capacity that was set when older activities were not read', () => {
    const failed = activity('a', 100, 4, { status: 'Failed' });
    expect(eventsOfActivities([failed, activity('b', 200, 5), activity('c', 300, 3)], undefined)).toMatchObject([
      { id: 'activity/c', kind: 'scale-in', from: 5, to: 3 },
    ]);
  });

  test('does not mind order and repeats', () => {
    const changes = fc.array(
      fc.record({ at: fc.integer({ min: 0, max: 50 }), to: fc.integer({ min: 1, max: 9 }), failed: fc.boolean() }),
      {
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(changes, fc.infiniteStream(fc.nat()), (list, numbers) => {
        const activities = list.map(({ at, to, failed }, index) =>
          activity(`id-${index}`, at, to, failed ? { status: 'Failed' } : {}),
        );
        const shuffled = [...activities, ...activities]
          .map((item) => ({ item, rank: numbers.next().value }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ item }) => item);
        expect(eventsOfActivities(shuffled, 1)).toEqual(eventsOfActivities(activities, 1));
      }),
    );
  });

  test('gives every event of a fleet a key of its own that sorts by time', () => {
    const events = eventsOfActivities([activity('b', 9, 4), activity('a', 100, 2, { status: 'Failed' })], 1);
    const keys = events.map(scaleEventKey);
    expect(new Set(keys).size).toBe(3);
    expect([...keys].sort()).toEqual(keys);
  });
});

describe('isCapacityError', () => {
  test.each([
    ['... due to InsufficientInstanceCapacity error', true],
    ["ResourceLimitExceeded: the account-level service limit 'ml.g5.xlarge for endpoint usage' is 2", true],
    ['Endpoint is being updated', false],
  ])('%s: %p', (message, expected) => {
    expect(isCapacityError(message)).toBe(expected);
  });
});

describe('a fleet at its maximum', () => {
  const notice = { kind: 'max-reached' as const, resourceId, atSeconds: 12.3456, from: 4, to: 8 };

  test('is an event of this fleet alone', () => {
    expect(eventsOfNotice(notice, [{ ...fleet, resourceId: 'other' }, fleet])).toEqual([
      {
        id: 'max-reached/12346',
        atSeconds: 12.3456,
        resourceId,
        kind: 'max-reached',
        from: 4,
        to: 8,
        reason: 'the policies require at least the maximum capacity (8); the fleet cannot scale out further',
        source: 'event-bus',
      },
    ]);
    expect(eventsOfNotice({ ...notice, to: null }, [fleet])[0]!.reason).toContain('the maximum capacity (unknown)');
  });

  test('has no event at a tick', () => {
    expect(eventsOfNotice({ kind: 'reconcile' }, [fleet])).toEqual([]);
  });
});

describe('an activity', () => {
  test.each([
    ['Setting desired instance count to 14.', 14],
    ['Setting desired copy count to 0.', 0],
    ['setting desired capacity to 3', 3],
    ['Setting min capacity to 2 and max capacity to 5', undefined],
  ])('"%s" asks for %p', (description, expected) => {
    expect(wantedCapacity(description)).toBe(expected);
  });

  test('sets the capacity once it has ended well', () => {
    const statuses = ['Pending', 'InProgress', 'Successful', 'Overridden', 'Failed', 'Unfulfilled'] as const;
    expect(statuses.map((status) => setsCapacity(activity('a', 0, 4, { status })))).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
    expect(setsCapacity(activity('a', 0, 4, { description: 'Setting max capacity to 5' }))).toBe(false);
  });

  test('comes in the order of its start, then of its id, and counts once', () => {
    const events = eventsOfActivities(
      [activity('c', 20, 8), activity('b', 10, 6), activity('a', 10, 5), activity('c', 20, 8)],
      4,
    );
    expect(events.map(({ id, from, to }) => [id, from, to])).toEqual([
      ['activity/a', 4, 5],
      ['activity/b', 5, 6],
      ['activity/c', 6, 8],
    ]);
  });

  test('has its description as the reason where the service names no cause', () => {
    expect(eventsOfActivities([activity('a', 10, 5, { cause: '' })], 4)[0]!.reason).toBe(
      'Setting desired instance count to 5.',
    );
  });

  test('that asks for what is there already is no event', () => {
    expect(eventsOfActivities([activity('a', 10, 4)], 4)).toEqual([]);
  });
});

describe('the state of a fleet', () => {
  const state = { status: 'InService', configName: 'one', desired: 4, current: 3 };
  const values = (change: object, declaredConfigName?: string, rolloutConfigPrefix?: string) =>
    fleetStateMetrics({ ...state, ...change }, { declaredConfigName, rolloutConfigPrefix }).map(({ value }) => value);

  test('has the gap of its capacity, never below zero, as far as it is known', () => {
    expect(values({})).toEqual([1]);
    expect(values({ current: 6 })).toEqual([0]);
    expect(values({ desired: null })).toEqual([]);
    expect(values({ current: null })).toEqual([]);
  });

  test('has drifted if it runs on another configuration than declared, while no update is in progress', () => {
    expect(values({}, 'one')).toEqual([1, 0]);
    expect(values({}, 'two')).toEqual([1, 1]);
    expect(values({ status: 'Updating' }, 'two')).toEqual([1]);
    expect(values({ configName: null }, 'two')).toEqual([1]);
    expect(values({ status: 'UpdateRollbackFailed' }, 'one')).toEqual([1, 1]);
    expect(values({ status: 'UpdateRollbackFailed' })).toEqual([1]);
  });

  test('has not drifted while it runs on the configuration of a rollout of a model', () => {
    expect(values({ configName: 'digits--0123-ab' }, 'one', 'digits--')).toEqual([1, 0]);
    expect(values({ configName: 'other' }, 'one', 'digits--')).toEqual([1, 1]);
    expect(values({ configName: 'digits--0123-ab', status: 'UpdateRollbackFailed' }, 'one', 'digits--')).toEqual([
      1, 1,
    ]);
  });
});
