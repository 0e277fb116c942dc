import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { GpuEndpoint, ModelArtifact, ModelServer, RoutingStrategy, type GpuEndpointProps } from '../../lib/inference';
import { HandlerFunction } from '../../lib/runtime';

const env = { account: '123456789012', region: 'us-east-1' };
const pools = [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }];

function newStack(): Stack {
  return new Stack(new App(), 'Test', { env });
}

function endpointIn(stack: Stack, props: Partial<GpuEndpointProps> = {}): GpuEndpoint {
  return new GpuEndpoint(stack, 'Chat', { modelServer: ModelServer.triton(), pools, ...props });
}

function templateOf(props: Partial<GpuEndpointProps> = {}): Template {
  const stack = newStack();
  endpointIn(stack, props);
  return Template.fromStack(stack);
}

function variantWith(properties: object): object {
  return { ProductionVariants: [Match.objectLike(properties)] };
}

describe('GpuEndpoint by default', () => {
  test('falls back through its pools in order', () => {
    templateOf().hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({
        VariantName: 'main',
        InstanceType: Match.absent(),
        InstancePools: [
          { InstanceType: 'ml.g5.xlarge', Priority: 1 },
          { InstanceType: 'ml.g6.xlarge', Priority: 2 },
        ],
        VariantInstanceProvisionTimeoutInSeconds: 600,
        InitialInstanceCount: 1,
      }),
    );
  });

  test('publishes enhanced metrics every 10 seconds and no detailed observability', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      MetricsConfig: {
        EnableEnhancedMetrics: true,
        EnableDetailedObservability: false,
        MetricPublishFrequencyInSeconds: 10,
      },
    });
  });

  test('routes to the instance with the fewest requests in flight', () => {
    templateOf().hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({ RoutingConfig: { RoutingStrategy: 'LEAST_OUTSTANDING_REQUESTS' } }),
    );
  });

  test('gives containers and downloads 10 minutes', () => {
    templateOf().hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({ ContainerStartupHealthCheckTimeoutInSeconds: 600, ModelDataDownloadTimeoutInSeconds: 600 }),
    );
  });

  test('names no endpoint configuration, no key and no volume size', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      EndpointConfigName: Match.absent(),
      KmsKeyId: Match.absent(),
      ...variantWith({ VolumeSizeInGB: Match.absent() }),
    });
  });

  test('tags the configuration with the tested concurrency of an instance', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }],
    });
  });

  test('keeps the model off the network', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::Model', { EnableNetworkIsolation: true });
  });

  test('rolls out in batches, keeps the scaled count and goes back on its alarms', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::Endpoint', {
      RetainAllVariantProperties: true,
      DeploymentConfig: {
        RollingUpdatePolicy: {
          MaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 25 },
          RollbackMaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 100 },
          WaitIntervalInSeconds: 300,
        },
        AutoRollbackConfiguration: {
          Alarms: [
            { AlarmName: { Ref: Match.stringLikeRegexp('RollbackOnErrors') } },
            { AlarmName: { Ref: Match.stringLikeRegexp('RollbackOnLatency') } },
          ],
        },
      },
    });
  });

  test('watches the new configuration alone, and stays silent while no rollout runs', () => {
    const template = templateOf();
    for (const [MetricName, Threshold] of [
      ['Invocation5XXErrors', 0.05],
      ['ModelLatency', 30_000_000],
    ] as const) {
      template.hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName,
        Threshold,
        Statistic: 'Average',
        TreatMissingData: 'notBreaching',
        Dimensions: Match.arrayWith([
          {
            Name: 'EndpointConfigName',
            Value: { 'Fn::GetAtt': [Match.stringLikeRegexp('Config'), 'EndpointConfigName'] },
          },
        ]),
      });
    }
  });

  test('serves with Triton from the region’s account on an AMI with its driver', () => {
    const template = templateOf();
    template.hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: {
        Image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:26.05-py3',
        ModelDataSource: Match.absent(),
      },
    });
    template.hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      variantWith({ InferenceAmiVersion: 'al2023-ami-sagemaker-inference-gpu-4-1' }),
    );
  });

  test('has a lower-case name of its own that is known before it is made', () => {
    const [endpoint] = Object.values(templateOf().findResources('AWS::SageMaker::Endpoint'));
    expect((endpoint as { Properties: { EndpointName: string } }).Properties.EndpointName).toMatch(
      /^test-chat-[0-9a-f]{8}$/,
    );
  });
});

