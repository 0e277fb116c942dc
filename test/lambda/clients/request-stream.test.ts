import { createHash } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequestStream } from '../../../lambda/clients/request-stream';

/** Kinesis whose answers are given by operation; none for `undefined`. */
class Kinesis {
  public readonly calls: { readonly operation: string; readonly input: { readonly [name: string]: unknown } }[] = [];
  public answer: (
    operation: string,
    input: { readonly [name: string]: unknown },
  ) => { readonly status: number; readonly body: object } | undefined = () => undefined;
  private readonly server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
      const input = JSON.parse(text) as { readonly [name: string]: unknown };
      this.calls.push({ operation, input });
      const reply = this.answer(operation, input);
      if (reply === undefined) return;
      response.writeHead(reply.status, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(reply.body));
    });
  });

  public start(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  public stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  public stream(requestTimeoutMs = 60_000) {
    return createRequestStream('requests', {
      sleep: () => Promise.resolve(),
      limits: { requestTimeoutMs },
      configuration: {
        endpoint: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      },
    });
  }
}

describe('the stream of requests', () => {
  const kinesis = new Kinesis();
  beforeAll(() => kinesis.start());
  afterAll(() => kinesis.stop());
  beforeEach(() => void (kinesis.calls.length = 0));
  const record = { partitionKey: 'k', data: Buffer.from('{}') };

  test('stores a record behind the earlier one of its key', async () => {
    kinesis.answer = () => ({ status: 200, body: { ShardId: 's', SequenceNumber: '9' } });
    expect(await kinesis.stream().put({ ...record, after: '8' })).toEqual({
      kind: 'stored',
      shardId: 's',
      sequenceNumber: '9',
    });
    await kinesis.stream().put(record);
    const input = { StreamName: 'requests', PartitionKey: 'k', Data: 'e30=' };
    expect(kinesis.calls.map((call) => call.input)).toEqual([{ ...input, SequenceNumberForOrdering: '8' }, input]);
  });

  test.each([
    ['a stream without room', 400, 'ProvisionedThroughputExceededException', 'throttled'],
    ['a stream that is asked too often', 400, 'ThrottlingException', 'throttled'],
    ['a key that is asked too often', 400, 'KMSThrottlingException', 'throttled'],
    ['a failure of the service', 500, 'InternalFailureException', 'unknown'],
    ['a redirection', 307, 'Other', 'unknown'],
  ])('tells %s apart, in one attempt', async (_name, status, type, kind) => {
    kinesis.answer = () => ({ status, body: { __type: type, message: 'no' } });
    expect(await kinesis.stream().put(record)).toMatchObject({ kind });
    expect(kinesis.calls).toHaveLength(1);
  });

  test('does not know what became of a record without an answer, and does not put it a second time', async () => {
    kinesis.answer = () => undefined;
    expect(await kinesis.stream(300).put(record)).toMatchObject({ kind: 'unknown' });
    expect(kinesis.calls).toHaveLength(1);
  });

  test('throws what refuses every record', async () => {
    kinesis.answer = () => ({ status: 400, body: { __type: 'AccessDeniedException', message: 'kinesis:PutRecord' } });
    await expect(kinesis.stream().put(record)).rejects.toThrow('kinesis:PutRecord');
  });

  test('reads the shards of the keys, page by page, up to the end of the time or of the shard', async () => {
    const half = 2n ** 127n;
    const shard = (ShardId: string, from: bigint, to: bigint) => ({
      ShardId,
      HashKeyRange: { StartingHashKey: String(from), EndingHashKey: String(to) },
      SequenceNumberRange: { StartingSequenceNumber: '0' },
    });
    const arrival = (SequenceNumber: string, at: number) => ({
      SequenceNumber,
      PartitionKey: 'k',
      Data: 'e30=',
      ApproximateArrivalTimestamp: at,
    });
    // The MD5 sum of 'k' begins with 8: the upper half of the hash keys.
    const pages: { readonly [iterator: string]: object } = {
      upper: { Records: [arrival('1', 100)], NextShardIterator: 'upper2', MillisBehindLatest: 5000 },
      upper2: { Records: [], NextShardIterator: 'upper3', MillisBehindLatest: 4000 },
      upper3: { Records: [arrival('2', 150), arrival('3', 999)], NextShardIterator: 'upper4', MillisBehindLatest: 0 },
    };
    kinesis.answer = (operation, input) => {
      if (operation === 'ListShards')
        return {
          status: 200,
          body:
            input['NextToken'] === undefined
              ? { Shards: [shard('lower', 0n, half - 1n)], NextToken: 'more' }
              : { Shards: [shard('upper', half, 2n ** 128n - 1n)] },
        };
      if (operation === 'GetShardIterator') return { status: 200, body: { ShardIterator: input['ShardId'] } };
      return { status: 200, body: pages[String(input['ShardIterator'])]! };
    };
    const found: string[] = [];
    for await (const { shardId, sequenceNumber } of kinesis.stream().arrivals(['k'], 90, 200))
      found.push(`${shardId} ${sequenceNumber}`);
    expect(found).toEqual(['upper 1', 'upper 2', 'upper 3']);
    expect(kinesis.calls.map(({ operation }) => operation)).toEqual([
      ...['ListShards', 'ListShards', 'GetShardIterator', 'GetRecords', 'GetRecords', 'GetRecords'],
    ]);
    expect(kinesis.calls[2]!.input).toMatchObject({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 90 });
  });

  /** Hash key of the partition key 'k': its MD5 sum. */
  const HASH = BigInt(`0x${createHash('md5').update('k').digest('hex')}`);

  test('reads each shard whose hash keys have one of the keys, its first and its last included', async () => {
    const shard = (ShardId: string, from: bigint, to: bigint) => ({
      ShardId,
      HashKeyRange: { StartingHashKey: String(from), EndingHashKey: String(to) },
      SequenceNumberRange: { StartingSequenceNumber: '0' },
    });
    kinesis.answer = (operation, input) => {
      const shards = [shard('below', 0n, HASH - 1n), shard('last', 0n, HASH), shard('first', HASH, HASH + 9n)];
      if (operation === 'ListShards')
        return { status: 200, body: { Shards: [...shards, shard('above', HASH + 1n, HASH + 9n)] } };
      if (operation === 'GetShardIterator') return { status: 200, body: { ShardIterator: input['ShardId'] } };
      return { status: 200, body: { Records: [], MillisBehindLatest: 0 } };
    };
    const readFor = async (...keys: string[]): Promise<unknown[]> => {
      kinesis.calls.length = 0;
      for await (const one of kinesis.stream().arrivals(keys, 90, 200)) throw new Error(JSON.stringify(one));
      return kinesis.calls.flatMap(({ operation, input }) =>
        operation === 'GetRecords' ? [input['ShardIterator']] : [],
      );
    };
    expect(await readFor('k')).toEqual(['last', 'first']);
    // The hash of 'a' is below that of 'k'.
    expect(await readFor('k', 'a')).toEqual(['below', 'last', 'first']);
  });

  test('reads on while records may still come within the time, also at the end of the shard', async () => {
    const arrival = { SequenceNumber: '1', PartitionKey: 'k', Data: 'e30=', ApproximateArrivalTimestamp: 200 };
    const pages: { readonly [iterator: string]: object } = {
      one: { Records: [arrival], NextShardIterator: 'two', MillisBehindLatest: 0 },
      two: { Records: [{ ...arrival, SequenceNumber: '2' }], NextShardIterator: 'three', MillisBehindLatest: 0 },
      three: { Records: [], NextShardIterator: 'four', MillisBehindLatest: 0 },
    };
    kinesis.answer = (operation, input) => {
      const range = { StartingHashKey: '0', EndingHashKey: String(2n ** 128n - 1n) };
      const whole = { ShardId: 's', HashKeyRange: range, SequenceNumberRange: { StartingSequenceNumber: '0' } };
      if (operation === 'ListShards') return { status: 200, body: { Shards: [whole] } };
      if (operation === 'GetShardIterator') return { status: 200, body: { ShardIterator: 'one' } };
      return { status: 200, body: pages[String(input['ShardIterator'])]! };
    };
    const found: string[] = [];
    for await (const { sequenceNumber } of kinesis.stream().arrivals(['k'], 90, 200)) found.push(sequenceNumber);
    expect(found).toEqual(['1', '2']);
  });
});
