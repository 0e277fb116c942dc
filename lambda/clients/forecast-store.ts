import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { InputError } from '../../lib/core/errors';
import { parseJson } from '../../lib/core/parse';
import { FORECASTER_TABLE } from '../../lib/scaling/contract';
import { parseForecastState, type ForecastState } from '../../lib/scaling/decide/forecast';
import { awsClient } from './aws-client';

/** State between two evaluations. Every evaluation claims the next `generation`; at most one gets it. */
export interface StoredForecast {
  readonly generation: number;
  readonly state: ForecastState;
  /** Minimum that the forecaster last set; undefined while it never set one. */
  readonly floor?: number;
  /** Minute of the last evaluation that had a new count, in minutes since 1970. */
  readonly countedMinute?: number;
}

/** Store of the forecaster's state. */
export interface ForecastStore {
  /** Returns the stored forecast; undefined before the first evaluation. Throws an {@link InputError} for a corrupt item. */
  load(): Promise<StoredForecast | undefined>;
  /** Stores a forecast if the stored generation is one lower; returns false when another run claimed it first. */
  claim(stored: StoredForecast): Promise<boolean>;
}

/** {@link ForecastStore} in one item of a DynamoDB table. */
export function createForecastStore(
  tableName: string,
  resourceId: string,
  dynamodb = awsClient(DynamoDBClient),
): ForecastStore {
  const names = FORECASTER_TABLE;
  const key = { [names.key]: { S: resourceId } };
  return {
    async load() {
      const { Item: item } = await dynamodb.send(
        new GetItemCommand({ TableName: tableName, Key: key, ConsistentRead: true }),
      );
      if (item === undefined) return undefined;
      try {
        return parseItem(item);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        throw new InputError(
          `the item with ${names.key} '${resourceId}' of table ${tableName} is no state of this version of the forecaster; deploy the ` +
            'version that wrote it, or delete the item: the forecast then learns again from the metrics of 14 days, and the minimum in ' +
            `force stays until it has (${error.message})`,
        );
      }
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
              ...(stored.countedMinute === undefined
                ? {}
                : { [names.countedMinute]: { N: String(stored.countedMinute) } }),
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

function parseItem(item: { readonly [name: string]: AttributeValue }): StoredForecast {
  const { generation, state, floor, countedMinute } = FORECASTER_TABLE;
  const count = (name: string, minimum: number): number => {
    const { N: text } = item[name]!;
    const value = text === undefined ? NaN : Number(text);
    if (Number.isSafeInteger(value) && value >= minimum) return value;
    throw new InputError(`${name} is ${text}; expected a whole number of at least ${minimum}`);
  };
  if (item[generation] === undefined) throw new InputError(`${generation} is missing`);
  return {
    generation: count(generation, 1),
    state: parseForecastState(parseJson(state, item[state]?.S ?? '', 'a state', (root) => root.object())),
    ...(item[floor] === undefined ? {} : { floor: count(floor, 0) }),
    ...(item[countedMinute] === undefined ? {} : { countedMinute: count(countedMinute, 0) }),
  };
}
