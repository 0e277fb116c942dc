import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Schedule } from 'aws-cdk-lib/aws-applicationautoscaling';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { GpuEndpoint, ModelServer } from '../../lib/inference';
import { CapacityForecaster, FleetScaling, ForecastMode, type CapacityForecasterProps } from '../../lib/scaling';
import {
  FORECASTER_ENVIRONMENT,
  parseForecasterConfiguration,
  type ForecasterConfiguration,
} from '../../lib/scaling/contract';

interface Built {
  readonly stack: Stack;
  readonly scaling: FleetScaling;
  readonly forecaster: CapacityForecaster;
}

function build(props: Partial<CapacityForecasterProps> = {}): Built {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const fleet = new GpuEndpoint(stack, 'Chat', {
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    maxConcurrencyPerInstance: 16,
  });
  const scaling = new FleetScaling(stack, 'Scaling', { fleet, minCapacity: 2, maxCapacity: 9 });
  const forecaster = new CapacityForecaster(stack, 'Forecast', {
    scaling,
    serviceTime: Duration.millis(800),
    ...props,
  });
  return { stack, scaling, forecaster };
}

const templateOf = (props: Partial<CapacityForecasterProps> = {}): Template => Template.fromStack(build(props).stack);

/** The one function of the stack, its handler's environment, and its role's statements. */
function handlerOf(template: Template): { readonly [name: string]: unknown } {
  const [handler] = Object.values(template.findResources('AWS::Lambda::Function'));
  return handler!.Properties as { [name: string]: unknown };
}

function configurationOf(template: Template): ForecasterConfiguration {
  const { Variables } = handlerOf(template)['Environment'] as { Variables: { [name: string]: unknown } };
  const text = Variables[FORECASTER_ENVIRONMENT.configuration] as { 'Fn::Join': [string, unknown[]] };
  const parts = text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'the-endpoint'));
  return parseForecasterConfiguration(parts.join(''));
}

function statementsOf(template: Template): unknown[] {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy')).filter(([id]) =>
    id.startsWith('Forecast'),
  );
  return policies.flatMap(
    ([, { Properties }]) => (Properties as { PolicyDocument: { Statement: unknown[] } }).PolicyDocument.Statement,
  );
}

const arnOf = (name: string): object => ({
  'Fn::GetAtt': [expect.stringMatching(new RegExp(`^Forecast${name}`)), 'Arn'],
});
const inStack = (service: string, resource: string): object => ({
  'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:${service}:us-east-1:123456789012:${resource}`]],
});
/** What a shadow may do, and nothing else. */
const SHADOW_STATEMENTS = [
  {
    Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    Effect: 'Allow',
    Resource: arnOf('HandlerLogs'),
  },
  {
    Action: 'sqs:SendMessage',
    Effect: 'Allow',
    Resource: arnOf('DeadLetters'),
  },
  {
    Sid: 'Learned',
    Action: ['dynamodb:GetItem', 'dynamodb:PutItem'],
    Effect: 'Allow',
    Resource: arnOf('Table'),
  },
  { Sid: 'Demand', Action: 'cloudwatch:GetMetricData', Effect: 'Allow', Resource: '*' },
  {
    Sid: 'Metrics',
    Action: 'cloudwatch:PutMetricData',
    Condition: { StringEquals: { 'cloudwatch:namespace': 'Tidegate' } },
    Effect: 'Allow',
    Resource: '*',
  },
];

