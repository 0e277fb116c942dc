import fc from 'fast-check';
import {
  afterDelivery,
  beginAt,
  type DeliveryAnswer,
  giveUpBefore,
  kafkaAnswers,
  type MappingDelivery,
  type MappingPlace,
  nextDelivery,
  takenOver,
} from '../../lib/ingestion/decide/event-source-mapping';

const once = { bisectBatchOnFunctionError: false, maximumRetryAttempts: 1 };
const never = { bisectBatchOnFunctionError: false, maximumRetryAttempts: 0 };
const forever = { bisectBatchOnFunctionError: false, maximumRetryAttempts: Infinity };
const bisecting = { bisectBatchOnFunctionError: true, maximumRetryAttempts: 1 };

const DONE: DeliveryAnswer = { kind: 'done' };
const FAILED: DeliveryAnswer = { kind: 'failed' };
const reported = (record: number): DeliveryAnswer => ({ kind: 'reported', record });
const records = (first: number, end: number, retries = 0): MappingDelivery => ({ first, end, retries });

describe('the delivery of an event source mapping', () => {
  test('is a new batch of the size, or of what is left, and none at the end', () => {
    expect(nextDelivery(beginAt(10), 100, 20)).toEqual(records(10, 30));
    expect(nextDelivery(beginAt(90), 100, 20)).toEqual(records(90, 100));
    expect(nextDelivery(beginAt(100), 100, 20)).toBeUndefined();
  });

  test('is what comes again, before new records', () => {
    const place: MappingPlace = { next: 10, parts: [records(10, 12, 1), records(12, 14)] };
    expect(nextDelivery(place, 100, 20)).toEqual(records(10, 12, 1));
  });
});

describe('the step after an answer', () => {
  test.each([
    ['passes a batch that is done', once, records(0, 4), DONE, { next: 4, parts: [] }, 0],
    ['repeats one that failed', once, records(0, 4), FAILED, { next: 0, parts: [records(0, 4, 1)] }, 1],
    ['pauses longer each time', forever, records(0, 4, 5), FAILED, { next: 0, parts: [records(0, 4, 6)] }, 32],
    ['pauses a minute at most', forever, records(0, 4, 6), FAILED, { next: 0, parts: [records(0, 4, 7)] }, 60],
    [
      'goes on at the record that is reported',
      once,
      records(0, 4, 1),
      reported(2),
      { next: 2, parts: [records(2, 4, 1)] },
      1,
    ],
    [
      'repeats a batch whose first record is reported',
      once,
      records(0, 4),
      reported(0),
      { next: 0, parts: [records(0, 4, 1)] },
      1,
    ],
    [
      'repeats one that reports what is behind it',
      once,
      records(0, 4),
      reported(4),
      { next: 0, parts: [records(0, 4, 1)] },
      1,
    ],
    [
      'halves one that failed, the larger half first',
      bisecting,
      records(0, 3, 1),
      FAILED,
      { next: 0, parts: [records(0, 2), records(2, 3)] },
      1,
    ],
    [
      'halves one whose first record is reported',
      bisecting,
      records(0, 4),
      reported(0),
      { next: 0, parts: [records(0, 2), records(2, 4)] },
      1,
    ],
    [
      'splits one at the record that is reported',
      bisecting,
      records(0, 4),
      reported(1),
      { next: 1, parts: [records(1, 4)] },
      1,
    ],
    ['repeats a single record', bisecting, records(3, 4), FAILED, { next: 3, parts: [records(3, 4, 1)] }, 1],
  ] as const)('%s', (_, plan, delivery, answer, place, pauseSeconds) => {
    expect(afterDelivery(beginAt(delivery.first), delivery, answer, plan)).toEqual({
      place,
      givenUp: undefined,
      pauseSeconds,
    });
  });

  test.each([
    ['a batch without retries left', once, records(0, 4, 1), FAILED, records(0, 4, 1)],
    ['a single record without retries left', bisecting, records(3, 4, 1), FAILED, records(3, 4, 1)],
    ['the rest behind what is done, where there are no retries', never, records(0, 4), reported(2), records(2, 4)],
  ] as const)('gives up %s, and goes on behind it', (_, plan, delivery, answer, givenUp) => {
    expect(afterDelivery(beginAt(delivery.first), delivery, answer, plan)).toEqual({
      place: { next: delivery.end, parts: [] },
      givenUp,
      pauseSeconds: 0,
    });
  });

  test('keeps the other half for later', () => {
    const { place } = afterDelivery(beginAt(0), records(0, 4), FAILED, bisecting);
    const step = afterDelivery(place, place.parts[0]!, DONE, bisecting);
    expect(step.place).toEqual({ next: 2, parts: [records(2, 4)] });
    expect(takenOver(step.place)).toEqual(beginAt(2));
  });

  test('passes every record once and in order, as done or given up, whatever the answers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 4 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 30 }),
        (end, size, bisectBatchOnFunctionError, maximumRetryAttempts, answers) => {
          let place = beginAt(0);
          for (let step = 0; ; step++) {
            expect(step).toBeLessThan(10_000);
            const delivery = nextDelivery(place, end, size);
            if (delivery === undefined) break;
            expect(delivery.first).toBe(place.next);
            const successes = answers[step % answers.length]! % (delivery.end - delivery.first + 2);
            const record = delivery.first + successes;
            const answer = record > delivery.end ? FAILED : record === delivery.end ? DONE : reported(record);
            const next = afterDelivery(place, delivery, answer, { bisectBatchOnFunctionError, maximumRetryAttempts });
            expect(next.place.next).toBeGreaterThanOrEqual(place.next);
            if (next.givenUp === undefined)
              expect(next.place.next).toBeLessThanOrEqual(answer === FAILED ? delivery.first : record);
            else expect([next.givenUp.end, next.place.next]).toEqual([delivery.end, delivery.end]);
            // What comes again begins where the place is, without a gap.
            let at = next.place.next;
            for (const part of next.place.parts) {
              expect(part.first).toBe(at);
              at = part.end;
            }
            place = next.place;
          }
          expect(place.next).toBe(end);
        },
      ),
    );
  });
});

