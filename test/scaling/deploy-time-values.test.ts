import { App, CfnParameter, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Schedule } from 'aws-cdk-lib/aws-applicationautoscaling';
import { GpuEndpoint } from '../../lib/inference';
import { FleetScaling, ServerSignal, type FleetScalingProps } from '../../lib/scaling';

function scalingWith(props: Partial<FleetScalingProps> = {}): { stack: Stack; scaling: FleetScaling; later: number } {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const later = new CfnParameter(stack, 'Later', { type: 'Number' }).valueAsNumber;
  const fleet = GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main');
  return {
    stack,
    later,
    scaling: new FleetScaling(stack, 'Scaling', { fleet, minCapacity: 1, maxCapacity: 8, ...props }),
  };
}

const REF = { Ref: 'Later' };

describe('numbers that are known at deploy time only', () => {
  test('are the targets of policies', () => {
    const { stack, scaling, later } = scalingWith();
    scaling.scaleOnConcurrency('concurrency', { targetPerInstance: later });
    scaling.scaleOnInvocations('invocations', { targetPerInstancePerMinute: later });
    const template = Template.fromStack(stack);
    for (const PolicyName of ['concurrency', 'invocations']) {
      template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
        PolicyName,
        TargetTrackingScalingPolicyConfiguration: { TargetValue: REF },
      });
    }
  });

  test('are the thresholds, bounds and changes of steps', () => {
    const { stack, scaling, later } = scalingWith();
    scaling.scaleOnMetric('surge', {
      threshold: later,
      evaluationPeriods: later,
      steps: [
        { lowerBound: 0, upperBound: later, change: 1 },
        { lowerBound: later, change: later },
      ],
    });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { Threshold: REF, EvaluationPeriods: REF });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      StepScalingPolicyConfiguration: {
        StepAdjustments: [
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: REF, ScalingAdjustment: 1 },
          { MetricIntervalLowerBound: REF, ScalingAdjustment: REF },
        ],
      },
    });
  });

  test('are the limits of a schedule', () => {
    const { stack, scaling, later } = scalingWith();
    scaling.scaleOnSchedule('morning', { schedule: Schedule.cron({ hour: '8' }), minCapacity: later });
    scaling.scaleOnSchedule('evening', { schedule: Schedule.cron({ hour: '20' }), maxCapacity: later });
    Template.fromStack(stack).hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ScheduledActions: [
        Match.objectLike({ ScalableTargetAction: { MinCapacity: REF } }),
        Match.objectLike({ ScalableTargetAction: { MaxCapacity: REF } }),
      ],
    });
  });

  test('are references in the query of a server signal', () => {
    const { stack, scaling, later } = scalingWith();
    scaling.scaleOnServerSignal('waiting', { signal: ServerSignal.waitingRequests(), addAbove: later });
    const alarms = JSON.stringify(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
    expect(alarms).toContain('> ",{"Ref":"Later"}');
    expect(alarms).not.toContain('e+289');
  });

  test('do not hide what else is wrong', () => {
    const stack = new Stack();
    const maxCapacity = new CfnParameter(stack, 'Later', { type: 'Number' }).valueAsNumber;
    expect(() => scalingWith({ maxCapacity, minCapacity: 0 })).toThrow(/minCapacity \(0\) is below 1/);
    const { scaling, later } = scalingWith({ maxCapacity });
    expect(() => scaling.scaleOnMetric('none', { threshold: later, steps: [] })).toThrow(/give at least one step/);
    const schedule = Schedule.cron({ hour: '8' });
    expect(() => scaling.scaleOnSchedule('morning', { schedule, minCapacity: later, maxCapacity: 0 })).toThrow(
      /morning: maxCapacity \(0\) is below 1/,
    );
  });

  test('are refused where something would have to be computed from them, with the property to give instead', () => {
    const { stack, scaling, later } = scalingWith();
    expect(() => scaling.scaleOnConcurrency('concurrency', { targetRatio: later })).toThrow(
      'targetRatio is known at deploy time only, so no target can be computed from it; give targetPerInstance instead',
    );
    expect(() => scaling.scaleOnInvocations('invocations', { maxRequestsPerSecond: later })).toThrow(
      'maxRequestsPerSecond is known at deploy time only, so no target can be computed from it; give targetPerInstancePerMinute',
    );
    const fleet = GpuEndpoint.fromEndpointName(stack, 'Other', 'other', 'main');
    Object.defineProperty(fleet, 'maxConcurrencyPerInstance', { value: later });
    const untested = new FleetScaling(stack, 'Untested', { fleet, minCapacity: 1, maxCapacity: 2 });
    expect(() => untested.scaleOnConcurrency('concurrency')).toThrow(
      /maxConcurrencyPerInstance is known at deploy time only/,
    );
    untested.scaleOnConcurrency('concurrency', { targetPerInstance: 4 });
    expect(() =>
      scaling.scaleOnServerSignal('waiting', {
        signal: ServerSignal.waitingRequests(),
        addAbove: 4,
        removeBelow: 1,
        replicas: later,
      }),
    ).toThrow(/replicas is known at deploy time only/);
  });
});
