import { App, CfnParameter, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { GpuEndpoint, ModelServer, RolloutStrategy, RoutingStrategy, type GpuEndpointProps } from '../../lib/inference';

const env = { account: '123456789012', region: 'us-east-1' };
const pools = [{ instanceType: 'ml.g5.xlarge' }];
const RESERVATION = 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/endpoints';

function endpointIn(stack: Stack, props: Partial<GpuEndpointProps> = {}): GpuEndpoint {
  return new GpuEndpoint(stack, 'Chat', { modelServer: ModelServer.triton(), pools, ...props });
}

function newStack(): Stack {
  return new Stack(new App(), 'Test', { env });
}

function templateOf(props: Partial<GpuEndpointProps>): Template {
  const stack = newStack();
  endpointIn(stack, props);
  return Template.fromStack(stack);
}

describe('a new version', () => {
  test.each<[RolloutStrategy, object]>([
    [
      RolloutStrategy.CANARY,
      { Type: 'CANARY', CanarySize: { Type: 'CAPACITY_PERCENT', Value: 10 }, WaitIntervalInSeconds: 300 },
    ],
    [
      RolloutStrategy.LINEAR,
      { Type: 'LINEAR', LinearStepSize: { Type: 'CAPACITY_PERCENT', Value: 25 }, WaitIntervalInSeconds: 300 },
    ],
    [RolloutStrategy.ALL_AT_ONCE, { Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 300 }],
  ])('takes over by %s on a second fleet and keeps the rollback alarms', (strategy, traffic) => {
    templateOf({ rollout: { strategy } }).hasResourceProperties('AWS::SageMaker::Endpoint', {
      RetainAllVariantProperties: true,
      DeploymentConfig: {
        RollingUpdatePolicy: Match.absent(),
        BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: traffic },
        AutoRollbackConfiguration: { Alarms: Match.arrayWith([{ AlarmName: Match.anyValue() }]) },
      },
    });
  });

  test('may not begin with more than half', () => {
    const rollout = { strategy: RolloutStrategy.CANARY, batchPercent: 60 };
    expect(() => endpointIn(newStack(), { rollout })).toThrow(
      'rollout.batchPercent (60 %) must be a whole number, 1 to 50',
    );
  });

  test('can answer copies of the requests as a shadow first', () => {
    const shadow = { modelServer: ModelServer.triton({ tag: '26.07-py3' }), trafficPercent: 50 };
    const template = templateOf({ shadow });
    template.resourceCountIs('AWS::SageMaker::Model', 2);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ShadowProductionVariants: [
        Match.objectLike({
          VariantName: 'shadow',
          InitialVariantWeight: 0.5,
          InitialInstanceCount: 1,
          InstancePools: [{ InstanceType: 'ml.g5.xlarge', Priority: 1 }],
        }),
      ],
    });
  });

  test.each([
    [{ trafficPercent: 0 }, 'shadow.trafficPercent (0)'],
    [{ variantName: 'main' }, "shadow.variantName 'main' is the variant's own name"],
    [{ pools: [{ instanceType: 'ml.t2.large' }] }, 'burstable'],
  ])('is refused as a shadow with %j', (shadow, message) => {
    const modelServer = ModelServer.triton();
    expect(() => endpointIn(newStack(), { shadow: { modelServer, ...shadow } })).toThrow(message);
  });
});

describe('requests', () => {
  test('of one prefix go to one instance', () => {
    templateOf({ routing: RoutingStrategy.PREFIX_AWARE, maxConcurrencyPerInstance: 16 }).hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      {
        ProductionVariants: [
          Match.objectLike({
            RoutingConfig: {
              RoutingStrategy: 'PREFIX_AWARE',
              PrefixAwareRoutingConfig: { PrefixLength: 4096, ConcurrencyThreshold: 16 },
            },
          }),
        ],
      },
    );
  });

  test.each<[Partial<GpuEndpointProps>, string]>([
    [{ prefixAwareRouting: {} }, 'routing is not RoutingStrategy.PREFIX_AWARE'],
    [{ routing: RoutingStrategy.PREFIX_AWARE, prefixAwareRouting: { prefixLength: 100 } }, '1024 to 65536'],
  ])('are not routed by %j', (props, message) => {
    expect(() => endpointIn(newStack(), props)).toThrow(message);
  });

  test('are copied below a prefix that the role may write, and nothing else', () => {
    const stack = newStack();
    const bucket = s3.Bucket.fromBucketName(stack, 'Captured', 'captured');
    endpointIn(stack, { dataCapture: { bucket, samplingPercent: 5, captureOutput: false } });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      DataCaptureConfig: {
        EnableCapture: true,
        DestinationS3Uri: 's3://captured/data-capture/',
        InitialSamplingPercentage: 5,
        CaptureOptions: [{ CaptureMode: 'Input' }],
      },
    });
    expect(JSON.stringify(template.findResources('AWS::IAM::Policy'))).toContain(':s3:::captured/data-capture/*');
  });
});

