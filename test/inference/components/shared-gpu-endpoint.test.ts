import { App, CfnParameter, Duration, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import {
  PlacementStrategy,
  InferenceComponent,
  ModelServer,
  RoutingStrategy,
  SharedGpuEndpoint,
  type InferenceComponentProps,
  type SharedGpuEndpointProps,
} from '../../../lib/inference';

const env = { account: '123456789012', region: 'us-east-1' };
const CUDA_13_AMI = 'al2023-ami-sagemaker-inference-gpu-4-1';

function newStack(): Stack {
  return new Stack(new App(), 'Test', { env });
}

function sharedIn(stack: Stack, props: Partial<SharedGpuEndpointProps> = {}): SharedGpuEndpoint {
  return new SharedGpuEndpoint(stack, 'Shared', {
    capacity: { pools: [{ instanceType: 'ml.g5.12xlarge' }] },
    maxInstances: 4,
    inferenceAmi: CUDA_13_AMI,
    ...props,
  });
}

function chatOn(shared: SharedGpuEndpoint, props: Partial<InferenceComponentProps> = {}): InferenceComponent {
  return shared.addModel('Chat', { modelServer: ModelServer.triton(), memory: Size.gibibytes(16), ...props });
}

describe('SharedGpuEndpoint', () => {
  test('has no model of its own and lets the service scale the instances', () => {
    const stack = newStack();
    sharedIn(stack);
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ExecutionRoleArn: Match.anyValue(),
      ProductionVariants: [
        Match.objectLike({
          ModelName: Match.absent(),
          InitialInstanceCount: 1,
          ManagedInstanceScaling: {
            Status: 'ENABLED',
            MinInstanceCount: 0,
            MaxInstanceCount: 4,
            ScaleInPolicy: { Strategy: 'IDLE_RELEASE', CooldownInMinutes: 20 },
          },
        }),
      ],
    });
  });

  test('places copies of a model by accelerators and memory', () => {
    const stack = newStack();
    chatOn(sharedIn(stack), { accelerators: 2, cpuCores: 4 });
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      InferenceComponentName: Match.stringLikeRegexp('^test-?shared-?chat'),
      Specification: {
        ModelName: Match.anyValue(),
        ComputeResourceRequirements: {
          NumberOfAcceleratorDevicesRequired: 2,
          NumberOfCpuCoresRequired: 4,
          MinMemoryRequiredInMb: 16384,
        },
        DataCacheConfig: { EnableCaching: true },
      },
      RuntimeConfig: { CopyCount: 1 },
      Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }],
    });
  });

  test('scales copies to zero, and from zero on the first refused request', () => {
    const stack = newStack();
    const chat = chatOn(sharedIn(stack), { componentName: 'chat', maxConcurrencyPerCopy: 10 });
    const scaling = chat.autoScale({ minCapacity: 0, maxCapacity: 8 });
    scaling.scaleOnConcurrency('concurrency', { targetRatio: 0.5 });
    scaling.scaleToZero('wake', { replicas: 2, cooldown: Duration.minutes(1) });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ResourceId: 'inference-component/chat',
      ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
      MinCapacity: 0,
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 5,
        PredefinedMetricSpecification: {
          PredefinedMetricType: 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
        },
      },
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'NoCapacityInvocationFailures',
      Dimensions: [{ Name: 'InferenceComponentName', Value: 'chat' }],
      Statistic: 'Sum',
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
  });

  test('runs adapters inside the copies of their model', () => {
    const stack = newStack();
    const chat = chatOn(sharedIn(stack), { componentName: 'chat' });
    const bucket = s3.Bucket.fromBucketName(stack, 'Adapters', 'adapters');
    const legal = chat.addAdapter('Legal', { bucket, key: 'legal.tar.gz' });
    expect(legal.componentName).toBe('chat-legal');
    const role = new iam.Role(stack, 'Caller', { assumedBy: new iam.AccountRootPrincipal() });
    legal.grantInvoke(role);
    const template = Template.fromStack(stack);
    expect(JSON.stringify(template.findResources('AWS::IAM::Policy'))).toContain(
      ':sagemaker:us-east-1:123456789012:inference-component/chat-legal',
    );
    template.hasResource('AWS::SageMaker::InferenceComponent', {
      Properties: Match.objectLike({ InferenceComponentName: 'chat-legal' }),
      // The role may read the archive before SageMaker does.
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('ExecutionRoleDefaultPolicy')]),
    });
    template.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      InferenceComponentName: 'chat-legal',
      Specification: {
        BaseInferenceComponentName: 'chat',
        Container: { ArtifactUrl: 's3://adapters/legal.tar.gz' },
        ComputeResourceRequirements: Match.absent(),
      },
    });
    expect(() => chat.addAdapter('Raw', { bucket, key: 'raw/' })).toThrow('ends with .tar.gz');
  });

  test('grants a caller the endpoint and the one component', () => {
    const stack = newStack();
    const role = new iam.Role(stack, 'Caller', { assumedBy: new iam.AccountRootPrincipal() });
    const imported = InferenceComponent.fromInferenceComponentAttributes(stack, 'Chat', {
      endpointName: 'Shared',
      variantName: 'main',
      componentName: 'chat',
    });
    imported.grantInvoke(role);
    const statement = JSON.stringify(Template.fromStack(stack).findResources('AWS::IAM::Policy'));
    expect(statement).toContain(':sagemaker:us-east-1:123456789012:endpoint/shared');
    expect(statement).toContain(':sagemaker:us-east-1:123456789012:inference-component/chat');
  });

  test.each<[string, Partial<SharedGpuEndpointProps>, string]>([
    ['fewer instances at most than at least', { minInstances: 5 }, 'minInstances (5) is above maxInstances (4)'],
    ['no instance at most', { maxInstances: 0 }, 'maxInstances (0)'],
    ['a quick scale-in', { instanceScaleInCooldown: Duration.minutes(1) }, '5 to 1440'],
    ['a type without accelerator', { capacity: { pools: [{ instanceType: 'ml.m5.xlarge' }] } }, 'no accelerator'],
  ])('refuses %s', (_what, props, message) => {
    expect(() => sharedIn(newStack(), props)).toThrow(message);
  });

  test.each<[string, Partial<InferenceComponentProps>, string]>([
    ['more accelerators than an instance has', { accelerators: 8 }, 'more than ml.g5.12xlarge has (4)'],
    ['too little memory', { memory: Size.mebibytes(64) }, 'memory (64 MiB)'],
    ['a fraction of a copy', { initialCopies: 0.5 }, 'initialCopies (0.5)'],
  ])('refuses a model with %s', (_what, props, message) => {
    expect(() => chatOn(sharedIn(newStack()), props)).toThrow(message);
  });

  test('refuses a model whose driver the endpoint does not have', () => {
    const stack = newStack();
    const shared = new SharedGpuEndpoint(stack, 'Shared', {
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
      maxInstances: 1,
    });
    expect(() => chatOn(shared)).toThrow(`set inferenceAmi: '${CUDA_13_AMI}' on the endpoint`);
  });

  test('takes a model that was built for an older driver', () => {
    const server = ModelServer.torchServe({ tag: '2.6.0-gpu-py312-cu124-ubuntu22.04-sagemaker' });
    expect(() => chatOn(sharedIn(newStack()), { modelServer: server })).not.toThrow();
    const old = sharedIn(newStack(), { inferenceAmi: 'al2-ami-sagemaker-inference-gpu-3-1' });
    expect(() => chatOn(old)).toThrow(`set inferenceAmi: '${CUDA_13_AMI}'`);
  });

  test('spreads a language model over the accelerators of its copy, and over no more', () => {
    const stack = newStack();
    chatOn(sharedIn(stack), { modelServer: ModelServer.vllm(), accelerators: 4 });
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: { Environment: Match.objectLike({ SM_VLLM_TENSOR_PARALLEL_SIZE: '4' }) },
    });
    expect(() =>
      chatOn(sharedIn(newStack()), { modelServer: ModelServer.vllm({ tensorParallelDegree: 4 }), accelerators: 1 }),
    ).toThrow('tensorParallelDegree (4) is more than the accelerators of one copy (1)');
  });

  test('cannot name an adapter after a name that is only known at deploy time', () => {
    const stack = newStack();
    const chat = chatOn(sharedIn(stack), { componentName: new CfnParameter(stack, 'Name').valueAsString });
    const bucket = s3.Bucket.fromBucketName(stack, 'Adapters', 'adapters');
    expect(() => chat.addAdapter('Legal', { bucket, key: 'legal.tar.gz' })).toThrow('give componentName');
    expect(chat.addAdapter('Tax', { bucket, key: 'tax.tar.gz', componentName: 'tax' }).componentName).toBe('tax');
  });
});

