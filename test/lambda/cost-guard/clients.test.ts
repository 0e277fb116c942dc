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
  DescribeTrainingJobCommand,
  ListTrainingJobsCommand,
  SageMakerClient,
  StopTrainingJobCommand,
} from '@aws-sdk/client-sagemaker';
import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { createGuardStore } from '../../../lambda/clients/guard-store';
import { createMeteredExecutions } from '../../../lambda/clients/metered-executions';
import { createNotifier } from '../../../lambda/clients/notifier';
import { createParameters } from '../../../lambda/clients/parameters';
import { createTrainingJobsClient } from '../../../lambda/clients/training-jobs';
import { guardRecordSortKey, parseGuardRecord, type GuardRecord, type GuardState } from '../../../lib/cost/contract';
import { decideGuardLevel } from '../../../lib/cost/decide';
import { plan, seenAt } from '../../cost/decide/fixtures';

const sagemaker = mockClient(SageMakerClient);
const dynamodb = mockClient(DynamoDBClient);
const sns = mockClient(SNSClient);
const stepFunctions = mockClient(SFNClient);
const ssm = mockClient(SSMClient);
const region = { region: 'us-east-1' };

beforeEach(() => [sagemaker, dynamodb, sns, ssm, stepFunctions].forEach((client) => client.reset()));

