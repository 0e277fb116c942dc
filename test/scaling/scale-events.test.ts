import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { GpuEndpoint, ModelServer, InferenceComponent, type IGpuEndpoint } from '../../lib/inference';
import { ScaleEvents, type ScaleEventsProps } from '../../lib/scaling';

function build(props: Partial<ScaleEventsProps> = {}): { stack: Stack; fleet: IGpuEndpoint; events: ScaleEvents } {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const fleet = new GpuEndpoint(stack, 'Chat', {
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  return { stack, fleet, events: new ScaleEvents(stack, 'Events', { fleets: [fleet], ...props }) };
}

const templateOf = (props: Partial<ScaleEventsProps> = {}): Template => Template.fromStack(build(props).stack);
const endpointName = { 'Fn::GetAtt': [Match.stringLikeRegexp('ChatEndpoint'), 'EndpointName'] };

describe('ScaleEvents', () => {
  test('stores events by fleet and time, encrypted, recoverable and for 90 days', () => {
    const template = templateOf();
    template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: {
        KeySchema: [
          { AttributeName: 'resourceId', KeyType: 'HASH' },
          { AttributeName: 'eventKey', KeyType: 'RANGE' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true },
        TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      },
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ TIDEGATE_SCALE_EVENTS_RETENTION_DAYS: '90' }) },
    });
  });

  test('hears of state changes of its endpoints', () => {
    templateOf().hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.sagemaker'],
        'detail-type': ['SageMaker Endpoint State Change'],
        detail: { EndpointName: [endpointName] },
      },
    });
  });

  test('hears of fleets that reach their maximum', () => {
    templateOf().hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.application-autoscaling'],
        'detail-type': ['Application Auto Scaling Scaling Activity State Change'],
        detail: { resourceId: [{ 'Fn::Join': ['', ['endpoint/', endpointName, '/variant/main']] }] },
      },
    });
  });

  test('reads the activities back every minute', () => {
    templateOf().hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 minute)' });
    templateOf({ reconcileInterval: Duration.minutes(5) }).hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(5 minutes)',
    });
  });

  test('keeps what could not be delivered or handled', () => {
    const template = templateOf();
    template.resourceCountIs('AWS::SQS::Queue', 1);
    const queue = { 'Fn::GetAtt': [Match.stringLikeRegexp('EventsDeadLetters'), 'Arn'] };
    for (const rule of Object.values(template.findResources('AWS::Events::Rule'))) {
      expect(rule).toMatchObject({
        Properties: { Targets: [{ DeadLetterConfig: { Arn: expect.anything() as unknown } }] },
      });
    }
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      DestinationConfig: { OnFailure: { Destination: queue } },
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 7200,
    });
  });

  test('knows which configuration its endpoint was deployed with, once it is deployed', () => {
    const { stack, fleet, events } = build();
    const template = Template.fromStack(stack);
    const [handler] = Object.values(
      template.findResources('AWS::Lambda::Function', {
        Properties: { Environment: { Variables: { TIDEGATE_SCALE_EVENTS_RETENTION_DAYS: '90' } } },
      }),
    );
    expect(JSON.stringify(handler)).toMatch(/declaredConfigName.*ChatConfig[^"]*","EndpointConfigName"/);
    // The resource id refers to the endpoint, after which the handler is created.
    expect(JSON.stringify(handler)).toMatch(/"Fn::GetAtt":\["ChatEndpoint[^"]*","EndpointName"\]/);
    expect(stack.resolve(events.metricConfigurationDrift(fleet))).toMatchObject({
      metricName: 'ConfigurationDrift',
      statistic: 'Minimum',
    });
    expect(events.metricCapacityGap(fleet)).toMatchObject({ metricName: 'CapacityGap', statistic: 'Maximum' });
  });

  test('watches the copies of a component, and the instances of an imported endpoint, without a configuration to compare', () => {
    const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
    const imported = GpuEndpoint.fromEndpointName(stack, 'Imported', 'Chat', 'main');
    const component = InferenceComponent.fromInferenceComponentAttributes(stack, 'Small', {
      componentName: 'small',
      endpointName: 'shared',
      variantName: 'main',
    });
    new ScaleEvents(stack, 'Events', { fleets: [imported, component] });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Action: 'sagemaker:DescribeEndpoint' }),
          Match.objectLike({ Action: 'sagemaker:DescribeInferenceComponent' }),
        ]),
      },
    });
    expect(JSON.stringify(template.toJSON())).not.toContain('declaredConfigName');
  });

  test('may put events and metrics of its namespace, and look at activities', () => {
    const template = templateOf();
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          { Action: 'application-autoscaling:DescribeScalingActivities', Effect: 'Allow', Resource: '*' },
          {
            Action: 'sagemaker:DescribeEndpoint',
            Effect: 'Allow',
            Resource: { Ref: Match.stringLikeRegexp('ChatEndpoint') },
          },
          {
            Action: 'cloudwatch:PutMetricData',
            Condition: { StringEquals: { 'cloudwatch:namespace': 'Tidegate' } },
            Effect: 'Allow',
            Resource: '*',
          },
        ],
      },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: Match.arrayWith([Match.objectLike({ Action: 'dynamodb:PutItem' })]) },
    });
  });

  test('takes retention and removal', () => {
    const template = templateOf({ retention: Duration.days(7), removalPolicy: RemovalPolicy.DESTROY });
    template.hasResource('AWS::DynamoDB::Table', { DeletionPolicy: 'Delete' });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ TIDEGATE_SCALE_EVENTS_RETENTION_DAYS: '7' }) },
    });
  });

  test('lets a reader query', () => {
    const { stack, events } = build();
    events.grantRead(new iam.Role(stack, 'Reader', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') }));
    Template.fromStack(stack).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: [Match.objectLike({ Action: ['dynamodb:GetItem', 'dynamodb:Query'] })] },
    });
  });

  test('offers a metric of each kind of event by fleet', () => {
    const { events, fleet } = build();
    const metrics = [
      events.metricScaleOuts(fleet),
      events.metricScaleIns(fleet),
      events.metricCapacityErrors(fleet),
      events.metricScalingFailures(fleet),
      events.metricMaxCapacityReached(fleet),
    ];
    expect(metrics.map((metric) => metric.metricName)).toEqual([
      'ScaleOuts',
      'ScaleIns',
      'CapacityErrors',
      'ScalingFailures',
      'MaxCapacityReached',
    ]);
    for (const metric of metrics) {
      expect(metric).toMatchObject({
        namespace: 'Tidegate',
        statistic: 'Sum',
        dimensions: { ResourceId: fleet.resourceId },
      });
    }
  });

  test.each<[string, Partial<ScaleEventsProps>, RegExp]>([
    ['no fleet', { fleets: [] }, /fleets is empty/],
    [
      'half a minute',
      { reconcileInterval: Duration.seconds(30) },
      /reconcileInterval \(30 s\) must be a whole number of minutes/,
    ],
    ['an hour’s retention', { retention: Duration.hours(1) }, /retention \(1 hour\) must be at least a day/],
  ])('refuses %s', (_name, props, message) => {
    expect(() => build(props)).toThrow(message);
  });
});