describe('the execution role', () => {
  function statements(props: Partial<GpuEndpointProps> = {}): { Action: string | string[]; Resource: unknown }[] {
    const policies = Object.values(templateOf(props).findResources('AWS::IAM::Policy')) as {
      Properties: { PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] } };
    }[];
    return policies.flatMap((policy) => policy.Properties.PolicyDocument.Statement);
  }

  test('has no managed policy', () => {
    templateOf().hasResourceProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  test('pulls from the repository of its image only', () => {
    const pull = statements().find((statement) => statement.Action.includes('ecr:BatchGetImage'));
    expect(JSON.stringify(pull?.Resource)).toContain(':ecr:us-east-1:763104351884:repository/sagemaker-tritonserver');
  });

  test('uses a wildcard resource only for actions that know no resources', () => {
    const open = statements().filter((statement) => statement.Resource === '*');
    expect(open.map((statement) => statement.Action)).toEqual([
      'ecr:GetAuthorizationToken',
      'cloudwatch:PutMetricData',
    ]);
  });

  test('may look at the alarms that take a rollout back', () => {
    const look = statements().find((statement) => statement.Action === 'cloudwatch:DescribeAlarms');
    expect(look?.Resource).toHaveLength(2);
  });

  test('reads the one object of the model', () => {
    const stack = newStack();
    const bucket = s3.Bucket.fromBucketName(stack, 'Models', 'models');
    endpointIn(stack, { modelArtifact: ModelArtifact.fromBucket(bucket, 'chat/model.tar.gz') });
    const template = JSON.stringify(Template.fromStack(stack).toJSON());
    expect(template).toContain(':s3:::models/chat/model.tar.gz');
    expect(template).not.toContain('models/*');
  });

  test('may be one that exists already', () => {
    const stack = newStack();
    const executionRole = iam.Role.fromRoleName(stack, 'Role', 'model-role');
    endpointIn(stack, { executionRole });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::IAM::Role', 0);
    template.hasResourceProperties('AWS::IAM::Policy', { Roles: ['model-role'] });
  });
});

describe('GpuEndpoint takes', () => {
  test('names, counts and times', () => {
    const template = templateOf({
      endpointName: 'chat',
      variantName: 'blue',
      initialInstanceCount: 2,
      maxConcurrencyPerInstance: 16,
      provisionTimeout: Duration.minutes(20),
      startupTimeout: Duration.minutes(15),
      modelDownloadTimeout: Duration.minutes(30),
      metricsFrequency: Duration.seconds(60),
      detailedObservability: true,
      routing: RoutingStrategy.RANDOM,
      networkIsolation: false,
    });
    template.hasResourceProperties('AWS::SageMaker::Endpoint', { EndpointName: 'chat' });
    template.hasResourceProperties('AWS::SageMaker::Model', { EnableNetworkIsolation: false });
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      MetricsConfig: { EnableDetailedObservability: true, MetricPublishFrequencyInSeconds: 60 },
      Tags: [{ Value: '16' }],
      ...variantWith({
        VariantName: 'blue',
        InitialInstanceCount: 2,
        VariantInstanceProvisionTimeoutInSeconds: 1200,
        ContainerStartupHealthCheckTimeoutInSeconds: 900,
        ModelDataDownloadTimeoutInSeconds: 1800,
        RoutingConfig: { RoutingStrategy: 'RANDOM' },
      }),
    });
  });

  test('a rollout of its own with further alarms', () => {
    const stack = newStack();
    const alarm = cloudwatch.Alarm.fromAlarmArn(
      stack,
      'Quality',
      'arn:aws:cloudwatch:us-east-1:123456789012:alarm:quality',
    );
    endpointIn(stack, {
      rollout: {
        batchPercent: 50,
        waitInterval: Duration.minutes(1),
        maxErrorRate: 0.01,
        maxModelLatency: Duration.millis(800),
        alarms: [alarm],
      },
    });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::Endpoint', {
      DeploymentConfig: {
        RollingUpdatePolicy: { MaximumBatchSize: { Value: 50 }, WaitIntervalInSeconds: 60 },
        AutoRollbackConfiguration: { Alarms: Match.arrayWith([{ AlarmName: 'quality' }]) },
      },
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'ModelLatency', Threshold: 800_000 });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'Invocation5XXErrors', Threshold: 0.01 });
  });

  test('a key and a volume size on types without local disks', () => {
    const stack = newStack();
    endpointIn(stack, {
      modelServer: ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/neuron:1'),
      pools: [{ instanceType: 'ml.inf2.xlarge' }],
      encryptionKey: new kms.Key(stack, 'Key'),
      volumeSizeGb: 100,
    });
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('Key'), 'Arn'] },
      ...variantWith({ VolumeSizeInGB: 100 }),
    });
  });
});