describe('CapacityForecaster', () => {
  test('looks every minute, once the fleet is registered', () => {
    templateOf().hasResource('AWS::Events::Rule', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('^ScalingTarget')]),
      Properties: {
        ScheduleExpression: 'rate(1 minute)',
        Targets: [
          Match.objectLike({
            DeadLetterConfig: { Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^ForecastDeadLetters'), 'Arn'] } },
            RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
          }),
        ],
      },
    });
  });

  test('is a shadow by default and tells its handler everything', () => {
    expect(build().forecaster.mode).toBe(ForecastMode.SHADOW);
    expect(configurationOf(templateOf())).toEqual({
      active: false,
      resourceId: 'endpoint/the-endpoint/variant/main',
      scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      serviceNamespace: 'sagemaker',
      demand: {
        namespace: 'AWS/SageMaker',
        metricName: 'Invocations',
        dimensions: { EndpointName: 'the-endpoint', VariantName: 'main' },
        statistic: 'Sum',
      },
      settings: {
        slotsPerInstance: 16,
        serviceSeconds: 0.8,
        provisioningSeconds: 258,
        minCapacity: 2,
        maxCapacity: 9,
      },
    });
  });

  test('takes provisioning, mode and another metric of requests', () => {
    const requestsMetric = new cloudwatch.Metric({
      namespace: 'Mine',
      metricName: 'Asked',
      dimensionsMap: { Queue: 'chat' },
    });
    const template = templateOf({
      provisioning: Duration.seconds(525),
      mode: ForecastMode.ACTIVE,
      requestsMetric,
    });
    expect(configurationOf(template)).toMatchObject({
      active: true,
      demand: { namespace: 'Mine', metricName: 'Asked', dimensions: { Queue: 'chat' }, statistic: 'Sum' },
      settings: { provisioningSeconds: 525 },
    });
  });

  test('as a shadow may read metrics, publish its own and remember, and cannot touch the fleet', () => {
    const statements = statementsOf(templateOf());
    expect(statements).toEqual(expect.arrayContaining(SHADOW_STATEMENTS));
    expect(statements).toHaveLength(SHADOW_STATEMENTS.length);
    expect(JSON.stringify(statements)).not.toContain('application-autoscaling');
  });

  test('when active may see limits, register the kind of target it scales with what that call checks, and nothing else', () => {
    const statements = statementsOf(templateOf({ mode: ForecastMode.ACTIVE }));
    const active = [
      ...SHADOW_STATEMENTS,
      {
        Sid: 'Limit',
        Action: 'application-autoscaling:RegisterScalableTarget',
        Condition: {
          StringEquals: {
            'application-autoscaling:service-namespace': ['sagemaker'],
            'application-autoscaling:scalable-dimension': ['sagemaker:variant:DesiredInstanceCount'],
          },
        },
        Effect: 'Allow',
        Resource: inStack('application-autoscaling', 'scalable-target/*'),
      },
      {
        Sid: 'SeeLimits',
        Action: 'application-autoscaling:DescribeScalableTargets',
        Effect: 'Allow',
        Resource: '*',
      },
      {
        Action: ['sagemaker:DescribeEndpoint', 'sagemaker:UpdateEndpointWeightsAndCapacities'],
        Effect: 'Allow',
        Resource: { Ref: expect.stringMatching(/^ChatEndpoint/) },
      },
      {
        Action: 'sagemaker:DescribeEndpointConfig',
        Effect: 'Allow',
        Resource: inStack('sagemaker', 'endpoint-config/*'),
      },
      { Action: 'cloudwatch:DescribeAlarms', Effect: 'Allow', Resource: '*' },
      {
        Action: ['cloudwatch:DeleteAlarms', 'cloudwatch:PutMetricAlarm'],
        Condition: { StringEquals: { 'aws:CalledViaLast': 'application-autoscaling.amazonaws.com' } },
        Effect: 'Allow',
        Resource: inStack('cloudwatch', 'alarm:TargetTracking*'),
      },
    ];
    expect(statements).toEqual(expect.arrayContaining(active));
    expect(statements).toHaveLength(active.length);
  });

  test('keeps what it learned in an encrypted table with recovery that goes with it, unless told otherwise', () => {
    const Properties = {
      KeySchema: [{ AttributeName: 'fleet', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
      SSESpecification: { SSEEnabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    };
    templateOf().hasResource('AWS::DynamoDB::Table', { DeletionPolicy: 'Delete', Properties });
    templateOf({ removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE }).hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'RetainExceptOnCreate',
    });
  });

  test('keeps looks that failed in an encrypted queue, without trying them again or late', () => {
    const template = templateOf();
    template.hasResourceProperties('AWS::SQS::Queue', {
      MessageRetentionPeriod: 1_209_600, // 14 days
      SqsManagedSseEnabled: true,
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': [Match.stringLikeRegexp('^ForecastDeadLetters'), 'Arn'] } },
      },
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
  });

  test('keeps its logs for a month', () => {
    templateOf().hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });

  test('offers what it publishes as metrics of the fleet', () => {
    const { forecaster } = build();
    const metrics = [
      forecaster.metricPredictedRequests(),
      forecaster.metricFloor(),
      forecaster.metricLoss(),
      forecaster.metricNaiveLoss(),
    ];
    expect(metrics.map(({ metricName }) => metricName)).toEqual([
      'ForecastRequestsPerSecond',
      'ForecastFloor',
      'ForecastLoss',
      'NaiveForecastLoss',
    ]);
    for (const metric of metrics)
      expect(metric).toMatchObject({
        namespace: 'Tidegate',
        statistic: 'Maximum',
        dimensions: { ResourceId: forecaster.fleet.resourceId },
      });
    expect(forecaster.metricFloor({ period: Duration.minutes(5) }).period.toMinutes()).toBe(5);
  });

  test.each<[string, Partial<CapacityForecasterProps>, RegExp]>([
    ['no service time', { serviceTime: Duration.seconds(0) }, /Test\/Forecast: serviceTime \(0 s\) must be above 0/],
    [
      'no time to provision',
      { provisioning: Duration.seconds(0) },
      /provisioning \(0 s\) must be between a second and an hour/,
    ],
    [
      'hours of provisioning',
      { provisioning: Duration.hours(2) },
      /provisioning \(7200 s\) must be between a second and an hour/,
    ],
    [
      'a metric of everything',
      { requestsMetric: new cloudwatch.Metric({ namespace: 'Mine', metricName: 'Asked' }) },
      /requestsMetric has no dimensions; name the metric of this fleet alone/,
    ],
  ])('refuses %s', (_name, props, message) => {
    expect(() => build(props)).toThrow(message);
  });

  test('refuses, when active, a schedule that sets the minimum, also one that is added later', () => {
    const active = build({ mode: ForecastMode.ACTIVE });
    active.scaling.scaleOnSchedule('morning', { schedule: Schedule.cron({ hour: '8' }), minCapacity: 3 });
    expect(() => Template.fromStack(active.stack)).toThrow(
      /schedule 'morning' of Test\/Scaling sets minCapacity, which the active forecast would overwrite a minute later/,
    );
  });

  test('accepts, when active, a schedule that sets the maximum, and any schedule as a shadow', () => {
    const active = build({ mode: ForecastMode.ACTIVE });
    active.scaling.scaleOnSchedule('night', { schedule: Schedule.cron({ hour: '22' }), maxCapacity: 4 });
    expect(() => Template.fromStack(active.stack)).not.toThrow();
    const shadow = build();
    shadow.scaling.scaleOnSchedule('morning', { schedule: Schedule.cron({ hour: '8' }), minCapacity: 3 });
    expect(() => Template.fromStack(shadow.stack)).not.toThrow();
  });
});
