import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateStateMachineCommand, DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { createGuardStore } from '../../lambda/clients/guard-store';
import { GUARD_TABLE } from '../../lib/cost/contract';
import type { GuardLevel } from '../../lib/cost/decide/levels';
import { decideGuardLevel } from '../../lib/cost/decide/guard-level';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials } from '../../lib/emulator/credentials';
import { TrainingPipeline } from '../../lib/training';
import { plan, seenAt } from '../cost/decide/fixtures';
import { eventually, LocalAws } from '../emulator/engine/support/local-aws';
import { withoutReferences } from './resolved-template';

const TABLE = 'guard';

/** Definition and statements of a pipeline behind a guard, its references replaced by names. */
function guardedPipeline(): { readonly definition: string; readonly statements: readonly { readonly Sid?: string }[] } {
  const stack = new Stack(new App(), 'Test', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  new TrainingPipeline(stack, 'Training', {
    trainingData: s3.Bucket.fromBucketName(stack, 'Data', 'landed'),
    instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
    maxRuntime: Duration.hours(1),
    jobNamePrefix: 'nightly',
    guardTable: dynamodb.Table.fromTableName(stack, 'Guard', TABLE),
    concurrentRuns: true,
  });
  const template = Template.fromStack(stack);
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const policies = Object.entries(template.findResources('AWS::IAM::Policy'));
  const [, policy] = policies.find(([id]) => id.startsWith('TrainingMachinePolicy'))!;
  return {
    definition: withoutReferences((machine!.Properties as { DefinitionString: unknown }).DefinitionString) as string,
    statements: withoutReferences(
      (policy.Properties as { PolicyDocument: { Statement: unknown } }).PolicyDocument.Statement,
    ) as { Sid?: string }[],
  };
}

describe('a pipeline behind a cost guard', () => {
  let aws: LocalAws;
  let client: DynamoDBClient;
  let generation = 0;
  const { definition, statements } = guardedPipeline();

  beforeAll(async () => {
    aws = await LocalAws.start();
    client = new DynamoDBClient({ endpoint: aws.engine.url, region: LOCAL_REGION, credentials: localCredentials });
    await aws.dynamoDb.send(
      new CreateTableCommand({
        TableName: TABLE,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: GUARD_TABLE.partitionKey, AttributeType: 'S' },
          { AttributeName: GUARD_TABLE.sortKey, AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: GUARD_TABLE.partitionKey, KeyType: 'HASH' },
          { AttributeName: GUARD_TABLE.sortKey, KeyType: 'RANGE' },
        ],
      }),
    );
    const roleArn = await aws.createRole('machine', 'states.amazonaws.com', [...statements]);
    await aws.stepFunctions.send(new CreateStateMachineCommand({ name: 'nightly', roleArn, definition }));
    const job = { TrainingJobStatus: 'Completed', TrainingJobName: 'nightly', TrainingJobArn: 'arn' };
    jest.spyOn(aws.emulator.trainingJobs, 'get').mockReturnValue(job);
    await aws.engine.enforceIam();
  }, 120_000);

  afterAll(async () => {
    client?.destroy();
    await aws?.stop();
  });

  /** Stores a level as the guard does. */
  async function guardIsAt(level: GuardLevel, dryRun = false): Promise<void> {
    const { memory } = decideGuardLevel(plan, seenAt(0), undefined);
    generation += 1;
    const store = createGuardStore(TABLE, client, dryRun);
    expect(await store.write({ generation, memory: { ...memory, level }, notices: [] })).toBe(true);
  }

  /** Runs the state machine to its end; returns its error and the jobs that it created. */
  async function train(): Promise<{ readonly error: string | undefined; readonly jobs: number }> {
    const created = (): number => aws.emulator.calls.filter(({ target }) => target === 'CreateTrainingJob').length;
    const before = created();
    const stateMachineArn = `arn:aws:states:${LOCAL_REGION}:${LOCAL_ACCOUNT}:stateMachine:nightly`;
    const { executionArn } = await aws.stepFunctions.send(new StartExecutionCommand({ stateMachineArn, input: '{}' }));
    const { error } = await eventually(
      () => aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn })),
      ({ status }) => status !== 'RUNNING',
    );
    return { error, jobs: created() - before };
  }

  test('trains before the guard has evaluated', async () => {
    expect((await train()).jobs).toBe(1);
  });

  test.each<[GuardLevel, number]>([
    ['ok', 1],
    ['warn', 1],
    ['freeze-growth', 0],
    ['shrink', 0],
  ])('at %s creates %d jobs', async (level, jobs) => {
    await guardIsAt(level);
    const trained = await train();
    expect(trained.jobs).toBe(jobs);
    if (jobs === 0) expect(trained.error).toBe('Tidegate.GrowthFrozen');
    else expect(trained.error).not.toBe('Tidegate.GrowthFrozen');
  });

  test('trains at every level of a dry run, which limits nothing', async () => {
    await guardIsAt('shrink', true);
    expect((await train()).jobs).toBe(1);
  });

  test('creates no job where its role may not read the table', async () => {
    await guardIsAt('ok');
    expect(statements.map(({ Sid }) => Sid)).toContain('ReadGuard');
    await aws.putRolePolicy(
      'machine',
      statements.filter(({ Sid }) => Sid !== 'ReadGuard'),
    );
    expect((await train()).jobs).toBe(0);
    expect((await aws.engine.deniedCalls()).at(-1)).toMatchObject({
      action: 'dynamodb:GetItem',
      resource: `arn:aws:dynamodb:${LOCAL_REGION}:${LOCAL_ACCOUNT}:table/${TABLE}`,
    });
  });
});
