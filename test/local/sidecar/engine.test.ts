import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
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
import { LocalClock } from '../../../lib/local/clock';
import { LOCAL_REGION, localCredentials } from '../../../lib/local/engine/credentials';
import { startEngine, type Engine } from '../../../lib/local/engine/engine';
import { ensurePythonEnvironment } from '../../../lib/local/engine/python-environment';
import { startSidecar, type Sidecar } from '../../../lib/local/sidecar';
import { until } from './platform';

const PROJECT = path.join(__dirname, '../../..');

/** The engine and the sidecar as a local run starts them, on a fast clock. */
jest.retryTimes(2); // the clock is hundreds of times the machine's, and a busy machine misses windows

describe('the sidecar beside the engine', () => {
  const clock = LocalClock.startingNow(300);
  let directory: string;
  let sidecar: Sidecar;
  let engine: Engine;
  let config: { endpoint: string; region: string; credentials: typeof localCredentials };

  beforeAll(async () => {
    const python = await ensurePythonEnvironment({ projectDirectory: PROJECT });
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-sidecar-'));
    sidecar = await startSidecar({
      port: 0,
      clock,
      engineUrl: () => engine.url,
      seed: 1,
    });
    engine = await startEngine({
      port: 0,
      clock,
      sidecarUrl: sidecar.url,
      dataDirectory: directory,
      python,
      projectDirectory: PROJECT,
    });
    config = { endpoint: engine.url, region: LOCAL_REGION, credentials: localCredentials };
    const s3 = new S3Client({ ...config, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
    await s3.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'model.gz', Body: 'weights' }));
    s3.destroy();
  }, 90_000);

  afterAll(async () => {
    await sidecar?.stop();
    await engine?.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  });

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
    const stacks = new CloudFormationClient(config);
    await stacks.send(new CreateStackCommand({ StackName: 'whole', TemplateBody: JSON.stringify(template) }));
    const status = (): Promise<string> =>
      stacks.send(new DescribeStacksCommand({ StackName: 'whole' })).then((reply) => reply.Stacks![0]!.StackStatus!);
    await until('the stack is done', async () => !(await status()).endsWith('IN_PROGRESS'), 30_000);
    if ((await status()) !== 'CREATE_COMPLETE') {
      const { StackEvents } = await stacks.send(new DescribeStackEventsCommand({ StackName: 'whole' }));
      throw new Error(
        StackEvents!
          .map((event) => event.ResourceStatusReason)
          .filter(Boolean)
          .join('\n'),
      );
    }

    const runtime = new SageMakerRuntimeClient(config);
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

    const metrics = new CloudWatchClient(config);
    await until('the engine has the metrics', async () => {
      const { Datapoints } = await metrics.send(
        new GetMetricStatisticsCommand({
          Namespace: 'AWS/SageMaker',
          MetricName: 'Invocations',
          Dimensions: [
            { Name: 'EndpointName', Value: 'chat' },
            { Name: 'VariantName', Value: 'gpu' },
          ],
          StartTime: new Date((clock.now() - 3600) * 1000),
          EndTime: new Date(clock.now() * 1000),
          Period: 60,
          Statistics: ['Sum'],
        }),
      );
      return Datapoints!.reduce((sum, point) => sum + point.Sum!, 0) === 2;
    });

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
      }),
    );
    const alarm = await until('the alarm goes off in the engine', async () => {
      await metrics.send(
        new PutMetricDataCommand({ Namespace: 'Ingest', MetricData: [{ MetricName: 'Lag', Value: 20 }] }),
      );
      const { MetricAlarms } = await metrics.send(new DescribeAlarmsCommand({ AlarmNames: ['lag'] }));
      return MetricAlarms!.find(({ StateValue }) => StateValue === 'ALARM');
    });
    expect(alarm.StateReason).toContain('Threshold Crossed');
    const { MetricAlarms } = await metrics.send(new DescribeAlarmsCommand({}));
    const owned = sidecar.snapshot().alarms.filter((known) => known.ownedByPolicy);
    expect(owned).toHaveLength(2);
    for (const { name } of owned) expect(MetricAlarms!.map(({ AlarmName }) => AlarmName)).toContain(name);

    await stacks.send(new DeleteStackCommand({ StackName: 'whole' }));
    await until('the endpoint is gone', () => sidecar.snapshot().endpoints.length === 0);
    expect(sidecar.snapshot().targets).toEqual([]);
    for (const client of [stacks, runtime, metrics]) client.destroy();
  }, 60_000);
});
