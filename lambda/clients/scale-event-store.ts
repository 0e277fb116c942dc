import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  PutItemCommand,
  type AttributeValue,
  type DynamoDBClientConfig,
} from '@aws-sdk/client-dynamodb';
import type { EpochSeconds } from '../../lib/core/time';
import { SCALE_EVENTS_TABLE_KEYS, scaleEventKey, type ScaleEvent } from '../../lib/scaling/contract';

/** Keeps scale events. */
export interface ScaleEventStore {
  /** Stores an event unless it is there already; tells whether it was new. Nothing stored is ever changed. */
  putIfAbsent(event: ScaleEvent, expiresAt: EpochSeconds): Promise<boolean>;
}

/** {@link ScaleEventStore} in a DynamoDB table. */
export function dynamoScaleEventStore(tableName: string, configuration: DynamoDBClientConfig = {}): ScaleEventStore {
  const client = new DynamoDBClient(configuration);
  return {
    async putIfAbsent(event, expiresAt) {
      try {
        await client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: itemOf(event, expiresAt),
            ConditionExpression: 'attribute_not_exists(#key)',
            ExpressionAttributeNames: { '#key': SCALE_EVENTS_TABLE_KEYS.sort },
          }),
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
    kind: { S: event.kind },
    from: number(event.from),
    to: number(event.to),
    reason: { S: event.reason },
    source: { S: event.source },
  };
}
