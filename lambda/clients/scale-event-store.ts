import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  PutItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import type { EpochSeconds } from '../../lib/core/time';
import { SCALE_EVENTS_TABLE_KEYS, scaleEventKey, type ScaleEvent } from '../../lib/scaling/contract';
import { awsClient } from './aws-client';

/** Store of scale events. */
export interface ScaleEventStore {
  /** Stores an event unless its key exists; returns true if it was new. Stored events never change. */
  putIfAbsent(event: ScaleEvent, expiresAt: EpochSeconds, signal?: AbortSignal): Promise<boolean>;
}

/** {@link ScaleEventStore} in a DynamoDB table. */
export function createScaleEventStore(tableName: string, dynamodb = awsClient(DynamoDBClient)): ScaleEventStore {
  return {
    async putIfAbsent(event, expiresAt, signal) {
      try {
        await dynamodb.send(
          new PutItemCommand({
            TableName: tableName,
            Item: itemOf(event, expiresAt),
            ConditionExpression: 'attribute_not_exists(#key)',
            ExpressionAttributeNames: { '#key': SCALE_EVENTS_TABLE_KEYS.sort },
          }),
          { abortSignal: signal },
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
  };
}

function itemOf(event: ScaleEvent, expiresAt: EpochSeconds): { [name: string]: AttributeValue } {
  const number = (value: number | null): AttributeValue => (value === null ? { NULL: true } : { N: String(value) });
  return {
    [SCALE_EVENTS_TABLE_KEYS.partition]: { S: event.resourceId },
    [SCALE_EVENTS_TABLE_KEYS.sort]: { S: scaleEventKey(event) },
    [SCALE_EVENTS_TABLE_KEYS.expiry]: { N: String(Math.ceil(expiresAt)) },
    id: { S: event.id },
    atSeconds: { N: String(event.atSeconds) },
    ...(event.knownAtSeconds === undefined ? {} : { knownAtSeconds: { N: String(event.knownAtSeconds) } }),
    kind: { S: event.kind },
    from: number(event.from),
    to: number(event.to),
    reason: { S: event.reason },
    source: { S: event.source },
  };
}
