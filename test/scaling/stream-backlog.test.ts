import { App, Duration, Lazy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as fc from 'fast-check';
import { GpuEndpoint, ModelServer } from '../../lib/inference';
import { StreamIngestion } from '../../lib/ingestion';
import type { StreamBacklogScalingProps } from '../../lib/scaling';
import { backlogSteps } from '../../lib/scaling/backlog-steps';

function scaled(props: Partial<StreamBacklogScalingProps> = {}, maxConcurrencyPerInstance = 8): Stack {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const endpoint = new GpuEndpoint(stack, 'Chat', {
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    maxConcurrencyPerInstance,
  });
  const source = new StreamIngestion(stack, 'Requests', { endpoint, shardCount: 2, followsCapacity: true });
  endpoint.autoScale({ minCapacity: 1, maxCapacity: 8 }).scaleOnStreamBacklog('backlog', { source, ...props });
  return stack;
}

describe('the policy on the backlog of a stream', () => {
  test('adds capacity in percent, 30 seconds after the backlog of an instance has grown above what it was tested with', () => {
    const template = Template.fromStack(scaled());
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Namespace: 'Tidegate',
      MetricName: 'BacklogPerInstance',
      Dimensions: [{ Name: 'StreamName', Value: { Ref: Match.stringLikeRegexp('RequestsStream') } }],
      Statistic: 'Sum',
      Period: 10,
      EvaluationPeriods: 3,
      DatapointsToAlarm: 3,
      Threshold: 8,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'backlog',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'PercentChangeInCapacity',
        MinAdjustmentMagnitude: 1,
        Cooldown: 300,
        StepAdjustments: Match.arrayWith([
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 2, ScalingAdjustment: 60 },
        ]),
      },
    });
    // It removes nothing, so no policy for quiet fleets comes with it.
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 1);
  });

  test('takes an acceptable backlog, a ratio and times of its own', () => {
    const props = {
      acceptablePerInstance: 20,
      targetRatio: 1,
      addAfter: Duration.minutes(1),
      cooldown: Duration.minutes(10),
    };
    const template = Template.fromStack(scaled(props));
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { Threshold: 20, EvaluationPeriods: 6 });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      StepScalingPolicyConfiguration: {
        Cooldown: 600,
        StepAdjustments: Match.arrayWith([
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 5, ScalingAdjustment: 12 },
          { MetricIntervalLowerBound: 5, MetricIntervalUpperBound: 11.25, ScalingAdjustment: 40 },
        ]),
      },
    });
  });

  test.each<[Partial<StreamBacklogScalingProps>, RegExp]>([
    [{ acceptablePerInstance: 0 }, /acceptablePerInstance \(0\) must be a number above 0/],
    [{ targetRatio: 1.5 }, /targetRatio \(1.5\) must be above 0 and at most 1/],
    [{ targetRatio: 0 }, /targetRatio \(0\)/],
    [{ addAfter: Duration.seconds(15) }, /addAfter \(15 s\) must be a multiple of 10 s/],
    [{ addAfter: Duration.seconds(0) }, /addAfter \(0 s\)/],
    [{ addAfter: Duration.minutes(11) }, /addAfter \(660 s\)/],
  ])('refuses %j', (props, message) => {
    expect(() => scaled(props)).toThrow(message);
  });

  test('asks for a number where the tested concurrency is known at deploy time only', () => {
    expect(() => scaled({}, Lazy.number({ produce: () => 8 }))).toThrow(/give acceptablePerInstance instead/);
  });

  test('grows a fleet to what its backlog needs, an eighth less or more', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.3, max: 1, noNaN: true }),
        fc.double({ min: 1.001, max: 60, noNaN: true }),
        (acceptable, ratio, excess) => {
          const steps = backlogSteps(acceptable, ratio);
          const breach = acceptable * excess - acceptable;
          const step = steps.find(
            ({ lowerBound = 0, upperBound = Infinity }) => lowerBound <= breach && breach < upperBound,
          )!;
          const factor = 1 + step.change / 100;
          const needed = excess / ratio;
          expect(factor).toBeGreaterThanOrEqual(needed / 1.12 - 0.01);
          expect(factor).toBeLessThanOrEqual(needed * 1.12 + 0.01);
        },
      ),
    );
  });

  test('has twenty steps without a gap', () => {
    const steps = backlogSteps(8, 0.7);
    expect(steps).toHaveLength(20);
    expect(steps[0]!.lowerBound).toBe(0);
    expect(steps.slice(1).map(({ lowerBound }) => lowerBound)).toEqual(
      steps.slice(0, -1).map(({ upperBound }) => upperBound),
    );
    expect(steps.at(-1)!.upperBound).toBeUndefined();
  });
});
