import {
  ApplicationAutoScalingClient,
  DescribeScalingActivitiesCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { ConditionalCheckFailedException, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DescribeEndpointCommand, DescribeInferenceComponentCommand, SageMakerClient } from '@aws-sdk/client-sagemaker';
import { mockClient } from 'aws-sdk-client-mock';
import { sageMakerFleetStates } from '../../../lambda/clients/fleet-state';
import { cloudWatchMetrics } from '../../../lambda/clients/metrics';
import { dynamoScaleEventStore } from '../../../lambda/clients/scale-event-store';
import { applicationAutoScalingActivities } from '../../../lambda/clients/scaling-activities';
import type { ScaleEvent } from '../../../lib/scaling/contract';
import { CHAT_FLEET } from '../../support/watched-fleet';

const configuration = { region: 'us-east-1' };
const resourceId = 'endpoint/chat/variant/main';

describe('scaling activities', () => {
  const client = mockClient(ApplicationAutoScalingClient);
  beforeEach(() => client.reset());
  const fleet = CHAT_FLEET;

  test('are asked for by fleet and come in our words, unfinished ones left out', async () => {
    const whole = {
      ActivityId: 'a',
      ServiceNamespace: 'sagemaker' as const,
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount' as const,
      ResourceId: resourceId,
      Description: 'Setting desired instance count to 4.',
      Cause: 'an alarm',
      StartTime: new Date(100_500),
      StatusCode: 'Failed' as const,
      StatusMessage: 'no capacity',
    };
    client
      .on(DescribeScalingActivitiesCommand)
      .resolves({ ScalingActivities: [whole, { ...whole, StartTime: undefined }] });
    await expect(applicationAutoScalingActivities(configuration).recent(fleet)).resolves.toEqual({
      activities: [
        {
          activityId: 'a',
          resourceId,
          description: 'Setting desired instance count to 4.',
          cause: 'an alarm',
          startedAt: 100.5,
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

  test('say when older ones exist', async () => {
    client.on(DescribeScalingActivitiesCommand).resolves({ NextToken: 'more' });
    await expect(applicationAutoScalingActivities(configuration).recent(fleet)).resolves.toEqual({
      activities: [],
      complete: false,
    });
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
      dynamoScaleEventStore('events', configuration).putIfAbsent({ ...event, from: null }, 200.2),
    ).resolves.toBe(true);
    expect(client.commandCalls(PutItemCommand)[0]!.args[0].input).toMatchObject({
      TableName: 'events',
      ConditionExpression: 'attribute_not_exists(#key)',
      Item: {
        resourceId: { S: resourceId },
        eventKey: { S: '00000000100500#activity/a' },
        expiresAt: { N: '201' },
        kind: { S: 'scale-out' },
        from: { NULL: true },
        to: { N: '4' },
      },
    });
  });

  test('tells that an event was there, and passes other errors on', async () => {
    const store = dynamoScaleEventStore('events', configuration);
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
    atSeconds: 100,
    dimensions: { ResourceId: resourceId },
  };

  test('are put with their time and dimensions, at most 1000 a call', async () => {
    client.on(PutMetricDataCommand).resolves({});
    await cloudWatchMetrics('Tidegate', configuration).put(Array.from({ length: 1001 }, () => value));
    const calls = client.commandCalls(PutMetricDataCommand).map((call) => call.args[0].input);
    expect(calls.map((call) => call.MetricData?.length)).toEqual([1000, 1]);
    expect(calls[1]).toEqual({
      Namespace: 'Tidegate',
      MetricData: [
        {
          MetricName: 'ScaleOuts',
          Value: 1,
          Unit: 'Count',
          Timestamp: new Date(100_000),
          Dimensions: [{ Name: 'ResourceId', Value: resourceId }],
        },
      ],
    });
  });

  test('are not put when there are none', async () => {
    await cloudWatchMetrics('Tidegate', configuration).put([]);
    expect(client.calls()).toHaveLength(0);
  });
});

describe('states of fleets', () => {
  const client = mockClient(SageMakerClient);
  beforeEach(() => client.reset());
  const states = sageMakerFleetStates(configuration);
  const fleet = CHAT_FLEET;

  test('are those of the variant', async () => {
    client.on(DescribeEndpointCommand, { EndpointName: 'chat' }).resolves({
      EndpointStatus: 'InService',
      EndpointConfigName: 'config-2',
      ProductionVariants: [
        { VariantName: 'other', DesiredInstanceCount: 9, CurrentInstanceCount: 9 },
        { VariantName: 'main', DesiredInstanceCount: 4, CurrentInstanceCount: 3 },
      ],
    });
    await expect(states.read(fleet)).resolves.toEqual({
      status: 'InService',
      configName: 'config-2',
      desired: 4,
      current: 3,
    });
  });

  test('are those of the component', async () => {
    client.on(DescribeInferenceComponentCommand, { InferenceComponentName: 'small' }).resolves({
      InferenceComponentStatus: 'InService',
      RuntimeConfig: { DesiredCopyCount: 2, CurrentCopyCount: 0 },
    });
    const component = { ...fleet, resourceId: 'inference-component/small', fleetName: 'small' };
    await expect(states.read(component)).resolves.toEqual({
      status: 'InService',
      configName: null,
      desired: 2,
      current: 0,
    });
  });

  test('are unknown while the service does not tell', async () => {
    client.on(DescribeEndpointCommand).resolves({ EndpointStatus: 'Creating' });
    await expect(states.read(fleet)).resolves.toEqual({
      status: 'Creating',
      configName: null,
      desired: null,
      current: null,
    });
  });
});
