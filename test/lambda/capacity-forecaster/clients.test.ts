import { CloudWatchClient, GetMetricDataCommand, type StatusCode } from '@aws-sdk/client-cloudwatch';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { createForecastStore } from '../../../lambda/clients/forecast-store';
import { createRequestHistory, type CountedMinute } from '../../../lambda/clients/request-history';
import { PermanentError, RetryableError } from '../../../lib/core/errors';
import { CapacityForecast } from '../../../lib/scaling/decide/forecast';
import { configuration, MIDNIGHT } from './world';

const region = { region: 'us-east-1' };
const at = (minute: number): Date => new Date(minute * 60_000);

describe('the request history', () => {
  const client = mockClient(CloudWatchClient);
  beforeEach(() => client.reset());
  const history = createRequestHistory(configuration.demand, new CloudWatchClient(region));

  async function pages(from: number, to: number): Promise<(readonly CountedMinute[])[]> {
    const read: (readonly CountedMinute[])[] = [];
    for await (const page of history.read(from, to)) read.push(page);
    return read;
  }

  test('requests the sums of a range of minutes, oldest first, and follows the pages', async () => {
    client
      .on(GetMetricDataCommand)
      .resolvesOnce({
        MetricDataResults: [
          { Id: 'requests', StatusCode: 'PartialData', Timestamps: [at(MIDNIGHT), at(MIDNIGHT + 1)], Values: [5, 7] },
          {
            Id: 'liveness',
            StatusCode: 'Complete',
            Timestamps: [1, 2, 3].map((next) => at(MIDNIGHT + next)),
            Values: [9, 9, 9],
          },
        ],
        NextToken: 'more',
      })
      .resolvesOnce({
        MetricDataResults: [{ Id: 'requests', StatusCode: 'Complete', Timestamps: [at(MIDNIGHT + 3)], Values: [0] }],
      });
    await expect(pages(MIDNIGHT, MIDNIGHT + 4)).resolves.toEqual([
      [
        { minute: MIDNIGHT, requests: 5 },
        { minute: MIDNIGHT + 1, requests: 7 },
        { minute: MIDNIGHT + 2, requests: undefined },
        { minute: MIDNIGHT + 3, requests: 0 },
      ],
    ]);
    const inputs = client.commandCalls(GetMetricDataCommand).map((call) => call.args[0].input);
    expect(inputs.map(({ NextToken }) => NextToken)).toEqual([undefined, 'more']);
    expect(inputs[0]).toEqual({
      MetricDataQueries: [
        {
          Id: 'requests',
          MetricStat: {
            Metric: {
              Namespace: 'AWS/SageMaker',
              MetricName: 'Invocations',
              Dimensions: [
                { Name: 'EndpointName', Value: 'chat' },
                { Name: 'VariantName', Value: 'main' },
              ],
            },
            Period: 60,
            Stat: 'Sum',
          },
        },
        {
          Id: 'liveness',
          MetricStat: {
            Metric: {
              Namespace: '/aws/sagemaker/Endpoints',
              MetricName: 'MemoryUtilization',
              Dimensions: [
                { Name: 'EndpointName', Value: 'chat' },
                { Name: 'VariantName', Value: 'main' },
              ],
            },
            Period: 60,
            Stat: 'SampleCount',
          },
        },
      ],
      StartTime: at(MIDNIGHT),
      EndTime: at(MIDNIGHT + 4),
      ScanBy: 'TimestampAscending',
      NextToken: undefined,
    });
  });

  test('reads a long range half a week at a time', async () => {
    client.on(GetMetricDataCommand).resolves({});
    await expect(pages(MIDNIGHT, MIDNIGHT + 6000)).resolves.toEqual([[], []]);
    const inputs = client.commandCalls(GetMetricDataCommand).map((call) => call.args[0].input);
    expect(inputs.map(({ StartTime, EndTime }) => [StartTime, EndTime])).toEqual([
      [at(MIDNIGHT), at(MIDNIGHT + 5040)],
      [at(MIDNIGHT + 5040), at(MIDNIGHT + 6000)],
    ]);
  });

  test('sorts minutes that arrive out of order', async () => {
    client.on(GetMetricDataCommand).resolves({
      MetricDataResults: [{ Id: 'requests', Timestamps: [at(MIDNIGHT + 1), at(MIDNIGHT)], Values: [7, 5] }],
    });
    await expect(pages(MIDNIGHT, MIDNIGHT + 2)).resolves.toEqual([
      [
        { minute: MIDNIGHT, requests: 5 },
        { minute: MIDNIGHT + 1, requests: 7 },
      ],
    ]);
  });

  test('has empty pages where nothing was counted', async () => {
    client.on(GetMetricDataCommand).resolves({ MetricDataResults: [{ Id: 'requests' }, { Id: 'other', Values: [1] }] });
    await expect(pages(MIDNIGHT, MIDNIGHT + 2)).resolves.toEqual([[]]);
  });

  test.each<[StatusCode, new (message: string) => Error]>([
    ['Forbidden', PermanentError],
    ['InternalError', RetryableError],
  ])('takes %s for no answer', async (StatusCode, kind) => {
    client.on(GetMetricDataCommand).resolves({
      MetricDataResults: [{ Id: 'requests', StatusCode, Messages: [{ Code: 'Why', Value: 'because' }] }],
    });
    const reading = pages(MIDNIGHT, MIDNIGHT + 2);
    await expect(reading).rejects.toThrow(kind);
    await expect(reading).rejects.toThrow(`AWS/SageMaker Invocations cannot be read (${StatusCode}, Why: because)`);
  });
});

