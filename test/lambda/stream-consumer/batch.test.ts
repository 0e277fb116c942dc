import { createHash } from 'node:crypto';
import { identify, parseBatch, recordsOf } from '../../../lambda/stream-consumer/batch';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import { kinesisEvent } from './poller-model';

const fieldsOf = (id: string, key: string) => ({ id: parseRecordField(id), key: parseRecordField(key) });
const fields = fieldsOf('sequence-number', 'partition-key');
const event = kinesisEvent([{ sequenceNumber: '49', partitionKey: 'a', payload: '{"id":"r-0"}' }], 'shardId-1');
const withFields = (over: object) => ({ Records: [{ ...event.Records[0]!, ...over }] });
const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/requests';

describe('the batch of an event', () => {
  test('is of its stream and shard, whose records stand at places that sort as text', () => {
    const position = `${'0'.repeat(54)}49`;
    expect(parseBatch(event, fields)).toEqual({
      streamArn: ARN,
      streamName: 'requests',
      shardId: 'shardId-1',
      records: [
        {
          sequenceNumber: '49',
          position,
          partitionKey: 'a',
          payload: Buffer.from('{"id":"r-0"}'),
          arrivedAt: 1_700_000_000,
          id: `shardId-1:${position}`,
          key: 'a',
        },
      ],
    });
  });

  test('is of the stream of its consumer with enhanced fan-out', () => {
    const eventSourceARN = `${ARN}/consumer/fast:1700000000`;
    expect(parseBatch(withFields({ eventSourceARN }), fields)).toMatchObject({
      streamArn: ARN,
      streamName: 'requests',
    });
  });

  test('is none without a record', () => {
    expect(parseBatch({ Records: [] }, fields)).toBeUndefined();
  });

  test.each([
    { eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:requests' },
    { eventSourceARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/' },
    { eventID: ':49' },
  ])('names a stream and a shard: %j', (over) => {
    const { eventSourceARN: arn, eventID: id } = { ...event.Records[0]!, ...over };
    expect(() => parseBatch(withFields(over), fields)).toThrow(
      `the event names no stream or shard (ARN '${arn}', id '${id}')`,
    );
  });
});

test('a record is read from its part of a larger memory alone', () => {
  const payload = new Uint8Array(Buffer.from('xx{"id":"r"}yy')).subarray(2, 12);
  const [record] = recordsOf(
    { sequenceNumber: '1', partitionKey: 'a', payload, arrivedAt: 1 },
    's',
    fieldsOf('$.id', 'partition-key'),
  );
  expect([record!.payload.toString(), record!.id]).toEqual(['{"id":"r"}', 'r']);
});

describe('id and order key', () => {
  const payload = Buffer.from('{"user":"u","n":7}');
  const hash = createHash('sha256').update(payload).digest('hex');
  test.each([
    ['sequence-number', 'partition-key', 'p', { id: 'place', key: 'p' }],
    ['partition-key', 'sequence-number', 'p', { id: 'p', key: 'place' }],
    ['payload-hash', 'payload-hash', 'p', { id: hash, key: hash }],
    ['$.n', '$.user', 'p', { id: '7', key: 'u' }],
    ['sequence-number', '$.user', 'p', { id: 'place', key: 'u' }],
    ['$.none', '$.none', 'p', { id: 'place', key: 'p' }],
    // A record of a topic may have no key.
    ['partition-key', 'partition-key', undefined, { id: 'place', key: 'place' }],
    ['$.none', '$.none', undefined, { id: 'place', key: 'place' }],
  ])('from %s and %s, with the partition key %s, are %j', (id, key, partitionKey, expected) => {
    expect(identify({ partitionKey, payload }, 'place', fieldsOf(id, key))).toEqual(expected);
  });

  test('of a payload that is no JSON are its place and its partition key', () => {
    const text = { partitionKey: 'p', payload: Buffer.from('no JSON') };
    expect(identify(text, 'place', fieldsOf('$.id', '$.user'))).toEqual({ id: 'place', key: 'p' });
  });
});
