import * as fc from 'fast-check';
import { deaggregate, tagValues } from '../../../lambda/stream-consumer/aggregated-record';
import { parseRedriveMarker, REDRIVE_TAG, type RedriveReport } from '../../../lib/ingestion/decide/redrive';
import { isDeath, redriveRehearsal, sequenceNumber, SHARD, STREAM } from './redrive-rehearsal';

const markerKey = (index: number, generation = 0): string =>
  `redriven/${STREAM}/${SHARD}/${sequenceNumber(index)}.${generation}.json`;

describe('the redrive function', () => {
  test('puts dead letters and failed batches into the stream, in the order of the stream, with payload and key unchanged', async () => {
    const { letter, batch, redrive, arrivals, payloads } = redriveRehearsal();
    letter(7, 'b', Buffer.from([0, 255, 7]));
    letter(2, 'a');
    batch([
      [3, 'a'],
      [5, 'a'],
    ]);
    letter(4, 'a');
    expect(await redrive()).toEqual({
      streamName: STREAM,
      dryRun: false,
      found: 5,
      redriven: 5,
      skipped: {},
      named: [],
    });
    expect(payloads().filter((text) => text.startsWith('a'))).toEqual(['a-2', 'a-3', 'a-4', 'a-5']);
    const other = arrivals.find(({ partitionKey }) => partitionKey === 'b')!;
    expect(deaggregate(other.data)).toEqual([{ partitionKey: 'b', data: Buffer.from([0, 255, 7]) }]);
    expect(tagValues(other.data, REDRIVE_TAG)).toEqual([markerKey(7)]);
  });

  test('puts a record once, however often it is redriven', async () => {
    const { letter, batch, redrive, arrivals, store } = redriveRehearsal();
    const source = letter(1, 'a');
    batch([
      [1, 'a'],
      [2, 'a'],
    ]);
    expect(await redrive()).toMatchObject({ found: 2, redriven: 2, skipped: {} });
    expect(await redrive()).toMatchObject({ found: 2, redriven: 0, skipped: { redriven: 2 }, named: [] });
    expect(arrivals).toHaveLength(2);
    expect(parseRedriveMarker(store.objects.get(markerKey(1))!, 'm')).toMatchObject({
      state: 'sent',
      source,
      sequenceNumber: arrivals[0]!.sequenceNumber,
    });
  });

  test('counts in a dry run, and changes nothing', async () => {
    const { letter, redrive, arrivals, store } = redriveRehearsal();
    letter(1, 'a');
    letter(2, 'a');
    expect(await redrive({ dryRun: true })).toMatchObject({ dryRun: true, found: 2, redriven: 2 });
    expect(arrivals).toEqual([]);
    expect(store.keysBelow('redriven/')).toEqual([]);
  });

  test('leaves what was set aside earlier than asked for, and what belongs to another stream', async () => {
    const { letter, batch, redrive, payloads, state } = redriveRehearsal();
    letter(1, 'a');
    batch([[2, 'a']], { name: '2023-11-14T22.13.20-a' });
    batch([[3, 'a']], { name: '2023-11-14T22.13.21-b', arn: 'arn:aws:kinesis:us-east-1:123456789012:stream/other' });
    state.now += 3600;
    letter(4, 'a');
    expect(await redrive({ since: state.now - 60 })).toMatchObject({ found: 1, redriven: 1 });
    expect(payloads()).toEqual(['a-4']);
  });

  test('does not put a record of a failed batch that was answered after all; one whose dead letter got lost it does', async () => {
    const { batch, result, redrive, payloads } = redriveRehearsal();
    batch([
      [1, 'a'],
      [2, 'b'],
    ]);
    result(1, null);
    result(2, `dead-letters/${STREAM}/${SHARD}/${sequenceNumber(2)}.json`);
    expect(await redrive()).toMatchObject({ found: 2, redriven: 1, skipped: { answered: 1 } });
    expect(payloads()).toEqual(['b-2']);
  });

  test('names the objects that it cannot read, and redrives the others', async () => {
    const { letter, batch, redrive, payloads, store } = redriveRehearsal();
    letter(1, 'a');
    const broken = batch([[2, 'b']]);
    store.objects.set(broken, '{"payload":"{"');
    const strange = `dead-letters/${STREAM}/${SHARD}/notes.json`;
    store.objects.set(strange, '{}');
    letter(3, 'c');
    store.objects.set(markerKey(3), 'nonsense');
    const { named, skipped } = await redrive();
    expect(skipped).toEqual({ unreadable: 3 });
    expect(named.map(({ object }) => object)).toEqual(expect.arrayContaining([broken, strange]));
    expect(named.find(({ detail = '' }) => detail.includes(markerKey(3)))).toBeDefined();
    expect(payloads()).toEqual(['a-1']);
  });

  test('leaves a record that does not fit into the stream with its tag', async () => {
    const { letter, redrive, arrivals } = redriveRehearsal({ maxRecordBytes: 1000 });
    letter(1, 'a', 'x'.repeat(990));
    const { skipped, named } = await redrive();
    expect(skipped).toEqual({ 'too-large': 1 });
    expect(named[0]!.detail).toMatch(/^1\d\d\d bytes of at most 1000$/);
    expect(arrivals).toEqual([]);
  });

  test('keeps its rate, ends before its time, and goes on where it ended', async () => {
    const { letter, redrive, arrivals, state } = redriveRehearsal();
    for (let index = 0; index < 100; index++) letter(index, `k${index}`);
    const start = state.now;
    const first = await redrive({ recordsPerSecond: 4, seconds: 9 });
    // Parts of 4 x 5 records: after the second, 10 seconds are over.
    expect(first).toMatchObject({ found: 40, redriven: 40 });
    expect(state.now - start).toBeGreaterThanOrEqual(39 / 4);
    expect(await redrive({ recordsPerSecond: 4, cursor: first.next })).toMatchObject({ found: 60, redriven: 60 });
    expect(arrivals).toHaveLength(100);
  });

  test('goes through shards, mappings and more objects than a page in parts as in one, each record once and in order', async () => {
    const rehearsal = () => {
      const one = redriveRehearsal();
      const shards = ['shardId-000000000000', 'shardId-000000000001', 'shardId-000000000012'];
      let index = 0;
      for (const shard of shards) {
        const key = shard.slice(-2);
        // Failed batches of two mappings, two in one second, whose names do not tell the order, among the dead letters.
        for (let second = 10; second < 16; second++)
          for (const name of ['b', 'a']) {
            one.letter(index++, key, undefined, { shard });
            const records = Array.from({ length: 7 }, (): [number, string] => [index++, key]);
            const mapping = second < 13 ? 'mapping-2' : 'mapping-1';
            one.batch(records, { name: `2023-11-14T22.13.${second}-${name}`, shard, mapping });
          }
        for (let left = 0; left < 350; left++) one.letter(index++, key, undefined, { shard });
      }
      return { ...one, count: index };
    };
    const whole = rehearsal();
    expect(await whole.redrive({ recordsPerSecond: 1000 })).toMatchObject({
      found: whole.count,
      redriven: whole.count,
    });
    const inParts = rehearsal();
    let cursor: RedriveReport['next'];
    let found = 0;
    let parts = 0;
    do {
      const report = await inParts.redrive({ recordsPerSecond: 3, seconds: 1, ...(cursor && { cursor }) });
      found += report.found;
      parts += 1;
      cursor = report.next;
    } while (cursor !== undefined);
    expect(parts).toBeGreaterThan(50);
    expect(found).toBe(inParts.count);
    for (const { payloads, count } of [whole, inParts]) {
      const numbers = payloads().map((text) => [text.slice(0, 2), Number(text.slice(3))] as const);
      expect(numbers).toHaveLength(count);
      for (const shard of ['00', '01', '12']) {
        const own = numbers.filter(([key]) => key === shard).map(([, number]) => number);
        expect(own).toEqual([...own].sort((one, other) => one - other));
      }
    }
  });

  test('redrives the parts of an aggregated record one by one', async () => {
    const { letter, redrive, payloads } = redriveRehearsal();
    letter(1, 'a', 'first', { part: '.000000' });
    letter(1, 'a', 'second', { part: '.000001' });
    expect(await redrive()).toMatchObject({ found: 2, redriven: 2 });
    expect(payloads()).toEqual(['first', 'second']);
  });

  test('waits for a stream without room, and gives the record up in time for another redrive', async () => {
    const { letter, redrive, faults, payloads } = redriveRehearsal();
    letter(1, 'a');
    letter(2, 'a');
    letter(3, 'b');
    let calls = 0;
    faults.put = () => (calls++ === 0 ? 'throttled' : 'stored');
    expect(await redrive()).toMatchObject({ redriven: 3 });
    letter(4, 'c');
    letter(5, 'c');
    faults.put = () => 'throttled';
    expect(await redrive()).toMatchObject({ redriven: 0, skipped: { redriven: 3, throttled: 1, behind: 1 } });
    faults.put = () => 'stored';
    expect(await redrive()).toMatchObject({ redriven: 2 });
    expect(payloads().filter((text) => text.startsWith('c'))).toEqual(['c-4', 'c-5']);
  });

  test.each(['unknown', 'stored-silently'] as const)(
    'holds a record and those behind it while the stream did not say if it has it (%s), and looks there later',
    async (kind) => {
      const { letter, redrive, faults, payloads, state } = redriveRehearsal();
      letter(1, 'a');
      letter(2, 'a');
      faults.put = () => kind;
      expect(await redrive()).toMatchObject({ redriven: 0, skipped: { unconfirmed: 1, behind: 1 } });
      faults.put = () => 'stored';
      expect(await redrive()).toMatchObject({ redriven: 0, skipped: { 'in-progress': 1, behind: 1 } });
      state.now += 1200;
      expect(await redrive()).toMatchObject({ found: 2, redriven: kind === 'unknown' ? 2 : 1 });
      expect(payloads()).toEqual(['a-1', 'a-2']);
    },
  );

  test('does not guess when the stream no longer shows what an interrupted redrive did', async () => {
    const { letter, redrive, faults, arrivals, state } = redriveRehearsal();
    letter(1, 'a');
    faults.put = () => 'unknown';
    await redrive();
    faults.put = () => 'stored';
    state.now += 8 * 86_400;
    expect(await redrive()).toMatchObject({ redriven: 0, skipped: { lost: 1 } });
    expect(arrivals).toEqual([]);
  });

  test('ends with the error of a refusal that concerns every record, and holds no claim', async () => {
    const { letter, redrive, faults, arrivals } = redriveRehearsal();
    letter(1, 'a');
    faults.before = (call) => {
      if (call === 'stream') throw new Error('AccessDeniedException: kinesis:PutRecord');
    };
    await expect(redrive()).rejects.toThrow('AccessDeniedException');
    faults.before = () => undefined;
    expect(await redrive()).toMatchObject({ redriven: 1 });
    expect(arrivals).toHaveLength(1);
  });

  test('puts a record behind the earlier one of its key, as the stream numbered it', async () => {
    const { letter, redrive, arrivals } = redriveRehearsal();
    for (const [index, key] of ['a', 'b', 'a', 'a'].entries()) letter(index, key);
    await redrive();
    const numbers = arrivals.filter(({ partitionKey }) => partitionKey === 'a').map((one) => one.sequenceNumber);
    for (const { partitionKey, sequenceNumber: own, after } of arrivals)
      expect(after).toBe(partitionKey === 'a' ? numbers[numbers.indexOf(own) - 1] : undefined);
  });

  test('knows nothing of objects that somebody deletes after they were listed', async () => {
    const { letter, batch, redrive, store, payloads } = redriveRehearsal();
    const gone = [letter(1, 'a'), batch([[2, 'a']])];
    letter(3, 'a');
    const get = store.get.bind(store);
    store.get = (key) => (gone.includes(key) ? Promise.resolve(undefined) : get(key));
    expect(await redrive()).toMatchObject({ found: 1, redriven: 1, skipped: {} });
    expect(payloads()).toEqual(['a-3']);
  });

  test('knows nothing of objects beside the folders of shards, and of batches without records', async () => {
    const { batch, letter, redrive, store } = redriveRehearsal();
    store.objects.set(`dead-letters/${STREAM}/notes.txt`, 'x');
    store.objects.set('aws/lambda/notes.txt', 'x');
    batch([]);
    letter(1, 'a');
    expect(await redrive()).toMatchObject({ found: 1, redriven: 1, skipped: {} });
  });

  test('names a dead letter that it cannot read, with the reason', async () => {
    const { letter, redrive, store } = redriveRehearsal();
    const broken = letter(1, 'a');
    store.objects.set(broken, '{}');
    const { named } = await redrive();
    expect(named).toEqual([{ object: broken, reason: 'unreadable', detail: expect.stringContaining('sequence') }]);
  });

  test('names twenty objects at most, and counts all', async () => {
    const { letter, redrive, store } = redriveRehearsal();
    for (let index = 0; index < 21; index++) store.objects.set(letter(index, 'a'), '{}');
    const { named, skipped } = await redrive();
    expect(named).toHaveLength(20);
    expect(skipped).toEqual({ unreadable: 21 });
  });

  test.each(['dead-letters', 'aws/lambda', 'redriven'])(
    'ends with an error where %s cannot be read',
    async (folder) => {
      const { letter, batch, redrive, store } = redriveRehearsal();
      letter(1, 'a');
      batch([[2, 'a']]);
      const get = store.get.bind(store);
      store.get = (key) => (key.startsWith(folder) ? Promise.reject(new Error('AccessDenied')) : get(key));
      await expect(redrive()).rejects.toThrow('AccessDenied');
    },
  );

  test('takes records that were set aside at the very time that it is asked for', async () => {
    const { letter, batch, redrive, state } = redriveRehearsal();
    letter(1, 'a');
    batch([[2, 'a']]);
    expect(await redrive({ since: state.now })).toMatchObject({ found: 2, redriven: 2 });
  });

  test('takes a record of the size that the stream takes, its key and its tag included, and none of a byte more', async () => {
    const skippedAt = async (maxRecordBytes: number) => {
      const { letter, redrive } = redriveRehearsal({ maxRecordBytes });
      letter(1, 'key', 'x'.repeat(500));
      return (await redrive()).named[0]?.detail;
    };
    const bytes = Number.parseInt((await skippedAt(1))!, 10);
    const { letter, redrive, arrivals } = redriveRehearsal();
    letter(1, 'key', 'x'.repeat(500));
    await redrive();
    expect(bytes).toBe(arrivals[0]!.data.length + 'key'.length);
    expect(await skippedAt(bytes)).toBeUndefined();
    expect(await skippedAt(bytes - 1)).toBe(`${bytes} bytes of at most ${bytes - 1}`);
  });

  test('finds in the stream what interrupted redrives of different times have put, and notes it unless it is a dry run', async () => {
    const { letter, redrive, faults, arrivals, state, store } = redriveRehearsal();
    faults.put = () => 'stored-silently';
    letter(1, 'a');
    await redrive();
    state.now += 300;
    letter(2, 'b');
    await redrive();
    state.now += 2000;
    faults.put = () => 'stored';
    const marker = (index: number) => parseRedriveMarker(store.objects.get(markerKey(index))!, 'm');
    expect(await redrive({ dryRun: true })).toMatchObject({ redriven: 0, skipped: { redriven: 2 } });
    expect([marker(1).state, marker(2).state]).toEqual(['claimed', 'claimed']);
    expect(await redrive()).toMatchObject({ redriven: 0, skipped: { redriven: 2 } });
    for (const [place, index] of [1, 2].entries())
      expect(marker(index)).toMatchObject({
        state: 'sent',
        shardId: SHARD,
        sequenceNumber: arrivals[place]!.sequenceNumber,
      });
    expect(arrivals).toHaveLength(2);
  });

  test('has put a record also where the note of it cannot be written, and finds it in the stream later', async () => {
    const { letter, redrive, faults, arrivals, state } = redriveRehearsal();
    letter(1, 'a');
    let writes = 0;
    faults.before = (call) => {
      if (call === `put ${markerKey(1)}` && ++writes === 2) throw new Error('SlowDown');
    };
    expect(await redrive()).toMatchObject({ redriven: 1 });
    faults.before = () => undefined;
    state.now += 2000;
    expect(await redrive()).toMatchObject({ redriven: 0, skipped: { redriven: 1 } });
    expect(arrivals).toHaveLength(1);
  });

  test('claims a record that was given up under a new name, and keeps the old ones', async () => {
    const { letter, redrive, faults, store } = redriveRehearsal();
    letter(1, 'a');
    faults.put = () => 'throttled';
    await redrive();
    await redrive();
    faults.put = () => 'stored';
    await redrive();
    expect(store.keysBelow('redriven/')).toEqual([markerKey(1, 0), markerKey(1, 1), markerKey(1, 2)]);
    const states = [0, 1, 2].map((each) => parseRedriveMarker(store.objects.get(markerKey(1, each))!, 'm').state);
    expect(states).toEqual(['released', 'released', 'sent']);
  });

  test('ends before its function does, where it is asked for no time', async () => {
    const { letter, redrive, state } = redriveRehearsal();
    for (let index = 0; index < 100; index++) letter(index, `k${index}`);
    const start = state.now;
    // Of 37 s, 30 s are kept for the part in work: 7 s, which the second part of 5 s ends.
    const { redriven, next } = await redrive({ recordsPerSecond: 4 }, 37_000);
    expect(redriven).toBe(40);
    expect(next).toBeDefined();
    expect(state.now - start).toBeLessThan(37);
  });

  test('holds the keys of records that wait, also when it goes on where it ended', async () => {
    const { letter, redrive, faults, payloads } = redriveRehearsal();
    for (let index = 0; index < 20; index++) letter(index, index % 2 === 0 ? 'a' : 'b');
    faults.put = () => 'unknown';
    const first = await redrive({ recordsPerSecond: 1, seconds: 1 });
    expect(first.next!.heldKeys).toEqual(['a', 'b']);
    faults.put = () => 'stored';
    const second = await redrive({ cursor: first.next });
    expect(second).toMatchObject({ redriven: 0, skipped: { behind: 15 } });
    expect(payloads()).toEqual([]);
  });

  test('takes the shards in their order, whether they have dead letters or failed batches', async () => {
    const { letter, batch, redrive, payloads } = redriveRehearsal();
    letter(2, 'a', undefined, { shard: 'shardId-000000000001' });
    batch([[1, 'a']], { shard: 'shardId-000000000000' });
    await redrive();
    expect(payloads()).toEqual(['a-1', 'a-2']);
  });

  test('takes failed batches in the order of their failure, whatever mappings they are from', async () => {
    const { batch, redrive, payloads } = redriveRehearsal();
    batch([[5, 'b']], { name: '2023-11-14T22.13.10-b', mapping: 'mapping-2' });
    batch([[3, 'a']], { name: '2023-11-14T22.13.11-a', mapping: 'mapping-1' });
    await redrive();
    expect(payloads()).toEqual(['b-5', 'a-3']);
  });

  test('reads a shard with more dead letters than a page of a listing', async () => {
    const { letter, redrive } = redriveRehearsal();
    for (let index = 0; index < 1001; index++) letter(index, 'a', 'x');
    expect(await redrive({ dryRun: true, recordsPerSecond: 1000 })).toMatchObject({ found: 1001, redriven: 1001 });
  });

  test('puts every record exactly once and in the order of its key, whatever dies, is silent or runs twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          keys: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 24 }),
          inBatch: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }),
          draws: fc.infiniteStream(fc.nat(99)),
          pauses: fc.array(fc.constantFrom(0, 60, 1000, 5000), { minLength: 8, maxLength: 8 }),
        }),
        async ({ keys, inBatch, draws, pauses }) => {
          const { letter, batch, redrive, faults, arrivals, payloads, state } = redriveRehearsal();
          const batched = keys.flatMap((key, index) => (inBatch[index]! ? [[index, key] as const] : []));
          keys.forEach((key, index) => void (inBatch[index]! || letter(index, key)));
          if (batched.length > 0) batch(batched);
          const draw = (): number => draws.next().value as number;
          for (const pause of pauses) {
            faults.before = () => {
              if (draw() < 3) state.isDead = true;
            };
            faults.put = () => {
              const number = draw();
              return number < 8 ? 'unknown' : number < 16 ? 'stored-silently' : number < 24 ? 'throttled' : 'stored';
            };
            const runs = draw() < 30 ? 2 : 1;
            const ended = await Promise.allSettled(Array.from({ length: runs }, () => redrive()));
            for (const run of ended) if (run.status === 'rejected' && !isDeath(run.reason)) throw run.reason as Error;
            state.now += pause;
          }
          faults.before = () => undefined;
          faults.put = () => 'stored';
          let report: RedriveReport | undefined;
          for (let round = 0; round < 3; round++) {
            state.now += 2000;
            report = await redrive();
          }
          expect(report).toMatchObject({ found: keys.length, skipped: { redriven: keys.length } });
          expect(arrivals).toHaveLength(keys.length);
          for (const key of ['a', 'b', 'c'])
            expect(payloads().filter((text) => text.startsWith(`${key}-`))).toEqual(
              keys.flatMap((own, index) => (own === key ? [`${key}-${index}`] : [])),
            );
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  });
});