describe('the client of metered executions', () => {
  const client = createMeteredExecutions(new SFNClient(region));
  const machine = { stateMachineArn: 'arn:machine', maxUsdPerHour: 2, maxRuntimeSeconds: 3600 };
  const execution = (name: string, start: number, stop?: number) => ({
    executionArn: `arn:${name}`,
    stateMachineArn: 'arn:machine',
    startDate: new Date(start * 1000),
    ...(stop !== undefined && { stopDate: new Date(stop * 1000) }),
  });

  test('lists those that run, and those that ended since, page by page until all older ones have ended', async () => {
    const DAYS = 86_400;
    const since = 10 * DAYS;
    stepFunctions
      .on(ListExecutionsCommand)
      .resolvesOnce({
        executions: [execution('running', since + 60), execution('ended', since - 100, since + 5)] as never,
        nextToken: 'more',
      })
      .resolvesOnce({ executions: [execution('long-ago', 1 * DAYS, 2 * DAYS)] as never, nextToken: 'older' });
    expect(await client.since(machine, since)).toEqual([
      {
        name: 'arn:running',
        instanceType: 'arn:machine',
        instanceCount: 1,
        startedAt: since + 60,
        endedAt: null,
        billableSeconds: null,
        maxRuntimeSeconds: 3600,
        isStopping: false,
      },
      expect.objectContaining({ name: 'arn:ended', endedAt: since + 5, billableSeconds: 105 }),
    ]);
    expect(stepFunctions.commandCalls(ListExecutionsCommand)).toHaveLength(2);
  });

  test('bills an execution that waited long for its longest running time', async () => {
    stepFunctions.on(DescribeExecutionCommand).resolves(execution('waited', 0, 20_000) as never);
    expect(await client.describe('arn:waited', [machine])).toMatchObject({ billableSeconds: 3600, endedAt: 20_000 });
  });

  test('follows the pages as long as an older execution may run, and no longer', async () => {
    const WAIT = 2 * 86_400;
    const since = 1_000_000;
    const oldest = since - machine.maxRuntimeSeconds - WAIT;
    const pages = [execution('new', since), execution('waits', oldest), execution('ended', oldest - 1, since - 1)];
    for (const [index, one] of pages.entries())
      stepFunctions
        .on(ListExecutionsCommand, { nextToken: index === 0 ? undefined : String(index) })
        .resolves({ executions: [one] as never, nextToken: String(index + 1) });
    const names = (await client.since(machine, since)).map(({ name }) => name);
    expect(names).toEqual(['arn:new', 'arn:waits']);
    expect(stepFunctions.commandCalls(ListExecutionsCommand).map(({ args }) => args[0].input)).toEqual(
      [undefined, '1', '2'].map((nextToken) => ({ stateMachineArn: 'arn:machine', maxResults: 1000, nextToken })),
    );
  });

  test('counts an execution that ended at that moment, and none that ended before', async () => {
    stepFunctions.on(ListExecutionsCommand).resolves({
      executions: [execution('then', 10, 500), execution('before', 10, 499.9)] as never,
    });
    expect((await client.since(machine, 500)).map(({ name }) => name)).toEqual(['arn:then']);
  });

  test('reads ten pages at most', async () => {
    stepFunctions.on(ListExecutionsCommand).resolves({ executions: [execution('x', 500)] as never, nextToken: 'more' });
    expect(await client.since(machine, 500)).toHaveLength(10);
  });

  test.each([{ executions: [] as never, nextToken: 'more' }, {}])(
    'ends at a page without executions: %j',
    async (page) => {
      stepFunctions.on(ListExecutionsCommand).resolves(page);
      expect(await client.since(machine, 500)).toEqual([]);
      expect(stepFunctions.commandCalls(ListExecutionsCommand)).toHaveLength(1);
    },
  );

  test('describes an execution by its machine; one of another machine costs nothing', async () => {
    stepFunctions.on(DescribeExecutionCommand).resolves(execution('x', 100, 160) as never);
    expect(await client.describe('arn:x', [{ ...machine, stateMachineArn: 'arn:other' }, machine])).toMatchObject({
      instanceType: 'arn:machine',
      maxRuntimeSeconds: 3600,
      billableSeconds: 60,
    });
    expect(await client.describe('arn:x', [])).toMatchObject({ instanceType: 'arn:machine', billableSeconds: 0 });
  });

  test('stops an execution with a reason', async () => {
    await client.stop('arn:running');
    expect(stepFunctions.commandCalls(StopExecutionCommand)[0]!.args[0].input).toMatchObject({
      executionArn: 'arn:running',
      error: 'Tidegate.Stopped',
      cause: expect.stringContaining('its notification says why'),
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
    [
      'a job that waits for instances, and may run for a day as it names no maximum',
      { TrainingJobStatus: 'InProgress' },
      { startedAt: null, endedAt: null, maxRuntimeSeconds: 86_400, isStopping: false },
    ],
    [
      'a job that is being stopped',
      { TrainingJobStatus: 'Stopping', StoppingCondition: { MaxRuntimeInSeconds: 3600 } },
      { endedAt: null, maxRuntimeSeconds: 3600, isStopping: true },
    ],
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
      'a job whose instances are kept, as one that costs what it did and cannot be stopped',
      {
        TrainingJobStatus: 'Completed',
        TrainingStartTime: new Date(5000),
        TrainingEndTime: new Date(65_000),
        BillableTimeInSeconds: 60,
        WarmPoolStatus: { Status: 'Available', ResourceRetainedBillableTimeInSeconds: 600 },
      },
      { startedAt: 5, endedAt: null, billableSeconds: null, isStopping: true },
    ],
    [
      'a job whose instances were kept, with the seconds for which they were',
      {
        TrainingJobStatus: 'Completed',
        TrainingStartTime: new Date(5000),
        TrainingEndTime: new Date(65_000),
        BillableTimeInSeconds: 60,
        WarmPoolStatus: { Status: 'Reused', ResourceRetainedBillableTimeInSeconds: 600, ReusedByJob: 'tg-2' },
      },
      { startedAt: 5, endedAt: 665, billableSeconds: 660, isStopping: false },
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

test.each([
  [
    {
      InstanceGroups: [
        { InstanceType: 'ml.g5.xlarge', InstanceCount: 2 },
        { InstanceType: 'ml.c5.xlarge', InstanceCount: 3 },
        {},
      ],
    },
    {
      instanceType: 'ml.g5.xlarge',
      instanceCount: 2,
      otherGroups: [
        { instanceType: 'ml.c5.xlarge', instanceCount: 3 },
        { instanceType: 'an unknown type', instanceCount: 0 },
      ],
    },
  ],
  [
    { InstancePreferences: [], InstanceCount: 2, SelectedInstanceType: 'ml.g6.xlarge', SelectedInstanceCount: 2 },
    { instanceType: 'ml.g6.xlarge', instanceCount: 2 },
  ],
  [undefined, { instanceType: 'an unknown type', instanceCount: 0 }],
])('the training jobs client describes the instances of %j', async (ResourceConfig, expected) => {
  sagemaker.on(DescribeTrainingJobCommand).resolves({ TrainingJobStatus: 'Stopped', ResourceConfig } as never);
  expect(await createTrainingJobsClient(new SageMakerClient(region)).describe('tg-1')).toMatchObject(expected);
});

test.each(['Completed', 'Failed', 'Stopped', 'Deleting'])(
  'a training job that is %s has ended',
  async (TrainingJobStatus) => {
    sagemaker.on(DescribeTrainingJobCommand).resolves({ TrainingJobStatus, CreationTime: new Date(7000) } as never);
    expect(await createTrainingJobsClient(new SageMakerClient(region)).describe('tg-1')).toMatchObject({ endedAt: 7 });
  },
);

test('the training jobs client knows pages without jobs, and jobs without names', async () => {
  sagemaker
    .on(ListTrainingJobsCommand)
    .resolvesOnce({ NextToken: 'more' } as never)
    .resolvesOnce({ TrainingJobSummaries: [{}, { TrainingJobName: 'tg-2' }] as never });
  expect(await createTrainingJobsClient(new SageMakerClient(region)).changedSince('tg-', 0)).toEqual(['tg-2']);
});

test('the training jobs client stops a job by its name', async () => {
  sagemaker.on(StopTrainingJobCommand).resolves({});
  await createTrainingJobsClient(new SageMakerClient(region)).stop('tg-1');
  expect(sagemaker.commandCalls(StopTrainingJobCommand)[0]!.args[0].input).toEqual({ TrainingJobName: 'tg-1' });
});

describe('the guard store', () => {
  const store = createGuardStore('guard', new DynamoDBClient(region));
  const { memory } = decideGuardLevel(plan, seenAt(0), undefined);
  const state: GuardState = { generation: 7, memory, notices: [] };
  const record: GuardRecord = {
    atSeconds: 1234.5,
    level: 'shrink',
    previousLevel: 'freeze-growth',
    spentUsd: 1,
    budgetUsd: 1,
    burnRateUsdPerHour: 1,
    committedUsd: 1,
    forecastUsd: 1,
    liftingBudgetUsd: null,
    actions: [],
    withheldActions: [],
    stops: [],
    failedResourceIds: [],
    failedJobNames: [],
    reason: 'because',
    dryRun: false,
  };

  test('has no state before the first evaluation', async () => {
    dynamodb.on(GetItemCommand).resolves({});
    expect(await store.load()).toBeUndefined();
  });

  test('reads back what it wrote', async () => {
    const written = { ...state, notices: [[record]] };
    dynamodb.on(PutItemCommand).resolves({});
    expect(await store.write(written)).toBe(true);
    const { Item, ConditionExpression, ExpressionAttributeValues } =
      dynamodb.commandCalls(PutItemCommand)[0]!.args[0].input;
    expect(ConditionExpression).toBe('#generation = :stored');
    expect(ExpressionAttributeValues).toEqual({ ':stored': { N: '6' } });
    dynamodb.on(GetItemCommand, { ConsistentRead: true }).resolves({ Item });
    expect(await store.load()).toEqual(written);
  });

  test.each<[string, { [name: string]: AttributeValue }]>([
    ['of another version', { generation: { N: '7' }, document: { S: '{"level":"ok"}' } }],
    // Without one, no write would ever follow it, and each evaluation would take itself for overtaken.
    ['without a generation', { document: { S: JSON.stringify(memory) } }],
  ])('refuses a state %s, and says which item to delete and what is lost with it', async (_, Item) => {
    dynamodb.on(GetItemCommand).resolves({ Item });
    await expect(store.load()).rejects.toThrow(
      /pk 'guard' and sk 'state' of table guard .*delete the item: metering then begins anew.*register-scalable-target/,
    );
  });

  test.each([
    ['ok', false, 'ADMITTED'],
    ['warn', false, 'ADMITTED'],
    ['freeze-growth', false, 'REFUSED'],
    ['shrink', false, 'REFUSED'],
    ['shrink', true, 'ADMITTED'],
  ] as const)('tells training pipelines at %s, dry run %s, that starts are %s', async (level, dryRun, starts) => {
    dynamodb.on(PutItemCommand).resolves({});
    const dry = createGuardStore('guard', new DynamoDBClient(region), dryRun);
    await dry.write({ ...state, memory: { ...memory, level } });
    expect(dynamodb.commandCalls(PutItemCommand)[0]!.args[0].input.Item!['trainingStarts']).toEqual({ S: starts });
  });

  test('claims the first generation only where there is none', async () => {
    dynamodb.on(PutItemCommand).resolves({});
    await store.write({ ...state, generation: 1 });
    expect(dynamodb.commandCalls(PutItemCommand)[0]!.args[0].input.ConditionExpression).toBe(
      'attribute_not_exists(#pk)',
    );
  });

  test('yields to a run that was faster', async () => {
    dynamodb.on(PutItemCommand).rejects(new ConditionalCheckFailedException({ message: '', $metadata: {} }));
    expect(await store.write(state)).toBe(false);
    const CancellationReasons = [{ Code: 'ConditionalCheckFailed' }];
    dynamodb
      .on(TransactWriteItemsCommand)
      .rejects(new TransactionCanceledException({ message: '', $metadata: {}, CancellationReasons }));
    expect(await store.write(state, [record])).toBe(false);
  });

  test('names the table and the items of each call', async () => {
    dynamodb.on(PutItemCommand).resolves({});
    dynamodb.on(GetItemCommand).resolves({});
    dynamodb.on(TransactWriteItemsCommand).resolves({});
    const key = { pk: { S: 'guard' }, sk: { S: 'state' } };
    await store.load();
    expect(dynamodb.commandCalls(GetItemCommand)[0]!.args[0].input).toEqual({
      TableName: 'guard',
      Key: key,
      ConsistentRead: true,
    });
    await store.write({ ...state, generation: 1 });
    expect(dynamodb.commandCalls(PutItemCommand)[0]!.args[0].input).toMatchObject({
      TableName: 'guard',
      Item: { ...key, generation: { N: '1' } },
      ExpressionAttributeNames: { '#pk': 'pk' },
    });
    await store.write(state, [record]);
    const [first, second] = dynamodb.commandCalls(TransactWriteItemsCommand)[0]!.args[0].input.TransactItems!;
    expect(first!.Put).toMatchObject({
      TableName: 'guard',
      Item: key,
      ConditionExpression: '#generation = :stored',
      ExpressionAttributeNames: { '#generation': 'generation' },
    });
    expect(second!.Put).toMatchObject({ TableName: 'guard', Item: { pk: { S: 'guard' }, level: { S: 'shrink' } } });
  });

  test('refuses training starts once the budget is spent, unless it is told that the guard is in a dry run', async () => {
    dynamodb.on(PutItemCommand).resolves({});
    await store.write({ ...state, memory: { ...memory, level: 'shrink' } });
    expect(dynamodb.commandCalls(PutItemCommand)[0]!.args[0].input.Item!['trainingStarts']).toEqual({ S: 'REFUSED' });
  });

  test('takes a transaction for a lost race if one of its writes is, and no other', async () => {
    const canceled = (CancellationReasons?: { Code: string }[]) =>
      new TransactionCanceledException({ message: 'canceled', $metadata: {}, CancellationReasons });
    dynamodb
      .on(TransactWriteItemsCommand)
      .rejectsOnce(canceled([{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }]))
      .rejects(canceled());
    expect(await store.write(state, [record])).toBe(false);
    await expect(store.write(state, [record])).rejects.toThrow('canceled');
  });

  test('does not take a throttled write for a lost race', async () => {
    const CancellationReasons = [{ Code: 'ThrottlingError' }];
    dynamodb
      .on(TransactWriteItemsCommand)
      .rejects(new TransactionCanceledException({ message: 'slow down', $metadata: {}, CancellationReasons }));
    await expect(store.write(state, [record])).rejects.toThrow('slow down');
  });

  test('writes the state and its records together', async () => {
    dynamodb.on(TransactWriteItemsCommand).resolves({});
    await store.write(state, [record, { ...record, reason: 'and' }]);
    const [first, ...puts] = dynamodb.commandCalls(TransactWriteItemsCommand)[0]!.args[0].input.TransactItems!;
    expect(first!.Put!.ExpressionAttributeValues).toEqual({ ':stored': { N: '6' } });
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
    ssm.on(GetParameterCommand, { Name: 'secret', WithDecryption: true }).resolves({ Parameter: { Value: 'plain' } });
    expect(await parameters.read('secret')).toBe('plain');
    expect(await parameters.read('a')).toBe('text');
    await expect(parameters.read('b')).rejects.toThrow('parameter b has no value');
  });
});
