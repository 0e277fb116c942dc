import { InputError } from '../../../lib/core/errors';
import { EMPTY_MEMORY } from '../../../lib/scaling/decide/memory';
import type { FleetPlan, ScheduledAction } from '../../../lib/scaling/decide/plan';
import { nextDue, parseSchedule } from '../../../lib/scaling/decide/schedule-expression';
import { applySchedules, nextRun, upcomingRun } from '../../../lib/scaling/decide/schedules';

const seconds = (text: string): number => Date.parse(text) / 1000;
const iso = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at * 1000).toISOString().replace(':00.000Z', 'Z');

describe('the moment of an at', () => {
  test.each([
    ['at(2026-12-24T08:00:00)', '2026-12-24T08:00Z'],
    [' at( 2026-12-24T08:01 ) ', '2026-12-24T08:01Z'],
    ['at(2026-01-31T23:59:00)', '2026-01-31T23:59Z'],
    ['at(2026-12-01T00:00:00)', '2026-12-01T00:00Z'],
    ['at(2028-02-29T00:00:00)', '2028-02-29T00:00Z'],
  ])('%s is %s', (text, expected) => {
    const expression = parseSchedule(text);
    expect(iso(nextDue(expression, 0))).toBe(expected);
    expect(nextDue(expression, seconds(expected))).toBeUndefined();
    expect(nextDue(expression, seconds(expected) - 1)).toBe(seconds(expected));
  });

  test.each([
    '2026-00-10T00:00:00',
    '2026-13-10T00:00:00',
    '2026-12-00T00:00:00',
    '2026-11-31T00:00:00',
    '2027-02-29T00:00:00',
    '2026-12-24T24:00:00',
    '2026-12-24T08:60:00',
    '2026-12-24T08:00:60',
    '12026-12-24T08:00:00',
    '2026-12-24T08:00:000',
    '2026-12-24',
  ])('%s is refused with an example', (text) => {
    expect(() => parseSchedule(`at(${text})`)).toThrow(
      new InputError(`at(${text}) is not a moment; use at(yyyy-mm-ddThh:mm:ss), for example at(2026-12-24T08:00:00)`),
    );
  });
});

describe('a rate', () => {
  test.each([
    ['1 minute', 60],
    ['5 minutes', 300],
    ['1 hour', 3600],
    ['2  hours', 7200],
    [' 1 day ', 86_400],
    ['36525 days', 36_525 * 86_400],
  ])('of %p comes every %p s', (text, everySeconds) => {
    expect(parseSchedule(`rate(${text})`)).toEqual({ kind: 'rate', everySeconds });
  });

  test.each([
    '0 minutes',
    '5',
    '5 weeks',
    '5 constructor',
    'x5 minutes',
    '5 minutes!',
    '-5 minutes',
    '1.5 hours',
    '5minutes',
  ])('of %p is refused with an example', (text) => {
    expect(() => parseSchedule(`rate(${text})`)).toThrow(
      `rate(${text}) is not understood; use a value of at least 1 and minutes, hours or days, for example rate(15 minutes)`,
    );
  });

  test('above a hundred years is refused', () => {
    expect(() => parseSchedule('rate(36526 days)')).toThrow('rate(36526 days) is above 36525 days; use a shorter time');
    expect(() => parseSchedule('rate(876601 hours)')).toThrow('is above 36525 days');
  });
});

test.each(['xrate(5 minutes)', 'rate(5 minutes)x', 'every day', 'rate 5 minutes'])('%p is no schedule', (text) => {
  expect(() => parseSchedule(text)).toThrow(
    `schedule '${text}' is not understood; use at(yyyy-mm-ddThh:mm:ss), rate(5 minutes) or cron(0 8 * * ? *)`,
  );
});

