import { OPEN_IN_A_ROW } from '../../../lambda/spill-collector/handler';
import { parseDeadLetter } from '../../../lib/ingestion/contract';
import {
  formatSpilledRecord,
  spilledObjectKey,
  type SpilledRecord,
} from '../../../lib/ingestion/decide/spilled-record';
import { MemoryStore } from '../stream-consumer/memory-store';
import { sequenceNumber, shardId, streamName } from '../stream-consumer/poller-model';
import { AsyncPlay } from './async-play';

const ARRIVED = 1_700_000_000;
const SPILLED = ARRIVED + 60;
const DEADLINE = ARRIVED + 10_000;

function play(count = 1, shards = [shardId]) {
  const store = new MemoryStore();
  const asynchronous = new AsyncPlay();
  const clock = { now: () => time.now };
  const time = { now: ARRIVED + 300 };
  const spill = (index: number, shard: string, over: Partial<SpilledRecord> = {}): void => {
    const position = sequenceNumber(index);
    const record: SpilledRecord = {
      id: `r-${index}`,
      key: 'a',
      position,
      sequenceNumber: position,
      partitionKey: 'a',
      payloadBase64: Buffer.from(`payload ${index}`).toString('base64'),
      arrivedAt: ARRIVED,
      spilledAt: SPILLED,
      inferenceId: 'f',
      responseUri: `s3://films/answers/${shard}/${index}`,
      failureUri: `s3://films/failures/${shard}/${index}`,
      deadlineAt: DEADLINE,
      ...over,
    };
    void store.put(spilledObjectKey(streamName, shard, position), formatSpilledRecord(record));
  };
  for (const shard of shards) for (let index = 0; index < count; index++) spill(index, shard);
  const respond = (index: number, text: string, shard = shardId): void =>
    void asynchronous.objects.set(`s3://films/answers/${shard}/${index}`, {
      body: Buffer.from(text),
      contentType: 'application/json',
      writtenAt: ARRIVED + 200,
    });
  const fail = (index: number, text: string): void =>
    void asynchronous.objects.set(`s3://films/failures/${shardId}/${index}`, {
      body: Buffer.from(text),
      writtenAt: ARRIVED + 200,
    });
  return { store, asynchronous, clock, time, spill, respond, fail, ...asynchronous.collector(store, clock) };
}

const resultKey = (index: number): string =>
  `results/${streamName}/${shardId}/${sequenceNumber(index)}-${sequenceNumber(index)}.jsonl`;

