import type { KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';

/** A record as the producer put it. */
export interface PutRecord {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly payload: string;
}

export interface PollerSettings {
  readonly batchSize: number;
  readonly bisectBatchOnFunctionError: boolean;
  readonly maximumRetryAttempts: number;
}

export const streamName = 'requests';
export const shardId = 'shardId-000000000000';

export function kinesisEvent(records: readonly PutRecord[]): KinesisStreamEvent {
  return {
    Records: records.map(({ sequenceNumber, partitionKey, payload }) => ({
      awsRegion: 'us-east-1',
      eventID: `${shardId}:${sequenceNumber}`,
      eventName: 'aws:kinesis:record',
      eventSource: 'aws:kinesis',
      eventSourceARN: `arn:aws:kinesis:us-east-1:123456789012:stream/${streamName}`,
      eventVersion: '1.0',
      invokeIdentityArn: 'arn:aws:iam::123456789012:role/consumer',
      kinesis: {
        approximateArrivalTimestamp: 1_700_000_000,
        data: Buffer.from(payload, 'utf8').toString('base64'),
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
 * order, one at a time; a thrown error repeats the batch, in halves when bisection is on; a reported failure repeats from the lowest
 * reported sequence number on; used-up retries send what is left of the batch to the failure destination, payload included.
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
      if (retriesLeft === 0) {
        toFailureDestination.push(...batch);
        return;
      }
      const middle = settings.bisectBatchOnFunctionError ? Math.ceil(batch.length / 2) : batch.length;
      for (const part of [batch.slice(0, middle), batch.slice(middle)]) {
        if (part.length > 0) await run(part, retriesLeft - 1);
      }
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
