import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';

/** A record as the producer put it. */
export interface PutRecord {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly payload: string | Buffer;
}

export interface PollerSettings {
  readonly batchSize: number;
  readonly bisectBatchOnFunctionError: boolean;
  readonly maximumRetryAttempts: number;
}

export const streamName = 'requests';
export const shardId = 'shardId-000000000000';

export function kinesisEvent(records: readonly PutRecord[], shard = shardId): KinesisStreamEvent {
  return {
    Records: records.map(({ sequenceNumber, partitionKey, payload }) => ({
      awsRegion: 'us-east-1',
      eventID: `${shard}:${sequenceNumber}`,
      eventName: 'aws:kinesis:record',
      eventSource: 'aws:kinesis',
      eventSourceARN: `arn:aws:kinesis:us-east-1:123456789012:stream/${streamName}`,
      eventVersion: '1.0',
      invokeIdentityArn: 'arn:aws:iam::123456789012:role/consumer',
      kinesis: {
        approximateArrivalTimestamp: 1_700_000_000,
        data: Buffer.from(payload as string, 'utf8').toString('base64'),
        kinesisSchemaVersion: '1.0',
        partitionKey,
        sequenceNumber,
      },
    })),
  };
}

export function sequenceNumber(index: number): string {
  return `496${String(index).padStart(53, '0')}`;
}

/**
 * The event source mapping of one shard as the Lambda developer guide describes it ("Using AWS Lambda with Amazon Kinesis"): batches in
 * order, one at a time; a thrown error repeats the batch, in halves when bisection is on, which consumes no retry; a reported failure repeats
 * from the lowest reported sequence number on; used-up retries send what is left of the batch to the failure destination, payload included.
 * https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
 */
export async function pollShard(
  records: readonly PutRecord[],
  settings: PollerSettings,
  invoke: (event: KinesisStreamEvent) => Promise<KinesisStreamBatchResponse>,
): Promise<{ readonly toFailureDestination: PutRecord[]; readonly invocations: number }> {
  const toFailureDestination: PutRecord[] = [];
  let invocations = 0;

  const run = async (batch: readonly PutRecord[], retriesLeft: number): Promise<void> => {
    invocations++;
    let failures: readonly string[];
    try {
      failures = (await invoke(kinesisEvent(batch))).batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
    } catch {
      if (settings.bisectBatchOnFunctionError && batch.length > 1) {
        const middle = Math.ceil(batch.length / 2);
        await run(batch.slice(0, middle), settings.maximumRetryAttempts);
        await run(batch.slice(middle), settings.maximumRetryAttempts);
      } else if (retriesLeft === 0) toFailureDestination.push(...batch);
      else await run(batch, retriesLeft - 1);
      return;
    }
    const lowest = batch.findIndex((record) => failures.includes(record.sequenceNumber));
    if (failures.length > 0 && lowest === -1) throw new Error(`the handler reported unknown items: ${failures.join()}`);
    if (lowest === -1) return;
    const rest = batch.slice(lowest);
    if (retriesLeft === 0) toFailureDestination.push(...rest);
    else await run(rest, retriesLeft - 1);
  };

  for (let start = 0; start < records.length; start += settings.batchSize) {
    await run(records.slice(start, start + settings.batchSize), settings.maximumRetryAttempts);
  }
  return { toFailureDestination, invocations };
}