describe('the instances of a SharedGpuEndpoint', () => {
  test('come from its capacity: pools, time-out, quotas, and an alarm for each model', () => {
    const stack = newStack();
    const shared = sharedIn(stack, {
      capacity: {
        pools: [{ instanceType: 'ml.g5.12xlarge' }, { instanceType: 'ml.g6.12xlarge' }],
        provisionTimeout: Duration.minutes(20),
        quotas: { 'ml.g5.12xlarge': 3, 'ml.g6.12xlarge': 1 },
        gapAlarm: { after: Duration.minutes(10) },
      },
    });
    const chat = chatOn(shared, { componentName: 'chat', maxConcurrencyPerCopy: 12 });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          InstancePools: [
            { InstanceType: 'ml.g5.12xlarge', Priority: 1 },
            { InstanceType: 'ml.g6.12xlarge', Priority: 2 },
          ],
          VariantInstanceProvisionTimeoutInSeconds: 1200,
        }),
      ],
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Metrics: Match.arrayWith([
        Match.objectLike({ Expression: 'FILL(demand, 0) + FILL(waiting, 0) * (1 + 12)' }),
        Match.objectLike({
          MetricStat: Match.objectLike({
            Metric: Match.objectLike({
              MetricName: 'ConcurrentRequestsPerCopy',
              Dimensions: [{ Name: 'InferenceComponentName', Value: 'chat' }],
            }),
          }),
        }),
      ]),
      Threshold: 12,
      EvaluationPeriods: 10,
    });
    expect(chat.capacityGapAlarm).toBeDefined();
  });

  test('are at most what the quotas allow', () => {
    expect(() =>
      sharedIn(newStack(), {
        capacity: { pools: [{ instanceType: 'ml.g5.12xlarge' }], quotas: { 'ml.g5.12xlarge': 3 } },
      }),
    ).toThrow('maxInstances (4) is above 3, all instances that capacity.quotas allow');
  });

  test('come from a reservation where one is named', () => {
    const stack = newStack();
    const reservationArn = 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/p5';
    sharedIn(stack, {
      capacity: { pools: [{ instanceType: 'ml.p5.48xlarge' }], reservationArn },
    });
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          InstanceType: 'ml.p5.48xlarge',
          InstancePools: Match.absent(),
          CapacityReservationConfig: {
            CapacityReservationPreference: 'capacity-reservations-only',
            MlReservationArn: reservationArn,
          },
        }),
      ],
    });
  });

  test('attach to a VPC, publish in the given interval, and route by prefix', () => {
    const stack = newStack();
    const vpc = new ec2.Vpc(stack, 'Vpc', { maxAzs: 2 });
    const shared = sharedIn(stack, {
      network: { vpc },
      observability: { metricsFrequency: Duration.seconds(30) },
      routing: RoutingStrategy.PREFIX_AWARE,
    });
    chatOn(shared);
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      VpcConfig: { Subnets: [Match.anyValue(), Match.anyValue()], SecurityGroupIds: [Match.anyValue()] },
      MetricsConfig: { MetricPublishFrequencyInSeconds: 30 },
      ProductionVariants: [
        Match.objectLike({
          RoutingConfig: {
            RoutingStrategy: 'PREFIX_AWARE',
            PrefixAwareRoutingConfig: { PrefixLength: 4096, ConcurrencyThreshold: 8 },
          },
        }),
      ],
    });
    // The first instance comes before the first model: the endpoint waits for what its network needs.
    template.hasResource('AWS::SageMaker::Endpoint', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('SharedExecutionPolicy')]),
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: Match.arrayWith(['ec2:CreateNetworkInterface']) })]),
      },
    });
  });

  test('are refused a key on local disks, and settings without what they belong to', () => {
    const stack = newStack();
    const vpc = new ec2.Vpc(stack, 'Vpc', { maxAzs: 1 });
    expect(() =>
      sharedIn(stack, { encryptionKey: new kms.Key(stack, 'Key'), volumeSize: Size.gibibytes(600) }),
    ).toThrow(/encryptionKey cannot be used with ml\.g5\.12xlarge[\s\S]*volumeSize \(600 GiB\)/);
    expect(
      () =>
        new SharedGpuEndpoint(stack, 'Other', {
          capacity: { pools: [{ instanceType: 'ml.g5.12xlarge' }] },
          maxInstances: 1,
          network: { vpcSubnets: { subnets: vpc.privateSubnets } },
          prefixAwareRouting: { prefixLength: 2048 },
          observability: { metricsFrequency: Duration.seconds(20) },
        }),
    ).toThrow(/metricsFrequency \(20 s\)[\s\S]*prefixAwareRouting is given[\s\S]*give network\.vpc too/);
  });
});

