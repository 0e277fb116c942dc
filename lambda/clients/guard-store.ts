import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import {
  GUARD_TABLE,
  guardRecordSortKey,
  parseGuardMemory,
  RECORD_RETENTION_SECONDS,
  type GuardRecord,
  type GuardState,
} from '../../lib/cost/contract';

/** The guard's memory and audit. Every write names the generation it follows, so that of two runs one only gets through. */
export interface GuardStore {
  /** The state; undefined before the first look. */
  load(): Promise<GuardState | undefined>;
  /** Writes a state if the stored generation is one lower; false when another run was faster. */
  claim(state: GuardState): Promise<boolean>;
  /** Writes a claimed state's final memory with its records, all or nothing; false when another run was faster. */
  settle(state: GuardState, records: readonly GuardRecord[]): Promise<boolean>;
}

interface Item {
  [name: string]: AttributeValue;
}

/** {@link GuardStore} on one DynamoDB table. */
export function createGuardStore(tableName: string, dynamodb = new DynamoDBClient({})): GuardStore {
  const { partitionKey, sortKey, partition, stateSortKey, document, generation } = GUARD_TABLE;
  const key = (sk: string): Item => ({ [partitionKey]: { S: partition }, [sortKey]: { S: sk } });
  const stateItem = (state: GuardState): Item => ({
    ...key(stateSortKey),
    [generation]: { N: String(state.generation) },
    [document]: { S: JSON.stringify(state.memory) },
  });
  const follows = (stored: number): { [name: string]: unknown } & { ConditionExpression: string } =>
    stored === 0
      ? { ConditionExpression: 'attribute_not_exists(#pk)', ExpressionAttributeNames: { '#pk': partitionKey } }
      : {
          ConditionExpression: '#generation = :stored',
          ExpressionAttributeNames: { '#generation': generation },
          ExpressionAttributeValues: { ':stored': { N: String(stored) } },
        };

  return {
    async load() {
      const { Item: item } = await dynamodb.send(
        new GetItemCommand({ TableName: tableName, Key: key(stateSortKey), ConsistentRead: true }),
      );
      if (item === undefined) return undefined;
      return {
        generation: Number(item[generation]?.N ?? 0),
        memory: parseGuardMemory(item[document]?.S ?? ''),
      };
    },

    async claim(state) {
      try {
        await dynamodb.send(
          new PutItemCommand({ TableName: tableName, Item: stateItem(state), ...follows(state.generation - 1) }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async settle(state, records) {
      const puts = records.map((record, place) => ({
        Put: {
          TableName: tableName,
          Item: {
            ...key(guardRecordSortKey(record.atSeconds, state.generation, place)),
            [GUARD_TABLE.expiresAt]: { N: String(Math.floor(record.atSeconds) + RECORD_RETENTION_SECONDS) },
            level: { S: record.level },
            [document]: { S: JSON.stringify(record) },
          },
        },
      }));
      try {
        await dynamodb.send(
          new TransactWriteItemsCommand({
            TransactItems: [
              { Put: { TableName: tableName, Item: stateItem(state), ...follows(state.generation) } },
              ...puts,
            ],
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof TransactionCanceledException && isCondition(error)) return false;
        throw error;
      }
    },
  };
}

function isCondition(error: TransactionCanceledException): boolean {
  return (error.CancellationReasons ?? []).some(({ Code }) => Code === 'ConditionalCheckFailed');
}
