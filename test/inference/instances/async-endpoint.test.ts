import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import { AsyncEndpoint, ModelServer, type AsyncEndpointProps } from '../../../lib/inference';

const env = { account: '123456789012', region: 'us-east-1' };
const pools = [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }];

function endpointIn(stack: Stack, props: Partial<AsyncEndpointProps> = {}): AsyncEndpoint {
  return new AsyncEndpoint(stack, 'Films', { modelServer: ModelServer.triton(), capacity: { pools }, ...props });
}

function newStack(): Stack {
  return new Stack(new App(), 'Test', { env });
}

describe('AsyncEndpoint', () => {
  test('writes responses and failures below prefixes of a bucket of its own', () => {
    const stack = newStack();
    endpointIn(stack, { maxConcurrencyPerInstance: 4 });
    const template = Template.fromStack(stack);
    const bucket = Object.keys(template.findResources('AWS::S3::Bucket'))[0]!;
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      AsyncInferenceConfig: {
        ClientConfig: { MaxConcurrentInvocationsPerInstance: 4 },
        OutputConfig: {
          S3OutputPath: { 'Fn::Join': ['', ['s3://', { Ref: bucket }, '/answers/']] },
          S3FailurePath: { 'Fn::Join': ['', ['s3://', { Ref: bucket }, '/failures/']] },
          NotificationConfig: Match.absent(),
        },
      },
    });
    template.hasResourceProperties('AWS::S3::Bucket', {
      LifecycleConfiguration: { Rules: Match.arrayWith([Match.objectLike({ ExpirationInDays: 7 })]) },
    });
  });

  test('scales to zero on its backlog, and from zero on the first request', () => {
    const stack = newStack();
    const endpoint = endpointIn(stack, { endpointName: 'films', maxConcurrencyPerInstance: 4 });
    const scaling = endpoint.autoScale({ minCapacity: 0, maxCapacity: 5 });
    scaling.scaleOnBacklog('backlog');
    scaling.scaleToZero('wake');
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      MinCapacity: 0,
      MaxCapacity: 5,
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 4,
        CustomizedMetricSpecification: {
          Namespace: 'AWS/SageMaker',
          MetricName: 'ApproximateBacklogSizePerInstance',
          Statistic: 'Average',
          Dimensions: [{ Name: 'EndpointName', Value: { 'Fn::GetAtt': [Match.anyValue(), 'EndpointName'] } }],
        },
      },
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ChangeInCapacity',
        StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
      },
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'HasBacklogWithoutCapacity',
      Dimensions: [Match.objectLike({ Name: 'EndpointName' })],
      Threshold: 1,
      EvaluationPeriods: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
  });

  test('notifies topics of responses and failures, and may publish to these alone', () => {
    const stack = newStack();
    const topic = new sns.Topic(stack, 'Done');
    endpointIn(stack, { notifications: { successTopic: topic, includeResponse: true } });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      AsyncInferenceConfig: {
        OutputConfig: {
          NotificationConfig: {
            SuccessTopic: stack.resolve(topic.topicArn),
            ErrorTopic: Match.absent(),
            IncludeInferenceResponseIn: ['SUCCESS_NOTIFICATION_TOPIC'],
          },
        },
      },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          { Action: 'sns:Publish', Effect: 'Allow', Resource: stack.resolve(topic.topicArn) },
        ]),
      },
    });
  });

  test('grants sending requests and fetching responses, and gives a function their location', () => {
    const stack = newStack();
    const endpoint = endpointIn(stack, {
      storage: { bucket: s3.Bucket.fromBucketName(stack, 'Data', 'data'), requestPrefix: 'in' },
    });
    const caller = new lambda.Function(stack, 'Caller', {
      runtime: lambda.Runtime.NODEJS_22_X,
      handler: 'index.handler',
      code: lambda.Code.fromInline('exports.handler = async () => {}'),
    });
    endpoint.grantInvoke(caller);
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: { TIDEGATE_ASYNC_REQUESTS: 's3://data/in/', TIDEGATE_ENDPOINT_NAME: Match.anyValue() },
      },
    });
    const statements = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    expect(statements).toContain('sagemaker:InvokeEndpointAsync');
    expect(statements).toContain(':s3:::data/in/*');
    expect(statements).toContain(':s3:::data/answers/*');
    expect(statements).not.toContain('"sagemaker:InvokeEndpoint"');
  });

  test.each<[string, Partial<AsyncEndpointProps>, string]>([
    ['more invocations than the service takes', { maxConcurrencyPerInstance: 1001 }, 'is above 1000'],
    ['a response in notifications without a topic', { notifications: { includeResponse: true } }, 'needs a topic'],
  ])('refuses %s', (_what, props, message) => {
    expect(() => endpointIn(newStack(), props)).toThrow(message);
  });

  test('refuses one prefix for responses and failures', () => {
    const stack = newStack();
    const storage = {
      bucket: s3.Bucket.fromBucketName(stack, 'Data', 'data'),
      responsePrefix: 'x',
      failurePrefix: 'x/',
    };
    expect(() => endpointIn(stack, { storage, expiration: Duration.days(1) })).toThrow(/prefix twice[^]*expiration/);
  });

  test.each(['ConcurrentRequestsPerModel', 'InvocationsPerInstance'])(
    'refuses %s, which it does not publish',
    (name) => {
      const endpoint = AsyncEndpoint.fromEndpointName(newStack(), 'Films', 'films', 'main');
      expect(() => endpoint.metric(name)).toThrow('async endpoints do not publish');
    },
  );

  test('refuses to scale on concurrency, and a second pair of limits', () => {
    const endpoint = AsyncEndpoint.fromEndpointName(newStack(), 'Films', 'films', 'main');
    const scaling = endpoint.autoScale({ minCapacity: 0, maxCapacity: 2 });
    expect(() => scaling.scaleOnConcurrency('concurrency')).toThrow('use scaleOnBacklog');
    expect(() => endpoint.autoScale({ minCapacity: 0, maxCapacity: 3 })).toThrow(
      'autoScale was called before (0 to 2)',
    );
  });
});

describe('resources with keys of their own', () => {
  test('topics: the role may use their key', () => {
    const stack = newStack();
    const masterKey = new kms.Key(stack, 'TopicKey');
    endpointIn(stack, { notifications: { successTopic: new sns.Topic(stack, 'Answered', { masterKey }) } });
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
            Effect: 'Allow',
            Resource: stack.resolve(masterKey.keyArn) as object,
          },
        ]),
      },
    });
  });

  test('responses: callers may decrypt them', () => {
    const stack = newStack();
    const responseEncryptionKey = new kms.Key(stack, 'AnswerKey');
    const caller = new iam.Role(stack, 'Caller', { assumedBy: new iam.AccountRootPrincipal() });
    endpointIn(stack, { responseEncryptionKey }).grantInvoke(caller);
    const policies = Object.values(Template.fromStack(stack).findResources('AWS::IAM::Policy'));
    const ofCaller = policies.filter((policy) => JSON.stringify(policy).includes('"Roles":[{"Ref":"Caller'));
    expect(JSON.stringify(ofCaller)).toContain('kms:Decrypt');
  });
});
