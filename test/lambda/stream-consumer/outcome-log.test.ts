import { answeredLine } from '../../../lambda/stream-consumer/answers';
import { inBoundedParallel } from '../../../lambda/stream-consumer/bounded-parallel';
import { DoneRecords } from '../../../lambda/stream-consumer/done-records';
import { OutcomeLog } from '../../../lambda/stream-consumer/outcome-log';
import { OutcomeWriter } from '../../../lambda/stream-consumer/outcome-writer';
import { SeenRecords } from '../../../lambda/stream-consumer/seen-records';
import { systemClock } from '../../../lambda/support/clock';
import { InputError } from '../../../lib/core/errors';
import { resultObjectKey } from '../../../lib/ingestion/contract';
import { MemoryStore } from './memory-store';

const shard = { streamName: 'requests', shardId: 's' };
const at = (index: number): string => String(index).padStart(6, '0');
const recordAt = (index: number) => ({
  sequenceNumber: at(index),
  position: at(index),
  partitionKey: 'a',
  payload: Buffer.from('p'),
  arrivedAt: 1,
  id: `r-${index}`,
  key: 'a',
});
const answer = (body: string) => ({
  answer: { status: 200, body: Buffer.from(body) },
  answeredAt: 2,
  requestSeconds: 1,
});
const lineAt = (index: number) => answeredLine(shard, recordAt(index), answer('x')).line;
const batchOf = (...indexes: readonly number[]) => ({ ...shard, records: indexes.map(recordAt) });
const { signal } = new AbortController();
const positions = ({ positions: found }: { readonly positions: ReadonlySet<string> }) =>
  [...found].map(Number).sort((a, b) => a - b);

describe('the results of a shard', () => {
  test('tell which records of a batch have a line, with all lines of these objects, and nothing before or behind it', async () => {
    const store = new MemoryStore();
    const log = new OutcomeLog(store);
    for (const indexes of [
      [1, 2],
      [3, 6],
      [4, 5],
      [9, 10],
      [11, 20],
    ])
      await log.write(shard, indexes.map(lineAt));
    const found = await log.find(batchOf(3, 4, 8, 9), false);
    expect(positions(found)).toEqual([3, 4, 5, 6, 9, 10]);
    expect([...found.objects.keys()].sort()).toEqual(
      [
        resultObjectKey('requests', 's', at(4), at(5)),
        resultObjectKey('requests', 's', at(3), at(6)),
        resultObjectKey('requests', 's', at(9), at(10)),
      ].sort(),
    );
    // A shard that is read ahead asks for what is behind the batch too, which is no part of its objects.
    const ahead = await log.find(batchOf(3, 4, 8, 9), true);
    expect(positions(ahead)).toEqual([3, 4, 5, 6, 9, 10, 11, 20]);
    expect(ahead.objects.size).toBe(3);
  });

  test('are found beyond the first thousand objects, and other objects are none', async () => {
    const store = new MemoryStore();
    const log = new OutcomeLog(store);
    await store.put('results/requests/s/000001-note.txt', '{}');
    for (let index = 1; index <= 1_001; index++) await log.write(shard, [lineAt(index)]);
    expect(positions(await log.find(batchOf(0), true)).length).toBe(1_001);
  });

  test('have one object for a sequence of records: of the delivery that was first', async () => {
    const store = new MemoryStore();
    const log = new OutcomeLog(store);
    const first = await log.write(shard, [lineAt(1), lineAt(2)]);
    expect(first.key).toBe(resultObjectKey('requests', 's', at(1), at(2)));
    expect(store.objects.get(first.key)).toMatch(/^\{.*\}\n\{.*\}\n$/);
    const second = await log.write(shard, [{ ...lineAt(1), response: 'other' }, lineAt(2)]);
    expect(second.lines.map(({ response }) => response)).toEqual(['x', 'x']);
  });

  test('that cannot be read are named, with the way out, and nothing is taken for unanswered', async () => {
    const store = new MemoryStore();
    const log = new OutcomeLog(store);
    const { key } = await log.write(shard, [lineAt(1), lineAt(2)]);
    await store.put(key, store.objects.get(key)!.slice(0, 30));
    await expect(log.find(batchOf(2, 3), false)).rejects.toThrow(InputError);
    await expect(log.find(batchOf(2, 3), false)).rejects.toThrow(
      /^results\/requests\/s\/000002-000001\.jsonl: the result line is not valid JSON.*restore an earlier version of the object, or delete it/,
    );
  });
});