describe('records that are too old', () => {
  test('are given up, and what is young enough of a part comes again', () => {
    const place: MappingPlace = { next: 0, parts: [records(0, 2, 1), records(2, 4, 1), records(4, 6)] };
    expect(giveUpBefore(place, 3)).toEqual({
      place: { next: 3, parts: [records(3, 4, 1), records(4, 6)] },
      givenUp: records(0, 3),
      pauseSeconds: 0,
    });
  });

  test('are none where the first is young enough', () => {
    const place: MappingPlace = { next: 5, parts: [] };
    expect(giveUpBefore(place, 5)).toEqual({ place, givenUp: undefined, pauseSeconds: 0 });
  });
});

describe('a partial batch response of a Kafka consumer', () => {
  const at = (partition: unknown, offset: unknown) => ({ itemIdentifier: { partition, offset } });
  const delivered = { 't-0': { first: 7, end: 10, offsets: [10, 12, 15] }, 't-1': { first: 3, end: 5 } };
  const all = (answer: DeliveryAnswer) => ({ 't-0': answer, 't-1': answer });

  test.each([
    ['without failures is a success', { batchItemFailures: [] }, all(DONE)],
    ['without content is a success', undefined, all(DONE)],
    ['of null is a success', null, all(DONE)],
    ['without the list is a success', {}, all(DONE)],
    ['names a record of one partition', { batchItemFailures: [at('t-0', 12)] }, { ...all(DONE), 't-0': reported(8) }],
    [
      'counts the lowest offset',
      { batchItemFailures: [at('t-0', 15), at('t-0', 12)] },
      { ...all(DONE), 't-0': reported(8) },
    ],
    [
      'names records of two partitions',
      { batchItemFailures: [at('t-0', 10), at('t-1', 4)] },
      { 't-0': reported(7), 't-1': reported(4) },
    ],
    ['that names an offset in a gap repeats all', { batchItemFailures: [at('t-0', 13)] }, all(FAILED)],
    ['that names an offset before the first repeats all', { batchItemFailures: [at('t-1', 2)] }, all(FAILED)],
    ['that names an offset behind the last repeats all', { batchItemFailures: [at('t-1', 5)] }, all(FAILED)],
    ['that names an offset as text repeats all', { batchItemFailures: [at('t-0', '12')] }, all(FAILED)],
    ['that names no whole offset repeats all', { batchItemFailures: [at('t-1', 3.5)] }, all(FAILED)],
    ['that names another partition repeats all', { batchItemFailures: [at('t-2', 12)] }, all(FAILED)],
    ['that names a member of every object repeats all', { batchItemFailures: [at('constructor', 12)] }, all(FAILED)],
    ['that names no partition repeats all', { batchItemFailures: [at(undefined, 12)] }, all(FAILED)],
    ['in the form of Kinesis repeats all', { batchItemFailures: [{ itemIdentifier: '12' }] }, all(FAILED)],
    ['that is no list repeats all', { batchItemFailures: 'all' }, all(FAILED)],
    ['with an empty item repeats all', { batchItemFailures: [null] }, all(FAILED)],
  ])('%s', (_, response, expected) => {
    expect(kafkaAnswers(delivered, response)).toEqual(expected);
  });
});
