import { S3Client } from '@aws-sdk/client-s3';
import { awsClient } from '../../../lambda/clients/aws-client';
import { createEndpointRuntime } from '../../../lambda/clients/endpoint-runtime';
import { createObjectStore } from '../../../lambda/clients/object-store';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import { systemClock } from '../../../lambda/support/clock';
import { systemSleep } from '../../../lambda/support/sleep';
import { startSilentAws, type AwsRequest } from '../../support/silent-aws';
import { recordFields, requestRecord } from './fakes';

const TIMEOUT_MS = 9_000;
const RECORDS = 32;

const isListing = ({ operation }: AwsRequest): boolean => operation.includes('list-type=2');

/** Consumes records of as many keys, with 9 s for it; returns the response or error, and the time it took. */
async function consume(isSilent: (request: AwsRequest) => boolean, publish = (): Promise<void> => Promise.resolve()) {
  const aws = await startSilentAws((request) =>
    isSilent(request) ? undefined : isListing(request) ? '<ListBucketResult/>' : { generated_tokens: 7 },
  );
  const runtime = createEndpointRuntime('chat', {
    maxConnections: RECORDS,
    contentType: 'application/json',
    accept: 'application/json',
    client: aws.configuration,
  });
  const handler = createHandler({
    endpoint: {
      invoke: (body, signal) => {
        return runtime.invoke(body, signal);
      },
    },
    results: createObjectStore('results', awsClient(S3Client, {}, { ...aws.configuration, forcePathStyle: true })),
    clock: systemClock,
    sleep: systemSleep,
    random: Math.random,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    concurrency: RECORDS,
    maxModelFailures: 3,
    recordFields,
    maxRecordBytes: 1_000,
    publish,
  });
  const startedAt = performance.now();
  const Records = Array.from({ length: RECORDS }, (_, index) => requestRecord(index, `key-${index}`)).map(
    ({ sequenceNumber, partitionKey, payload }) => ({
      eventSourceARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/requests',
      eventID: `shardId-000000000000:${sequenceNumber}`,
      kinesis: {
        sequenceNumber,
        partitionKey,
        data: Buffer.from(partitionKey === 'key-5' ? 'x'.repeat(1_001) : (payload as string)).toString('base64'),
      },
    }),
  );
  const context = { getRemainingTimeInMillis: () => TIMEOUT_MS - (performance.now() - startedAt) };
  const outcome = await handler({ Records } as never, context).catch((error: unknown) => String(error));
  const milliseconds = performance.now() - startedAt;
  await aws.close();
  return { outcome, milliseconds, calls: aws.calls };
}

const isInvocation = ({ operation }: AwsRequest): boolean => operation.includes('/invocations');

// The first calls of a process load the SDK, which takes seconds on a busy machine.
beforeAll(async () => {
  await consume(() => false);
}, 60_000);

describe('the stream consumer, against a service that accepts calls and never answers', () => {
  test.concurrent(
    'returns the first record of a silent endpoint before its time is up',
    async () => {
      const { outcome, milliseconds, calls } = await consume(isInvocation);
      expect(milliseconds).toBeLessThan(TIMEOUT_MS - 500);
      expect(outcome).toEqual({ batchItemFailures: [{ itemIdentifier: requestRecord(0, 'key-0').sequenceNumber }] });
      // All of them at once; a busy machine has not sent each yet when the time is up.
      expect(calls.filter(isInvocation).length).toBeGreaterThan(RECORDS / 2);
    },
    30_000,
  );

  test.concurrent(
    'fails before its time is up when the results cannot be written, and says so',
    async () => {
      const { outcome, milliseconds } = await consume((call) => !isInvocation(call) && !isListing(call));
      expect(milliseconds).toBeLessThan(TIMEOUT_MS);
      expect(outcome).toMatch(/writing the results: no answer within/);
    },
    30_000,
  );

  test.concurrent(
    'fails before its time is up, without an invocation, when the earlier results cannot be read',
    async () => {
      const { outcome, milliseconds, calls } = await consume(isListing);
      expect(milliseconds).toBeLessThan(TIMEOUT_MS);
      expect(outcome).toMatch(/reading the results: no answer within/);
      expect(calls.filter(isInvocation)).toEqual([]);
    },
    30_000,
  );

  test.concurrent(
    'writes the results and ends in time when the dead letters cannot be counted',
    async () => {
      const { outcome, milliseconds, calls } = await consume(
        () => false,
        () => new Promise(() => undefined),
      );
      expect(milliseconds).toBeLessThan(TIMEOUT_MS);
      expect(outcome).toEqual({ batchItemFailures: [] });
      expect(calls.filter(({ operation }) => operation.startsWith('/results/results/'))).toHaveLength(1);
    },
    30_000,
  );
});