describe('the outcomes of an invocation', () => {
  function writer(store = new MemoryStore()) {
    const [seen, done, logger] = [
      new SeenRecords(),
      new DoneRecords(),
      { info: jest.fn(), warn: jest.fn(), error: jest.fn() },
    ];
    const log = new OutcomeLog(store);
    const made = new OutcomeWriter({ batch: shard, log, results: store, seen, done, clock: systemClock, logger });
    const add = (index: number, body = 'x'): void =>
      made.add(recordAt(index), { kind: 'succeeded', answer: answer(body) });
    return { store, seen, done, add, writer: made };
  }

  test('are an object of at most 1,000 lines in the order of the shard, and are done then', async () => {
    const { store, seen, done, add, writer: made } = writer();
    seen.add('s', at(7), answer('x'));
    for (let index = 1_001; index > 0; index--) add(index);
    await made.flush(10);
    expect(store.keysBelow('results/')).toEqual([
      resultObjectKey('requests', 's', at(1), at(1)),
      resultObjectKey('requests', 's', at(2), at(1_001)),
    ]);
    expect(store.lines().map(({ position }) => Number(position))).toEqual(
      Array.from({ length: 1_001 }, (_, index) => index + 1),
    );
    expect([done.has('s', at(1)), done.has('s', at(1_002)), seen.get('s', at(7))]).toEqual([true, false, undefined]);
  });

  test('are an object of some more than 4 MiB at most', async () => {
    const { store, add, writer: made } = writer();
    for (let index = 1; index <= 65; index++) add(index, 'x'.repeat(64 * 1024));
    await made.flush(10);
    expect(store.keysBelow('results/')).toEqual([
      resultObjectKey('requests', 's', at(1), at(64)),
      resultObjectKey('requests', 's', at(65), at(65)),
    ]);
  });

  test('whose write failed are written again under the same name, and later ones beside them', async () => {
    const { store, add, writer: made } = writer();
    add(1);
    store.afterPut = () => {
      throw new Error('socket hang up');
    };
    await expect(made.flush(10)).rejects.toThrow('socket hang up');
    store.afterPut = () => undefined;
    add(2);
    await made.flush(10);
    expect(store.keysBelow('results/')).toEqual(
      [1, 2].map((index) => resultObjectKey('requests', 's', at(index), at(index))),
    );
    expect(store.lines()).toHaveLength(2);
  });

  test('are written again where another delivery has an object of the name without them', async () => {
    const { store, done, add, writer: made } = writer();
    await new OutcomeLog(store).write(shard, [lineAt(1), lineAt(3)]);
    for (const index of [1, 2, 3]) add(index);
    await made.flush(10);
    expect(
      store
        .lines()
        .map(({ position }) => Number(position))
        .sort(),
    ).toEqual([1, 2, 3]);
    expect(done.has('s', at(2))).toBe(true);
  });

  test('of two calls at once are written one after the other', async () => {
    const { store, add, writer: made } = writer();
    add(1);
    const first = made.flush(10);
    add(2);
    await Promise.all([first, made.flush(10)]);
    expect(store.lines()).toHaveLength(2);
  });

  test('that are set aside are dead letters with the payload, which are counted', async () => {
    const { store, add, writer: made } = writer();
    add(1);
    made.add(recordAt(2), { kind: 'rejected', error: 'refused', status: 422 });
    await made.flush(10);
    expect(made.deadLetters).toBe(1);
    const [key] = store.keysBelow('dead-letters/');
    expect(JSON.parse(store.objects.get(key!)!)).toMatchObject({ error: 'refused', payloadBase64: 'cA==' });
    expect(store.keysBelow('measurements/')).toEqual([]);
  });

  test('that an earlier delivery wrote are completed for the records of this one alone', async () => {
    const { store, writer: made } = writer();
    const deadLetter = 'dead-letters/requests/s/x.json';
    const lines = [1, 2].map((index) => ({ ...lineAt(index), error: 'refused', deadLetter: `${deadLetter}${index}` }));
    const counted = { ...lineAt(3), inputTokens: 1, outputTokens: 2 };
    await made.complete(
      { key: 'results/requests/s/3-1.jsonl', lines: [...lines, counted] },
      new Map([[recordAt(2).position, recordAt(2)]]),
      signal,
    );
    expect(store.keysBelow('dead-letters/')).toEqual([`${deadLetter}2`]);
    expect(store.objects.get('measurements/requests/s/3-1.jsonl')).toMatch(/^\{.*"r-3".*\}\n$/);
  });
});

describe('done records', () => {
  test('are known by shard, until they are forgotten', () => {
    const done = new DoneRecords();
    for (const position of ['1', '2', '3']) done.add('s', position);
    expect([done.has('s', '1'), done.has('other', '1')]).toEqual([true, false]);
    done.forgetBefore('other', '9');
    done.forgetBefore('s', '2');
    expect(['1', '2', '3'].map((position) => done.has('s', position))).toEqual([false, true, true]);
  });

  test('are at most as many a shard as the memory holds', () => {
    const done = new DoneRecords(2);
    for (const position of ['1', '2', '3']) done.add('s', position);
    expect(['1', '2', '3'].map((position) => done.has('s', position))).toEqual([true, true, false]);
  });
});

describe('answers that are seen', () => {
  test('are replaced, and take as much memory as they have', () => {
    // 500 bytes beside each body.
    const seen = new SeenRecords(1_200);
    seen.add('s', '1', answer('x'.repeat(100)));
    seen.add('s', '1', answer('y'.repeat(100)));
    seen.add('s', '2', answer('z'.repeat(100)));
    expect(Buffer.from(seen.get('s', '1')!.answer.body).toString()).toBe('y'.repeat(100));
    seen.delete('s', '1');
    seen.delete('s', '1');
    seen.add('s', '3', answer('z'.repeat(100)));
    expect([seen.get('s', '2'), seen.get('s', '3')]).not.toContain(undefined);
    seen.add('s', '4', answer(''));
    expect([seen.get('s', '2'), seen.get('s', '3')].indexOf(undefined)).toBe(0);
  });
});

describe('jobs', () => {
  test('are sixteen at once at most, each item once', async () => {
    let running = 0;
    let peak = 0;
    const seen: number[] = [];
    await inBoundedParallel(
      Array.from({ length: 40 }, (_, index) => index),
      async (item) => {
        peak = Math.max(peak, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        seen.push(item);
      },
    );
    expect([peak, seen.length, new Set(seen).size]).toEqual([16, 40, 40]);
  });

  test('end with the first error', async () => {
    await expect(inBoundedParallel([1, 2], (item) => Promise.reject(new Error(`of ${item}`)))).rejects.toThrow('of 1');
    await inBoundedParallel([], () => Promise.reject(new Error('none')));
  });
});
