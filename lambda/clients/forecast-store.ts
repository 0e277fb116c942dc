import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { InputError } from '../../lib/core/errors';
import { FORECASTER_TABLE } from '../../lib/scaling/contract';
import { parseForecastState, type ForecastState } from '../../lib/scaling/decide/forecast';

/** What the forecaster knows between two looks; `generation` rises by one with every look, and one look at most gets it. */
export interface StoredForecast {
  readonly generation: number;
  readonly state: ForecastState;
  /** The minimum that the forecaster last left in force; undefined while it never wrote one. */
  readonly floor?: number;
}

/** The forecaster's memory. */
export interface ForecastStore {
  /** What was learned so far; undefined before the first look. Throws an {@link InputError} for what it cannot have written. */
  load(): Promise<StoredForecast | undefined>;
  /** Stores a look if the stored generation is one lower; false when another run was faster. */
  claim(stored: StoredForecast): Promise<boolean>;
}

/** {@link ForecastStore} in one item of a DynamoDB table. */
export function createForecastStore(
  tableName: string,
  resourceId: string,
  dynamodb = new DynamoDBClient({}),
): ForecastStore {
  const names = FORECASTER_TABLE;
  const key = { [names.key]: { S: resourceId } };
  return {
    async load() {
      const { Item: item } = await dynamodb.send(
        new GetItemCommand({ TableName: tableName, Key: key, ConsistentRead: true }),
      );
      if (item === undefined) return undefined;
      const number = Number(item[names.generation]?.N);
      const where = `the forecast of ${resourceId} in table ${tableName}`;
      if (!Number.isInteger(number) || number < 1)
        throw new InputError(`${where} has no generation; delete the item to learn again from the metrics`);
      return {
        generation: number,
        state: parseState(item[names.state]?.S ?? '', where),
        ...(item[names.floor]?.N === undefined ? {} : { floor: Number(item[names.floor]!.N) }),
      };
    },

    async claim(stored) {
      const first = stored.generation === 1;
      try {
        await dynamodb.send(
          new PutItemCommand({
            TableName: tableName,
            Item: {
              ...key,
              [names.generation]: { N: String(stored.generation) },
              [names.state]: { S: JSON.stringify(stored.state) },
              ...(stored.floor === undefined ? {} : { [names.floor]: { N: String(stored.floor) } }),
            },
            ConditionExpression: first ? 'attribute_not_exists(#name)' : '#name = :before',
            ExpressionAttributeNames: { '#name': first ? names.key : names.generation },
            ...(first ? {} : { ExpressionAttributeValues: { ':before': { N: String(stored.generation - 1) } } }),
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

function parseState(text: string, where: string): ForecastState {
  try {
    return parseForecastState(JSON.parse(text));
  } catch (error) {
    const why = error instanceof InputError || error instanceof SyntaxError ? error.message : String(error);
    throw new InputError(`${where} cannot be read (${why}); delete the item to learn again from the metrics`);
  }
}
