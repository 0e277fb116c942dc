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
import { InputError, PermanentError, RetryableError } from '../../../lib/core/errors';
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

  test('reads nothing of an empty range, and one page of exactly half a week', async () => {
    client.on(GetMetricDataCommand).resolves({});
    await expect(pages(MIDNIGHT, MIDNIGHT)).resolves.toEqual([]);
    await expect(pages(MIDNIGHT, MIDNIGHT + 5040)).resolves.toEqual([[]]);
  });

  test('reads the one metric of a fleet without another that shows that it runs', async () => {
    client.on(GetMetricDataCommand).resolves({});
    const own = createRequestHistory(
      { namespace: 'Shop', metricName: 'Orders', dimensions: {}, statistic: 'Sum' },
      new CloudWatchClient(region),
    );
    for await (const page of own.read(MIDNIGHT, MIDNIGHT + 1)) expect(page).toEqual([]);
    const { MetricDataQueries } = client.commandCalls(GetMetricDataCommand)[0]!.args[0].input;
    expect(MetricDataQueries!.map(({ MetricStat }) => MetricStat!.Metric!.MetricName)).toEqual(['Orders']);
  });

  test('keeps the count of a minute, whichever metric has it first', async () => {
    const of = (Id: string, Values: number[]) => ({ Id, Timestamps: [at(MIDNIGHT)], Values });
    client
      .on(GetMetricDataCommand)
      .resolves({ MetricDataResults: [of('liveness', [1]), of('requests', [4]), of('liveness', [1])] });
    await expect(pages(MIDNIGHT, MIDNIGHT + 1)).resolves.toEqual([[{ minute: MIDNIGHT, requests: 4 }]]);
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
    client.on(GetMetricDataCommand).resolves({ MetricDataResults: [{ Id: 'requests', StatusCode }] });
    await expect(pages(MIDNIGHT, MIDNIGHT + 2)).rejects.toThrow(`Invocations cannot be read (${StatusCode})`);
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

  const item = { generation: { N: '7' }, state: { S: JSON.stringify(state) } };

  test('reads the smallest numbers that a state may have', async () => {
    client
      .on(GetItemCommand)
      .resolves({ Item: { ...item, generation: { N: '1' }, floor: { N: '0' }, countedMinute: { N: '0' } } });
    await expect(store.load()).resolves.toEqual({ generation: 1, state, floor: 0, countedMinute: 0 });
  });

  test('remembers up to which minute it counted', async () => {
    client.on(PutItemCommand).resolves({});
    await store.claim({ generation: 7, state, countedMinute: MIDNIGHT });
    const { Item } = client.commandCalls(PutItemCommand)[0]!.args[0].input;
    client.on(GetItemCommand).resolves({ Item });
    await expect(store.load()).resolves.toEqual({ generation: 7, state, countedMinute: MIDNIGHT });
  });

  test.each([
    ['no generation', { state: item.state }, 'generation is missing'],
    [
      'a generation of zero',
      { ...item, generation: { N: '0' } },
      'generation is 0; expected a whole number of at least 1',
    ],
    ['a generation in parts', { ...item, generation: { N: '1.5' } }, 'generation is 1.5; expected a whole'],
    [
      'a generation that is no number',
      { ...item, generation: { S: 'x' } },
      'generation is undefined; expected a whole',
    ],
    ['a floor below zero', { ...item, floor: { N: '-1' } }, 'floor is -1; expected a whole number of at least 0'],
    ['no state', { generation: item.generation }, 'state'],
    ['a state of another version', { ...item, state: { S: '{}' } }, 'state'],
  ])('refuses an item with %s, and says which one to delete and what that costs', async (_, Item, problem) => {
    client.on(GetItemCommand).resolves({ Item });
    const loading = store.load();
    await expect(loading).rejects.toThrow(InputError);
    await expect(loading).rejects.toThrow(problem);
    await expect(loading).rejects.toThrow(
      `the item with fleet '${configuration.resourceId}' of table forecasts is no state of this version of the forecaster; deploy the ` +
        'version that wrote it, or delete the item: the forecast then learns again from the metrics of 14 days',
    );
  });

  test('yields to an earlier claim, and throws other errors', async () => {
    client.on(PutItemCommand).rejects(new ConditionalCheckFailedException({ message: '', $metadata: {} }));
    await expect(store.claim({ generation: 2, state })).resolves.toBe(false);
    client.on(PutItemCommand).rejects(new Error('slow down'));
    await expect(store.claim({ generation: 2, state })).rejects.toThrow('slow down');
  });
});
