import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import {
  deadLetterObjectKey,
  formatDeadLetter,
  formatInferenceRequest,
  formatResultLine,
  resultObjectKey,
} from '../../../lib/ingestion/contract';
import { Outcomes } from '../../../lib/local/traffic/outcomes';
import { requestId } from '../../../lib/local/traffic/request-plan';
import { ResultsReader } from '../../../lib/local/traffic/results-reader';

const NO_OUTPUT = { response: '{}', responseObject: null };
const SHARD = 'shardId-000000000000';

/** A bucket in memory that lists in pages of three, as S3 does in pages of a thousand. */
class Bucket {
  public readonly objects = new Map<string, string>();
  public reads = 0;

  public async send(command: unknown): Promise<unknown> {
    if (command instanceof GetObjectCommand) {
      this.reads += 1;
      const text = this.objects.get(command.input.Key!)!;
      return { Body: { transformToString: async () => text } };
    }
    const { Prefix = '', Delimiter, StartAfter = '', ContinuationToken } = (command as ListObjectsV2Command).input;
    const names = [...this.objects.keys()].filter((key) => key.startsWith(Prefix) && key > StartAfter).sort();
    if (Delimiter !== undefined) {
      const folders = new Set(
        names.flatMap((key) => {
          const end = key.indexOf(Delimiter, Prefix.length);
          return end < 0 ? [] : [key.slice(0, end + 1)];
        }),
      );
      return { CommonPrefixes: [...folders].map((folder) => ({ Prefix: folder })) };
    }
    const from = Number(ContinuationToken ?? 0);
    const next = from + 3 < names.length ? String(from + 3) : undefined;
    return {
      Contents: names.slice(from, from + 3).map((Key) => ({ Key, ETag: String(this.objects.get(Key)!.length) })),
      NextContinuationToken: next,
    };
  }
}

function line(
  index: number,
  answeredAt: number,
  deadLetter: string | null = null,
  response: { readonly response: string | null; readonly responseObject: string | null } = NO_OUTPUT,
): string {
  return formatResultLine({
    id: requestId(index),
    key: 'k',
    position: sequence(index),
    arrivedAt: answeredAt - 1,
    answeredAt,
    requestSeconds: 1,
    status: 200,
    model: null,
    variant: null,
    contentType: 'application/json',
    inputTokens: 1,
    outputTokens: 1,
    responseBytes: 2,
    ...response,
    error: null,
    deadLetter,
  });
}

const sequence = (number: number): string => String(number).padStart(20, '0');

function setUp(count: number) {
  const bucket = new Bucket();
  const outcomes = new Outcomes();
  for (let index = 0; index < count; index++) outcomes.addSent(index, 101);
  const reader = new ResultsReader({
    s3: bucket as never,
    bucketName: 'b',
    outcomes,
    now: () => 500,
    since: 100,
  });
  return { bucket, outcomes, reader };
}

