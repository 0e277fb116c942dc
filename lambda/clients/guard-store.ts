import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { InputError } from '../../lib/core/errors';
import {
  GUARD_TABLE,
  guardRecordSortKey,
  parseGuardState,
  RECORD_RETENTION_SECONDS,
  TRAINING_STARTS,
  type GuardRecord,
  type GuardState,
} from '../../lib/cost/contract';
import { mayStartTraining } from '../../lib/cost/decide/training-stops';
import { awsClient } from './aws-client';

/** Store of the guard's state and records. */
export interface GuardStore {
  /** Returns the state; undefined before the first evaluation. */
  load(): Promise<GuardState | undefined>;
  /**
   * Writes a state with records, all or nothing, if the stored generation is one lower; returns false when another run was first.
   *
   * False may also follow a write of this run whose response was lost and which the SDK repeated: whoever gets it knows only that the
   * next evaluation has to decide from the stored state.
   */
  write(state: GuardState, records?: readonly GuardRecord[]): Promise<boolean>;
}

interface Item {
  [name: string]: AttributeValue;
}

/**
 * {@link GuardStore} in one DynamoDB table.
 *
 * @param dryRun true if the levels of the stored states limit nothing
 */
export function createGuardStore(tableName: string, dynamodb = awsClient(DynamoDBClient), dryRun = false): GuardStore {
  const { partitionKey, sortKey, partition, stateSortKey, document, notices, generation, trainingStarts } = GUARD_TABLE;
  const key = (sk: string): Item => ({ [partitionKey]: { S: partition }, [sortKey]: { S: sk } });
  const stateItem = (state: GuardState): Item => ({
    ...key(stateSortKey),
    [generation]: { N: String(state.generation) },
    [document]: { S: JSON.stringify(state.memory) },
    [notices]: { S: JSON.stringify(state.notices) },
    [trainingStarts]: {
      S: mayStartTraining(state.memory.level, dryRun) ? TRAINING_STARTS.admitted : TRAINING_STARTS.refused,
    },
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
      try {
        return parseGuardState(Number(item[generation]?.N ?? 0), item[document]?.S ?? '', item[notices]?.S ?? '[]');
      } catch (error) {
        throw error instanceof InputError ? new InputError(wayOut(tableName, error.message)) : error;
      }
    },

    async write(state, records = []) {
      const puts = records.map((record, position) => ({
        Put: {
          TableName: tableName,
          Item: {
            ...key(guardRecordSortKey(record.atSeconds, state.generation, position)),
            [GUARD_TABLE.expiresAt]: { N: String(Math.floor(record.atSeconds) + RECORD_RETENTION_SECONDS) },
            level: { S: record.level },
            [document]: { S: JSON.stringify(record) },
          },
        },
      }));
      const put = { TableName: tableName, Item: stateItem(state), ...follows(state.generation - 1) };
      try {
        await (puts.length === 0
          ? dynamodb.send(new PutItemCommand(put))
          : dynamodb.send(new TransactWriteItemsCommand({ TransactItems: [{ Put: put }, ...puts] })));
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        if (error instanceof TransactionCanceledException && isLostRace(error)) return false;
        throw error;
      }
    },
  };
}

/** Returns the message for a state that cannot be read: how to start without it, and what is lost with it. */
function wayOut(tableName: string, problems: string): string {
  const { partitionKey, sortKey, partition, stateSortKey } = GUARD_TABLE;
  return (
    `the item with ${partitionKey} '${partition}' and ${sortKey} '${stateSortKey}' of table ${tableName} is no state of this version of the ` +
    `guard; deploy the version that wrote it, or delete the item: metering then begins anew, without the spend of the period so far, by ` +
    'which the budget has to be lowered, and limits in force stay until you set the declared ones with aws application-autoscaling ' +
    `register-scalable-target (${problems})`
  );
}

function isLostRace(error: TransactionCanceledException): boolean {
  return (error.CancellationReasons ?? []).some(({ Code }) => Code === 'ConditionalCheckFailed');
}