describe('instances', () => {
  test('are launched inside a reservation only', () => {
    templateOf({ capacityReservationArn: RESERVATION }).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          InstanceType: 'ml.g5.xlarge',
          InstancePools: Match.absent(),
          CapacityReservationConfig: {
            CapacityReservationPreference: 'capacity-reservations-only',
            MlReservationArn: RESERVATION,
          },
        }),
      ],
    });
  });

  test('of two types have no reservation', () => {
    const two = [...pools, { instanceType: 'ml.g6.xlarge' }];
    expect(() => endpointIn(newStack(), { pools: two, capacityReservationArn: RESERVATION })).toThrow(
      'reserves one instance type',
    );
  });

  test('reach a network through a group that lets nothing in', () => {
    const stack = newStack();
    endpointIn(stack, { vpc: new ec2.Vpc(stack, 'Network', { maxAzs: 2 }) });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::Model', {
      VpcConfig: {
        Subnets: [Match.anyValue(), Match.anyValue()],
        SecurityGroupIds: [{ 'Fn::GetAtt': [Match.anyValue(), 'GroupId'] }],
      },
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroup', { SecurityGroupIngress: Match.absent() });
    expect(JSON.stringify(template.findResources('AWS::IAM::Policy'))).toContain('ec2:CreateNetworkInterface');
  });

  test('have no subnets without a network', () => {
    expect(() => endpointIn(newStack(), { vpcSubnets: {} })).toThrow('give vpc too');
  });
});

describe('scaling in one call', () => {
  test('bounds the fleet and follows what is asked', () => {
    const stack = newStack();
    const endpoint = endpointIn(stack, { maxConcurrencyPerInstance: 10 });
    endpoint.boundedBy({ minCapacity: 1, maxCapacity: 4 });
    endpoint.scaleOnConcurrency();
    endpoint.scaleOnMetric('gpu', {
      metric: endpoint.metricGpuUtilization(),
      targetValue: 70,
      scaleInCooldown: Duration.minutes(10),
    });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 2);
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'gpu',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 70,
        ScaleInCooldown: 600,
        CustomizedMetricSpecification: { Namespace: '/aws/sagemaker/Endpoints', MetricName: 'GPUUtilization' },
      },
    });
    expect(() => endpoint.scaleOnBacklog()).toThrow('has no queue');
    expect(() => endpoint.scaleToZero()).toThrow(/does not scale to zero[^]*minCapacity \(1\)/);
  });
});

describe('a shadow', () => {
  test('is held against its instances like the variant beside it', () => {
    const neuron = [{ instanceType: 'ml.inf2.xlarge' }];
    expect(() => endpointIn(newStack(), { shadow: { modelServer: ModelServer.vllm(), pools: neuron } })).toThrow(
      /shadow: the image of the model server .* is built for gpus, ml\.inf2\.xlarge has neuron accelerators/,
    );
    const modelServer = ModelServer.triton({ inferenceAmi: 'nonsense' });
    expect(() => endpointIn(newStack(), { shadow: { modelServer } })).toThrow(
      "shadow: unknown inferenceAmi 'nonsense'",
    );
  });

  test('gets its share of the requests of the variant, whatever the weight of that is', () => {
    const shadow = { modelServer: ModelServer.triton(), trafficPercent: 50 };
    templateOf({ shadow, variantWeight: 9 }).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [Match.objectLike({ InitialVariantWeight: 9 })],
      ShadowProductionVariants: [Match.objectLike({ InitialVariantWeight: 4.5 })],
    });
  });
});

test('captured requests can be written to a bucket with a key of its own', () => {
  const stack = newStack();
  const bucket = new s3.Bucket(stack, 'Captured', { encryption: s3.BucketEncryption.KMS });
  endpointIn(stack, { dataCapture: { bucket, samplingPercent: 5 } });
  expect(JSON.stringify(Template.fromStack(stack).findResources('AWS::IAM::Policy'))).toContain('kms:GenerateDataKey');
});

test('numbers that are only known at deploy time reach the template', () => {
  const stack = newStack();
  const parameter = (id: string): number => new CfnParameter(stack, id, { type: 'Number', default: 2 }).valueAsNumber;
  endpointIn(stack, {
    initialInstanceCount: parameter('Count'),
    maxConcurrencyPerInstance: parameter('Concurrency'),
    rollout: { maxErrorRate: parameter('Rate') },
    dataCapture: {
      bucket: s3.Bucket.fromBucketName(stack, 'Captured', 'captured'),
      samplingPercent: parameter('Share'),
    },
  });
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
    ProductionVariants: [Match.objectLike({ InitialInstanceCount: { Ref: 'Count' } })],
    DataCaptureConfig: Match.objectLike({ InitialSamplingPercentage: { Ref: 'Share' } }),
    Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: { Ref: 'Concurrency' } }],
  });
  template.hasResourceProperties('AWS::CloudWatch::Alarm', { Threshold: { Ref: 'Rate' } });
});
