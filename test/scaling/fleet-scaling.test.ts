import { App, Duration, Stack, TimeZone } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { GpuEndpoint, ModelServer } from '../../lib/inference';
import { FleetScaling, SuspendableActivity, type FleetScalingProps } from '../../lib/scaling';

const env = { account: '123456789012', region: 'us-east-1' };

function newStack(): Stack {
  return new Stack(new App(), 'Test', { env });
}

function scalingIn(stack: Stack, props: Partial<FleetScalingProps> = {}): FleetScaling {
  const fleet = new GpuEndpoint(stack, 'Chat', {
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  return new FleetScaling(stack, 'Scaling', { fleet, minCapacity: 1, maxCapacity: 8, ...props });
}

function templateOf(attach: (scaling: FleetScaling) => void, props: Partial<FleetScalingProps> = {}): Template {
  const stack = newStack();
  attach(scalingIn(stack, props));
  return Template.fromStack(stack);
}

const none = (): void => undefined;
const tracking = (properties: object): object => ({ TargetTrackingScalingPolicyConfiguration: properties });

describe('the scalable target', () => {
  test('registers the variant between the limits under the service-linked role, once the endpoint is in service', () => {
    templateOf(none).hasResource('AWS::ApplicationAutoScaling::ScalableTarget', {
      Properties: {
        ServiceNamespace: 'sagemaker',
        ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        MinCapacity: 1,
        MaxCapacity: 8,
        ScheduledActions: Match.absent(),
        SuspendedState: Match.absent(),
        ResourceId: {
          'Fn::Join': [
            '',
            ['endpoint/', { 'Fn::GetAtt': [Match.stringLikeRegexp('ChatEndpoint'), 'EndpointName'] }, '/variant/main'],
          ],
        },
        RoleARN: {
          'Fn::Join': [
            '',
            Match.arrayWith([
              Match.stringLikeRegexp(
                ':role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint$',
              ),
            ]),
          ],
        },
      },
      // The resource id refers to the endpoint, which orders them already.
      DependsOn: Match.absent(),
    });
  });

  test('suspends scaling activities', () => {
    templateOf(none, { suspended: [SuspendableActivity.SCALE_IN] }).hasResourceProperties(
      'AWS::ApplicationAutoScaling::ScalableTarget',
      {
        SuspendedState: {
          DynamicScalingInSuspended: true,
          DynamicScalingOutSuspended: false,
          ScheduledScalingSuspended: false,
        },
      },
    );
  });

  test('works on an imported endpoint in another stack', () => {
    const stack = newStack();
    const fleet = GpuEndpoint.fromEndpointName(stack, 'Imported', 'chat', 'main');
    new FleetScaling(stack, 'Scaling', { fleet, minCapacity: 1, maxCapacity: 2 }).scaleOnConcurrency('concurrency');
    Template.fromStack(stack).hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ResourceId: 'endpoint/chat/variant/main',
    });
  });

  test.each<[string, Partial<FleetScalingProps>, RegExp]>([
    [
      'min above max',
      { minCapacity: 5, maxCapacity: 3 },
      /minCapacity \(5\) is above maxCapacity \(3\); lower minCapacity or raise maxCapacity/,
    ],
    ['a real-time endpoint at zero', { minCapacity: 0 }, /minCapacity \(0\) is below 1, the lowest this fleet accepts/],
    ['half an instance', { maxCapacity: 2.5 }, /maxCapacity \(2\.5\) must be a whole number/],
    ['what is no number', { minCapacity: NaN }, /minCapacity \(NaN\) must be a whole number of at least 0/],
  ])('refuses %s', (_name, props, message) => {
    expect(() => templateOf(none, props)).toThrow(message);
  });
});

