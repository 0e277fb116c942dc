import { App, Duration, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { GpuEndpoint } from '../../lib/inference';
import { FleetScaling, type StepScalingProps } from '../../lib/scaling';

function stepIn(props: Partial<StepScalingProps>): Stack {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const fleet = GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main');
  const scaling = new FleetScaling(stack, 'Scaling', {
    fleet,
    minCapacity: 1,
    maxCapacity: 8,
    scaleInWithoutRequests: false,
  });
  scaling.scaleOnMetric('surge', { threshold: 12, steps: [{ lowerBound: 0, change: 1 }], ...props });
  return stack;
}

const { LESS_THAN_THRESHOLD, GREATER_THAN_THRESHOLD } = cloudwatch.ComparisonOperator;
const metric = (metricName: string, period: Duration, namespace = 'AWS/SageMaker'): cloudwatch.Metric =>
  new cloudwatch.Metric({ namespace, metricName, period });

describe('the alarm of a step policy', () => {
  test.each<[string, Partial<StepScalingProps>, RegExp]>([
    ['no period', { evaluationPeriods: 0 }, /evaluationPeriods \(0\) must be a whole number, 1 or more/],
    ['half a period', { evaluationPeriods: 1.5 }, /evaluationPeriods \(1\.5\) must be a whole number/],
    ['periods that are no number', { evaluationPeriods: NaN }, /evaluationPeriods \(NaN\) must be a whole number/],
    ['a threshold that is no number', { threshold: NaN }, /threshold \(NaN\) must be a number/],
    [
      'more datapoints than periods',
      { evaluationPeriods: 1, datapointsToAlarm: 5 },
      /datapointsToAlarm \(5\) is above evaluationPeriods \(1\), so the alarm never goes off; raise evaluationPeriods/,
    ],
    ['no datapoint', { datapointsToAlarm: 0 }, /datapointsToAlarm \(0\) must be a whole number, 1 or more/],
    [
      'more than a day of short periods',
      { period: Duration.minutes(30), evaluationPeriods: 49 },
      /evaluationPeriods \(49\) x the period \(1800 s\) is 88200 s; CloudWatch evaluates at most 1 day .* to 48 or less/,
    ],
    [
      'more than a week of long periods',
      { period: Duration.hours(12), evaluationPeriods: 15 },
      /evaluates at most 7 days with such a period, so lower evaluationPeriods to 14 or less/,
    ],
    [
      'a period of 5 seconds',
      { metric: metric('Tokens', Duration.seconds(5), 'Chat') },
      /the metric's period \(5 s\) must be 10, 20, 30 or a multiple of 60 seconds/,
    ],
    [
      'a short period on a metric of every minute',
      { metric: metric('ModelLatency', Duration.seconds(10)) },
      /the period \(10 s\) is shorter than the minute in which SageMaker publishes ModelLatency/,
    ],
    [
      'a short period on metric math of such a metric',
      {
        metric: new cloudwatch.MathExpression({
          expression: 'm1 / 2',
          usingMetrics: { m1: metric('Invocations', Duration.seconds(10)) },
          period: Duration.seconds(10),
        }),
      },
      /SageMaker publishes Invocations, so the alarm finds no data/,
    ],
    [
      'a bound that is no number',
      { steps: [{ lowerBound: NaN, change: 1 }] },
      /steps\[0\]\.lowerBound \(NaN\) must be a number; omit it for an open end/,
    ],
    [
      'only steps below an alarm that goes off above',
      { steps: [{ upperBound: 0, change: -1 }] },
      /no step lies above the threshold, where the alarm goes off with .* add a step such as \{ lowerBound: 0 \}/,
    ],
    [
      'only steps above an alarm that goes off below',
      { steps: [{ lowerBound: 0, change: -1 }], comparisonOperator: LESS_THAN_THRESHOLD },
      /no step lies below the threshold, .* add a step such as \{ upperBound: 0 \}/,
    ],
  ])('is refused with %s', (_name, props, message) => {
    expect(() => stepIn(props)).toThrow(message);
  });

  test.each<[string, Partial<StepScalingProps>]>([
    ['a whole day of half hours', { period: Duration.minutes(30), evaluationPeriods: 48 }],
    ['a week of half days', { period: Duration.hours(12), evaluationPeriods: 14 }],
    ['10 seconds on a metric of every 10 seconds', { period: Duration.seconds(10) }],
    [
      'utilisation as often as the endpoint publishes it',
      { metric: metric('GPUUtilization', Duration.seconds(10), '/aws/sagemaker/Endpoints') },
    ],
    ['a metric of the user every 10 seconds', { metric: metric('Tokens', Duration.seconds(10), 'Chat') }],
    [
      'a removal below the threshold',
      { steps: [{ upperBound: 0, change: -1 }], comparisonOperator: LESS_THAN_THRESHOLD },
    ],
  ])('takes %s without a word', (_name, props) => {
    const stack = stepIn(props);
    Template.fromStack(stack).resourceCountIs('AWS::CloudWatch::Alarm', 1);
    Annotations.fromStack(stack).hasNoWarning('*', Match.stringLikeRegexp('does not apply'));
  });

  test('warns of a step on the side where it does not go off, when another one works', () => {
    const steps = [
      { upperBound: 0, change: -1 },
      { lowerBound: 0, change: 1 },
    ];
    Annotations.fromStack(stepIn({ steps, comparisonOperator: GREATER_THAN_THRESHOLD })).hasWarning(
      '/Test/Scaling',
      Match.stringLikeRegexp('surge: step -∞ to 0 \\(change -1\\) does not apply .* opposite comparisonOperator'),
    );
  });
});
