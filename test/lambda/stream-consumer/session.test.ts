import { EndpointBusyError } from '../../../lambda/clients/endpoint-runtime';
import type { ShardReader } from '../../../lambda/clients/shard-reader';
import type { BacklogOfPeriod } from '../../../lambda/stream-consumer/backlog-meter';
import { createConsumer } from '../../../lambda/stream-consumer/consumer';
import { parseBatch } from '../../../lambda/stream-consumer/batch';
import { PermanentError, RetryableError } from '../../../lib/core/errors';
import { recordFields, rehearsal, requestRecord } from './fakes';
import { kinesisEvent, type PutRecord, sequenceNumber } from './poller-model';

const MINUTE_MS = 60_000;
const SHARD = 'shardId-000000000000';
const allDone = { batchItemFailures: [] };
const failuresFrom = (index: number) => ({ batchItemFailures: [{ itemIdentifier: sequenceNumber(index) }] });
/** One record for each key letter. */
const batch = (keys: string): PutRecord[] => [...keys].map((key, index) => requestRecord(index, key));

/** Reader of a shard, page by page; returns the moments of its reads. */
function pagesOf(
  now: () => number,
  pages: readonly { readonly records: readonly PutRecord[]; readonly isBehind?: boolean; readonly isLast?: boolean }[],
): { reader: ShardReader; readAt: number[]; limits: number[] } {
  const readAt: number[] = [];
  const limits: number[] = [];
  const reader: ShardReader = {
    after: () => ({
      next(limit) {
        const page = pages[readAt.length] ?? { records: [] };
        readAt.push(Math.round(1000 * now()));
        limits.push(limit);
        const records = page.records.map(({ sequenceNumber: number, partitionKey, payload }) => ({
          sequenceNumber: number,
          partitionKey,
          payload: Buffer.from(payload as string),
          arrivedAt: 1_700_000_000,
        }));
        return Promise.resolve({ records, isBehind: page.isBehind === true, isLast: page.isLast === true });
      },
    }),
  };
  return { reader, readAt, limits };
}

/** Consumer that reads the pages while its first record takes some seconds. */
function readingAhead(seconds: number, pages: Parameters<typeof pagesOf>[1]) {
  const made = rehearsal((id) => ({ milliseconds: id === 'r-0' ? seconds * 1000 : 10 }));
  const begin = made.time.clock.now();
  const { reader, readAt, limits } = pagesOf(() => made.time.clock.now() - begin, pages);
  Object.assign(made.dependencies, { reader });
  return { ...made, readAt, limits };
}

