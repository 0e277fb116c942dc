import { Duration } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { RolloutStrategy, type RolloutProps } from '../../../lib/inference';
import { endpointIn, newStack, templateOf } from '../chat-endpoint';

describe('a rollout', () => {
  test('replaces the fleet in batches, keeps the scaled count and rolls back on its alarms by default', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::Endpoint', {
      RetainAllVariantProperties: true,
      DeploymentConfig: {
        RollingUpdatePolicy: {
          MaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 25 },
          RollbackMaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 100 },
          WaitIntervalInSeconds: 300,
        },
        AutoRollbackConfiguration: {
          Alarms: [
            { AlarmName: { Ref: Match.stringLikeRegexp('RollbackOnErrors') } },
            { AlarmName: { Ref: Match.stringLikeRegexp('RollbackOnLatency') } },
          ],
        },
      },
    });
  });

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
  ])('shifts traffic by %s to a second fleet and keeps the rollback alarms', (strategy, traffic) => {
    templateOf({ rollout: { strategy } }).hasResourceProperties('AWS::SageMaker::Endpoint', {
      RetainAllVariantProperties: true,
      DeploymentConfig: {
        RollingUpdatePolicy: Match.absent(),
        BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: traffic },
        AutoRollbackConfiguration: { Alarms: Match.arrayWith([{ AlarmName: Match.anyValue() }]) },
      },
    });
  });

  test('takes batches, thresholds and further alarms', () => {
    const stack = newStack();
    const alarm = cloudwatch.Alarm.fromAlarmArn(
      stack,
      'Quality',
      'arn:aws:cloudwatch:us-east-1:123456789012:alarm:quality',
    );
    endpointIn(stack, {
      rollout: {
        batchPercent: 50,
        waitInterval: Duration.minutes(1),
        maxErrorRatio: 0.01,
        maxModelLatency: Duration.millis(800),
        alarms: [alarm],
      },
    });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::Endpoint', {
      DeploymentConfig: {
        RollingUpdatePolicy: { MaximumBatchSize: { Value: 50 }, WaitIntervalInSeconds: 60 },
        AutoRollbackConfiguration: { Alarms: Match.arrayWith([{ AlarmName: 'quality' }]) },
      },
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'ModelLatency', Threshold: 800_000 });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'Invocation5XXErrors', Threshold: 0.01 });
  });

  test.each<[string, RolloutProps, RegExp]>([
    ['a batch of 60 %', { batchPercent: 60 }, /rollout\.batchPercent \(60 %\) must be a whole number, 5 to 50/],
    [
      'a canary of more than half',
      { strategy: RolloutStrategy.CANARY, batchPercent: 60 },
      /rollout\.batchPercent \(60 %\) must be a whole number, 1 to 50/,
    ],
    ['an error ratio of 0', { maxErrorRatio: 0 }, /rollout\.maxErrorRatio \(0\)/],
    ['a long wait', { waitInterval: Duration.hours(2) }, /rollout\.waitInterval/],
    [
      'a latency without a limit',
      { maxModelLatency: Duration.seconds(Infinity) },
      /rollout\.maxModelLatency \(Infinity s\)/,
    ],
    [
      'a latency of hours',
      { maxModelLatency: Duration.hours(2) },
      /rollout\.maxModelLatency \(7200 s\).*at most 3600 s/,
    ],
    ['a latency of 0', { maxModelLatency: Duration.seconds(0) }, /rollout\.maxModelLatency/],
  ])('refuses %s', (_name, rollout, message) => {
    expect(() => templateOf({ rollout })).toThrow(message);
  });

  test('refuses more alarms than SageMaker takes', () => {
    const stack = newStack();
    const alarms = Array.from({ length: 9 }, (_, i) =>
      cloudwatch.Alarm.fromAlarmArn(stack, `A${i}`, `arn:aws:cloudwatch:us-east-1:123456789012:alarm:a${i}`),
    );
    expect(() => endpointIn(stack, { rollout: { alarms } })).toThrow(/rollout\.alarms has 9 alarms/);
  });
});
