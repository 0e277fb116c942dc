import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { aggregateOne, deaggregate, tagValues } from '../../../lambda/stream-consumer/aggregated-record';
import { aggregate } from '../../bench/stream/aggregate';
import { rehearsal } from './fakes';
import { kinesisEvent, sequenceNumber } from './poller-model';

/** Three records, as aws-kinesis-agg 4.2.8 of the AWS Labs aggregates them. */
const AGGREGATED = Buffer.from(
  '84mawgoGdXNlci0xCgZ1c2VyLTIaDggAGgp7ImlkIjoiMSJ9GgcIARoDAP8BGhAIABoMR3LDvMOfZSDwn5mCf4BtS5MbrlxYAYEKvuR2mg==',
  'base64',
);
const RECORDS = [
  { partitionKey: 'user-1', data: Buffer.from('{"id":"1"}') },
  { partitionKey: 'user-2', data: Buffer.from([0, 255, 1]) },
  { partitionKey: 'user-1', data: Buffer.from('Grüße 🙂') },
];

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
const field = (number: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2, ...varint(bytes.length)]), bytes]);
const withChecksum = (message: Buffer): Buffer =>
  Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, createHash('md5').update(message).digest()]);

const record = fc.record({
  partitionKey: fc.string({ unit: 'grapheme', minLength: 1 }),
  data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

describe('an aggregated record', () => {
  test('of a library of AWS is taken apart', () => {
    expect(deaggregate(AGGREGATED)).toEqual(RECORDS);
  });

  test('gives its records back, whatever their keys and bytes', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 200 }), (records) => {
        expect(deaggregate(aggregate(records))).toEqual(records);
      }),
    );
  });

  test('of one part has its tag, and the part as it was', () => {
    const given = fc.record({
      part: record,
      tag: fc.record({ name: fc.string({ minLength: 1 }), value: fc.string({ unit: 'grapheme' }) }),
    });
    fc.assert(
      fc.property(given, ({ part, tag }) => {
        const whole = aggregateOne(part, tag);
        expect(deaggregate(whole)).toEqual([part]);
        expect(tagValues(whole, tag.name)).toEqual([tag.value]);
        expect(tagValues(whole, `${tag.name}-other`)).toEqual([]);
      }),
    );
    expect(tagValues(AGGREGATED, 'any')).toEqual([]);
    expect(tagValues(Buffer.from('{}'), 'any')).toEqual([]);
  });

  test('with one changed byte is an ordinary payload', () => {
    for (let at = 0; at < AGGREGATED.length; at++) {
      const changed = Buffer.from(AGGREGATED);
      changed[at]! ^= 1;
      expect(deaggregate(changed)).toBeUndefined();
    }
  });

  test.each<[string, Buffer]>([
    ['is cut off within a field', Buffer.from([0x1a, 50, 1, 2])],
    ['has a number without an end', Buffer.alloc(12, 0xff)],
    ['has a wire type that does not exist', Buffer.from([0x0f, 1])],
    [
      'names a key that is not there',
      Buffer.concat([field(1, Buffer.from('k')), field(3, Buffer.from([8, 4, 26, 0]))]),
    ],
    ['has a record without data', Buffer.concat([field(1, Buffer.from('k')), field(3, Buffer.from([8, 0]))])],
    ['has no record', field(1, Buffer.from('k'))],
  ])('whose message %s is an ordinary payload, also with the right checksum', (_, message) => {
    expect(deaggregate(withChecksum(message))).toBeUndefined();
  });

  test.each(['', 'text', '\u00f3\u0089\u009a\u00c2'])("'%s' is an ordinary payload", (text) => {
    expect(deaggregate(Buffer.from(text, 'latin1'))).toBeUndefined();
  });
});

describe('the stream consumer', () => {
  const records = [{ sequenceNumber: sequenceNumber(0), partitionKey: 'outer', payload: AGGREGATED }];

  test('sends the parts of an aggregated record each for itself, those of one key in order', async () => {
    const { time, store, payloads, peakInFlight, environment } = rehearsal(() => ({}));
    await time.until(environment()(kinesisEvent(records), time.context(60_000)));
    expect(payloads.map((body) => Buffer.from(body))).toEqual(RECORDS.map(({ data }) => data));
    expect(peakInFlight()).toBe(2);
    expect(store.lines().map(({ position, key }) => [position, key])).toEqual([
      [`${sequenceNumber(0)}.000000`, 'user-1'],
      [`${sequenceNumber(0)}.000001`, 'user-2'],
      [`${sequenceNumber(0)}.000002`, 'user-1'],
    ]);
  });

  test('goes on within an aggregated record whose time ran out, in another environment too', async () => {
    const { time, store, sent, environment } = rehearsal((id) => ({ milliseconds: id === '1' ? 100 : 28_000 }));
    const first = await time.until(environment()(kinesisEvent(records), time.context(30_000)));
    expect(first).toEqual({ batchItemFailures: [{ itemIdentifier: sequenceNumber(0) }] });
    expect(store.lines()).toHaveLength(1);
    const second = await time.until(environment()(kinesisEvent(records), time.context(120_000)));
    expect(second).toEqual({ batchItemFailures: [] });
    expect(sent.filter((id) => id === '1')).toHaveLength(1);
    expect(store.lines().map(({ position }) => position.slice(-1))).toEqual(['0', '1', '2']);
  });
});
