import { Match, Template } from 'aws-cdk-lib/assertions';
import { AsyncEndpoint, ModelServer } from '../../../lib/inference';
import { newStack, pools, templateOf } from '../chat-endpoint';

describe('the rollback alarms', () => {
  test('watch the new configuration alone, and stay silent between deployments', () => {
    const template = templateOf();
    for (const [MetricName, Threshold] of [
      ['Invocation5XXErrors', 0.05],
      ['ModelLatency', 30_000_000],
    ] as const) {
      template.hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName,
        Threshold,
        Statistic: 'Average',
        TreatMissingData: 'notBreaching',
        Dimensions: Match.arrayWith([
          {
            Name: 'EndpointConfigName',
            Value: { 'Fn::GetAtt': [Match.stringLikeRegexp('Config'), 'EndpointConfigName'] },
          },
        ]),
      });
    }
  });

  test('of an asynchronous endpoint fire when too large a share of invocations fails', () => {
    const stack = newStack();
    const modelServer = ModelServer.triton();
    new AsyncEndpoint(stack, 'Films', { modelServer, capacity: { pools }, rollout: { maxErrorRatio: 0.2 } });
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      Threshold: 0.2,
      Metrics: Match.arrayWith([
        Match.objectLike({ Expression: 'FILL(failed, 0) / (FILL(failed, 0) + FILL(answered, 0))' }),
      ]),
    });
  });
});