describe('GpuEndpoint refuses', () => {
  test.each<[string, Partial<GpuEndpointProps>, RegExp]>([
    ['no pool', { pools: [] }, /pools has 0 instance types; give 1 to 5/],
    ['six pools', { pools: Array.from({ length: 6 }, () => pools[0]!) }, /pools has 6 instance types/],
    ['the same pool twice', { pools: [pools[0]!, pools[0]!] }, /names ml\.g5\.xlarge twice/],
    [
      'an unknown type',
      { pools: [{ instanceType: 'ml.g5.xl' }] },
      /unknown instance type 'ml\.g5\.xl'; nearest known: ml\.g5\./,
    ],
    ['a burstable type', { pools: [{ instanceType: 'ml.t2.large' }] }, /ml\.t2\.large is burstable/],
    [
      'a type without an accelerator',
      { pools: [{ instanceType: 'ml.m5.xlarge' }] },
      /ml\.m5\.xlarge has no accelerator/,
    ],
    [
      'GPU and Neuron pools together',
      { pools: [pools[0]!, { instanceType: 'ml.inf2.xlarge' }] },
      /mixes GPU and Neuron/,
    ],
    ['a GPU image on Neuron', { pools: [{ instanceType: 'ml.inf2.xlarge' }] }, /does not run on neuron instances/],
    ['an unknown AMI', { modelServer: ModelServer.triton({ inferenceAmi: 'gpu-9' }) }, /unknown inferenceAmi 'gpu-9'/],
    ['a name with an underscore', { endpointName: 'my_chat' }, /endpointName 'my_chat' must be 1 to 63 letters/],
    ['a long variant name', { variantName: 'v'.repeat(64) }, /variantName/],
    ['no instance', { initialInstanceCount: 0 }, /initialInstanceCount \(0\) must be a whole number, 1 or more/],
    ['half a slot', { maxConcurrencyPerInstance: 0.5 }, /maxConcurrencyPerInstance \(0\.5\)/],
    ['too short a search', { provisionTimeout: Duration.minutes(4) }, /provisionTimeout \(240 s\).*300 to 3600/],
    ['too long a start', { startupTimeout: Duration.hours(2) }, /startupTimeout \(7200 s\)/],
    ['too short a download', { modelDownloadTimeout: Duration.seconds(5) }, /modelDownloadTimeout \(5 s\)/],
    ['an odd frequency', { metricsFrequency: Duration.seconds(15) }, /metricsFrequency \(15 s\) must be one of 10, 30/],
    ['a batch of 60 %', { rollout: { batchPercent: 60 } }, /rollout\.batchPercent \(60 %\).*5 to 50/],
    ['an error rate of 0', { rollout: { maxErrorRate: 0 } }, /rollout\.maxErrorRate \(0\)/],
    ['a long wait', { rollout: { waitInterval: Duration.hours(2) } }, /rollout\.waitInterval/],
    ['a latency of 0', { rollout: { maxModelLatency: Duration.seconds(0) } }, /rollout\.maxModelLatency/],
    [
      'a volume size on local disks',
      { volumeSizeGb: 50 },
      /volumeSizeGb cannot be used with ml\.g5\.xlarge, ml\.g6\.xlarge/,
    ],
  ])('%s', (_name, props, message) => {
    expect(() => templateOf(props)).toThrow(message);
  });

  test('a key on local disks', () => {
    const stack = newStack();
    const encryptionKey = new kms.Key(stack, 'Key');
    expect(() => endpointIn(stack, { encryptionKey })).toThrow(/encryptionKey cannot be used with ml\.g5\.xlarge/);
  });

  test('more alarms than SageMaker takes', () => {
    const stack = newStack();
    const alarms = Array.from({ length: 9 }, (_, i) =>
      cloudwatch.Alarm.fromAlarmArn(stack, `A${i}`, `arn:aws:cloudwatch:us-east-1:123456789012:alarm:a${i}`),
    );
    expect(() => endpointIn(stack, { rollout: { alarms } })).toThrow(/rollout\.alarms has 9 alarms/);
  });

  test('everything that is wrong at once, with the construct’s path', () => {
    expect(() => templateOf({ pools: [], initialInstanceCount: 0 })).toThrow(
      /^Test\/Chat:\n {2}- pools has 0[^\n]*\n {2}- initialInstanceCount/,
    );
  });
});