describe('scaleOnConcurrency', () => {
  test('holds 0.7 of the tested concurrency on the 10-second metric', () => {
    // 8 tested x 0.7 = 5.6
    templateOf((scaling) => scaling.scaleOnConcurrency('concurrency')).hasResourceProperties(
      'AWS::ApplicationAutoScaling::ScalingPolicy',
      {
        PolicyName: 'concurrency',
        PolicyType: 'TargetTrackingScaling',
        ...tracking({
          TargetValue: 5.6,
          ScaleInCooldown: 300,
          ScaleOutCooldown: 60,
          DisableScaleIn: false,
          PredefinedMetricSpecification: {
            PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
          },
        }),
      },
    );
  });

  test('takes a target, cooldowns, a name and no scale-in', () => {
    templateOf((scaling) =>
      scaling.scaleOnConcurrency('concurrency', {
        targetPerInstance: 4,
        scaleInCooldown: Duration.minutes(10),
        scaleOutCooldown: Duration.seconds(0),
        disableScaleIn: true,
        policyName: 'busy',
      }),
    ).hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'busy',
      ...tracking({ TargetValue: 4, ScaleInCooldown: 600, ScaleOutCooldown: 0, DisableScaleIn: true }),
    });
  });

  test('derives the target without the tail of binary fractions', () => {
    const fleetOf = (stack: Stack): GpuEndpoint =>
      new GpuEndpoint(stack, 'Three', {
        modelServer: ModelServer.triton(),
        capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
        maxConcurrencyPerInstance: 3,
      });
    const stack = newStack();
    new FleetScaling(stack, 'Scaling', { fleet: fleetOf(stack), minCapacity: 1, maxCapacity: 2 }).scaleOnConcurrency(
      'concurrency',
    );
    // 3 x 0.7 = 2.0999999999999996
    Template.fromStack(stack).hasResourceProperties(
      'AWS::ApplicationAutoScaling::ScalingPolicy',
      tracking({ TargetValue: 2.1 }),
    );
  });

  test('follows the variant’s own metric every minute without high resolution', () => {
    templateOf((scaling) => scaling.scaleOnConcurrency('concurrency', { highResolution: false })).hasResourceProperties(
      'AWS::ApplicationAutoScaling::ScalingPolicy',
      tracking({
        CustomizedMetricSpecification: {
          Namespace: 'AWS/SageMaker',
          MetricName: 'ConcurrentRequestsPerModel',
          Statistic: 'Maximum',
          Dimensions: [
            { Name: 'EndpointName', Value: { 'Fn::GetAtt': [Match.stringLikeRegexp('Chat'), 'EndpointName'] } },
            { Name: 'VariantName', Value: 'main' },
          ],
        },
      }),
    );
  });

  test('warns where requests would queue before the fleet grows', () => {
    const stack = newStack();
    scalingIn(stack).scaleOnConcurrency('concurrency', { targetPerInstance: 12 });
    Annotations.fromStack(stack).hasWarning(
      '/Test/Scaling',
      Match.stringLikeRegexp("targetPerInstance \\(12\\) is above the fleet's maxConcurrencyPerInstance \\(8\\)"),
    );
  });

  test.each<[string, (scaling: FleetScaling) => void, RegExp]>([
    [
      'a target of 0',
      (s) => s.scaleOnConcurrency('concurrency', { targetPerInstance: 0 }),
      /targetValue \(0\) must be a number above 0/,
    ],
    [
      'a safety factor above 1',
      (s) => s.scaleOnConcurrency('concurrency', { targetRatio: 1.1 }),
      /targetRatio \(1\.1\) must be above 0/,
    ],
    [
      'a target and a safety factor',
      (s) => s.scaleOnConcurrency('concurrency', { targetPerInstance: 4, targetRatio: 0.5 }),
      /targetPerInstance and targetRatio are both given/,
    ],
    [
      'two policies of one name',
      (s) => {
        s.scaleOnConcurrency('concurrency');
        s.scaleOnConcurrency('concurrency');
      },
      /policyName concurrency is used twice/,
    ],
  ])('refuses %s', (_name, attach, message) => {
    expect(() => templateOf(attach)).toThrow(message);
  });
});

describe('scaleOnInvocations', () => {
  test('takes the target that AWS’s load-test recipe gives', () => {
    // 4 requests/s x 0.5 x 60 s = 120 a minute
    templateOf((scaling) =>
      scaling.scaleOnInvocations('invocations', { maxRequestsPerSecond: 4 }),
    ).hasResourceProperties(
      'AWS::ApplicationAutoScaling::ScalingPolicy',
      tracking({
        TargetValue: 120,
        PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
      }),
    );
  });

  test('takes a target as it is', () => {
    templateOf((scaling) =>
      scaling.scaleOnInvocations('invocations', { targetPerInstancePerMinute: 90 }),
    ).hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', tracking({ TargetValue: 90 }));
  });

  test.each([{}, { targetPerInstancePerMinute: 90, maxRequestsPerSecond: 4 }])('refuses %j', (props) => {
    expect(() => templateOf((scaling) => scaling.scaleOnInvocations('invocations', props))).toThrow(
      /give either targetPerInstancePerMinute or maxRequestsPerSecond/,
    );
  });
});

