import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import {
  ModelComponent,
  ModelServer,
  SharedGpuEndpoint,
  type ModelComponentProps,
  type SharedGpuEndpointProps,
} from '../../lib/inference';
import { synthesise } from '../nag/synthesis';

const env = { account: '123456789012', region: 'us-east-1' };
const CUDA_13_AMI = 'al2023-ami-sagemaker-inference-gpu-4-1';

function newStack(): Stack {
  return new Stack(new App(), 'Test', { env });
}

function sharedIn(stack: Stack, props: Partial<SharedGpuEndpointProps> = {}): SharedGpuEndpoint {
  return new SharedGpuEndpoint(stack, 'Shared', {
    pools: [{ instanceType: 'ml.g5.12xlarge' }],
    maxInstances: 4,
    inferenceAmi: CUDA_13_AMI,
    ...props,
  });
}

function chatOn(shared: SharedGpuEndpoint, props: Partial<ModelComponentProps> = {}): ModelComponent {
  return shared.addModel('Chat', { modelServer: ModelServer.triton(), memoryMib: 16384, ...props });
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

  test('scales copies to zero and wakes them on the first refused request', () => {
    const stack = newStack();
    const chat = chatOn(sharedIn(stack), { componentName: 'chat', maxConcurrencyPerCopy: 10 });
    chat.boundedBy({ minCapacity: 0, maxCapacity: 8 });
    chat.scaleOnConcurrency({ safetyFactor: 0.5 });
    chat.scaleToZero({ wakeTo: 2, cooldown: Duration.minutes(1) });
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
    expect(chat.addAdapter('Legal', { bucket, key: 'legal.tar.gz' })).toBe('chat-legal');
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::InferenceComponent', {
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
    const imported = ModelComponent.fromModelComponentAttributes(stack, 'Chat', {
      endpointName: 'Shared',
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
    ['a type without accelerator', { pools: [{ instanceType: 'ml.m5.xlarge' }] }, 'no accelerator'],
  ])('refuses %s', (_what, props, message) => {
    expect(() => sharedIn(newStack(), props)).toThrow(message);
  });

  test.each<[string, Partial<ModelComponentProps>, string]>([
    ['more accelerators than an instance has', { accelerators: 8 }, 'more than ml.g5.12xlarge has (4)'],
    ['too little memory', { memoryMib: 64 }, 'memoryMib (64 MiB)'],
    ['a fraction of a copy', { initialCopies: 0.5 }, 'initialCopies (0.5)'],
  ])('refuses a model with %s', (_what, props, message) => {
    expect(() => chatOn(sharedIn(newStack()), props)).toThrow(message);
  });

  test('refuses a model whose driver the endpoint does not have', () => {
    const stack = newStack();
    const shared = new SharedGpuEndpoint(stack, 'Shared', {
      pools: [{ instanceType: 'ml.g5.xlarge' }],
      maxInstances: 1,
    });
    expect(() => chatOn(shared)).toThrow(`set inferenceAmi: '${CUDA_13_AMI}' on the endpoint`);
  });

  test('has no open finding', () => {
    const { error, violations } = synthesise((app) => {
      const stack = new Stack(app, 'Shared', { env });
      const chat = chatOn(sharedIn(stack));
      chat.boundedBy({ minCapacity: 0, maxCapacity: 3 });
      chat.scaleOnConcurrency();
      chat.scaleToZero();
      return stack;
    });
    expect(violations).toEqual([]);
    expect(error).toBeUndefined();
  });
});
