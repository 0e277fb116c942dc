import { CreateStateMachineCommand, DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { TrainingPipeline } from '../../lib/training';
import {
  explainTrainingFailure,
  TRAINING_FAILURES,
  type TaskFailure,
} from '../../lib/training/decide/training-failure';
import { eventually, LocalAws } from '../emulator/engine/support/local-aws';
import { withoutReferences } from './resolved-template';

const job = (members: object): TaskFailure => ({
  error: 'States.TaskFailed',
  cause: JSON.stringify({
    TrainingJobName: 'nightly--1',
    TrainingJobStatus: 'Failed',
    SecondaryStatus: 'Failed',
    ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 1 },
    // What a user wrote is no sign.
    HyperParameters: { note: 'AlgorithmError ResourceLimitExceeded' },
    ...members,
  }),
});
const request = (error: string, cause: string): TaskFailure => ({ error, cause });

const CASES: readonly [string, TaskFailure, string][] = [
  [
    'a script that failed, with its last words',
    job({
      FailureReason: 'AlgorithmError: ExecuteUserScriptError: ExitCode 1 ErrorMessage "ValueError: CapacityError"',
    }),
    'Tidegate.ScriptFailed',
  ],
  [
    'the maximum runtime',
    job({ SecondaryStatus: 'MaxRuntimeExceeded', TrainingJobStatus: 'Stopped' }),
    'Tidegate.MaxRuntimeExceeded',
  ],
  ['spot capacity that did not last', job({ SecondaryStatus: 'MaxWaitTimeExceeded' }), 'Tidegate.SpotInterrupted'],
  ['an interrupted spot job', job({ SecondaryStatus: 'Interrupted' }), 'Tidegate.SpotInterrupted'],
  ['a job that was stopped', job({ SecondaryStatus: 'Stopped', TrainingJobStatus: 'Stopped' }), 'Tidegate.Stopped'],
  [
    'no capacity',
    job({ FailureReason: 'CapacityError: Unable to provision requested ML compute capacity.' }),
    'Tidegate.CapacityUnavailable',
  ],
  [
    'a channel without data',
    job({ FailureReason: 'ClientError: Data download failed:No S3 objects found under S3 URL "s3://landed/x"' }),
    'Tidegate.DataMissing',
  ],
  ['inputs that SageMaker refuses', job({ FailureReason: 'ClientError: bad image' }), 'Tidegate.ConfigurationInvalid'],
  [
    'an internal error',
    job({ FailureReason: 'InternalServerError: We encountered an error' }),
    'Tidegate.ServiceFailed',
  ],
  [
    'a quota',
    request('SageMaker.ResourceLimitExceededException', "The account-level service limit 'ml.g5.xlarge' is 0"),
    'Tidegate.QuotaExceeded',
  ],
  [
    'a missing permission',
    request('SageMaker.AmazonSageMakerException', 'User: x is not authorized to perform: iam:PassRole'),
    'Tidegate.AccessDenied',
  ],
  [
    'a request that SageMaker refuses',
    request('SageMaker.AmazonSageMakerException', '1 validation error (Error Code: ValidationException)'),
    'Tidegate.ConfigurationInvalid',
  ],
  ['nothing that has a class', request('States.Runtime', '{"not": "a job"'), 'States.Runtime'],
];

describe('the failure of a run', () => {
  test.each(CASES)('by %s is explained', (_name, failure, error) => {
    const explained = explainTrainingFailure(failure);
    expect(explained.error).toBe(error);
    const known = TRAINING_FAILURES.find((one) => one.error === error);
    if (known === undefined) expect(explained).toEqual(failure);
    else {
      expect(explained.cause).toMatch(/^The run failed: .* Next: [A-Z].*\.$/s);
      expect(explained.cause).toContain(known.what);
      if (failure.error === 'States.TaskFailed') expect(explained.cause).toContain('Job: nightly--1 on ml.g5.xlarge.');
    }
  });

  test('has a sign in every class, and a case here', () => {
    for (const { error, statuses, texts } of TRAINING_FAILURES) {
      expect([error, statuses.length + texts.length]).toEqual([error, expect.any(Number)]);
      expect(statuses.length + texts.length).toBeGreaterThan(0);
    }
    expect(new Set(CASES.map(([, , error]) => error))).toEqual(
      new Set([...TRAINING_FAILURES.map(({ error }) => error), 'States.Runtime']),
    );
  });

  test('says the reason of the job itself', () => {
    const { cause } = explainTrainingFailure(job({ FailureReason: 'AlgorithmError: ValueError: no rows' }));
    expect(cause).toContain('Reason: AlgorithmError: ValueError: no rows Next: Read the reason and the log');
  });
});

/** The states of a pipeline from the failure on, which the execution gets as its input. */
function failureMachine(): string {
  const stack = new Stack(new App(), 'Test', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  new TrainingPipeline(stack, 'Training', {
    trainingData: s3.Bucket.fromBucketName(stack, 'Data', 'landed'),
    instanceTypes: ['ml.g5.xlarge'],
    maxRuntime: Duration.hours(1),
  });
  const [machine] = Object.values(Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachine'));
  const definition = JSON.parse(
    withoutReferences((machine!.Properties as { DefinitionString: unknown }).DefinitionString) as string,
  ) as { States: { [name: string]: object } };
  const { 'Explain the failure': explain, Failed: failed } = definition.States;
  return JSON.stringify({ StartAt: 'Explain the failure', States: { 'Explain the failure': explain, Failed: failed } });
}

describe('the states of a pipeline', () => {
  let aws: LocalAws;
  let stateMachineArn: string;

  beforeAll(async () => {
    aws = await LocalAws.start();
    const roleArn = await aws.createRole('machine', 'states.amazonaws.com', []);
    ({ stateMachineArn } = (await aws.stepFunctions.send(
      new CreateStateMachineCommand({ name: 'failure', roleArn, definition: failureMachine() }),
    )) as { stateMachineArn: string });
  }, 120_000);
  afterAll(() => aws?.stop());

  test.each(CASES)('explain %s as the decision does', async (_name, failure) => {
    const input = JSON.stringify({ Failure: { Error: failure.error, Cause: failure.cause } });
    const { executionArn } = await aws.stepFunctions.send(new StartExecutionCommand({ stateMachineArn, input }));
    const { error, cause } = await eventually(
      () => aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn })),
      ({ status }) => status !== 'RUNNING',
    );
    expect({ error, cause }).toEqual(explainTrainingFailure(failure));
  });
});