describe('grantInvoke', () => {
  test('lets a function invoke the endpoint and tells it the name', () => {
    const stack = newStack();
    const endpoint = endpointIn(stack);
    const handler = new HandlerFunction(stack, 'Caller', { handlerName: 'scale-events', description: 'Calls' });
    endpoint.grantInvoke(handler);
    const template = Template.fromStack(stack);
    const ref = { 'Fn::GetAtt': [Match.stringLikeRegexp('ChatEndpoint'), 'EndpointName'] };
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: { TIDEGATE_ENDPOINT_NAME: ref } },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Action: [
              'sagemaker:InvokeEndpoint',
              'sagemaker:InvokeEndpointAsync',
              'sagemaker:InvokeEndpointWithResponseStream',
            ],
            Effect: 'Allow',
            Resource: { Ref: Match.stringLikeRegexp('ChatEndpoint') },
          },
        ]),
      },
    });
  });

  test('works from another stack', () => {
    const app = new App();
    const serving = new Stack(app, 'Serving', { env });
    const calling = new Stack(app, 'Calling', { env });
    const role = new iam.Role(calling, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    endpointIn(serving).grantInvoke(role);
    Template.fromStack(calling).resourceCountIs('AWS::IAM::Policy', 1);
  });
});

describe('metrics', () => {
  test.each<[string, (endpoint: GpuEndpoint) => cloudwatch.Metric, string, string, string]>([
    ['metricInvocations', (e) => e.metricInvocations(), 'AWS/SageMaker', 'Invocations', 'Sum'],
    [
      'metricInvocationsPerInstance',
      (e) => e.metricInvocationsPerInstance(),
      'AWS/SageMaker',
      'InvocationsPerInstance',
      'Sum',
    ],
    [
      'metricConcurrentRequests',
      (e) => e.metricConcurrentRequests(),
      'AWS/SageMaker',
      'ConcurrentRequestsPerModel',
      'Maximum',
    ],
    ['metricModelLatency', (e) => e.metricModelLatency(), 'AWS/SageMaker', 'ModelLatency', 'Average'],
    ['metricOverheadLatency', (e) => e.metricOverheadLatency(), 'AWS/SageMaker', 'OverheadLatency', 'Average'],
    ['metric4xx', (e) => e.metric4xx(), 'AWS/SageMaker', 'Invocation4XXErrors', 'Sum'],
    ['metric5xx', (e) => e.metric5xx(), 'AWS/SageMaker', 'Invocation5XXErrors', 'Sum'],
    ['metricGpuUtilization', (e) => e.metricGpuUtilization(), '/aws/sagemaker/Endpoints', 'GPUUtilization', 'Average'],
    [
      'metricGpuMemoryUtilization',
      (e) => e.metricGpuMemoryUtilization(),
      '/aws/sagemaker/Endpoints',
      'GPUMemoryUtilization',
      'Average',
    ],
  ])('%s reads the endpoint’s variant', (_name, metricOf, namespace, metricName, statistic) => {
    const metric = metricOf(endpointIn(newStack()));
    expect(metric).toMatchObject({ namespace, metricName, statistic });
    expect(Object.keys(metric.dimensions ?? {}).sort()).toEqual(['EndpointName', 'VariantName']);
    expect(metric.period.toSeconds()).toBe(60);
  });

  test('take options', () => {
    const metric = endpointIn(newStack()).metricModelLatency({ statistic: 'p95', period: Duration.seconds(10) });
    expect(metric.statistic).toBe('p95');
    expect(metric.period.toSeconds()).toBe(10);
  });

  test('that real-time endpoints do not publish are refused', () => {
    expect(() => endpointIn(newStack()).metric('ApproximateBacklogSize')).toThrow(/real-time endpoints do not publish/);
  });
});

describe('an imported endpoint', () => {
  test('is known by its name, with a lower-case ARN', () => {
    const endpoint = GpuEndpoint.fromEndpointName(newStack(), 'Imported', 'Chat-Prod');
    expect(endpoint).toMatchObject({
      endpointName: 'Chat-Prod',
      variantName: 'main',
      instanceTypes: [],
      maxConcurrencyPerInstance: 8,
      resourceId: 'endpoint/Chat-Prod/variant/main',
    });
    expect(endpoint.endpointArn).toMatch(/:sagemaker:us-east-1:123456789012:endpoint\/chat-prod$/);
  });

  test('takes its attributes, and grants', () => {
    const stack = newStack();
    const endpoint = GpuEndpoint.fromGpuEndpointAttributes(stack, 'Imported', {
      endpointName: 'chat',
      variantName: 'blue',
      maxConcurrencyPerInstance: 4,
      instanceTypes: ['ml.g5.xlarge'],
    });
    expect(endpoint).toMatchObject({
      variantName: 'blue',
      maxConcurrencyPerInstance: 4,
      instanceTypes: ['ml.g5.xlarge'],
    });
    const role = new iam.Role(stack, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    expect(endpoint.grantInvoke(role).success).toBe(true);
  });
});
