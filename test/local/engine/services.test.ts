import {
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { DescribeAlarmsCommand, PutMetricAlarmCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { GetBucketTaggingCommand } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { CALLER_HANDLER, STREAM_HANDLER } from './support/handlers';
import type { Json } from './support/fake-sidecar';
import { eventually, LocalAws, SPEED } from './support/local-aws';

const ACCOUNT = '123456789012';

describe('services of the local engine', () => {
  let aws: LocalAws;
  beforeAll(async () => {
    aws = await LocalAws.start();
  }, 90_000);
  afterAll(() => aws?.stop());

  const stackStatus = async (name: string): Promise<string> =>
    (await aws.cloudFormation.send(new DescribeStacksCommand({ StackName: name }))).Stacks![0]!.StackStatus!;
  const deploy = async (name: string, resources: object, outputs: object = {}): Promise<string> => {
    const body = JSON.stringify({ Resources: resources, Outputs: outputs });
    await aws.cloudFormation.send(new CreateStackCommand({ StackName: name, TemplateBody: body }));
    return eventually(
      () => stackStatus(name),
      (status) => !status.endsWith('_IN_PROGRESS'),
    );
  };

  it('creates the types it lacks through the sidecar and gives their Ref and attributes to the template', async () => {
    const status = await deploy(
      'with-model',
      {
        Model: {
          Type: 'AWS::SageMaker::Model',
          Properties: { ModelName: 'llm', ExecutionRoleArn: 'arn:aws:iam::1:role/r' },
        },
      },
      { Ref: { Value: { Ref: 'Model' } }, Name: { Value: { 'Fn::GetAtt': ['Model', 'ModelName'] } } },
    );
    expect(status).toBe('CREATE_COMPLETE');
    const { Stacks } = await aws.cloudFormation.send(new DescribeStacksCommand({ StackName: 'with-model' }));
    expect(
      Object.fromEntries(Stacks![0]!.Outputs!.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])),
    ).toEqual({
      Ref: 'arn:model/llm',
      Name: 'llm',
    });
    await aws.cloudFormation.send(new DeleteStackCommand({ StackName: 'with-model' }));
    await eventually(
      () =>
        aws.sidecar
          .at('/cloudformation')
          .map(({ action, logicalId, stackName }) => `${action} ${logicalId} ${stackName}`),
      (calls) => calls.includes('delete Model with-model'),
    );
  });

  it('fails the stack with the words of the sidecar', async () => {
    const status = await deploy('refused', {
      Model: { Type: 'AWS::SageMaker::Model', Properties: { ModelName: 'refused' } },
    });
    expect(status).toMatch(/ROLLBACK/);
    const { StackEvents } = await aws.cloudFormation.send(new DescribeStackEventsCommand({ StackName: 'refused' }));
    expect(StackEvents!.map((event) => event.ResourceStatusReason)).toContain(
      'ValidationException: the model was refused',
    );
  });

  it('refuses a resource type that nobody provides', async () => {
    await expect(deploy('unknown', { Job: { Type: 'AWS::SageMaker::Pipeline' } })).rejects.toThrow(
      /Unrecognized resource types: \[AWS::SageMaker::Pipeline\]/,
    );
  });

  it('keeps bucket tags and the time to live of a table', async () => {
    await deploy('kept', {
      Bucket: {
        Type: 'AWS::S3::Bucket',
        Properties: { BucketName: 'kept-bucket', Tags: [{ Key: 'aws-cdk:auto-delete-objects', Value: 'true' }] },
      },
      Table: {
        Type: 'AWS::DynamoDB::Table',
        Properties: {
          TableName: 'kept-table',
          KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
          TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
        },
      },
    });
    const { TagSet } = await aws.s3.send(new GetBucketTaggingCommand({ Bucket: 'kept-bucket' }));
    expect(TagSet).toEqual([{ Key: 'aws-cdk:auto-delete-objects', Value: 'true' }]);
    const { TimeToLiveDescription } = await aws.dynamoDb.send(
      new DescribeTimeToLiveCommand({ TableName: 'kept-table' }),
    );
    expect(TimeToLiveDescription).toEqual({ AttributeName: 'expires', TimeToLiveStatus: 'ENABLED' });
  });

  it('hands metric data and alarm changes to the sidecar and evaluates no alarm itself', async () => {
    await aws.cloudWatch.send(
      new PutMetricAlarmCommand({
        AlarmName: 'busy',
        Namespace: 'Test',
        MetricName: 'Load',
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'GreaterThanThreshold',
      }),
    );
    const at = new Date(Math.floor(aws.clock.now()) * 1000);
    const datum = { MetricName: 'Load', Timestamp: at, Dimensions: [{ Name: 'Queue', Value: 'q' }] };
    const put = (namespace: string): Promise<unknown> =>
      aws.cloudWatch.send(
        new PutMetricDataCommand({
          Namespace: namespace,
          MetricData: [
            { ...datum, Value: 5 },
            { ...datum, Values: [1, 2], Counts: [2, 1] },
            { ...datum, StatisticValues: { SampleCount: 3, Sum: 30, Minimum: 9, Maximum: 11 } },
          ],
        }),
      );
    await put('Test');
    await put('AWS/SageMaker');
    const data = await eventually(
      () => aws.sidecar.at('/hooks/metrics').flat(),
      (found) =>
        found.some(({ namespace }) => namespace === 'Test') && aws.sidecar.at('/hooks/alarms-changed').length > 0,
    );
    const mine = data.filter(({ metricName }) => metricName === 'Load');
    const merged = mine.reduce((a, b) => ({ ...a, sum: a.sum + b.sum, sampleCount: a.sampleCount + b.sampleCount }));
    expect(merged).toMatchObject({
      namespace: 'Test',
      dimensions: { Queue: 'q' },
      atSeconds: at.getTime() / 1000,
      sum: 39,
      sampleCount: 7,
    });
    expect(mine.every(({ namespace }) => namespace === 'Test')).toBe(true);
    const { MetricAlarms } = await aws.cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: ['busy'] }));
    expect(MetricAlarms![0]!.StateValue).toBe('INSUFFICIENT_DATA');
  });

  it('keeps the metric math of an alarm for the sidecar', async () => {
    const metric = { Namespace: 'Test', MetricName: 'Load' };
    await deploy('math', {
      Alarm: {
        Type: 'AWS::CloudWatch::Alarm',
        Properties: {
          AlarmName: 'math',
          ComparisonOperator: 'GreaterThanThreshold',
          EvaluationPeriods: 3,
          Threshold: 2,
          Metrics: [
            { Id: 'e', Expression: 'FILL(m, 0)', ReturnData: 'true' },
            { Id: 'm', MetricStat: { Metric: metric, Period: 60, Stat: 'Sum' }, ReturnData: false },
          ],
        },
      },
    });
    const { MetricAlarms } = await aws.cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: ['math'] }));
    expect(MetricAlarms![0]).toMatchObject({
      EvaluationPeriods: 3,
      Metrics: [
        { Expression: 'FILL(m, 0)', ReturnData: true },
        { Id: 'm', ReturnData: false },
      ],
    });
    expect(MetricAlarms![0]!.MetricName).toBeUndefined();
  });

  it('shows clients on the machine clock no date, so that they do not take it for skew and retry', async () => {
    const response = await fetch(aws.engine.url, { method: 'POST', body: 'Action=ListStacks' });
    expect(response.headers.get('date')).toBeNull();
    expect((await fetch(`${aws.engine.url}/_tidegate/health`)).headers.get('date')).toBeNull();
  });

  it('gives handlers the local clock, whatever Node options they bring', async () => {
    await aws.createFunction('clocked', CALLER_HANDLER, [], { NODE_OPTIONS: '--enable-source-maps' });
    const before = await aws.invoke('clocked', {});
    await aws.clock.sleep(0.2 * SPEED);
    const answer = await aws.invoke('clocked', {});
    const shown = aws.clock.now();
    expect((answer.dateNow - before.dateNow) / 1000).toBeGreaterThan(0.19 * SPEED);
    expect(Math.abs(answer.dateNow / 1000 - shown)).toBeLessThan(0.5 * SPEED);
    expect(Math.abs(answer.newDate - answer.dateNow)).toBeLessThan(0.1 * SPEED * 1000);
    expect(answer.isDate).toBe(true);
  });

  it('fires a rule of one minute on the local clock without drifting', async () => {
    await aws.createFunction(
      'ticker',
      STREAM_HANDLER.replace('event.Records', '[]').replace('{ records,', '{ at: Date.now() / 1000, records,'),
    );
    await aws.events.send(new PutRuleCommand({ Name: 'every-minute', ScheduleExpression: 'rate(1 minute)' }));
    const target = { Id: 't', Arn: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:ticker` };
    await aws.events.send(new PutTargetsCommand({ Rule: 'every-minute', Targets: [target] }));
    const fired = await eventually(
      () => aws.observed('ticker') as unknown as { at: number }[],
      (calls) => calls.length >= 4,
    );
    const gaps = fired.slice(2, 4).map(({ at }, i) => at - fired[i + 1]!.at);
    for (const gap of gaps) expect(Math.abs(gap - 60)).toBeLessThan(0.25 * SPEED);
  });

  it('runs a training job to its end from a state machine, and names the reason when it fails', async () => {
    const roleArn = await aws.createRole('machine-role', 'states.amazonaws.com', []);
    const { stateMachineArn } = await aws.stepFunctions.send(
      new CreateStateMachineCommand({
        name: 'training',
        roleArn,
        definition: JSON.stringify({
          StartAt: 'Train',
          States: {
            Train: {
              Type: 'Task',
              Resource: 'arn:aws:states:::sagemaker:createTrainingJob.sync',
              Parameters: { 'TrainingJobName.$': '$.name' },
              End: true,
            },
          },
        }),
      }),
    );
    aws.sidecar.trainingJobs.set('fine', { TrainingJobStatus: 'InProgress' });
    aws.sidecar.trainingJobs.set('broken', { TrainingJobStatus: 'Failed', FailureReason: 'AlgorithmError: exit 1' });
    const finish = setTimeout(() => {
      aws.sidecar.trainingJobs.set('fine', { TrainingJobStatus: 'Completed', TrainingEndTime: 1_700_000_000.5 });
    }, 600);
    const execution = async (name: string): Promise<Json> => {
      const { executionArn } = await aws.stepFunctions.send(
        new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ name }) }),
      );
      return eventually(
        () => aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn })),
        ({ status }) => status !== 'RUNNING',
      );
    };
    const [fine, broken, refused] = await Promise.all(['fine', 'broken', 'no-capacity'].map(execution));
    clearTimeout(finish);
    expect(fine.status).toBe('SUCCEEDED');
    expect(JSON.parse(fine.output)).toEqual({ TrainingJobStatus: 'Completed', TrainingEndTime: 1_700_000_000_500 });
    expect(broken.error).toBe('States.TaskFailed');
    expect(JSON.parse(broken.cause).FailureReason).toBe('AlgorithmError: exit 1');
    expect(refused.error).toBe('SageMaker.ResourceLimitExceededException');
    expect(refused.cause).toMatch(/^CapacityError: Unable to provision .*Error Code: ResourceLimitExceeded/);
  });

  it('carries 200 inferences at once to the sidecar', async () => {
    aws.sidecar.inferenceMs = 400;
    const started = Date.now();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        aws.runtime.send(
          new InvokeEndpointCommand({ EndpointName: 'fleet', Body: Buffer.from(JSON.stringify({ id: i })) }),
        ),
      ),
    );
    aws.sidecar.inferenceMs = 0;
    expect(answers.map(({ Body }) => JSON.parse(Buffer.from(Body!).toString()).answered.id)).toEqual(
      answers.map((_, i) => i),
    );
    expect(aws.sidecar.mostInFlight).toBeGreaterThan(100);
    expect(Date.now() - started).toBeLessThan(6_000);
    expect(aws.sidecar.calls.find(({ path }) => path === '/endpoints/fleet/invocations')!.service).toBe('sagemaker');
  });

  describe('with permissions enforced', () => {
    beforeAll(async () => {
      const allowed = {
        Effect: 'Allow',
        Action: 'sagemaker:InvokeEndpoint',
        Resource: `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/allowed`,
      };
      await aws.createFunction('caller', CALLER_HANDLER, [allowed]);
      await aws.invoke('caller', {});
      await aws.engine.enforceIam();
    });

    it('lets a role do what its policies allow, and records every call they do not', async () => {
      const { results } = await aws.invoke('caller', { endpoints: ['allowed', 'other'] });
      expect(results.allowed).toBe('{"answered":{"id":"r-1"}}');
      expect(results.other).toMatch(/^AccessDenied.*sagemaker:InvokeEndpoint/);
      const denied = await aws.engine.deniedCalls();
      expect(denied).toEqual([
        {
          atSeconds: expect.any(Number),
          principal: `arn:aws:sts::${ACCOUNT}:assumed-role/caller-role/caller`,
          action: 'sagemaker:InvokeEndpoint',
          resource: `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/other`,
        },
      ]);
      expect(Math.abs(denied[0]!.atSeconds - aws.clock.now())).toBeLessThan(2 * SPEED);
    });

    it('keeps the root credentials allowed', async () => {
      const answer = await aws.runtime.send(
        new InvokeEndpointCommand({ EndpointName: 'other', Body: Buffer.from('{}') }),
      );
      expect(Buffer.from(answer.Body!).toString()).toBe('{"answered":{}}');
    });

    it('refuses a task that the role of the state machine does not allow', async () => {
      const { executionArn } = await aws.stepFunctions.send(
        new StartExecutionCommand({
          stateMachineArn: `arn:aws:states:us-east-1:${ACCOUNT}:stateMachine:training`,
          input: '{"name":"fine"}',
        }),
      );
      const ended = await eventually(
        () => aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn })),
        ({ status }) => status !== 'RUNNING',
      );
      expect(ended.error).toBe('SageMaker.AmazonSageMakerException');
      expect(ended.cause).toMatch(
        /not authorized to perform: sagemaker:CreateTrainingJob on resource: .*training-job\/fine/,
      );
      expect((await aws.engine.deniedCalls()).at(-1)).toMatchObject({ action: 'sagemaker:CreateTrainingJob' });
    });

    it('does not read a stream for a role that may not', async () => {
      const arn = await aws.createStream('closed', 1);
      await aws.createFunction('closed-consumer', STREAM_HANDLER);
      await aws.put('closed', [{ key: 'k', data: '1' }]);
      await aws.mapStream(arn, 'closed-consumer', {});
      await eventually(
        () => aws.engine.deniedCalls(),
        (calls) => calls.some(({ action, resource }) => action === 'kinesis:GetShardIterator' && resource === arn),
      );
      expect((await aws.engine.streamBacklog()).closed).toMatchObject({ put: 1, queued: 1 });
    });
  });
});
