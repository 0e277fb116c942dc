import { parseJson } from '../../core/parse';
import type { EpochSeconds } from '../../core/time';
import { kafkaRecordOf, SPILLED_PREFIX, type DeadLetter } from '../contract';

/** Environment variables of the function that collects the responses to spilled records. */
export const SPILL_COLLECTOR_ENVIRONMENT = {
  /** Name of the stream, or the consumer group of a topic: the results have it in their keys. */
  streamName: 'TIDEGATE_STREAM_NAME',
  /** Name of the bucket for results, dead letters and spilled records. */
  resultsBucketName: 'TIDEGATE_RESULTS_BUCKET',
  /** Media type of the responses. */
  accept: 'TIDEGATE_ACCEPT',
  /** Change of responses for the results, a text of `parsePayloadMapping`; unset where the results have the responses alone. */
  responseMapping: 'TIDEGATE_RESPONSE_MAPPING',
} as const;

/** Record that the asynchronous endpoint has, with all that its result line and its dead letter need. */
export interface SpilledRecord extends Omit<DeadLetter, 'error' | 'at'> {
  readonly id: string;
  readonly key: string;
  readonly position: string;
  readonly arrivedAt: EpochSeconds;
  readonly spilledAt: EpochSeconds;
  readonly inferenceId: string;
  /** Places of the response and of the description of a failure, `s3://bucket/key`; null where the endpoint writes no failures. */
  readonly responseUri: string;
  readonly failureUri: string | null;
  /** Time from which on no response is awaited. */
  readonly deadlineAt: EpochSeconds;
}

/** Formats a spilled record. */
export function formatSpilledRecord(record: SpilledRecord): string {
  return JSON.stringify(record);
}

/** Parses a spilled record; throws an {@link InputError} that names the invalid fields. */
export function parseSpilledRecord(text: string): SpilledRecord {
  return parseJson('the spilled record', text, 'an object', (record) => {
    const kafkaRecord = record.at('kafkaRecord').optional(kafkaRecordOf);
    return {
      id: record.at('id').text(),
      key: record.at('key').anyText(),
      position: record.at('position').text(),
      sequenceNumber: record.at('sequenceNumber').text(),
      partitionKey: record.at('partitionKey').anyText(),
      payloadBase64: record.at('payloadBase64').anyText(),
      arrivedAt: record.at('arrivedAt').number(),
      spilledAt: record.at('spilledAt').number(),
      inferenceId: record.at('inferenceId').text(),
      responseUri: record.at('responseUri').text(),
      failureUri: record.at('failureUri').optional((node) => node.text()) ?? null,
      deadlineAt: record.at('deadlineAt').number(),
      ...(kafkaRecord === undefined ? {} : { kafkaRecord }),
    };
  });
}

/** Key prefix of the spilled records of a stream. */
export function spilledOfStream(streamName: string): string {
  return `${SPILLED_PREFIX}${streamName}/`;
}

/** Key prefix of the spilled records of a shard. */
export function spilledOfShard(streamName: string, shardId: string): string {
  return `${spilledOfStream(streamName)}${shardId}/`;
}

/** Key of a spilled record. */
export function spilledObjectKey(streamName: string, shardId: string, position: string): string {
  return `${spilledOfShard(streamName, shardId)}${position}.json`;
}

/** Shard and position in the key of a spilled record of a stream; undefined for the key of another object. */
export function parseSpilledObjectKey(
  streamName: string,
  key: string,
): { readonly shardId: string; readonly position: string } | undefined {
  const match = /^([^/]+)\/([0-9.]+)\.json$/.exec(key.slice(spilledOfStream(streamName).length));
  return match === null ? undefined : { shardId: match[1]!, position: match[2]! };
}