describe('the forecast store', () => {
  const client = mockClient(DynamoDBClient);
  beforeEach(() => client.reset());
  const store = createForecastStore('forecasts', configuration.resourceId, new DynamoDBClient(region));
  const forecast = new CapacityForecast(configuration.settings);
  forecast.observe(MIDNIGHT, 1200);
  const state = forecast.toState();

  test('has no state before the first evaluation', async () => {
    client.on(GetItemCommand).resolves({});
    await expect(store.load()).resolves.toBeUndefined();
  });

  test('reads back what it claimed', async () => {
    client.on(PutItemCommand).resolves({});
    const stored = { generation: 7, state, floor: 3 };
    await expect(store.claim(stored)).resolves.toBe(true);
    const { Item, ...condition } = client.commandCalls(PutItemCommand)[0]!.args[0].input;
    expect(condition).toEqual({
      TableName: 'forecasts',
      ConditionExpression: '#name = :before',
      ExpressionAttributeNames: { '#name': 'generation' },
      ExpressionAttributeValues: { ':before': { N: '6' } },
    });
    client
      .on(GetItemCommand, {
        TableName: 'forecasts',
        Key: { fleet: { S: configuration.resourceId } },
        ConsistentRead: true,
      })
      .resolves({ Item });
    await expect(store.load()).resolves.toEqual(stored);
  });

  test('claims the first evaluation only where there was none', async () => {
    client.on(PutItemCommand).resolves({});
    await store.claim({ generation: 1, state });
    const { Item, ...condition } = client.commandCalls(PutItemCommand)[0]!.args[0].input;
    expect(Object.keys(Item!)).toEqual(['fleet', 'generation', 'state']);
    expect(condition).toEqual({
      TableName: 'forecasts',
      ConditionExpression: 'attribute_not_exists(#name)',
      ExpressionAttributeNames: { '#name': 'fleet' },
    });
  });

  test('yields to an earlier claim, and throws other errors', async () => {
    client.on(PutItemCommand).rejects(new ConditionalCheckFailedException({ message: '', $metadata: {} }));
    await expect(store.claim({ generation: 2, state })).resolves.toBe(false);
    client.on(PutItemCommand).rejects(new Error('slow down'));
    await expect(store.claim({ generation: 2, state })).rejects.toThrow('slow down');
  });
});
