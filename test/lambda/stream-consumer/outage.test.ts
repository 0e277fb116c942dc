import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import { RetryableError } from '../../../lib/core/errors';
import { deliveringConsumer as consumer, rehearsal, requestRecord } from './fakes';
import { pollShard } from './poller-model';

const MINUTE_MS = 60_000;
const failure = (status: number): RequestFailedError => new RequestFailedError(`the model returned ${status}`, status);
const busy = new RetryableError('ServiceUnavailable: busy');

const allDone = { batchItemFailures: [] };

describe('an endpoint that fails for long', () => {
  test('for an hour answers everything afterwards at its full speed', async () => {
    let downUntil = Infinity;
    const { deliver, seconds, store, peakInFlight } = consumer(() => (seconds() < downUntil ? { error: busy } : {}));
    const records = Array.from({ length: 100 }, (_, index) => requestRecord(index, `key-${index}`));
    while (seconds() < 3_600) await deliver(records.slice(0, 70));
    downUntil = 0;
    expect(await deliver(records)).toEqual(allDone);
    expect(store.resultIds()).toHaveLength(100);
    expect(peakInFlight()).toBe(64);
  });

  test('for 23 hours loses nothing and sets nothing aside: every record is answered in its order', async () => {
    const HOURS = 3_600;
    const made = rehearsal(() => {
      const at = made.time.clock.now() - 1_700_000_000;
      return at > 60 && at < 23 * HOURS ? { error: failure(500) } : {};
    });
    // Retries without a maximum number, as the event source mapping has them: bounded by the age of a day.
    const handler = made.environment();
    const records = Array.from({ length: 600 }, (_, index) => requestRecord(index, `key-${index % 7}`));
    const { toFailureDestination } = await pollShard(
      records,
      { batchSize: 100, bisectBatchOnFunctionError: true, maximumRetryAttempts: 1_000_000 },
      async (event) => {
        // Records arrive slowly enough that the outage begins between them.
        await made.time.until(made.time.sleep(20_000));
        return made.time.until(handler(event, made.time.context(15 * MINUTE_MS)));
      },
    );
    expect(made.time.clock.now() - 1_700_000_000).toBeGreaterThan(23 * HOURS);
    expect(made.time.clock.now() - 1_700_000_000).toBeLessThan(24 * HOURS);
    expect(toFailureDestination).toEqual([]);
    expect(made.store.keysBelow('dead-letters/')).toEqual([]);
    expect(made.store.resultIds()).toEqual(records.map((_, index) => `r-${index}`));
  });

  test('in one of two variants, with a tenth of the traffic, sets no record aside', async () => {
    let draw = 0;
    const random = (): number => ((draw = (draw * 16_807 + 11) % 2_147_483_647), draw / 2_147_483_647);
    const { deliver, store } = consumer(() => (random() < 0.1 ? { error: failure(404) } : {}));
    const records = Array.from({ length: 500 }, (_, index) => requestRecord(index, `key-${index}`));
    for (let from = 0; from < 500; from += 100) expect(await deliver(records.slice(from, from + 100))).toEqual(allDone);
    expect(store.resultIds()).toHaveLength(500);
  });

  test('that is full until requests time out sets none of them aside', async () => {
    // What takes longer times out in the queue; the rest is answered after a wait of 50 s.
    let isFull = true;
    const { deliver, store } = consumer((id) => {
      if (!isFull) return {};
      return id === 'r-0' ? { error: failure(0), milliseconds: MINUTE_MS } : { milliseconds: 50_000 };
    });
    for (let from = 0; from < 40; from += 4) {
      const others = Array.from({ length: 4 }, (_, index) => requestRecord(1 + from + index, `key-${index}`));
      await deliver([requestRecord(0, 'long'), ...others]);
    }
    expect(store.deadLetterIds()).toEqual([]);
    isFull = false;
    await deliver([requestRecord(0, 'long')]);
    expect(store.resultIds()).toContain('r-0');
  });
});