describe('the next moment of a cron expression', () => {
  test.each<[string, string, string, string | undefined]>([
    ['0 8 * * ? *', 'UTC', '2026-11-02T07:59:59Z', '2026-11-02T08:00Z'],
    ['0 8 * * ? *', 'UTC', '2026-11-02T08:00:00Z', '2026-11-03T08:00Z'],
    ['0,30 8,20 * * ? *', 'UTC', '2026-11-02T08:00:00Z', '2026-11-02T08:30Z'],
    ['0,30 8,20 * * ? *', 'UTC', '2026-11-02T08:30:00Z', '2026-11-02T20:00Z'],
    ['59 23 31 12 ? *', 'UTC', '2026-11-02T00:00:00Z', '2026-12-31T23:59Z'],
    ['0 0 1 1 ? *', 'UTC', '2026-12-31T23:59:59Z', '2027-01-01T00:00Z'],
    ['0 0 L * ? *', 'UTC', '2026-11-30T00:00:00Z', '2026-12-31T00:00Z'],
    ['0 0 29 2 ? *', 'UTC', '2026-11-30T00:00:00Z', '2028-02-29T00:00Z'],
    ['0 0 1 6 ? 2026-2028', 'UTC', '2027-06-01T00:00:00Z', '2028-06-01T00:00Z'],
    ['0 0 1 6 ? 2026-2028', 'UTC', '2028-06-01T00:00:00Z', undefined],
    ['0 0 1 1 ? 2030', 'UTC', '2026-06-01T00:00:00Z', '2030-01-01T00:00Z'],
    ['0 0 1 1 ? 2028,2090', 'UTC', '2029-06-01T00:00:00Z', '2090-01-01T00:00Z'],
    // Midnight of 3 November in Auckland is 11:00 UTC on the day before.
    ['0 0 3 11 ? *', 'Pacific/Auckland', '2026-11-02T10:59:59Z', '2026-11-02T11:00Z'],
    ['0 20 2 11 ? *', 'America/New_York', '2026-11-02T23:00:00Z', '2026-11-03T01:00Z'],
    // The clocks of Berlin go back at 1:00 UTC: 2:30 comes twice, and the schedule once.
    ['30 2 * * ? *', 'Europe/Berlin', '2027-10-30T12:00:00Z', '2027-10-31T00:30Z'],
    ['30 2 * * ? *', 'Europe/Berlin', '2027-10-31T00:30:00Z', '2027-11-01T01:30Z'],
    // They go forth at 1:00 UTC: 2:30 is skipped, and the schedule comes an hour later.
    ['30 2 * * ? *', 'Europe/Berlin', '2027-03-27T12:00:00Z', '2027-03-28T01:30Z'],
    // Those of Lord Howe go forth by half an hour, from 2:00 to 2:30 at 15:30 UTC: 2:15 becomes 2:45, after 2:30.
    ['15,30 2 * * ? *', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', '2026-10-03T15:30Z'],
    ['15,30 2 * * ? *', 'Australia/Lord_Howe', '2026-10-03T15:30:00Z', '2026-10-03T15:45Z'],
  ])('%s in %s after %s is %s', (fields, timezone, after, expected) => {
    expect(iso(nextDue(parseSchedule(`cron(${fields})`, timezone), seconds(after)))).toBe(expected);
  });
});

describe('a scheduled action', () => {
  const action = (overrides: Partial<ScheduledAction>): ScheduledAction => ({
    scheduledActionName: 'grow',
    schedule: 'rate(10 minutes)',
    minCapacity: 2,
    ...overrides,
  });

  test('recurs from its start, from its creation, or from the beginning of time', () => {
    expect(nextRun(action({ startSeconds: 1000 }), 999)).toBe(1000);
    expect(nextRun(action({ startSeconds: 1000 }), 1000)).toBe(1600);
    expect(nextRun(action({ createdSeconds: 900 }), 1000)).toBe(1500);
    expect(nextRun(action({ startSeconds: 1000, createdSeconds: 900 }), 1000)).toBe(1600);
    expect(nextRun(action({}), 1000)).toBe(1200);
  });

  test('runs at its end and not after it', () => {
    expect(nextRun(action({ endSeconds: 1200 }), 1000)).toBe(1200);
    expect(nextRun(action({ endSeconds: 1199 }), 1000)).toBeUndefined();
  });

  test('of one moment runs only from its start on', () => {
    const schedule = 'at(1970-01-01T00:20:00)';
    expect(nextRun(action({ schedule }), 1000)).toBe(1200);
    expect(nextRun(action({ schedule, startSeconds: 1200 }), 1000)).toBe(1200);
    expect(nextRun(action({ schedule, startSeconds: 1201 }), 1000)).toBeUndefined();
    expect(nextRun(action({ schedule }), 1200)).toBeUndefined();
  });

  test('is asked for its next run at any moment, forth and back', () => {
    const one = action({ createdSeconds: 900, endSeconds: 2100 });
    expect([1000, 1499, 1500, 899, 2100, 1000].map((after) => upcomingRun(one, after))).toEqual([
      1500,
      1500,
      2100,
      1500,
      Infinity,
      1500,
    ]);
  });

  describe('of a plan', () => {
    const plan = (...schedules: ScheduledAction[]): FleetPlan => ({
      minCapacity: 1,
      maxCapacity: 8,
      policies: [],
      schedules,
    });
    const grow = action({ scheduledActionName: 'grow', schedule: 'rate(10 minutes)', minCapacity: 4 });
    const shrink = action({
      scheduledActionName: 'shrink',
      schedule: 'rate(20 minutes)',
      minCapacity: 0,
      maxCapacity: 3,
    });
    const after = (since: number) => ({ ...EMPTY_MEMORY, schedulesAppliedUntil: since });

    test('runs when it is due, and says what it sets', () => {
      expect(applySchedules(plan(grow), after(599), 600, 5)).toEqual({
        limits: { minCapacity: 4, maxCapacity: 8 },
        action: grow,
        steps: [
          {
            stage: 'schedules',
            from: 5,
            to: 5,
            reason: 'scheduled action grow sets the limits from 1 to 8 to 4 to 8',
          },
        ],
      });
      // At the first decision what is due in that second
      expect(applySchedules(plan(grow), EMPTY_MEMORY, 600, 5).action).toBe(grow);
      expect(applySchedules(plan(grow), EMPTY_MEMORY, 601, 5)).toEqual({
        limits: { minCapacity: 1, maxCapacity: 8 },
        steps: [{ stage: 'schedules', from: 5, to: 5, reason: 'no scheduled action is due' }],
      });
    });

    test('that none has keeps the limits of the memory, without a step', () => {
      const limits = { minCapacity: 2, maxCapacity: 3 };
      expect(applySchedules(plan(), { ...EMPTY_MEMORY, limits }, 600, 5)).toEqual({ limits, steps: [] });
    });

    test('follows the one before it in time, or in the plan where both are due at once', () => {
      const until = (at: number, ...schedules: ScheduledAction[]) =>
        applySchedules(plan(...schedules), after(0), at, 5).action?.scheduledActionName;
      const low = action({ scheduledActionName: 'low', schedule: 'rate(20 minutes)', minCapacity: 2 });
      // grow at 600, 1200, 1800, and the others at 1200
      expect(until(1900, grow, low)).toBe('grow');
      expect(until(1300, grow, shrink)).toBe('shrink');
      expect(until(1300, grow, low)).toBe('low');
      expect(until(1300, low, grow)).toBe('grow');
    });

    test('that would contradict a limit in force is not applied, and the others are', () => {
      const high = action({ scheduledActionName: 'high', schedule: 'rate(10 minutes)', minCapacity: 9 });
      const { limits, steps } = applySchedules(plan(high, grow), after(599), 600, 5);
      expect(limits).toEqual({ minCapacity: 4, maxCapacity: 8 });
      expect(steps.map(({ reason }) => reason)).toEqual([
        'scheduled action high is not applied: it would set minimum 9 above maximum 8',
        'scheduled action grow sets the limits from 1 to 8 to 4 to 8',
      ]);
      const equal = action({ scheduledActionName: 'equal', schedule: 'rate(10 minutes)', minCapacity: 8 });
      expect(applySchedules(plan(equal), after(599), 600, 5).limits).toEqual({ minCapacity: 8, maxCapacity: 8 });
    });

    test('does not run while scheduled scaling is suspended', () => {
      const suspended = {
        dynamicScalingInSuspended: false,
        dynamicScalingOutSuspended: false,
        scheduledScalingSuspended: true,
      };
      expect(applySchedules({ ...plan(grow), suspended }, after(599), 600, 5)).toEqual({
        limits: { minCapacity: 1, maxCapacity: 8 },
        steps: [{ stage: 'schedules', from: 5, to: 5, reason: 'scheduled scaling is suspended' }],
      });
    });
  });
});