describe('the spill collector', () => {
  test('writes the response to a spilled record as its result line, and lets go of it', async () => {
    const { store, respond, collect, published } = play();
    respond(0, '{"model":"m","usage":{"prompt_tokens":3,"completion_tokens":5}}');
    expect(await collect()).toEqual({ answered: 1, deadLetters: 0, open: 0, failed: 0 });
    expect(store.keysBelow('results/')).toEqual([resultKey(0)]);
    expect(store.lines()).toEqual([
      {
        id: 'r-0',
        key: 'a',
        position: sequenceNumber(0),
        arrivedAt: ARRIVED,
        answeredAt: ARRIVED + 200,
        requestSeconds: 140,
        status: 200,
        model: 'm',
        variant: null,
        contentType: 'application/json',
        inputTokens: 3,
        outputTokens: 5,
        responseBytes: 63,
        response: '{"model":"m","usage":{"prompt_tokens":3,"completion_tokens":5}}',
        responseObject: null,
        error: null,
        deadLetter: null,
        spilledAt: SPILLED,
      },
    ]);
    // The time of the request is that of a queue, from which no service time is learned.
    expect(store.keysBelow('measurements/')).toEqual([]);
    expect(store.keysBelow('spilled/')).toEqual([]);
    expect(published.map(({ metricName, value, unit, dimensions }) => [metricName, value, unit, dimensions])).toEqual([
      ['OpenSpilledRecords', 0, 'Count', { StreamName: streamName }],
      ['SpillDelay', 200, 'Seconds', { StreamName: streamName }],
    ]);
  });

  test('keeps the measurement of a response that tells its service time', async () => {
    const { store, respond, collect } = play();
    respond(0, '{"generated_tokens":5,"input_tokens":2,"service_seconds":4,"usage":{"prompt_tokens":2}}');
    await collect();
    expect(store.keysBelow('measurements/').map((key) => store.objects.get(key))).toEqual([
      expect.stringContaining('"service_seconds":4'),
    ]);
  });

  test('writes a large response, or one that is no text, as an object of its own', async () => {
    const { store, respond, collect } = play();
    respond(0, 'x'.repeat(70_000));
    await collect();
    expect(store.lines()[0]).toMatchObject({
      response: null,
      responseObject: `responses/${streamName}/${shardId}/${sequenceNumber(0)}`,
      responseBytes: 70_000,
    });
  });

  test('makes a dead letter of a failure, with its reason and the payload', async () => {
    const { store, fail, collect, published } = play();
    fail(0, 'Received server error (500) from primary');
    expect(await collect()).toEqual({ answered: 0, deadLetters: 1, open: 0, failed: 0 });
    const key = `dead-letters/${streamName}/${shardId}/${sequenceNumber(0)}.json`;
    const error = 'the asynchronous endpoint failed: Received server error (500) from primary';
    expect(store.lines()).toEqual([
      expect.objectContaining({ deadLetter: key, error, status: null, spilledAt: SPILLED, answeredAt: ARRIVED + 300 }),
    ]);
    expect(parseDeadLetter(store.objects.get(key)!)).toEqual({
      sequenceNumber: sequenceNumber(0),
      partitionKey: 'a',
      payloadBase64: Buffer.from('payload 0').toString('base64'),
      error,
      at: ARRIVED + 300,
    });
    expect(store.keysBelow('spilled/')).toEqual([]);
    expect(published.map(({ metricName, value }) => [metricName, value])).toContainEqual(['DeadLetters', 1]);
  });

  test('waits for a response until the deadline, and makes a dead letter then', async () => {
    const { store, collect, time, published } = play();
    time.now = DEADLINE - 1;
    expect(await collect()).toEqual({ answered: 0, deadLetters: 0, open: 1, failed: 0 });
    expect(store.lines()).toEqual([]);
    expect(published.map(({ metricName, value }) => [metricName, value])).toEqual([['OpenSpilledRecords', 1]]);
    time.now = DEADLINE;
    expect(await collect()).toMatchObject({ deadLetters: 1 });
    expect(store.lines()[0]!.error).toContain('neither a response nor a failure');
  });

  test('waits to the deadline for an endpoint that writes no failures', async () => {
    const { store, spill, collect } = play(0);
    spill(0, shardId, { failureUri: null });
    expect(await collect()).toMatchObject({ open: 1 });
    expect(store.keysBelow('spilled/')).toHaveLength(1);
  });

  test('adds what the response mapping makes of a response', async () => {
    const { store, asynchronous, clock, respond } = play();
    respond(0, 'yes');
    const { collect } = asynchronous.collector(store, clock, {
      map: (answer) => Promise.resolve({ ...answer, mapped: Buffer.from(answer.body).toString().toUpperCase() }),
    });
    await collect();
    expect(store.lines()[0]).toMatchObject({ response: 'yes', mapped: 'YES', mappingError: null });
  });

  test('does not give a second line to a record that has one', async () => {
    const { store, respond, fail, collect, spill } = play();
    fail(0, 'no memory');
    await collect();
    // A run that died before the last step, and a response that came late.
    spill(0, shardId);
    respond(0, 'late');
    store.objects.delete(`dead-letters/${streamName}/${shardId}/${sequenceNumber(0)}.json`);
    await collect();
    expect(store.lines()).toHaveLength(1);
    expect(store.deadLetterIds()).toEqual(['r-0']);
    expect(store.keysBelow('dead-letters/')).toHaveLength(1);
    expect(store.keysBelow('spilled/')).toEqual([]);
  });

  test('reads a shard only as far as its first five hundred open records in a row, and then the next shard', async () => {
    const next = 'shardId-000000000001';
    const { asynchronous, respond, collect, store, clock } = play(OPEN_IN_A_ROW + 200, [shardId, next]);
    respond(OPEN_IN_A_ROW + 190, 'far');
    respond(3, 'near', next);
    expect(await collect()).toEqual({ answered: 1, deadLetters: 0, open: 2 * OPEN_IN_A_ROW + 399, failed: 0 });
    expect(store.resultIds()).toEqual(['r-3']);
    let reads = 0;
    const counted = asynchronous.collector(store, clock, {
      objects: {
        read: (uri) => {
          reads += 1;
          return Promise.resolve(asynchronous.objects.get(uri));
        },
      },
    });
    await counted.collect();
    // Those that were begun together with the last one, and both objects of each.
    expect(reads).toBeLessThan(2 * 2 * (OPEN_IN_A_ROW + 64));
    expect(reads).toBeGreaterThanOrEqual(2 * 2 * OPEN_IN_A_ROW);
  });

  test('ends in time', async () => {
    const { respond, collect, store } = play(3);
    respond(0, 'yes');
    expect(await collect(15_000)).toEqual({ answered: 0, deadLetters: 0, open: 0, failed: 0 });
    expect(store.lines()).toEqual([]);
  });

  test('leaves an object that it cannot read, goes on with the others, and fails where there are no others', async () => {
    const { store, respond, collect, logLines } = play(2);
    await store.put(spilledObjectKey(streamName, shardId, sequenceNumber(0)), '{}');
    await store.put(`spilled/${streamName}/${shardId}/notes.txt`, 'by hand');
    respond(1, 'yes');
    expect(await collect()).toEqual({ answered: 1, deadLetters: 0, open: 0, failed: 1 });
    expect(logLines.join()).toContain('a spilled record is looked at again');
    await expect(collect()).rejects.toThrow('none of 1 spilled records could be settled');
    expect(store.keysBelow('spilled/')).toHaveLength(2);
  });

  test('is not stopped by metrics that it cannot publish', async () => {
    const { store, asynchronous, clock, respond } = play();
    respond(0, 'yes');
    const { collect, logLines } = asynchronous.collector(store, clock, {
      metrics: { put: () => Promise.reject(new Error('Throttling')) },
    });
    expect(await collect()).toMatchObject({ answered: 1 });
    expect(logLines.join()).toContain('cannot publish the counts');
  });
});
