import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { GpuEndpoint, ServerlessEndpoint } from '../../lib/inference';
import { FleetScaling, ServerSignal } from '../../lib/scaling';

const account = '123456789012';
const limits = { minCapacity: 1, maxCapacity: 4 };

function scalingIn(scope = new App()): { stack: Stack; scaling: FleetScaling } {
  const stack = new Stack(scope, 'Test', { env: { account, region: 'us-east-1' } });
  const fleet = GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main');
  return { stack, scaling: new FleetScaling(stack, 'Scaling', { fleet, ...limits }) };
}

describe('the environment of a fleet', () => {
  test('is that of its scaling: another region is refused, naming both', () => {
    const app = new App();
    const east = new Stack(app, 'East', { env: { account, region: 'us-east-1' } });
    const west = new Stack(app, 'West', { env: { account, region: 'us-west-2' } });
    const fleet = GpuEndpoint.fromEndpointName(east, 'Chat', 'chat', 'main');
    expect(() => new FleetScaling(west, 'Scaling', { fleet, ...limits })).toThrow(
      'the stack is in region us-west-2 and East/Chat in region us-east-1, the only one where it can be scaled',
    );
  });

  test('is not checked where the region is known at deploy time only', () => {
    const app = new App();
    const fleet = GpuEndpoint.fromEndpointName(new Stack(app, 'Anywhere'), 'Chat', 'chat', 'main');
    const west = new Stack(app, 'West', { env: { account, region: 'us-west-2' } });
    new FleetScaling(west, 'Scaling', { fleet, ...limits });
    Template.fromStack(west).resourceCountIs('AWS::ApplicationAutoScaling::ScalableTarget', 1);
  });

  const tokens = { namespace: 'Chat', metricName: 'Tokens' };
  const metrics: [string, cloudwatch.IMetric, RegExp][] = [
    [
      'region',
      new cloudwatch.Metric({ ...tokens, region: 'eu-west-1' }),
      /metric Tokens is of region eu-west-1, the fleet of region us-east-1; .* publish the metric in us-east-1/,
    ],
    [
      'account',
      new cloudwatch.Metric({ ...tokens, account: '210987654321' }),
      /metric Tokens is of account 210987654321, the fleet of account 123456789012/,
    ],
    [
      'region inside metric math',
      new cloudwatch.MathExpression({
        expression: 'm1 / 2',
        usingMetrics: { m1: new cloudwatch.Metric({ ...tokens, region: 'eu-west-1' }) },
        period: Duration.minutes(1),
      }),
      /metric Tokens is of region eu-west-1/,
    ],
  ];
  test.each(metrics)('is that of the metric of a policy: another %s is refused', (_what, metric, message) => {
    const { scaling } = scalingIn();
    expect(() => scaling.scaleToTrackMetric('tokens', { metric, targetValue: 5 })).toThrow(message);
  });

  test('may be named by the metric', () => {
    const { stack, scaling } = scalingIn();
    const metric = new cloudwatch.Metric({ ...tokens, region: 'us-east-1', account });
    scaling.scaleToTrackMetric('tokens', { metric, targetValue: 5 });
    Template.fromStack(stack).resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 1);
  });
});

test.each([{}, { highResolution: false }])('a serverless fleet is refused scaleOnConcurrency(%j)', (props) => {
  const stack = new Stack(new App(), 'Test');
  const fleet = ServerlessEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main');
  const scaling = new FleetScaling(stack, 'Scaling', { fleet, ...limits });
  expect(() => scaling.scaleOnConcurrency('concurrency', props)).toThrow(
    'the fleet is serverless and publishes no concurrency of an instance; use scaleOnProvisionedConcurrency',
  );
});

test('a share that the model server publishes takes thresholds from 0 to 1', () => {
  const { scaling } = scalingIn();
  const signal = ServerSignal.kvCacheUse();
  expect(() => scaling.scaleOnServerSignal('kv', { signal, addAbove: 85 })).toThrow(/is a ratio; for 85 % give 0\.85/);
  expect(() => scaling.scaleOnServerSignal('kv', { signal, addAbove: 0.8, removeBelow: -1 })).toThrow(
    /removeBelow \(-1\) must lie from 0 to 1/,
  );
  scaling.scaleOnServerSignal('waiting', { signal: ServerSignal.waitingRequests(), addAbove: 85 });
});
