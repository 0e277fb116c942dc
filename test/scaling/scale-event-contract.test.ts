import * as fc from 'fast-check';
import {
  eventsOfActivities,
  eventsOfNotice,
  isCapacityError,
  parseScaleNotice,
  parseWatchedFleets,
  scaleEventKey,
  type ScalingActivity,
} from '../../lib/scaling/contract';
import { CHAT_FLEET } from '../support/watched-fleet';

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

const stateChange = (detail: object): object => ({
  'detail-type': 'SageMaker Endpoint State Change',
  source: 'aws.sagemaker',
  time: '2026-11-23T14:05:00Z',
  detail: { EndpointName: 'chat', EndpointStatus: 'IN_SERVICE', ...detail },
});

describe('parseScaleNotice', () => {
  test('reads a tick of the schedule', () => {
    expect(parseScaleNotice({ 'detail-type': 'Scheduled Event', source: 'aws.events' })).toEqual({ kind: 'reconcile' });
  });

  test('reads an endpoint’s change of state at the time it changed, not the time it was told', () => {
    // 1795442400 s = 2026-11-23T14:00:00Z
    expect(parseScaleNotice(stateChange({ LastModifiedTime: 1_795_442_400_000 }))).toEqual({
      kind: 'endpoint-state',
      endpointName: 'chat',
      status: 'IN_SERVICE',
      atSeconds: 1_795_442_400,
    });
    expect(parseScaleNotice(stateChange({}))).toMatchObject({ atSeconds: Date.parse('2026-11-23T14:05:00Z') / 1000 });
  });

  test('reads that a fleet reached its maximum', () => {
    const detail = {
      startTime: '2026-11-23T14:04:00Z',
      resourceId,
      oldDesiredCapacity: 4,
      newDesiredCapacity: 8,
      maxCapacity: 8,
      scaledToMax: true,
    };
    const event = { 'detail-type': 'Application Auto Scaling Scaling Activity State Change', detail };
    expect(parseScaleNotice(event)).toMatchObject({ kind: 'max-reached', resourceId, from: 4, to: 8 });
  });

  test.each<[unknown, RegExp]>([
    [null, /event is no object/],
    [[], /event is no object/],
    [{}, /event has no text 'detail-type'/],
    [{ 'detail-type': 'EC2 Instance Launch' }, /detail-type 'EC2 Instance Launch'; expected 'Scheduled Event'/],
    [stateChange({ EndpointName: 3 }), /event\.detail has no text 'EndpointName'/],
    [{ ...stateChange({}), time: 'noon' }, /event\.time is no time/],
  ])('refuses %j', (event, message) => {
    expect(() => parseScaleNotice(event)).toThrow(message);
  });
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
    ['ROLLING_BACK', undefined, 'rollout-taken-back'],
    ['UPDATE_ROLLBACK_FAILED', 'the old instances cannot be had', 'rollout-taken-back'],
    ['ROLLING_BACK', 'InsufficientInstanceCapacity', 'rollout-taken-back'],
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

describe('parseWatchedFleets', () => {
  test('reads what the construct hands over', () => {
    expect(parseWatchedFleets(JSON.stringify([fleet]))).toEqual([fleet]);
  });

  test.each([
    ['{', /is no JSON/],
    ['{}', /is no list/],
    ['[{}]', /FLEETS\[0\] has no text 'resourceId'/],
  ])('refuses %s', (json, message) => {
    expect(() => parseWatchedFleets(json)).toThrow(message);
  });
});
