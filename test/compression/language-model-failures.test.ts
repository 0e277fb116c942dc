import { CreateStateMachineCommand, DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { LanguageModelCompression, LanguageModelTechnique } from '../../lib/compression';
import { explainOptimizationFailure } from '../../lib/compression/decide/optimization-failure';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { eventually, LocalAws } from '../emulator/engine/support/local-aws';
import { withoutReferences } from '../training/resolved-template';
import { MAX_RUNTIME_SECONDS, OPTIMIZATION_CASES } from './optimization-failures';

/** The states of a pipeline from the failure on, which the execution gets as its input. */
function failureMachine(): string {
  const stack = new Stack(new App(), 'Test', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  new LanguageModelCompression(stack, 'Awq', {
    models: s3.Bucket.fromBucketName(stack, 'Models', 'models'),
    technique: LanguageModelTechnique.INT4_AWQ,
    deploymentInstanceType: 'ml.g6.12xlarge',
    maxRuntime: Duration.seconds(MAX_RUNTIME_SECONDS),
  });
  const [machine] = Object.values(Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachine'));
  const definition = JSON.parse(
    withoutReferences((machine!.Properties as { DefinitionString: unknown }).DefinitionString) as string,
  ) as { States: { [name: string]: object } };
  const { 'Explain the failure': explain, Failed: end } = definition.States;
  return JSON.stringify({ StartAt: 'Explain the failure', States: { 'Explain the failure': explain, Failed: end } });
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

  test.each(OPTIMIZATION_CASES)('explain %s as the decision does', async (_name, failure) => {
    const { status: Status, job: JobName, seconds: Seconds, error: Error, reason: Reason } = failure;
    const input = JSON.stringify({ Status, JobName, Seconds, Error, Reason });
    const { executionArn } = await aws.stepFunctions.send(new StartExecutionCommand({ stateMachineArn, input }));
    const { error, cause } = await eventually(
      () => aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn })),
      ({ status }) => status !== 'RUNNING',
    );
    expect({ error, cause }).toEqual(explainOptimizationFailure(failure, MAX_RUNTIME_SECONDS));
  });
});
