import {
  ApplicationAutoScalingClient,
  DescribeScalingActivitiesCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { ConditionalCheckFailedException, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { createMetrics } from '../../../lambda/clients/metrics';
import { createScaleEventStore } from '../../../lambda/clients/scale-event-store';
import { createScalingActivities } from '../../../lambda/clients/scaling-activities';
import type { ScaleEvent } from '../../../lib/scaling/contract';
import { CHAT_FLEET } from '../../support/watched-fleet';

const configuration = { region: 'us-east-1' };
const resourceId = 'endpoint/chat/variant/main';

describe('scaling activities', () => {
  const client = mockClient(ApplicationAutoScalingClient);
  beforeEach(() => client.reset());
  const fleet = CHAT_FLEET;

  test('are requested by fleet and converted, without incomplete ones', async () => {
    const whole = {
      ActivityId: 'a',
      ServiceNamespace: 'sagemaker' as const,
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount' as const,
      ResourceId: resourceId,
      Description: 'Setting desired instance count to 4.',
      Cause: 'an alarm',
      StartTime: new Date(100_500),
      EndTime: new Date(700_250),
      StatusCode: 'Failed' as const,
      StatusMessage: 'no capacity',
    };
    client
      .on(DescribeScalingActivitiesCommand)
      .resolves({ ScalingActivities: [whole, { ...whole, StartTime: undefined }] });
    await expect(
      createScalingActivities(new ApplicationAutoScalingClient(configuration)).recent(fleet),
    ).resolves.toEqual({
      activities: [
        {
          activityId: 'a',
          resourceId,
          description: 'Setting desired instance count to 4.',
          cause: 'an alarm',
          startedAt: 100.5,
          endedAt: 700.25,
          status: 'Failed',
          statusMessage: 'no capacity',
        },
      ],
      complete: true,
    });
    expect(client.commandCalls(DescribeScalingActivitiesCommand)[0]!.args[0].input).toEqual({
      ServiceNamespace: 'sagemaker',
      ResourceId: resourceId,
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      MaxResults: 50,
    });
  });

  const page = (id: string, StatusCode: 'Failed' | 'Successful', NextToken?: string) => ({
    ScalingActivities: [
      {
        ActivityId: id,
        ServiceNamespace: 'sagemaker' as const,
        ScalableDimension: 'sagemaker:variant:DesiredInstanceCount' as const,
        ResourceId: resourceId,
        Description: 'Setting desired instance count to 4.',
        Cause: 'an alarm',
        StartTime: new Date(100_000),
        StatusCode,
      },
    ],
    NextToken,
  });

  test('are read back to one that set the capacity, and say when older ones exist', async () => {
    client
      .on(DescribeScalingActivitiesCommand)
      .resolvesOnce(page('c', 'Failed', 'page 2'))
      .resolvesOnce(page('b', 'Successful', 'page 3'));
    const recent = await createScalingActivities(new ApplicationAutoScalingClient(configuration)).recent(fleet);
    expect(recent.activities.map(({ activityId }) => activityId)).toEqual(['c', 'b']);
    expect(recent.complete).toBe(false);
    const tokens = client.commandCalls(DescribeScalingActivitiesCommand).map(({ args }) => args[0].input.NextToken);
    expect(tokens).toEqual([undefined, 'page 2']);
  });

  test('may have no description, cause or end, and are left out without an id, a fleet or a status', async () => {
    const bare = {
      ActivityId: 'a',
      ResourceId: resourceId,
      StartTime: new Date(100_000),
      StatusCode: 'InProgress' as const,
    };
    const incomplete = ['ActivityId', 'ResourceId', 'StartTime', 'StatusCode'].map((name) => ({
      ...bare,
      [name]: undefined,
    }));
    client
      .on(DescribeScalingActivitiesCommand)
      .resolvesOnce({ ScalingActivities: [bare, ...incomplete] as never, NextToken: 'more' })
      .resolvesOnce({});
    await expect(
      createScalingActivities(new ApplicationAutoScalingClient(configuration)).recent(fleet),
    ).resolves.toEqual({
      activities: [{ activityId: 'a', resourceId, description: '', cause: '', startedAt: 100, status: 'InProgress' }],
      complete: true,
    });
  });

  test('are read for ten pages at most', async () => {
    client.on(DescribeScalingActivitiesCommand).resolves(page('c', 'Failed', 'more'));
    const recent = await createScalingActivities(new ApplicationAutoScalingClient(configuration)).recent(fleet);
    expect(recent.activities).toHaveLength(10);
    expect(recent.complete).toBe(false);
  });
});

describe('the scale-event store', () => {
  const client = mockClient(DynamoDBClient);
  beforeEach(() => client.reset());
  const event: ScaleEvent = {
    id: 'activity/a',
    atSeconds: 100.5,
    resourceId,
    kind: 'scale-out',
    from: 1,
    to: 4,
    reason: 'an alarm',
    source: 'scaling-activity',
  };

  test('writes an event under its fleet and time, unless it is there', async () => {
    client.on(PutItemCommand).resolves({});
    await expect(
      createScaleEventStore('events', new DynamoDBClient(configuration)).putIfAbsent({ ...event, from: null }, 200.2),
    ).resolves.toBe(true);
    expect(client.commandCalls(PutItemCommand)[0]!.args[0].input).toMatchObject({
      TableName: 'events',
      ConditionExpression: 'attribute_not_exists(#key)',
      ExpressionAttributeNames: { '#key': 'eventKey' },
    });
    const item = {
      resourceId: { S: resourceId },
      eventKey: { S: '00000000100500#activity/a' },
      expiresAt: { N: '201' },
      id: { S: 'activity/a' },
      atSeconds: { N: '100.5' },
      kind: { S: 'scale-out' },
      from: { NULL: true },
      to: { N: '4' },
      reason: { S: 'an alarm' },
      source: { S: 'scaling-activity' },
    };
    expect(client.commandCalls(PutItemCommand)[0]!.args[0].input.Item).toEqual(item);
    await createScaleEventStore('events', new DynamoDBClient(configuration)).putIfAbsent(
      { ...event, from: null, knownAtSeconds: 160 },
      200.2,
    );
    expect(client.commandCalls(PutItemCommand)[1]!.args[0].input.Item).toEqual({
      ...item,
      knownAtSeconds: { N: '160' },
    });
  });

  test('returns false for an existing event, and throws other errors', async () => {
    const store = createScaleEventStore('events', new DynamoDBClient(configuration));
    client
      .on(PutItemCommand)
      .rejectsOnce(new ConditionalCheckFailedException({ message: 'no', $metadata: {} }))
      .rejectsOnce(new Error('AccessDenied'));
    await expect(store.putIfAbsent(event, 200)).resolves.toBe(false);
    await expect(store.putIfAbsent(event, 200)).rejects.toThrow('AccessDenied');
  });
});

describe('metrics', () => {
  const client = mockClient(CloudWatchClient);
  beforeEach(() => client.reset());
  const value = {
    metricName: 'ScaleOuts',
    value: 1,
    unit: 'Count',
    atSeconds: 1_999_900,
    dimensions: { ResourceId: resourceId },
  };

  const NOW = 2_000_000;
  const warnings: unknown[] = [];
  beforeEach(() => warnings.splice(0));
  const metrics = createMetrics('Tidegate', new CloudWatchClient(configuration), {
    clock: { now: () => NOW },
    logger: { info: () => undefined, warn: (_, fields) => void warnings.push(fields), error: () => undefined },
  });
  const refused = (name: string, httpStatusCode: number): Error =>
    Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });

  /** Plays CloudWatch: refuses a call with a value of a bad metric as a whole; returns the names that it took, in order. */
  function playCloudWatch(): string[] {
    const taken: string[] = [];
    client.on(PutMetricDataCommand).callsFake(({ MetricData = [] }: { MetricData?: { MetricName?: string }[] }) => {
      const names = MetricData.map(({ MetricName = '' }) => MetricName);
      if (names.some((name) => name.startsWith('bad'))) return Promise.reject(refused('InvalidParameterValue', 400));
      taken.push(...names);
      return Promise.resolve({});
    });
    return taken;
  }

  test.each([
    ['two weeks old', NOW - 14 * 86_400, false],
    ['nearly two weeks old', NOW - 14 * 86_400 + 120, true],
    ['nearly two hours ahead', NOW + 7200 - 120, true],
    ['two hours ahead', NOW + 7200, false],
    ['without a time', NaN, false],
  ])('%s are published: %p %p', async (_, atSeconds, isPublished) => {
    const taken = playCloudWatch();
    await metrics.put([value, { ...value, metricName: 'other', atSeconds }]);
    expect(taken).toEqual(isPublished ? ['ScaleOuts', 'other'] : ['ScaleOuts']);
    expect(warnings).toHaveLength(isPublished ? 0 : 1);
  });

  test.each([1, 2, 7])(
    'that CloudWatch refuses keep no other from being published, and are counted: %i',
    async (bad) => {
      const taken = playCloudWatch();
      const names = Array.from(
        { length: 100 },
        (_, index) => (index % 13 === 0 && index < 13 * bad ? 'bad' : 'good') + index,
      );
      await metrics.put(names.map((metricName) => ({ ...value, metricName })));
      expect(taken).toEqual(names.filter((name) => name.startsWith('good')));
      expect(warnings).toEqual([expect.objectContaining({ count: bad })]);
      expect(client.commandCalls(PutMetricDataCommand).length).toBeLessThanOrEqual(1 + 14 * bad);
    },
  );

  test.each([
    ['ThrottlingException', 400],
    ['AccessDeniedException', 400],
    ['InternalServiceFault', 500],
  ])('are not put in halves for %s', async (name, status) => {
    client.on(PutMetricDataCommand).rejects(refused(name, status));
    await expect(metrics.put([value, value])).rejects.toThrow(name);
    expect(client.commandCalls(PutMetricDataCommand)).toHaveLength(1);
  });

  test('are put with their time and dimensions, at most 1000 a call', async () => {
    client.on(PutMetricDataCommand).resolves({});
    await metrics.put(Array.from({ length: 1001 }, () => value));
    const calls = client.commandCalls(PutMetricDataCommand).map((call) => call.args[0].input);
    expect(calls.map((call) => call.MetricData?.length)).toEqual([1000, 1]);
    expect(calls[1]).toEqual({
      Namespace: 'Tidegate',
      MetricData: [
        {
          MetricName: 'ScaleOuts',
          Value: 1,
          Unit: 'Count',
          Timestamp: new Date(1_999_900_000),
          Dimensions: [{ Name: 'ResourceId', Value: resourceId }],
        },
      ],
    });
  });

  test('are put once where a call is full', async () => {
    client.on(PutMetricDataCommand).resolves({});
    await metrics.put(Array.from({ length: 1000 }, () => value));
    expect(client.commandCalls(PutMetricDataCommand)).toHaveLength(1);
  });

  test('of high resolution have it', async () => {
    client.on(PutMetricDataCommand).resolves({});
    await metrics.put([
      { ...value, isHighResolution: true },
      { ...value, isHighResolution: false },
    ]);
    const { MetricData } = client.commandCalls(PutMetricDataCommand)[0]!.args[0].input;
    expect(MetricData!.map((datum) => datum.StorageResolution)).toEqual([1, undefined]);
  });

  test('that are too large for a call are put in two', async () => {
    client.on(PutMetricDataCommand).rejectsOnce(refused('RequestEntityTooLarge', 413)).resolves({});
    await metrics.put([value, value]);
    expect(warnings).toEqual([]);
    expect(client.commandCalls(PutMetricDataCommand)).toHaveLength(3);
  });

  test('are not put again where CloudWatch is not reached', async () => {
    client.on(PutMetricDataCommand).rejects(new Error('socket hang up'));
    await expect(metrics.put([value, value])).rejects.toThrow('socket hang up');
    expect(client.commandCalls(PutMetricDataCommand)).toHaveLength(1);
  });

  test('are not put when there are none', async () => {
    await metrics.put([]);
    expect(client.calls()).toHaveLength(0);
  });
});
