import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { RESULT_DETAIL_TYPE, RESULT_EVENT_SOURCE } from '../../lib/ingestion/contract';
import type { MessageLimits, RequestLimits, ResultMessage } from '../../lib/ingestion/decide/result-messages';
import { awsClient } from './aws-client';

/** Stream, event bus or topic for results. */
export interface ResultTarget extends MessageLimits {
  readonly limits: RequestLimits;
  /**
   * Sends messages in one request.
   *
   * @returns those that the target did not take, in their order, and the reason of the first
   * @throws the error of the request as a whole
   */
  send(
    messages: readonly ResultMessage[],
    signal?: AbortSignal,
  ): Promise<{ readonly failed: readonly ResultMessage[]; readonly reason: string | undefined }>;
}

/** Returns the target with an ARN: a stream, or an event bus. */
export function createResultTarget(arn: string): ResultTarget {
  return arn.split(':')[2] === 'kinesis' ? createStreamTarget(arn) : createBusTarget(arn);
}

/** Returns the messages whose entries in the response of a batch operation have an error. */
function failures(
  messages: readonly ResultMessage[],
  entries: readonly { readonly ErrorCode?: string; readonly ErrorMessage?: string }[] | undefined,
): { failed: readonly ResultMessage[]; reason: string | undefined } {
  const failed = messages.filter((_, index) => entries?.[index]?.ErrorCode !== undefined);
  const first = entries?.find(({ ErrorCode }) => ErrorCode !== undefined);
  return { failed, reason: first && `${first.ErrorCode}: ${first.ErrorMessage ?? 'no message'}` };
}

/**
 * {@link ResultTarget} on a Kinesis stream, with the record's key as partition key. A message has at most 1,000 KiB, which Firehose takes too.
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html,
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html,
 * https://docs.aws.amazon.com/firehose/latest/APIReference/API_Record.html
 */
function createStreamTarget(streamArn: string, kinesis = awsClient(KinesisClient)): ResultTarget {
  return {
    limits: { maxMessages: 500, maxBytes: 4 * 1024 * 1024 },
    maxMessageBytes: 1000 * 1024 - 1024,
    maxKeyLength: 256,
    async send(messages, signal) {
      const command = new PutRecordsCommand({
        StreamARN: streamArn,
        Records: messages.map(({ key, body }) => ({ PartitionKey: key, Data: Buffer.from(body) })),
      });
      const { Records } = await kinesis.send(command, { abortSignal: signal });
      return failures(messages, Records);
    },
  };
}

/**
 * {@link ResultTarget} on an event bus. A request takes ten entries; a message has at most 250 KiB, so that the smaller targets of rules take it too.
 * https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
function createBusTarget(eventBusArn: string, eventBridge = awsClient(EventBridgeClient)): ResultTarget {
  return {
    limits: { maxMessages: 10, maxBytes: 250 * 1024 },
    maxMessageBytes: 240 * 1024,
    // Events have no key of their own.
    maxKeyLength: 0,
    async send(messages, signal) {
      const command = new PutEventsCommand({
        Entries: messages.map(({ body }) => ({
          EventBusName: eventBusArn,
          Source: RESULT_EVENT_SOURCE,
          DetailType: RESULT_DETAIL_TYPE,
          Detail: body,
        })),
      });
      const { Entries } = await eventBridge.send(command, { abortSignal: signal });
      return failures(messages, Entries);
    },
  };
}