describe('ResultsReader', () => {
  test('counts the results of every object once, however often it polls', async () => {
    const { bucket, outcomes, reader } = setUp(200);
    for (let index = 0; index < 100; index++) {
      bucket.objects.set(resultObjectKey('s', SHARD, sequence(index), sequence(index)), `${line(index, 103)}\n`);
    }
    await reader.poll();
    for (let index = 100; index < 200; index++) {
      bucket.objects.set(resultObjectKey('s', SHARD, sequence(index), sequence(index)), `${line(index, 103)}\n`);
    }
    await reader.poll();
    await reader.poll(true);
    expect(outcomes.totals()).toEqual({ in: 200, answered: 200, deadLettered: 0 });
    expect(outcomes.latency().p50).toBeCloseTo(2, 1);
    expect(bucket.reads).toBe(200);
    expect(reader.resultObjects()).toBe(200);
    expect(reader.resultRows()).toBe(200);
  });

  test('counts the lines with the output of a model, in the response or beside the line', async () => {
    const { bucket, reader } = setUp(4);
    const lines = [
      line(0, 103),
      line(1, 103, null, { response: '{"id":"r-1","output":{"outputs":[]}}', responseObject: null }),
      line(2, 103, null, { response: null, responseObject: 'responses/s/2' }),
      line(3, 103, 'dead-letters/x', { response: null, responseObject: null }),
    ];
    bucket.objects.set(resultObjectKey('s', SHARD, sequence(0), sequence(3)), lines.map((one) => `${one}\n`).join(''));
    await reader.poll(true);
    expect([reader.resultRows(), reader.resultOutputs()]).toEqual([3, 2]);
  });

  test('counts no answer for the line of a dead letter', async () => {
    const { bucket, outcomes, reader } = setUp(1);
    bucket.objects.set(resultObjectKey('s', SHARD, sequence(0), sequence(0)), `${line(0, 103, 'dead-letters/x')}\n`);
    await reader.poll(true);
    expect(outcomes.unresolved()).toBe(1);
  });

  test('knows records of a topic by partition and offset, as dead letters and in failed batches', async () => {
    const { bucket, outcomes, reader } = setUp(1);
    const record = (partition: number, offset: number, value: string) => ({
      topic: 'requests',
      partition,
      offset,
      timestamp: 101_000,
      timestampType: 'CREATE_TIME',
      value: Buffer.from(value).toString('base64'),
    });
    outcomes.addMalformed('requests-0:7');
    outcomes.addMalformed('requests-1:7');
    const letter = record(0, 7, 'not JSON');
    bucket.objects.set(
      deadLetterObjectKey('group', 'requests-0', sequence(7)),
      formatDeadLetter({
        sequenceNumber: '7',
        partitionKey: 'k',
        payloadBase64: letter.value,
        error: 'HTTP 400',
        at: 103,
        kafkaRecord: letter,
      }),
    );
    const request = { id: requestId(0), key: 'k', contextTokens: 1, generatedTokens: 1 };
    const records = { 'requests-1': [record(1, 7, 'not JSON'), record(1, 8, formatInferenceRequest(request))] };
    bucket.objects.set('aws/lambda/m/requests-1/x', JSON.stringify({ payload: JSON.stringify({ records }) }));
    await reader.poll(true);
    expect(outcomes.totals()).toEqual({ in: 3, answered: 0, deadLettered: 3 });
    expect(outcomes.unknownIds()).toEqual([]);
  });

  test('finds at the end what was overwritten with more', async () => {
    const { bucket, outcomes, reader } = setUp(2);
    const key = resultObjectKey('s', SHARD, sequence(0), sequence(9));
    bucket.objects.set(key, `${line(0, 103)}\n`);
    await reader.poll();
    bucket.objects.set(key, `${line(0, 103)}\n${line(1, 104)}\n`);
    await reader.poll(true);
    expect(outcomes.unresolved()).toBe(0);
  });

  test('counts dead letters by place and by id, and failed batches by what is inside', async () => {
    const { bucket, outcomes, reader } = setUp(3);
    outcomes.addMalformed(sequence(7));
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const body = (index: number): string =>
      formatInferenceRequest({ id: requestId(index), key: 'k', contextTokens: 1, generatedTokens: 1, sentAt: 101 });
    const letter = { partitionKey: 'k', error: 'why', at: 200 };
    bucket.objects.set(
      deadLetterObjectKey('s', SHARD, sequence(7)),
      formatDeadLetter({ ...letter, sequenceNumber: sequence(7), payloadBase64: base64('not JSON') }),
    );
    bucket.objects.set(
      deadLetterObjectKey('s', SHARD, sequence(8)),
      formatDeadLetter({ ...letter, sequenceNumber: sequence(8), payloadBase64: base64(body(0)) }),
    );
    bucket.objects.set(
      'aws/lambda/uuid/shard/x',
      JSON.stringify({
        payload: JSON.stringify({
          Records: [1, 2].map((index) => ({ kinesis: { sequenceNumber: sequence(index), data: base64(body(index)) } })),
        }),
      }),
    );
    await reader.poll(true);
    expect(outcomes.totals()).toEqual({ in: 4, answered: 0, deadLettered: 4 });
    expect(outcomes.unknownIds()).toEqual([]);
  });

  test('leaves out what another run left in the bucket', async () => {
    const { bucket, outcomes, reader } = setUp(1);
    bucket.objects.set(resultObjectKey('s', SHARD, sequence(0), sequence(0)), `${line(0, 60)}\n`);
    await reader.poll(true);
    expect(outcomes.unresolved()).toBe(1);
  });
});
