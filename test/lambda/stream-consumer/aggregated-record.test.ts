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

  test.each([0, 1, 127, 128, 129, 16_383, 16_384, 300_000])(
    'of one part of %i bytes is as Protocol Buffers write it',
    (size) => {
      const data = Buffer.alloc(size, 7);
      const tagged = Buffer.concat([field(1, Buffer.from('n')), field(2, Buffer.from('v'))]);
      const part = Buffer.concat([Buffer.from([8, 0]), field(3, data), field(4, tagged)]);
      const message = Buffer.concat([field(1, Buffer.from('k')), field(3, part)]);
      const whole = aggregateOne({ partitionKey: 'k', data }, { name: 'n', value: 'v' });
      expect(whole.equals(withChecksum(message))).toBe(true);
      expect(deaggregate(whole)).toEqual([{ partitionKey: 'k', data }]);
      expect(tagValues(whole, 'n')).toEqual(['v']);
    },
  );

  test('may have fields that nobody knows: numbers of up to ten bytes, four or eight fixed ones, texts', () => {
    const longest = Buffer.from([5 * 8, ...Array<number>(9).fill(0x80), 1]);
    const unknown = [
      longest,
      Buffer.from([6 * 8 + 1, 1, 2, 3, 4, 5, 6, 7, 8]),
      Buffer.from([7 * 8 + 5, 1, 2, 3, 4]),
      field(9, Buffer.from('text')),
    ];
    for (const one of [...unknown, Buffer.concat(unknown)]) {
      const part = Buffer.concat([one, Buffer.from([8, 0]), one, field(3, Buffer.from('d')), one]);
      const message = Buffer.concat([one, field(1, Buffer.from('k')), one, field(3, part), one]);
      expect(deaggregate(withChecksum(message))).toEqual([{ partitionKey: 'k', data: Buffer.from('d') }]);
    }
  });

  test('of more than a hundred keys gives each record its own', () => {
    const records = Array.from({ length: 300 }, (_, index) => ({
      partitionKey: `key-${index}`,
      data: Buffer.from(String(index)),
    }));
    expect(deaggregate(aggregate(records))).toEqual(records);
  });

  test.each<[string, Buffer]>([
    ['a number of eleven bytes', Buffer.from([5 * 8, ...Array<number>(10).fill(0x80), 1])],
    ['a fixed field that is cut off', Buffer.from([6 * 8 + 1, 1, 2, 3, 4, 5, 6, 7])],
    ['a text that is cut off', Buffer.from([9 * 8 + 2, 3, 1, 2])],
    ['a group', Buffer.from([6 * 8 + 3])],
  ])('with %s behind its records is an ordinary payload without tags', (_, behind) => {
    const tag = Buffer.concat([field(1, Buffer.from('n')), field(2, Buffer.from('v'))]);
    const part = Buffer.concat([Buffer.from([8, 0]), field(3, Buffer.from('d')), field(4, tag)]);
    const good = Buffer.concat([field(1, Buffer.from('k')), field(3, part)]);
    expect(tagValues(withChecksum(good), 'n')).toEqual(['v']);
    expect(tagValues(withChecksum(Buffer.concat([good, behind])), 'n')).toEqual([]);
    expect(deaggregate(withChecksum(Buffer.concat([good, behind])))).toBeUndefined();
  });

  test('whose index of a key is a text, or whose data are a number, is an ordinary payload', () => {
    const key = field(1, Buffer.from('k'));
    for (const part of [
      Buffer.concat([field(1, Buffer.from([0])), field(3, Buffer.from('d'))]),
      Buffer.from([8, 0, 3 * 8, 1]),
    ])
      expect(deaggregate(withChecksum(Buffer.concat([key, field(3, part)])))).toBeUndefined();
    // A number in place of the table of keys, and of a record, is no part.
    const record = field(3, Buffer.concat([Buffer.from([8, 0]), field(3, Buffer.from('d'))]));
    const whole = Buffer.concat([Buffer.from([8, 1, 24, 1]), key, record]);
    expect(deaggregate(withChecksum(whole))).toEqual([{ partitionKey: 'k', data: Buffer.from('d') }]);
  });

  test('without a message, or a byte less, is an ordinary payload', () => {
    const empty = withChecksum(Buffer.alloc(0));
    expect(deaggregate(empty)).toBeUndefined();
    expect(deaggregate(empty.subarray(0, -1))).toBeUndefined();
    expect(tagValues(empty, 'n')).toEqual([]);
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
