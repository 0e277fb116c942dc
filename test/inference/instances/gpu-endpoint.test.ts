import { App, CfnParameter, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { GpuEndpoint } from '../../../lib/inference';
import { HandlerFunction } from '../../../lib/runtime/handler-function';
import { endpointIn, newStack, templateOf, variantWith } from '../chat-endpoint';

const env = { account: '123456789012', region: 'us-east-1' };

describe('GpuEndpoint', () => {
  test('has one instance that was tested with 8 requests by default', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      Tags: Match.arrayWith([{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }]),
      ...variantWith({ VariantName: 'main', InitialInstanceCount: 1, InitialVariantWeight: 1 }),
    });
  });

  test('takes a number of instances and their tested concurrency', () => {
    templateOf({ initialInstanceCount: 2, maxConcurrencyPerInstance: 16 }).hasResourceProperties(
      'AWS::SageMaker::EndpointConfig',
      {
        Tags: Match.arrayWith([{ Key: 'tidegate:max-concurrency-per-instance', Value: '16' }]),
        ...variantWith({ InitialInstanceCount: 2 }),
      },
    );
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

  test('refuses no instance, and half a request', () => {
    expect(() => templateOf({ initialInstanceCount: 0 })).toThrow(
      'initialInstanceCount (0) must be a whole number, 1 or more',
    );
    expect(() => templateOf({ maxConcurrencyPerInstance: 0.5 })).toThrow('maxConcurrencyPerInstance (0.5)');
  });

  test('reports every problem at once, with the construct’s path', () => {
    expect(() => templateOf({ capacity: { pools: [] }, initialInstanceCount: 0 })).toThrow(
      /^Test\/Chat:\n {2}- capacity\.pools has 0[^\n]*\n {2}- initialInstanceCount/,
    );
  });
});

describe('scaling in one call', () => {
  test('has limits and follows the load', () => {
    const stack = newStack();
    const endpoint = endpointIn(stack, { maxConcurrencyPerInstance: 10 });
    const scaling = endpoint.autoScale({ minCapacity: 1, maxCapacity: 4 });
    scaling.scaleOnConcurrency('concurrency');
    scaling.scaleToTrackMetric('gpu', {
      metric: endpoint.metricGpuUtilization(),
      targetValue: 70,
      scaleInCooldown: Duration.minutes(10),
    });
    const template = Template.fromStack(stack);
    // Of both verbs, and the one for times without requests.
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 3);
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'gpu',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 70,
        ScaleInCooldown: 600,
        CustomizedMetricSpecification: { Namespace: '/aws/sagemaker/Endpoints', MetricName: 'GPUUtilization' },
      },
    });
    expect(() => scaling.scaleOnBacklog('backlog')).toThrow('has no queue');
    expect(() => scaling.scaleToZero('wake')).toThrow(/does not scale to zero[^]*minCapacity \(1\)/);
  });
});

test('numbers that are only known at deploy time reach the template', () => {
  const stack = newStack();
  const parameter = (id: string): number => new CfnParameter(stack, id, { type: 'Number', default: 2 }).valueAsNumber;
  endpointIn(stack, {
    initialInstanceCount: parameter('Count'),
    maxConcurrencyPerInstance: parameter('Concurrency'),
    rollout: { maxErrorRatio: parameter('Rate') },
    dataCapture: {
      bucket: s3.Bucket.fromBucketName(stack, 'Captured', 'captured'),
      samplingPercent: parameter('Share'),
    },
  });
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
    ProductionVariants: [Match.objectLike({ InitialInstanceCount: { Ref: 'Count' } })],
    DataCaptureConfig: Match.objectLike({ InitialSamplingPercentage: { Ref: 'Share' } }),
    Tags: Match.arrayWith([{ Key: 'tidegate:max-concurrency-per-instance', Value: { Ref: 'Concurrency' } }]),
  });
  template.hasResourceProperties('AWS::CloudWatch::Alarm', { Threshold: { Ref: 'Rate' } });
});

describe('grantInvoke', () => {
  test('lets a function invoke the endpoint and gives it the name', () => {
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
            Action: 'sagemaker:InvokeEndpoint',
            Effect: 'Allow',
            Resource: { Ref: Match.stringLikeRegexp('ChatEndpoint') },
          },
        ]),
      },
    });
  });

  test('leaves streamed responses to a grant of their own', () => {
    const stack = newStack();
    const handler = new HandlerFunction(stack, 'Caller', { handlerName: 'scale-events', description: 'Calls' });
    endpointIn(stack).grantInvokeWithResponseStream(handler);
    const statements = JSON.stringify(Template.fromStack(stack).findResources('AWS::IAM::Policy'));
    expect(statements).toContain('"sagemaker:InvokeEndpointWithResponseStream"');
    expect(statements).not.toContain('"sagemaker:InvokeEndpoint"');
  });

  test('leaves streams in both directions to a grant of their own', () => {
    const stack = newStack();
    const handler = new HandlerFunction(stack, 'Caller', { handlerName: 'scale-events', description: 'Calls' });
    endpointIn(stack).grantInvokeWithBidirectionalStream(handler);
    const template = Template.fromStack(stack);
    const statements = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    expect(statements).toContain('"sagemaker:InvokeEndpointWithBidirectionalStream"');
    expect(statements).not.toMatch(/"sagemaker:InvokeEndpoint(WithResponseStream)?"/);
    expect(JSON.stringify(template.findResources('AWS::Lambda::Function'))).toContain('TIDEGATE_ENDPOINT_NAME');
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
    const endpoint = GpuEndpoint.fromEndpointName(newStack(), 'Imported', 'Chat-Prod', 'main');
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