describe('a region that refuses inference components at zero', () => {
  const paris = (): Stack => new Stack(new App(), 'Test', { env: { ...env, region: 'eu-west-3' } });

  test('keeps one instance by default, and says why no fewer are taken', () => {
    const stack = paris();
    const chat = chatOn(sharedIn(stack));
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [Match.objectLike({ ManagedInstanceScaling: Match.objectLike({ MinInstanceCount: 1 }) })],
    });
    expect(() => chat.autoScale({ minCapacity: 0, maxCapacity: 2 })).toThrow(
      /minCapacity \(0\) is below 1, .*eu-west-3 refused inference components at zero when it was last seen \(2026-08-27/,
    );
    expect(() => sharedIn(paris(), { minInstances: 0 })).toThrow(
      /minInstances \(0\) must be 1 or more: eu-west-3 .* set allowZeroInstances: true/,
    );
  });

  test('can be overruled by allowZeroInstances', () => {
    const chat = chatOn(sharedIn(paris(), { allowZeroInstances: true, minInstances: 0 }));
    chat.autoScale({ minCapacity: 0, maxCapacity: 2 });
    expect(chat.minAllowedCapacity).toBe(0);
  });
});

describe('the rollout of a model on a SharedGpuEndpoint', () => {
  test('replaces copies in batches and is rolled back by alarms that SageMaker may read', () => {
    const stack = newStack();
    const chat = chatOn(sharedIn(stack), {
      componentName: 'chat',
      rollout: { batchPercent: 50, waitInterval: Duration.minutes(2), maxErrorRatio: 0.1 },
    });
    expect(chat.rollbackAlarms).toHaveLength(2);
    const template = Template.fromStack(stack);
    template.hasResource('AWS::SageMaker::InferenceComponent', {
      Properties: Match.objectLike({
        DeploymentConfig: {
          RollingUpdatePolicy: {
            MaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 50 },
            RollbackMaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 100 },
            WaitIntervalInSeconds: 120,
          },
          AutoRollbackConfiguration: { Alarms: [{ AlarmName: Match.anyValue() }, { AlarmName: Match.anyValue() }] },
        },
      }),
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('RollbackPolicy')]),
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'Invocation5XXErrors',
      Dimensions: [{ Name: 'InferenceComponentName', Value: 'chat' }],
      Statistic: 'Average',
      Threshold: 0.1,
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: [Match.objectLike({ Action: 'cloudwatch:DescribeAlarms' })] },
    });
  });

  test('knows no batch below 5 or above 50 %', () => {
    expect(() => chatOn(sharedIn(newStack()), { rollout: { batchPercent: 60 } })).toThrow(
      'rollout.batchPercent (60 %) must be a whole number, 5 to 50',
    );
  });
});

