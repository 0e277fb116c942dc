import fc from 'fast-check';
import { decideNextDelivery, succeededRecords, type Delivery } from '../../../lib/emulator/kafka/delivery';

const once = { bisects: false, maximumRetryAttempts: 1 };
const forever = { bisects: false, maximumRetryAttempts: undefined };
const bisecting = { bisects: true, maximumRetryAttempts: 1 };

describe('the step after an invocation', () => {
  const batch = (records: number[], failures = 0): Delivery<number> => ({ records, failures });

  test.each([
    ['passes a batch that is processed', once, batch([1, 2]), 2, { done: [1, 2], discarded: [], next: [] }],
    ['repeats one that failed', once, batch([1, 2]), 0, { done: [], discarded: [], next: [batch([1, 2], 1)] }],
    ['discards one that failed once too often', once, batch([1, 2], 1), 0, { done: [], discarded: [1, 2], next: [] }],
    ['repeats without a limit', forever, batch([1], 999), 0, { done: [], discarded: [], next: [batch([1], 1000)] }],
    [
      'repeats the rest from the failed record on',
      once,
      batch([1, 2, 3], 1),
      1,
      { done: [1], next: [batch([2, 3], 1)] },
    ],
    ['splits one that failed', bisecting, batch([1, 2, 3], 1), 0, { next: [batch([1, 2]), batch([3])], discarded: [] }],
    ['splits where the batch failed', bisecting, batch([1, 2, 3, 4]), 1, { done: [1], next: [batch([2, 3, 4])] }],
    ['splits no single record', bisecting, batch([1], 1), 0, { discarded: [1], next: [] }],
  ])('%s', (_, settings, delivery, succeeded, expected) => {
    expect(decideNextDelivery(settings, delivery, succeeded)).toMatchObject(expected);
  });

  test('passes every record once and in order, as processed or discarded, whatever succeeds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 4 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 30 }),
        (size, bisects, maximumRetryAttempts, successes) => {
          const records = Array.from({ length: size }, (_, index) => index);
          let waiting: readonly Delivery<number>[] = [{ records, failures: 0 }];
          const passed: number[] = [];
          for (let step = 0; waiting.length > 0; step++) {
            expect(step).toBeLessThan(10_000);
            const [first, ...others] = waiting;
            const succeeded = successes[step % successes.length]! % (first!.records.length + 1);
            const next = decideNextDelivery({ bisects, maximumRetryAttempts }, first!, succeeded);
            passed.push(...next.done, ...next.discarded);
            waiting = [...next.next, ...others];
          }
          expect(passed).toEqual(records);
        },
      ),
    );
  });
});

describe('a partial batch response', () => {
  const at = (partition: unknown, offset: unknown) => ({ itemIdentifier: { partition, offset } });

  test.each([
    ['without failures is a success', { batchItemFailures: [] }, 3],
    ['without content is a success', undefined, 3],
    ['of null is a success', null, 3],
    ['counts the records before the one it names', { batchItemFailures: [at('t-0', 12)] }, 1],
    ['counts those before the lowest offset', { batchItemFailures: [at('t-0', 15), at('t-0', 12)] }, 1],
    ['that names an offset which was not delivered repeats the batch', { batchItemFailures: [at('t-0', 13)] }, 0],
    ['that names another partition repeats the batch', { batchItemFailures: [at('t-1', 12)] }, 0],
    ['in the form of Kinesis repeats the batch', { batchItemFailures: [{ itemIdentifier: '12' }] }, 0],
    ['that is no list repeats the batch', { batchItemFailures: 'all' }, 0],
    ['with an empty item repeats the batch', { batchItemFailures: [null] }, 0],
  ])('%s', (_, response, expected) => {
    expect(succeededRecords(response, 't-0', [10, 12, 15])).toBe(expected);
  });
});