describe('scaleOnMetric', () => {
  const steps = [
    { lowerBound: 0, upperBound: 10, change: 1 },
    { lowerBound: 10, change: 3 },
  ];

  test('answers an alarm of its own on the busiest instance’s concurrency', () => {
    const template = templateOf((scaling) => {
      scaling.scaleOnMetric('surge', { threshold: 12, steps });
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'surge',
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ChangeInCapacity',
        Cooldown: 300,
        MetricAggregationType: 'Average',
        StepAdjustments: [
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 1 },
          { MetricIntervalLowerBound: 10, ScalingAdjustment: 3 },
        ],
      },
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: [{ Ref: Match.stringLikeRegexp('Scalingsurge') }],
      MetricName: 'ConcurrentRequestsPerModel',
      Period: 60,
      Threshold: 12,
      EvaluationPeriods: 3,
      DatapointsToAlarm: 3,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'missing',
    });
  });

  test('takes a 10-second alarm, percentages and its own metric', () => {
    const template = templateOf((scaling) => {
      scaling.scaleOnMetric('fast', { threshold: 12, steps, period: Duration.seconds(10), evaluationPeriods: 2 });
      scaling.scaleOnMetric('latency', {
        threshold: 2_000_000,
        steps: [{ lowerBound: 0, change: 25 }],
        adjustmentType: appscaling.AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
        minAdjustmentMagnitude: 1,
        metricAggregationType: appscaling.MetricAggregationType.MAXIMUM,
        cooldown: Duration.minutes(2),
        metric: new cloudwatch.Metric({ namespace: 'AWS/SageMaker', metricName: 'ModelLatency' }),
        datapointsToAlarm: 1,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        treatMissingData: cloudwatch.TreatMissingData.IGNORE,
      });
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Period: 10,
      EvaluationPeriods: 2,
      DatapointsToAlarm: 2,
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ModelLatency',
      EvaluationPeriods: 3,
      DatapointsToAlarm: 1,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'ignore',
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'PercentChangeInCapacity',
        MinAdjustmentMagnitude: 1,
        MetricAggregationType: 'Maximum',
        Cooldown: 120,
      },
    });
  });

  test.each<[string, { lowerBound?: number; upperBound?: number; change: number }[], RegExp]>([
    ['no step', [], /give at least one step/],
    [
      'twenty-one steps',
      Array.from({ length: 21 }, (_, i) => ({ lowerBound: i, upperBound: i + 1, change: 1 })),
      /policy wrong has 21 steps; at most 20/,
    ],
    [
      'a gap',
      [
        { lowerBound: 0, upperBound: 5, change: 1 },
        { lowerBound: 6, change: 2 },
      ],
      /steps leave a gap between 5 and 6/,
    ],
    [
      'an overlap',
      [
        { lowerBound: 0, upperBound: 5, change: 1 },
        { lowerBound: 4, change: 2 },
      ],
      /steps overlap between 4 and 5/,
    ],
    [
      'an empty step',
      [{ lowerBound: 5, upperBound: 5, change: 1 }],
      /lower bound \(5\) must be below the upper bound \(5\)/,
    ],
    [
      'an open end below',
      [
        { lowerBound: -5, upperBound: 0, change: -1 },
        { lowerBound: 0, change: 1 },
      ],
      /negative lower bound needs a step without a lower bound/,
    ],
    [
      'an open end above',
      [{ lowerBound: 0, upperBound: 5, change: 1 }],
      /positive upper bound needs a step without an upper bound/,
    ],
  ])('refuses %s', (_name, wrong, message) => {
    expect(() => templateOf((scaling) => void scaling.scaleOnMetric('wrong', { threshold: 1, steps: wrong }))).toThrow(
      message,
    );
  });

  test('refuses a negative capacity', () => {
    expect(() =>
      templateOf(
        (scaling) =>
          void scaling.scaleOnMetric('exact', {
            threshold: 1,
            steps: [{ lowerBound: 0, change: -1 }],
            adjustmentType: appscaling.AdjustmentType.EXACT_CAPACITY,
          }),
      ),
    ).toThrow(/adjustment \(-1\) must not be negative with ExactCapacity/);
  });
});

describe('scaleOnSchedule', () => {
  const schedule = appscaling.Schedule.cron({ minute: '0', hour: '8', weekDay: 'MON-FRI' });

  test('puts scheduled actions into the target', () => {
    templateOf((scaling) => {
      scaling.scaleOnSchedule('morning', { schedule, minCapacity: 4, timeZone: TimeZone.EUROPE_ZURICH });
      scaling.scaleOnSchedule('evening', {
        schedule: appscaling.Schedule.cron({ minute: '0', hour: '20' }),
        minCapacity: 1,
        maxCapacity: 6,
      });
    }).hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ScheduledActions: [
        {
          ScheduledActionName: 'morning',
          Schedule: 'cron(0 8 ? * MON-FRI *)',
          Timezone: 'Europe/Zurich',
          ScalableTargetAction: { MinCapacity: 4, MaxCapacity: Match.absent() },
        },
        { ScheduledActionName: 'evening', ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 6 } },
      ],
    });
  });

  test.each<[string, (scaling: FleetScaling) => void, RegExp]>([
    [
      'no change',
      (s) => s.scaleOnSchedule('idle', { schedule }),
      /scheduled action idle: give minCapacity, maxCapacity or both/,
    ],
    [
      'zero',
      (s) => s.scaleOnSchedule('night', { schedule, minCapacity: 0 }),
      /scheduled action night: minCapacity \(0\) is below 1/,
    ],
    [
      'min above max',
      (s) => s.scaleOnSchedule('peak', { schedule, minCapacity: 9 }),
      /minCapacity \(9\) is above maxCapacity \(8\)/,
    ],
    [
      'one name twice',
      (s) => {
        s.scaleOnSchedule('morning', { schedule, minCapacity: 2 });
        s.scaleOnSchedule('morning', { schedule, minCapacity: 3 });
      },
      /scheduledActionName morning is used twice/,
    ],
  ])('refuses %s', (_name, attach, message) => {
    expect(() => templateOf(attach)).toThrow(message);
  });
});
