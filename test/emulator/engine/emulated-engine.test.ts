import {
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  CloudFormationClient,
} from '@aws-sdk/client-cloudformation';
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetMetricStatisticsCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { LocalClock } from '../../../lib/emulator/clock';
import { startLocalAccount, type LocalAccount } from './support/local-account';
import { eventually, SPEED } from './support/local-aws';

/** The engine and the emulator as a local run starts them. */
describe('the emulator beside the engine', () => {
  const clock = LocalClock.startingNow(SPEED);
  const startSeconds = clock.now();
  let account: LocalAccount;

  beforeAll(async () => {
    account = await startLocalAccount(clock);
    const s3 = new S3Client({ ...account.config, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
    await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'model.gz', Body: 'weights' }));
    s3.destroy();
  });

  afterAll(() => account?.stop());

  const template = {
    Resources: {
      Model: {
        Type: 'AWS::SageMaker::Model',
        Properties: {
          ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
          EnableNetworkIsolation: true,
          PrimaryContainer: {
            Image: 'triton',
            ModelDataSource: {
              S3DataSource: { S3Uri: 's3://artifacts/model.gz', S3DataType: 'S3Object', CompressionType: 'Gzip' },
            },
          },
        },
      },
      Config: {
        Type: 'AWS::SageMaker::EndpointConfig',
        Properties: {
          ProductionVariants: [
            {
              VariantName: 'gpu',
              ModelName: { 'Fn::GetAtt': ['Model', 'ModelName'] },
              InitialInstanceCount: 1,
              InstancePools: [{ InstanceType: 'ml.g5.xlarge', Priority: 1 }],
            },
          ],
        },
      },
      Endpoint: {
        Type: 'AWS::SageMaker::Endpoint',
        Properties: {
          EndpointName: 'chat',
          EndpointConfigName: { 'Fn::GetAtt': ['Config', 'EndpointConfigName'] },
          RetainAllVariantProperties: true,
        },
      },
      Target: {
        Type: 'AWS::ApplicationAutoScaling::ScalableTarget',
        DependsOn: 'Endpoint',
        Properties: {
          ServiceNamespace: 'sagemaker',
          ResourceId: 'endpoint/chat/variant/gpu',
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          MinCapacity: 1,
          MaxCapacity: 2,
        },
      },
      Policy: {
        Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
        Properties: {
          PolicyName: 'concurrency',
          PolicyType: 'TargetTrackingScaling',
          ScalingTargetId: { Ref: 'Target' },
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: 5.6,
            PredefinedMetricSpecification: {
              PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
            },
          },
        },
      },
    },
  };

  test('a stack deploys and goes again, and metrics and alarms are seen by both sides', async () => {
    const stacks = new CloudFormationClient(account.config);
    await stacks.send(new CreateStackCommand({ StackName: 'whole', TemplateBody: JSON.stringify(template) }));
    const status = (): Promise<string> =>
      stacks.send(new DescribeStacksCommand({ StackName: 'whole' })).then((reply) => reply.Stacks![0]!.StackStatus!);
    const created = await eventually(status, (now) => !now.endsWith('IN_PROGRESS'), 60_000);
    if (created !== 'CREATE_COMPLETE') {
      const { StackEvents } = await stacks.send(new DescribeStackEventsCommand({ StackName: 'whole' }));
      throw new Error(
        StackEvents!
          .map((event) => event.ResourceStatusReason)
          .filter(Boolean)
          .join('\n'),
      );
    }

    const runtime = new SageMakerRuntimeClient(account.config);
    const answer = await runtime.send(
      new InvokeEndpointCommand({
        EndpointName: 'chat',
        Body: JSON.stringify({ id: 'r-1', key: 'k', context_tokens: 10, generated_tokens: 10 }),
      }),
    );
    expect(JSON.parse(Buffer.from(answer.Body!).toString())).toMatchObject({ id: 'r-1', generated_tokens: 10 });

    const stream = await runtime.send(
      new InvokeEndpointWithResponseStreamCommand({
        EndpointName: 'chat',
        Body: JSON.stringify({ id: 'r-2', key: 'k', context_tokens: 10, generated_tokens: 200 }),
      }),
    );
    const parts: string[] = [];
    for await (const { PayloadPart } of stream.Body!) parts.push(Buffer.from(PayloadPart!.Bytes!).toString());
    expect(parts).toHaveLength(5);
    expect(JSON.parse(parts.at(-1)!)).toMatchObject({ id: 'r-2', generated_tokens: 200 });

    const metrics = new CloudWatchClient(account.config);
    const invocations = async (): Promise<number> => {
      const { Datapoints } = await metrics.send(
        new GetMetricStatisticsCommand({
          Namespace: 'AWS/SageMaker',
          MetricName: 'Invocations',
          Dimensions: [
            { Name: 'EndpointName', Value: 'chat' },
            { Name: 'VariantName', Value: 'gpu' },
          ],
          StartTime: new Date(startSeconds * 1000 - 60_000),
          EndTime: new Date(clock.now() * 1000),
          Period: 60,
          Statistics: ['Sum'],
        }),
      );
      return Datapoints!.reduce((sum, point) => sum + point.Sum!, 0);
    };
    await eventually(invocations, (count) => count === 2);

    await metrics.send(
      new PutMetricAlarmCommand({
        AlarmName: 'lag',
        Namespace: 'Ingest',
        MetricName: 'Lag',
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 10,
        ComparisonOperator: 'GreaterThanThreshold',
        TreatMissingData: 'ignore',
      }),
    );
    const alarmAfterDatum = async () => {
      await metrics.send(
        new PutMetricDataCommand({ Namespace: 'Ingest', MetricData: [{ MetricName: 'Lag', Value: 20 }] }),
      );
      const { MetricAlarms } = await metrics.send(new DescribeAlarmsCommand({ AlarmNames: ['lag'] }));
      return MetricAlarms![0]!;
    };
    const alarm = await eventually(alarmAfterDatum, ({ StateValue }) => StateValue === 'ALARM');
    expect(alarm.StateReason).toContain('Threshold Crossed');
    const { MetricAlarms } = await metrics.send(new DescribeAlarmsCommand({}));
    const owned = account.emulator.snapshot().alarms.filter((known) => known.ownedByPolicy);
    expect(owned).toHaveLength(2);
    for (const { name } of owned) expect(MetricAlarms!.map(({ AlarmName }) => AlarmName)).toContain(name);

    await stacks.send(new DeleteStackCommand({ StackName: 'whole' }));
    await eventually(
      () => account.emulator.snapshot().endpoints.length,
      (count) => count === 0,
    );
    expect(account.emulator.snapshot().targets).toEqual([]);
    for (const client of [stacks, runtime, metrics]) client.destroy();
  });
});
