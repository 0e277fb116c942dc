import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { TrainingPipeline } from '../../lib/training';
import { eventually, LocalAws } from '../emulator/engine/support/local-aws';
import { withoutReferences } from './resolved-template';

const MACHINE_ARN = `arn:aws:states:${LOCAL_REGION}:${LOCAL_ACCOUNT}:stateMachine:nightly`;

/** Template of a pipeline, its references replaced by names. */
function pipeline(concurrentRuns?: boolean) {
  const stack = new Stack(new App(), 'Test', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  new TrainingPipeline(stack, 'Training', {
    trainingData: s3.Bucket.fromBucketName(stack, 'Data', 'landed'),
    instanceTypes: ['ml.g5.xlarge'],
    maxRuntime: Duration.hours(1),
    jobNamePrefix: 'nightly',
    concurrentRuns,
  });
  const template = Template.fromStack(stack);
  const [[machineId, machine]] = Object.entries(template.findResources('AWS::StepFunctions::StateMachine')) as [
    [string, { Properties: { DefinitionString: unknown } }],
  ];
  const policies = Object.entries(template.findResources('AWS::IAM::Policy'))
    .filter(([id]) => /^Training(Machine|Runs)Policy/.test(id))
    .map(([, policy]) => (policy as { Properties: { PolicyDocument: { Statement: unknown } } }).Properties);
  const statements = policies.flatMap(({ PolicyDocument }) => withoutReferences(PolicyDocument.Statement)) as {
    Sid?: string;
    Resource: unknown;
  }[];
  return {
    definition: withoutReferences(machine.Properties.DefinitionString) as string,
    // The machine of the test has another name.
    statements: statements.map((one) =>
      one.Resource === machineId.toLowerCase() ? { ...one, Resource: MACHINE_ARN } : one,
    ),
  };
}

const namesOf = (definition: string): string[] =>
  Object.keys((JSON.parse(definition) as { States: { [name: string]: object } }).States);

test('a pipeline with concurrent runs looks for no others, and its role may not', () => {
  const { definition, statements } = pipeline(true);
  expect(namesOf(definition)).not.toContain('Find earlier runs');
  expect(JSON.stringify(statements)).not.toContain('states:ListExecutions');
});

describe('executions that run at the same time', () => {
  let aws: LocalAws;
  let status = 'InProgress';

  beforeAll(async () => {
    aws = await LocalAws.start();
    const { definition, statements } = pipeline();
    const roleArn = await aws.createRole('machine', 'states.amazonaws.com', statements);
    await aws.stepFunctions.send(new CreateStateMachineCommand({ name: 'nightly', roleArn, definition }));
    jest.spyOn(aws.emulator.trainingJobs, 'get').mockImplementation(() => ({
      TrainingJobStatus: status,
      TrainingJobName: 'nightly',
      TrainingJobArn: 'arn',
      ModelArtifacts: { S3ModelArtifacts: 's3://models/nightly/model.tar.gz' },
    }));
    await aws.engine.enforceIam();
  }, 120_000);
  afterAll(() => aws?.stop());

  const start = async (): Promise<string> => {
    const { executionArn } = await aws.stepFunctions.send(
      new StartExecutionCommand({ stateMachineArn: MACHINE_ARN, input: '{}' }),
    );
    return executionArn!;
  };
  const describeOf = (executionArn: string) => aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn }));
  const ended = (executionArn: string) =>
    eventually(
      () => describeOf(executionArn),
      (one) => one.status !== 'RUNNING',
      90_000,
    );
  const jobs = (): number => aws.emulator.calls.filter(({ target }) => target === 'CreateTrainingJob').length;

  test('are one run: the first trains, and the others end without a job and name it', async () => {
    const [first, ...others] = await Promise.all([start(), start(), start()]).then(async (arns) => {
      const described = await Promise.all(arns.map(describeOf));
      return described
        .map((one) => ({ arn: one.executionArn!, began: one.startDate!.getTime() }))
        .sort((one, other) => one.began - other.began || (one.arn < other.arn ? -1 : 1))
        .map(({ arn }) => arn);
    });
    for (const other of others) {
      const { status: end, error, cause } = await ended(other);
      expect([end, error]).toEqual(['FAILED', 'Tidegate.RunInProgress']);
      expect(cause).toContain(':execution:nightly:');
    }
    await eventually(
      () => Promise.resolve(jobs()),
      (count) => count > 0,
      90_000,
    );
    expect(jobs()).toBe(1);
    expect((await describeOf(first!)).status).toBe('RUNNING');
    status = 'Completed';
    await ended(first!);
    // The next one finds nobody.
    const next = await start();
    await ended(next);
    const { events } = await aws.stepFunctions.send(new GetExecutionHistoryCommand({ executionArn: next }));
    expect(JSON.stringify(events)).not.toContain('Tidegate.RunInProgress');
    expect(jobs()).toBe(2);
  }, 300_000);
});
