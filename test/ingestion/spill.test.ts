import * as fc from 'fast-check';
import {
  decideSpill,
  decideSpillOutcome,
  spillDeadline,
  SPILL_PAUSE_SECONDS,
  spillsAt,
} from '../../lib/ingestion/decide/spill';
import {
  formatSpilledRecord,
  parseSpilledObjectKey,
  parseSpilledRecord,
  spilledObjectKey,
  type SpilledRecord,
} from '../../lib/ingestion/decide/spilled-record';

const state = { now: 1_060, arrivedAt: 1_000, afterSeconds: 60, strikes: 0, refusedAt: undefined };

describe('a record', () => {
  test('spills from its age on, and not before', () => {
    expect(decideSpill(state)).toBe('spill');
    expect(decideSpill({ ...state, now: 1_059.9 })).toBe('wait');
    expect(spillsAt(1_000, 60)).toBe(1_060);
  });

  test('that fails while others are answered does not spill', () => {
    expect(decideSpill({ ...state, strikes: 1 })).toBe('wait');
  });

  test('waits for half a minute after the asynchronous endpoint took none', () => {
    expect(decideSpill({ ...state, refusedAt: 1_060 - SPILL_PAUSE_SECONDS + 0.1 })).toBe('wait');
    expect(decideSpill({ ...state, refusedAt: 1_060 - SPILL_PAUSE_SECONDS })).toBe('spill');
  });

  test('that spills goes on to do so as it grows older', () => {
    const moment = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(moment, moment, moment, fc.option(moment, { nil: undefined }), (now, arrivedAt, more, refusedAt) => {
        const given = { ...state, now, arrivedAt, refusedAt };
        if (decideSpill(given) === 'spill') expect(decideSpill({ ...given, now: now + more })).toBe('spill');
      }),
    );
  });
});

describe('the outcome of a spilled record', () => {
  const objects = { now: 100, deadlineAt: 200, response: undefined, failure: undefined };

  test('is its response, also where there is a failure, or no time left', () => {
    expect(decideSpillOutcome({ ...objects, response: 'yes', failure: 'no', now: 300 })).toEqual({
      kind: 'succeeded',
      answer: 'yes',
    });
  });

  test('is the failure with its reason, cut where it is long', () => {
    expect(decideSpillOutcome({ ...objects, failure: ' no memory\n' })).toEqual({
      kind: 'rejected',
      error: 'the asynchronous endpoint failed: no memory',
      status: null,
    });
    expect(decideSpillOutcome({ ...objects, failure: '' })).toMatchObject({
      error: 'the asynchronous endpoint failed: no reason',
    });
    const { error } = decideSpillOutcome({ ...objects, failure: 'x'.repeat(5_000) }) as { error: string };
    expect(error).toHaveLength('the asynchronous endpoint failed: '.length + 2_000);
  });

  test('is open until the deadline, and then a dead letter', () => {
    expect(decideSpillOutcome({ ...objects, now: 199.9 })).toEqual({ kind: 'open' });
    expect(decideSpillOutcome({ ...objects, now: 200 })).toMatchObject({
      kind: 'rejected',
      status: null,
      error: expect.stringContaining('neither a response nor a failure') as string,
    });
  });

  test('is awaited for the time in the queue, that of the model, and a quarter of an hour', () => {
    expect(spillDeadline(1_000, { ttlSeconds: 60, timeoutSeconds: 30 })).toBe(1_990);
  });
});

describe('the object of a spilled record', () => {
  const record: SpilledRecord = {
    id: 'r-1',
    key: 'a',
    position: '17.000001',
    sequenceNumber: '17',
    partitionKey: '',
    payloadBase64: '',
    arrivedAt: 1,
    spilledAt: 2,
    inferenceId: 'f',
    responseUri: 's3://b/k',
    failureUri: null,
    deadlineAt: 3,
  };

  test('is read as it was written, that of a topic with its record', () => {
    expect(parseSpilledRecord(formatSpilledRecord(record))).toEqual(record);
    const kafkaRecord = { topic: 't', partition: 0, offset: 1, timestamp: 2, timestampType: 'CREATE_TIME' };
    const ofTopic = { ...record, failureUri: 's3://b/f', kafkaRecord };
    expect(parseSpilledRecord(formatSpilledRecord(ofTopic))).toMatchObject(ofTopic);
    expect(() => parseSpilledRecord('{}')).toThrow('the spilled record');
  });

  test('has its shard and position in its key', () => {
    const key = spilledObjectKey('requests', 'shardId-1', '17.000001');
    expect(key).toBe('spilled/requests/shardId-1/17.000001.json');
    expect(parseSpilledObjectKey('requests', key)).toEqual({ shardId: 'shardId-1', position: '17.000001' });
    expect(parseSpilledObjectKey('requests', 'spilled/requests/shardId-1/notes.txt')).toBeUndefined();
    expect(parseSpilledObjectKey('requests', 'spilled/requests/shardId-1/more/17.json')).toBeUndefined();
  });
});