describe('the copies of a model', () => {
  test('are spread or packed, within limits of memory', () => {
    const stack = newStack();
    chatOn(sharedIn(stack), {
      placement: { strategy: PlacementStrategy.SPREAD, maxZoneImbalance: 1 },
      maxMemory: Size.mebibytes(20_000),
    });
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      Specification: {
        SchedulingConfig: {
          PlacementStrategy: 'SPREAD',
          AvailabilityZoneBalance: { EnforcementMode: 'PERMISSIVE', MaxImbalance: 1 },
        },
        ComputeResourceRequirements: { MinMemoryRequiredInMb: 16384, MaxMemoryRequiredInMb: 20000 },
      },
    });
    expect(() => chatOn(sharedIn(newStack()), { maxMemory: Size.mebibytes(1000) })).toThrow(
      'maxMemory (1000 MiB) is below memory (16384 MiB)',
    );
  });

  test('cannot begin at none, which SageMaker refuses', () => {
    expect(() => chatOn(sharedIn(newStack()), { initialCopies: 0 })).toThrow(
      /initialCopies \(0\) must be 1 or more: SageMaker refuses/,
    );
  });
});

describe('a shared endpoint of another stack', () => {
  test('takes models, and gives its role what they need', () => {
    const stack = newStack();
    const shared = SharedGpuEndpoint.fromSharedGpuEndpointAttributes(stack, 'Shared', {
      endpointName: 'fleet',
      variantName: 'main',
      executionRole: iam.Role.fromRoleArn(stack, 'Role', 'arn:aws:iam::123456789012:role/fleet'),
      instanceTypes: ['ml.g5.12xlarge'],
      inferenceAmi: CUDA_13_AMI,
    });
    const chat = shared.addModel('Chat', { modelServer: ModelServer.triton(), memory: Size.gibibytes(16) });
    chat.autoScale({ minCapacity: 0, maxCapacity: 2 });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      EndpointName: 'fleet',
      VariantName: 'main',
    });
    template.hasResourceProperties('AWS::IAM::Policy', { Roles: ['fleet'] });
    template.resourceCountIs('AWS::SageMaker::Endpoint', 0);
  });
});
