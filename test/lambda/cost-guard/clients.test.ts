import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DescribeEndpointCommand,
  DescribeTrainingJobCommand,
  ListTrainingJobsCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { createFleetClient } from '../../../lambda/clients/fleet';
import { createGuardStore } from '../../../lambda/clients/guard-store';
import { createNotifier } from '../../../lambda/clients/notifier';
import { createParameters } from '../../../lambda/clients/parameters';
import { createTrainingJobsClient } from '../../../lambda/clients/training-jobs';
import { guardRecordSortKey, parseGuardRecord, type GuardRecord, type GuardState } from '../../../lib/cost/contract';
import { decideGuardLevel } from '../../../lib/cost/decide';
import { plan, seenAt } from '../../cost/decide/fixtures';

const sagemaker = mockClient(SageMakerClient);
const scaling = mockClient(ApplicationAutoScalingClient);
const dynamodb = mockClient(DynamoDBClient);
const sns = mockClient(SNSClient);
const ssm = mockClient(SSMClient);
const region = { region: 'us-east-1' };
const target = {
  resourceId: 'endpoint/chat/variant/main',
  scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
};

beforeEach(() => [sagemaker, scaling, dynamodb, sns, ssm].forEach((client) => client.reset()));

describe('the fleet client', () => {
  const client = createFleetClient(new SageMakerClient(region), new ApplicationAutoScalingClient(region));

  test('reads the pools of a variant', async () => {
    sagemaker.on(DescribeEndpointCommand, { EndpointName: 'chat' }).resolves({
      EndpointStatus: 'InService',
      ProductionVariants: [
        {
          VariantName: 'main',
          CurrentInstanceCount: 3,
          DesiredInstanceCount: 4,
          InstancePools: [
            { InstanceType: 'ml.g5.xlarge', CurrentInstanceCount: 2 },
            { InstanceType: 'ml.g6.xlarge', CurrentInstanceCount: 1 },
          ],
        },
      ],
    });
    expect(await client.capacity('chat', 'main')).toEqual({
      currentByType: { 'ml.g5.xlarge': 2, 'ml.g6.xlarge': 1 },
      currentCapacity: 3,
      desiredCapacity: 4,
    });
  });

  test('counts the instances of a deployment under way beside the ones it replaces', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({
      EndpointStatus: 'Updating',
      ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 2, DesiredInstanceCount: 2 }],
      PendingDeploymentSummary: {
        EndpointConfigName: 'next',
        ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 1, DesiredInstanceCount: 2 }],
      },
    });
    expect(await client.capacity('chat', 'main')).toEqual({
      currentByType: {},
      currentCapacity: 3,
      desiredCapacity: 2,
    });
  });

  test('says so when the endpoint tells of no such variant', async () => {
    sagemaker.on(DescribeEndpointCommand).resolves({ EndpointStatus: 'Failed' });
    await expect(client.capacity('chat', 'main')).rejects.toThrow('endpoint chat (Failed) tells of no variant main');
  });

  test('reads the limits of a scalable target', async () => {
    scaling.on(DescribeScalableTargetsCommand, { ServiceNamespace: 'sagemaker' }).resolves({
      ScalableTargets: [
        {
          ServiceNamespace: 'sagemaker',
          ResourceId: target.resourceId,
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          MinCapacity: 1,
          MaxCapacity: 8,
          RoleARN: 'role',
          CreationTime: new Date(0),
        },
      ],
    });
    expect(await client.bounds(target)).toEqual({ minCapacity: 1, maxCapacity: 8 });
  });

  test('knows no limits of a target that is not registered', async () => {
    scaling.on(DescribeScalableTargetsCommand).resolves({ ScalableTargets: [] });
    expect(await client.bounds(target)).toBeNull();
  });

  test('sets both limits', async () => {
    scaling.on(RegisterScalableTargetCommand).resolves({});
    await client.setBounds(target, { minCapacity: 0, maxCapacity: 3 });
    expect(scaling.commandCalls(RegisterScalableTargetCommand)[0]!.args[0].input).toEqual({
      ServiceNamespace: 'sagemaker',
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      ResourceId: 'endpoint/chat/variant/main',
      MinCapacity: 0,
      MaxCapacity: 3,
    });
  });
});

describe('the training jobs client', () => {
  const client = createTrainingJobsClient(new SageMakerClient(region));

  test('lists every page and leaves out names that only contain the prefix', async () => {
    sagemaker
      .on(ListTrainingJobsCommand)
      .resolvesOnce({ TrainingJobSummaries: [{ TrainingJobName: 'tg-1' } as never], NextToken: 'more' })
      .resolvesOnce({ TrainingJobSummaries: [{ TrainingJobName: 'tg-2' }, { TrainingJobName: 'my-tg-3' }] as never });
    expect(await client.changedSince('tg-', 100)).toEqual(['tg-1', 'tg-2']);
    expect(sagemaker.commandCalls(ListTrainingJobsCommand)[0]!.args[0].input).toEqual(
      expect.objectContaining({ NameContains: 'tg-', LastModifiedTimeAfter: new Date(100_000) }),
    );
  });

  test.each([
    [
      'a running job',
      { TrainingJobStatus: 'InProgress', TrainingStartTime: new Date(5000) },
      { startedAt: 5, endedAt: null, billableSeconds: null },
    ],
    ['a job that waits for instances', { TrainingJobStatus: 'InProgress' }, { startedAt: null, endedAt: null }],
    [
      'a finished spot job',
      {
        TrainingJobStatus: 'Completed',
        TrainingStartTime: new Date(5000),
        TrainingEndTime: new Date(65_000),
        BillableTimeInSeconds: 20,
      },
      { startedAt: 5, endedAt: 65, billableSeconds: 20 },
    ],
    [
      'a job that failed before it started',
      { TrainingJobStatus: 'Failed', LastModifiedTime: new Date(9000) },
      { startedAt: null, endedAt: 9 },
    ],
  ])('describes %s', async (_, answer, expected) => {
    sagemaker.on(DescribeTrainingJobCommand).resolves({
      ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 2, VolumeSizeInGB: 1 },
      ...answer,
    } as never);
    expect(await client.describe('tg-1')).toEqual(
      expect.objectContaining({ name: 'tg-1', instanceType: 'ml.g5.xlarge', instanceCount: 2, ...expected }),
    );
  });
});

