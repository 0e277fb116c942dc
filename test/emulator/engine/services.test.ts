import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { DescribeAlarmsCommand, PutMetricAlarmCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateBucketCommand, GetBucketTaggingCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { ResolvedTemplate, type Statement, type SynthesizedTemplate } from '../../support/policies';
import { CALLER_HANDLER, LIMITER_HANDLER, READER_HANDLER, STREAM_HANDLER } from './support/handlers';
import { CostGuard } from '../../../lib/cost';
import { GpuEndpoint, InferenceComponent } from '../../../lib/inference';
import { CapacityForecaster, ForecastMode } from '../../../lib/scaling';
import { engineClock } from '../../../lib/local/deploy/external-platform';
import type { Json } from './support/fake-emulator';
import { eventually, LocalAws, SPEED } from './support/local-aws';

const ACCOUNT = '123456789012';

describe('services of the local engine', () => {
  let aws: LocalAws;
  beforeAll(async () => {
    aws = await LocalAws.start();
  });
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

  it('creates the types it lacks through the emulator and gives their Ref and attributes to the template', async () => {
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
        aws.emulator
          .at('/cloudformation')
          .map(({ action, logicalId, stackName }) => `${action} ${logicalId} ${stackName}`),
      (calls) => calls.includes('delete Model with-model'),
    );
  });

  it('fails the stack with the words of the emulator', async () => {
    const status = await deploy('refused', {
      Model: { Type: 'AWS::SageMaker::Model', Properties: { ModelName: 'refused' } },
    });
    expect(status).toMatch(/ROLLBACK/);
    const { StackEvents } = await aws.cloudFormation.send(new DescribeStackEventsCommand({ StackName: 'refused' }));
    expect(StackEvents!.map((event) => event.ResourceStatusReason)).toContain(
      'ValidationException: the model was refused',
    );
  });

  it('refuses a resource type that it does not know', async () => {
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

  it('hands metric data and alarm changes to the emulator and evaluates no alarm itself', async () => {
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
      () => aws.emulator.at('/hooks/metrics').flat(),
      (found) =>
        found.some(({ namespace }) => namespace === 'Test') && aws.emulator.at('/hooks/alarms-changed').length > 0,
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

  it('keeps the metric math of an alarm for the emulator', async () => {
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
    const from = aws.clock.now();
    const answer = await aws.invoke('clocked', {});
    const to = aws.clock.now();
    expect((answer.dateNow - before.dateNow) / 1000).toBeGreaterThan(0.19 * SPEED);
    // Both clocks are floored to milliseconds of the machine's: a real millisecond is SPEED local ones.
    expect(answer.dateNow / 1000).toBeGreaterThanOrEqual(from - 0.002 * SPEED);
    expect(answer.newDate).toBeGreaterThanOrEqual(answer.dateNow);
    expect(answer.newDate / 1000).toBeLessThanOrEqual(to + 0.002 * SPEED);
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
    const isMinute = (gap: number): boolean => Math.abs(gap - 60) < 0.25 * SPEED;
    // Two good gaps in a row: a stall of the machine makes one late and the next one short.
    await eventually(
      () => aws.observed('ticker') as unknown as { at: number }[],
      (calls) => {
        const gaps = calls.slice(1).map(({ at }, index) => at - calls[index]!.at);
        return gaps.some((gap, index) => index > 1 && isMinute(gap) && isMinute(gaps[index - 1]!));
      },
    );
  });

  it('tells its exact clock to whoever attaches to it', async () => {
    const clock = (await engineClock(aws.engine.url))!;
    expect(clock.speed).toBe(SPEED);
    const local = aws.clock.localStartSeconds + ((clock.monotonicStartMs - aws.clock.monotonicStartMs) / 1000) * SPEED;
    expect(clock.localStartSeconds).toBeCloseTo(local, 2);
    expect(await engineClock(aws.emulator.url)).toBeUndefined();
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
    aws.emulator.trainingJobs.set('fine', { TrainingJobStatus: 'InProgress' });
    aws.emulator.trainingJobs.set('broken', { TrainingJobStatus: 'Failed', FailureReason: 'AlgorithmError: exit 1' });
    const finish = setTimeout(() => {
      aws.emulator.trainingJobs.set('fine', { TrainingJobStatus: 'Completed', TrainingEndTime: 1_700_000_000.5 });
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

  it('carries 200 inferences at once to the emulator', async () => {
    aws.emulator.inferencesTogether = 200;
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        aws.runtime.send(
          new InvokeEndpointCommand({ EndpointName: 'fleet', Body: Buffer.from(JSON.stringify({ id: i })) }),
        ),
      ),
    );
    aws.emulator.inferencesTogether = 1;
    expect(answers.map(({ Body }) => JSON.parse(Buffer.from(Body!).toString()).answered.id)).toEqual(
      answers.map((_, i) => i),
    );
    expect(aws.emulator.calls.find(({ path }) => path === '/endpoints/fleet/invocations')!.service).toBe('sagemaker');
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
      const from = aws.clock.now();
      const { results } = await aws.invoke('caller', { endpoints: ['allowed', 'other'] });
      const to = aws.clock.now();
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
      expect(denied[0]!.atSeconds).toBeGreaterThanOrEqual(from - 0.002 * SPEED);
      expect(denied[0]!.atSeconds).toBeLessThanOrEqual(to + 0.002 * SPEED);
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

    describe('that Application Auto Scaling validates', () => {
      const variant = {
        ServiceNamespace: 'sagemaker',
        ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        ResourceId: 'endpoint/chat/variant/main',
        MaxCapacity: 1,
      };
      const component = {
        ...variant,
        ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
        ResourceId: 'inference-component/chat',
      };
      const registrations = (): number =>
        aws.emulator.calls.filter(({ target }) => target === 'RegisterScalableTarget').length;
      const setLimits = async (statements: readonly object[], target: object): Promise<string> => {
        await aws.putRolePolicy('limiter-role', statements);
        return ((await aws.invoke('limiter', target)) as { result: string }).result;
      };

      beforeAll(() =>
        aws.createFunction('limiter', LIMITER_HANDLER, [{ Effect: 'Allow', Action: 'x:y', Resource: '*' }]),
      );

      it('lets the cost guard and the forecaster set limits with the permissions that they are granted', async () => {
        expect(await setLimits(guardStatements(), variant)).toBe('set');
        expect(await setLimits(protectingStatements(), variant)).toBe('set');
        expect(await setLimits(forecasterStatements(), component)).toBe('set');
        expect(registrations()).toBe(3);
      });

      it.each([
        ['sagemaker:DescribeEndpoint', `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/chat`],
        ['sagemaker:UpdateEndpointWeightsAndCapacities', `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint/chat`],
        ['sagemaker:DescribeEndpointConfig', `arn:aws:sagemaker:us-east-1:${ACCOUNT}:endpoint-config/`],
        ['cloudwatch:DescribeAlarms', '*'],
        ['cloudwatch:DeleteAlarms', `arn:aws:cloudwatch:us-east-1:${ACCOUNT}:alarm:TargetTracking`],
        ['cloudwatch:PutMetricAlarm', `arn:aws:cloudwatch:us-east-1:${ACCOUNT}:alarm:TargetTracking`],
      ])(
        'refuses the limit of a guard that lacks %s, and names the action and the resource',
        async (action, resource) => {
          const before = registrations();
          const lacking = guardStatements().map((statement) => ({
            ...statement,
            Action: statement.Action.filter((one) => one !== action).concat('x:y'),
          }));
          expect(await setLimits(lacking, variant)).toBe(
            `ValidationException: User is missing the following permissions: ${action}`,
          );
          expect(registrations()).toBe(before);
          const denied = (await aws.engine.deniedCalls()).at(-1)!;
          expect(denied).toMatchObject({ action, principal: expect.stringContaining('limiter-role') });
          expect(denied.resource.startsWith(resource)).toBe(true);
        },
      );

      it('checks a made-up configuration, so that a grant on the one in use does not suffice', async () => {
        const named = guardStatements().map((statement) => ({
          ...statement,
          Resource: statement.Resource.map((arn) => arn.replace('endpoint-config/*', 'endpoint-config/chat')),
        }));
        expect(await setLimits(named, variant)).toMatch(/permissions: sagemaker:DescribeEndpointConfig$/);
      });

      it('allows changes of alarms to Application Auto Scaling alone', async () => {
        const conditions = guardStatements().map((statement) =>
          statement.Action.includes('cloudwatch:PutMetricAlarm')
            ? { ...statement, Condition: { StringEquals: { 'aws:CalledViaLast': 'other.amazonaws.com' } } }
            : statement,
        );
        expect(await setLimits(conditions, variant)).toMatch(
          /permissions: cloudwatch:DeleteAlarms, cloudwatch:PutMetricAlarm$/,
        );
      });
    });

    describe('of an object that is not there', () => {
      const read = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::kept/*' };
      const list = { Effect: 'Allow', Action: 's3:ListBucket', Resource: 'arn:aws:s3:::kept' };
      const below = (prefix: string): object => ({ ...list, Condition: { StringLike: { 's3:prefix': `${prefix}*` } } });

      beforeAll(async () => {
        await aws.s3.send(new CreateBucketCommand({ Bucket: 'kept' }));
        await aws.s3.send(new PutObjectCommand({ Bucket: 'kept', Key: 'results/there', Body: 'x' }));
        await aws.createFunction('reader', READER_HANDLER, [read]);
      });

      it.each<[string, object[], string, string]>([
        ['without a list is refused', [read], 'AccessDenied 403', 'Unknown 403'],
        ['with the list of the bucket is told', [read, list], 'NoSuchKey 404', 'NotFound 404'],
        ['with the list of its prefix is told', [read, below('results/')], 'NoSuchKey 404', 'NotFound 404'],
        ['with the list of another prefix is refused', [read, below('models/')], 'AccessDenied 403', 'Unknown 403'],
      ])('a read %s', async (_, statements, missing, missingHead) => {
        await aws.putRolePolicy('reader-role', statements);
        const result = async (Key: string, head = false): Promise<string> =>
          ((await aws.invoke('reader', { Bucket: 'kept', Key, head })) as { result: string }).result;
        expect(await result('results/there')).toBe('found');
        expect(await result('results/gone')).toBe(missing);
        expect(await result('results/gone', true)).toBe(missingHead);
        if (missing.startsWith('AccessDenied'))
          expect((await aws.engine.deniedCalls()).at(-1)).toMatchObject({
            principal: expect.stringContaining('reader-role'),
            action: 's3:ListBucket',
            resource: 'arn:aws:s3:::kept',
          });
      });

      it.each<[string, object[], string]>([
        ['without a list is refused', [read], 'S3.S3Exception'],
        ['with the list of the bucket is told', [read, list], 'S3.NoSuchKeyException'],
      ])('a read of a state machine %s', async (name, statements, error) => {
        const roleName = `reads-${error.slice(3)}`;
        const machine = await aws.stepFunctions.send(
          new CreateStateMachineCommand({
            name: roleName,
            roleArn: await aws.createRole(roleName, 'states.amazonaws.com', statements),
            definition: JSON.stringify({
              StartAt: 'Read',
              States: {
                Read: {
                  Type: 'Task',
                  Resource: 'arn:aws:states:::aws-sdk:s3:getObject',
                  Parameters: { Bucket: 'kept', Key: 'results/gone' },
                  End: true,
                },
              },
            }),
          }),
        );
        const { executionArn } = await aws.stepFunctions.send(
          new StartExecutionCommand({ stateMachineArn: machine.stateMachineArn, input: '{}' }),
        );
        const ended = await eventually(
          () => aws.stepFunctions.send(new DescribeExecutionCommand({ executionArn })),
          ({ status }) => status !== 'RUNNING',
        );
        expect({ name, error: ended.error }).toEqual({ name, error });
      });

      it('is told to the engine itself and to root', async () => {
        await expect(aws.s3.send(new GetObjectCommand({ Bucket: 'kept', Key: 'results/gone' }))).rejects.toMatchObject({
          name: 'NoSuchKey',
        });
      });
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

function stackOfAccount(): Stack {
  return new Stack(new App(), 'Limits', { env: { account: ACCOUNT, region: 'us-east-1' } });
}

/** Statements of the only handler of a stack. */
function handlerStatements(stack: Stack): Statement[] {
  const template = new ResolvedTemplate(Template.fromStack(stack).toJSON() as SynthesizedTemplate);
  const [[roleId]] = template.resources('AWS::IAM::Role') as [[string, unknown]];
  return template.statementsOfRole(roleId);
}

/** Statements that the cost guard of an endpoint is granted. */
function guardStatements(): Statement[] {
  const stack = stackOfAccount();
  const endpoint = GpuEndpoint.fromGpuEndpointAttributes(stack, 'Chat', {
    endpointName: 'chat',
    variantName: 'main',
    instanceTypes: ['ml.g5.xlarge'],
  });
  new CostGuard(stack, 'Guard', {
    budgetUsd: 5000,
    fleets: [{ scaling: endpoint.autoScale({ minCapacity: 1, maxCapacity: 4 }) }],
  });
  return handlerStatements(stack);
}

/** Statements that a cost guard is granted of an endpoint that somebody else registered. */
function protectingStatements(): Statement[] {
  const stack = stackOfAccount();
  const endpoint = GpuEndpoint.fromGpuEndpointAttributes(stack, 'Chat', {
    endpointName: 'chat',
    variantName: 'main',
    instanceTypes: ['ml.g5.xlarge'],
  });
  new CostGuard(stack, 'Guard', { budgetUsd: 5000 }).protect(endpoint, { protectedFloor: 1 });
  return handlerStatements(stack);
}

/** Statements that an active forecaster of an inference component is granted. */
function forecasterStatements(): Statement[] {
  const stack = stackOfAccount();
  const component = InferenceComponent.fromInferenceComponentAttributes(stack, 'Chat', {
    endpointName: 'shared',
    variantName: 'main',
    componentName: 'chat',
  });
  new CapacityForecaster(stack, 'Forecast', {
    scaling: component.autoScale({ minCapacity: 1, maxCapacity: 4 }),
    serviceTime: Duration.seconds(1),
    mode: ForecastMode.ACTIVE,
  });
  return handlerStatements(stack);
}