describe('reads of the shard beside a slow record', () => {
  test('begin after a quarter of a second, and are half a second apart at the end of the shard', async () => {
    const { time, environment, readAt, limits } = readingAhead(4, []);
    expect(await time.until(environment()(kinesisEvent(batch('a')), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(readAt).toEqual([250, 750, 1250, 1750, 2250, 2750, 3250, 3750]);
    expect(new Set(limits)).toEqual(new Set([1_000]));
  });

  test('are a quarter of a second apart while the shard has more, as Kinesis allows five a second', async () => {
    const records = batch('abcd');
    const { time, environment, readAt, sent } = readingAhead(3, [
      { records: records.slice(1, 2), isBehind: true },
      { records: records.slice(2, 3), isBehind: true },
      { records: records.slice(3) },
    ]);
    await time.until(environment()(kinesisEvent(records.slice(0, 1)), time.context(MINUTE_MS)));
    expect(readAt).toEqual([250, 500, 750, 1250, 1750, 2250, 2750]);
    expect(sent).toEqual(['r-0', 'r-1', 'r-2', 'r-3']);
  });

  test('end with the last page of a shard that was split or merged', async () => {
    const records = batch('ab');
    const { time, environment, readAt, sent } = readingAhead(5, [{ records: records.slice(1), isLast: true }]);
    await time.until(environment()(kinesisEvent(records.slice(0, 1)), time.context(MINUTE_MS)));
    expect(readAt).toEqual([250]);
    expect(sent).toEqual(['r-0', 'r-1']);
  });

  test.each([
    ['the memory of the same environment', true, []],
    ['the results, in another one', false, ['r-2']],
  ])('send nothing again that is answered, by %s', async (_name, isSame, expected) => {
    const records = batch('aaab');
    const { time, environment, sent, dependencies, logLines } = rehearsal((id) => ({
      milliseconds: id === 'r-3' ? 10 : 28_000,
    }));
    const { now } = time.clock;
    Object.assign(dependencies, { reader: pagesOf(now, [{ records: records.slice(1) }]).reader });
    const handler = environment();
    expect(await time.until(handler(kinesisEvent(records.slice(0, 1)), time.context(90_000)))).toEqual(allDone);
    const before = ['r-0', 'r-3', 'r-1', 'r-2'];
    expect(sent).toEqual(before);

    const again = pagesOf(now, [{ records: records.slice(3) }]);
    Object.assign(dependencies.reader!, again.reader);
    const next = isSame ? handler : environment();
    await time.until(next(kinesisEvent(records.slice(2, 3)), time.context(90_000)));
    expect(again.readAt.length).toBeGreaterThan(0);
    expect(sent).toEqual([...before, ...expected]);
    expect(logLines.at(-1)).not.toHaveProperty('ahead');
  });

  test('are counted in the line of the batch', async () => {
    const records = batch('abc');
    const { time, environment, logLines } = readingAhead(2, [{ records: records.slice(1) }]);
    await time.until(environment()(kinesisEvent(records.slice(0, 1)), time.context(MINUTE_MS)));
    expect(logLines).toEqual([
      { level: 'info', message: 'batch', shardId: SHARD, records: 1, succeeded: 3, deadLetters: 0, ahead: 2 },
    ]);
  });
});

describe('results of an invocation that lasts', () => {
  test('are written every five seconds', async () => {
    const { time, environment, store } = rehearsal((id) => ({
      milliseconds: { 'r-0': 1_000, 'r-1': 7_000, 'r-2': 12_000 }[id],
    }));
    const begin = time.clock.now();
    const writtenAt: number[] = [];
    store.afterPut = (key) => {
      if (key.startsWith('results/')) writtenAt.push(Math.round(time.clock.now() - begin));
    };
    await time.until(environment()(kinesisEvent(batch('abc')), time.context(MINUTE_MS)));
    expect(writtenAt).toEqual([5, 10, 12]);
  });

  test('are written again after a failure, which is told', async () => {
    const { time, environment, store, logLines, sent } = rehearsal((id) => ({
      milliseconds: id === 'r-0' ? 10 : 8_000,
    }));
    let failures = 1;
    store.beforePut = (key) => {
      if (key.startsWith('results/') && failures-- > 0) throw new Error('SlowDown');
    };
    expect(await time.until(environment()(kinesisEvent(batch('ab')), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(logLines).toContainEqual(expect.objectContaining({ level: 'warn', message: 'results are written again' }));
    expect(store.resultIds().sort()).toEqual(['r-0', 'r-1']);
    expect(sent).toHaveLength(2);
  });
});

describe('the capacity that a session follows', () => {
  /** Capacity of two places for two replicas, and what it is told. */
  function capacityOf(made: ReturnType<typeof rehearsal>, isKnown = true) {
    const told = { observed: [] as unknown[], answered: 0, refused: 0 };
    const follower = {
      isKnown,
      limit: 2,
      awaitedReplicas: 2,
      observe: (place: unknown) => Promise.resolve(void told.observed.push(place)),
      answered: () => void (told.answered += 1),
      refused: () => void (told.refused += 1),
    };
    const published: unknown[] = [];
    Object.assign(made.dependencies, {
      capacity: follower,
      publishBacklog: (streamName: string, backlog: BacklogOfPeriod) => {
        published.push({ streamName, ...backlog });
        return Promise.resolve();
      },
    });
    return { told, published };
  }

  test('is looked up each second, and what waits for it is published by periods of ten seconds', async () => {
    const made = rehearsal(() => ({ milliseconds: 3_900 }));
    const { told, published } = capacityOf(made);
    const begin = made.time.clock.now();
    await made.time.until(made.environment()(kinesisEvent(batch('abcdef')), made.time.context(MINUTE_MS)));
    // Two at a time, 3.9 s each.
    expect(made.time.clock.now() - begin).toBeCloseTo(11.7);
    expect(told.observed).toHaveLength(12);
    expect(told.observed[0]).toEqual({
      streamArn: 'arn:aws:kinesis:us-east-1:123456789012:stream/requests',
      shardId: SHARD,
    });
    expect(told).toMatchObject({ answered: 6, refused: 0 });
    // Samples at whole seconds: 6 records for two replicas in 4 s, 4 in 4 s, then none waits.
    expect(published).toEqual([
      { streamName: 'requests', atSeconds: 1_700_000_000, perInstance: 2, ageSeconds: expect.closeTo(7) as number },
    ]);
  });

  test('is looked up before the first request where it is not known', async () => {
    const made = rehearsal(() => ({ milliseconds: 100 }));
    const { told } = capacityOf(made, false);
    await made.time.until(made.environment()(kinesisEvent(batch('a')), made.time.context(MINUTE_MS)));
    expect(told.observed).toHaveLength(2);
  });

  test('is told of refusals', async () => {
    const made = rehearsal((_, attempt) => (attempt === 1 ? { error: new EndpointBusyError('Throttling') } : {}));
    const { told } = capacityOf(made);
    await made.time.until(made.environment()(kinesisEvent(batch('ab')), made.time.context(MINUTE_MS)));
    expect(told).toMatchObject({ answered: 2, refused: 2 });
  });

  test('affects no record where its backlog cannot be published', async () => {
    const made = rehearsal(() => ({ milliseconds: 4_000 }));
    capacityOf(made);
    Object.assign(made.dependencies, { publishBacklog: () => Promise.reject(new Error('Throttling')) });
    const handler = made.environment();
    const event = kinesisEvent(batch('abcdef'));
    expect(await made.time.until(handler(event, made.time.context(MINUTE_MS)))).toEqual(allDone);
    expect(made.logLines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'cannot publish the backlog' }),
    );
  });
});

describe('an error that no record causes', () => {
  const denied = new PermanentError('AccessDeniedException: sagemaker:InvokeEndpoint');

  test('ends the pauses of the others: nothing is sent again', async () => {
    const { time, environment, sent } = rehearsal((id) =>
      id === 'r-0' ? { error: new RetryableError('busy') } : { error: denied, milliseconds: 5_000 },
    );
    const context = time.context(MINUTE_MS);
    await expect(time.until(environment()(kinesisEvent(batch('ab')), context))).rejects.toThrow('AccessDenied');
    const attempts = sent.length;
    await time.until(time.sleep(30_000));
    expect(sent).toHaveLength(attempts);
    expect(context.getRemainingTimeInMillis()).toBeLessThan(MINUTE_MS - 5_000);
  });
});

describe('batches of several partitions in one invocation', () => {
  const partition = (name: string, from: number, keys: string) => {
    const records = [...keys].map((key, index) => requestRecord(from + index, key));
    const parsed = parseBatch(kinesisEvent(records), recordFields)!;
    return { ...parsed, shardId: name };
  };

  test('report each its own first open record', async () => {
    const { time, dependencies } = rehearsal((id) => (id === 'r-11' ? { error: new RetryableError('busy') } : {}));
    const consumer = createConsumer(dependencies);
    const batches = [partition('requests-0', 0, 'ab'), partition('requests-1', 10, 'cd')];
    const [first, second] = await time.until(consumer.process(batches, time.context(MINUTE_MS)));
    expect(first).toBeUndefined();
    expect(second?.sequenceNumber).toBe(sequenceNumber(11));
  });

  test('are delivered again as a whole where one fails, and fail the invocation where all do', async () => {
    const { time, dependencies, store, logLines } = rehearsal(() => ({}));
    const failing = new Set(['requests-1']);
    store.beforePut = (key) => {
      if ([...failing].some((name) => key.includes(`/${name}/`))) throw new Error('SlowDown');
    };
    const consumer = createConsumer(dependencies);
    const batches = [partition('requests-0', 0, 'ab'), partition('requests-1', 10, 'cd')];
    const [first, second] = await time.until(consumer.process(batches, time.context(MINUTE_MS)));
    expect(first).toBeUndefined();
    expect(second?.sequenceNumber).toBe(sequenceNumber(10));
    expect(logLines).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'a batch failed as a whole', shardId: 'requests-1' }),
    );
    failing.add('requests-2').add('requests-3');
    const others = [partition('requests-2', 20, 'a'), partition('requests-3', 30, 'b')];
    await expect(time.until(consumer.process(others, time.context(MINUTE_MS)))).rejects.toThrow('SlowDown');
  });
});

describe('a batch that is delivered again', () => {
  test('is reported without a request or a read where every record is done', async () => {
    const { time, environment, sent, store, logLines } = rehearsal(() => ({}));
    const handler = environment();
    const event = kinesisEvent(batch('ab'));
    await time.until(handler(event, time.context(MINUTE_MS)));
    const { gets } = store;
    expect(await time.until(handler(event, time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent).toHaveLength(2);
    expect(store.gets).toBe(gets);
    expect(logLines.map(({ succeeded, deadLetters }) => [succeeded, deadLetters])).toEqual([
      [2, 0],
      [0, 0],
    ]);
  });

  test('takes the line of another environment as its outcome', async () => {
    const { time, environment, sent } = rehearsal(() => ({}));
    const event = kinesisEvent(batch('ab'));
    await time.until(environment()(event, time.context(MINUTE_MS)));
    const second = environment();
    expect(await time.until(second(event, time.context(MINUTE_MS)))).toEqual(allDone);
    // Known from the first delivery on: nothing is looked up again.
    expect(await time.until(second(event, time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent).toHaveLength(2);
  });
});

describe('the counts of a batch', () => {
  test('tell that the endpoint answered nothing', async () => {
    const { time, environment, published } = rehearsal(() => ({ error: new RetryableError('busy') }));
    await time.until(environment()(kinesisEvent(batch('ab')), time.context(MINUTE_MS)));
    expect(published).toEqual([{ deadLetters: 0, unanswered: 1 }]);
  });

  test('are none where one record was answered, and the reason says what is awaited', async () => {
    const { time, environment, published, logLines } = rehearsal((id) =>
      id === 'r-0' ? { milliseconds: 10 * MINUTE_MS } : {},
    );
    expect(await time.until(environment()(kinesisEvent(batch('ab')), time.context(MINUTE_MS)))).toEqual(
      failuresFrom(0),
    );
    expect(published).toEqual([]);
    expect(logLines.at(-1)).toMatchObject({ succeeded: 1, retryFrom: sequenceNumber(0) });
  });

  test('are of dead letters', async () => {
    const { time, environment, published } = rehearsal(() => ({}), { maxRecordBytes: 10 });
    await time.until(environment()(kinesisEvent(batch('abc')), time.context(MINUTE_MS)));
    expect(published).toEqual([{ deadLetters: 3, unanswered: 0 }]);
  });
});