describe('the guard store', () => {
  const store = createGuardStore('guard', new DynamoDBClient(region));
  const { memory } = decideGuardLevel(plan, seenAt(0), undefined);
  const state: GuardState = { generation: 7, memory };
  const record: GuardRecord = {
    atSeconds: 1234.5,
    level: 'shrink',
    previousLevel: 'freeze-growth',
    spentUsd: 1,
    budgetUsd: 1,
    burnRateUsdPerHour: 1,
    forecastUsd: 1,
    actions: [],
    failedResourceIds: [],
    reason: 'because',
    dryRun: false,
  };

  test('has no state before the first look', async () => {
    dynamodb.on(GetItemCommand).resolves({});
    expect(await store.load()).toBeUndefined();
  });

  test('reads back what it claimed', async () => {
    dynamodb.on(PutItemCommand).resolves({});
    expect(await store.claim(state)).toBe(true);
    const { Item, ConditionExpression, ExpressionAttributeValues } =
      dynamodb.commandCalls(PutItemCommand)[0]!.args[0].input;
    expect(ConditionExpression).toBe('#generation = :stored');
    expect(ExpressionAttributeValues).toEqual({ ':stored': { N: '6' } });
    dynamodb.on(GetItemCommand, { ConsistentRead: true }).resolves({ Item });
    expect(await store.load()).toEqual(state);
  });

  test('claims the first generation only where there is none', async () => {
    dynamodb.on(PutItemCommand).resolves({});
    await store.claim({ ...state, generation: 1 });
    expect(dynamodb.commandCalls(PutItemCommand)[0]!.args[0].input.ConditionExpression).toBe(
      'attribute_not_exists(#pk)',
    );
  });

  test('yields to a run that was faster', async () => {
    dynamodb.on(PutItemCommand).rejects(new ConditionalCheckFailedException({ message: '', $metadata: {} }));
    expect(await store.claim(state)).toBe(false);
    const CancellationReasons = [{ Code: 'ConditionalCheckFailed' }];
    dynamodb
      .on(TransactWriteItemsCommand)
      .rejects(new TransactionCanceledException({ message: '', $metadata: {}, CancellationReasons }));
    expect(await store.settle(state, [record])).toBe(false);
  });

  test('does not take a throttled write for a lost race', async () => {
    const CancellationReasons = [{ Code: 'ThrottlingError' }];
    dynamodb
      .on(TransactWriteItemsCommand)
      .rejects(new TransactionCanceledException({ message: 'slow down', $metadata: {}, CancellationReasons }));
    await expect(store.settle(state, [record])).rejects.toThrow('slow down');
  });

  test('writes the state and its records together', async () => {
    dynamodb.on(TransactWriteItemsCommand).resolves({});
    await store.settle(state, [record, { ...record, reason: 'and' }]);
    const [first, ...puts] = dynamodb.commandCalls(TransactWriteItemsCommand)[0]!.args[0].input.TransactItems!;
    expect(first!.Put!.ExpressionAttributeValues).toEqual({ ':stored': { N: '7' } });
    expect(puts.map(({ Put }) => Put!.Item!['sk']!.S)).toEqual([
      'record#000000001234#0000000007#00',
      'record#000000001234#0000000007#01',
    ]);
    expect(parseGuardRecord(puts[0]!.Put!.Item!['document']!.S!)).toEqual(record);
    // 1234 + 400 days
    expect(puts[0]!.Put!.Item!['expiresAt']).toEqual({ N: '34561234' });
  });

  test('sorts records by time', () => {
    expect(guardRecordSortKey(999, 9, 0) < guardRecordSortKey(1000, 10, 0)).toBe(true);
  });
});

describe('the other clients', () => {
  test('cut a subject to what SNS allows', async () => {
    sns.on(PublishCommand).resolves({});
    await createNotifier('arn', new SNSClient(region)).notify({ subject: 'x'.repeat(120), message: 'm' });
    expect(sns.commandCalls(PublishCommand)[0]!.args[0].input).toEqual({
      TopicArn: 'arn',
      Subject: 'x'.repeat(100),
      Message: 'm',
    });
  });

  test('read a parameter, or say that it has no value', async () => {
    const parameters = createParameters(new SSMClient(region));
    ssm.on(GetParameterCommand, { Name: 'a' }).resolves({ Parameter: { Value: 'text' } });
    ssm.on(GetParameterCommand, { Name: 'b' }).resolves({});
    expect(await parameters.read('a')).toBe('text');
    await expect(parameters.read('b')).rejects.toThrow('parameter b has no value');
  });
});
