import * as fc from 'fast-check';
import { createHandler } from '../../../lambda/scale-events/handler';
import {
  SCALE_EVENT_METRICS,
  scaleEventKey,
  type ScaleEvent,
  type ScalingActivity,
} from '../../../lib/scaling/contract';
import { eventsOfActivities } from '../../../lib/scaling/decide/scale-events';
import { CHAT_FLEET } from '../../support/watched-fleet';

interface Attempt {
  /** Seconds after the start of the attempt before. */
  readonly after: number;
  readonly lasts: number;
  readonly to: number;
  readonly outcome: 'Successful' | 'Failed' | 'Unfulfilled' | 'Overridden';
}

const attempts = fc.array(
  fc.record<Attempt>({
    after: fc.integer({ min: 60, max: 400 }),
    lasts: fc.integer({ min: 0, max: 900 }),
    to: fc.integer({ min: 1, max: 6 }),
    outcome: fc.constantFrom('Successful', 'Successful', 'Failed', 'Unfulfilled', 'Overridden'),
  }),
  { minLength: 1, maxLength: 26 },
);

/** The activities as the service describes them at a moment; they overlap wherever one begins before the last has ended. */
function activitiesAt(list: readonly Attempt[], now: number): ScalingActivity[] {
  let startedAt = 0;
  return list.flatMap(({ after, lasts, to, outcome }, index) => {
    startedAt += after;
    if (startedAt > now) return [];
    const endedAt = startedAt + lasts;
    const common = {
      activityId: `activity-${index}`,
      resourceId: CHAT_FLEET.resourceId,
      description: `Setting desired instance count to ${to}.`,
      cause: 'an alarm',
      startedAt,
    };
    return [endedAt > now ? { ...common, status: 'InProgress' } : { ...common, endedAt, status: outcome }];
  });
}

const PAGE = 20;
const END = 190 * 60;

/**
 * Three hours of two recorders, each run once a minute with its own memory over one table, where 10 % of all calls fail.
 * `numbers` decides which; a call that fails may have had its effect.
 */
async function play(list: readonly Attempt[], random: () => number) {
  const table = new Map<string, ScaleEvent>();
  const counts = new Map<string, number>();
  let now = 0;
  let isCalm = false;
  const call = async <T>(work: () => T): Promise<T> => {
    await Promise.resolve();
    const luck = isCalm ? 1 : random();
    if (luck < 0.05) throw new Error('refused');
    const result = work();
    await Promise.resolve();
    if (luck < 0.1) throw new Error('the response was lost');
    return result;
  };
  const newHandler = () =>
    createHandler({
      fleets: [CHAT_FLEET],
      retentionDays: 90,
      activities: {
        recent: () =>
          call(() => {
            const all = activitiesAt(list, now).reverse();
            return { activities: all.slice(0, PAGE), complete: all.length <= PAGE };
          }),
      },
      endpoints: { fleetState: () => call(() => ({ status: 'InService', configName: null, desired: 1, current: 1 })) },
      store: {
        putIfAbsent: (event) =>
          call(() => {
            if (table.has(scaleEventKey(event))) return false;
            table.set(scaleEventKey(event), event);
            return true;
          }),
      },
      metrics: {
        put: (values) =>
          call(() => values.forEach(({ metricName }) => counts.set(metricName, (counts.get(metricName) ?? 0) + 1))),
      },
      clock: { now: () => now },
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
  const handlers = [newHandler(), newHandler()];
  const tick = { 'detail-type': 'Scheduled Event' };
  for (; now <= END; now += 60) {
    isCalm = now === END;
    await Promise.allSettled(handlers.map((handler) => handler(tick)));
  }
  return { table, counts };
}

test('the table has every event of the activities and no other, whatever overlaps, fails or runs twice', async () => {
  await fc.assert(
    fc.asyncProperty(attempts, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), async (list, numbers) => {
      const { table, counts } = await play(list, () => numbers.next().value as number);
      const expected = eventsOfActivities(activitiesAt(list, END), CHAT_FLEET.initialCapacity, END);
      const shown = (events: Iterable<ScaleEvent>): string[] =>
        [...events]
          .map(({ id, kind, from, to, knownAtSeconds }) => [id, kind, from, to, knownAtSeconds].join(' '))
          .sort();
      expect(shown(table.values())).toEqual(shown(expected));
      for (const [kind, metricName] of Object.entries(SCALE_EVENT_METRICS))
        expect(counts.get(metricName) ?? 0).toBeLessThanOrEqual(expected.filter((event) => event.kind === kind).length);
    }),
    { numRuns: 30, endOnFailure: true },
  );
}, 60_000);
