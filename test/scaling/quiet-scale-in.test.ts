import { App, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import { AsyncEndpoint, GpuEndpoint, ModelServer, ServerlessEndpoint, SharedGpuEndpoint } from '../../lib/inference';
import type { AutoScaleProps, FleetScaling } from '../../lib/scaling';
import { CloudWatch, type AlarmDefinition, type MetricId } from '../../lib/simulation/aws/cloudwatch';
import { fleetsOfTemplates } from '../../lib/simulation/blueprint';

type Attach = (scaling: FleetScaling) => void;

const modelServer = ModelServer.triton();
const capacity = { pools: [{ instanceType: 'ml.g5.xlarge' }] };

function newStack(): Stack {
  return new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
}

function ofEndpoint(attach: Attach, props: Partial<AutoScaleProps> = {}): Template {
  const stack = newStack();
  const endpoint = new GpuEndpoint(stack, 'Chat', { endpointName: 'chat', modelServer, capacity });
  attach(endpoint.autoScale({ minCapacity: 1, maxCapacity: 8, ...props }));
  return Template.fromStack(stack);
}

const concurrency: Attach = (scaling) => scaling.scaleOnConcurrency('concurrency');
const policies = (template: Template): unknown[] =>
  Object.values(template.findResources('AWS::ApplicationAutoScaling::ScalingPolicy')).map(
    ({ Properties }: { [name: string]: { PolicyName?: unknown } }) => Properties!.PolicyName,
  );

describe('the policy that scales in without requests', () => {
  test('halves the fleet after 20 minutes in which it ran without a request', () => {
    const template = ofEndpoint(concurrency);
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'without-requests',
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'PercentChangeInCapacity',
        Cooldown: 300,
        MinAdjustmentMagnitude: 1,
        StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -50 }],
      },
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      EvaluationPeriods: 20,
      DatapointsToAlarm: 20,
      Threshold: 0,
      ComparisonOperator: 'LessThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
      AlarmActions: [{ Ref: Match.stringLikeRegexp('WithoutRequests') }],
    });
  });

  test.each<[string, Attach]>([
    ['of invocations', (scaling) => scaling.scaleOnInvocations('i', { targetPerInstancePerMinute: 60 })],
    [
      'of a metric of requests in metric math',
      (scaling) =>
        scaling.scaleToTrackMetric('m', {
          targetValue: 3,
          metric: new cloudwatch.MathExpression({
            expression: 'c * 2',
            usingMetrics: { c: (scaling.fleet as GpuEndpoint).metricConcurrentRequests() },
          }),
        }),
    ],
    [
      'in steps',
      (scaling) =>
        scaling.scaleOnMetric('s', {
          threshold: 3,
          comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
          steps: [{ upperBound: 0, change: -1 }],
        }),
    ],
  ])('comes with a policy %s', (_, attach) => {
    expect(policies(ofEndpoint(attach))).toContain('without-requests');
  });

  test('comes once', () => {
    const both: Attach = (scaling) => {
      concurrency(scaling);
      scaling.scaleOnInvocations('invocations', { targetPerInstancePerMinute: 60 });
    };
    expect(policies(ofEndpoint(both)).filter((name) => name === 'without-requests')).toHaveLength(1);
  });

  test.each<[string, Attach, Partial<AutoScaleProps>]>([
    ['it is switched off', concurrency, { scaleInWithoutRequests: false }],
    ['policies only add capacity', (scaling) => scaling.scaleOnConcurrency('c', { disableScaleIn: true }), {}],
    [
      'steps only add capacity',
      (scaling) => scaling.scaleOnMetric('s', { threshold: 3, steps: [{ lowerBound: 0, change: 1 }] }),
      {},
    ],
    [
      'policies follow metrics that are published without requests',
      (scaling) =>
        scaling.scaleToTrackMetric('gpu', {
          metric: (scaling.fleet as GpuEndpoint).metricGpuUtilization(),
          targetValue: 60,
        }),
      {},
    ],
  ])('does not come where %s', (_, attach, props) => {
    expect(policies(ofEndpoint(attach, props))).not.toContain('without-requests');
  });

  test('does not come with a queue or without instances', () => {
    const stack = newStack();
    const queue = new AsyncEndpoint(stack, 'Async', { modelServer, capacity });
    queue.autoScale({ minCapacity: 0, maxCapacity: 3 }).scaleOnBacklog('backlog');
    const serverless = new ServerlessEndpoint(stack, 'Serverless', {
      modelServer: ModelServer.fromEcrRepository(ecr.Repository.fromRepositoryName(stack, 'Images', 'router'), '3'),
      memory: Size.gibibytes(2),
      maxConcurrency: 20,
      provisionedConcurrency: 1,
    });
    serverless.autoScale({ minCapacity: 1, maxCapacity: 8 }).scaleOnProvisionedConcurrency('provisioned');
    expect(policies(Template.fromStack(stack))).toEqual(['backlog', 'provisioned']);
  });
});

describe('its alarm', () => {
  const MINUTES = 30;

  function alarmOf(kind: 'endpoint' | 'component'): AlarmDefinition {
    const stack = newStack();
    const scaled =
      kind === 'endpoint'
        ? new GpuEndpoint(stack, 'Chat', { endpointName: 'chat', modelServer, capacity })
        : new SharedGpuEndpoint(stack, 'Shared', {
            capacity,
            maxInstances: 8,
            inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
          }).addModel('Chat', { modelServer, memory: Size.gibibytes(4), maxConcurrencyPerCopy: 8 });
    scaled.autoScale({ minCapacity: kind === 'endpoint' ? 1 : 0, maxCapacity: 8 }).scaleOnConcurrency('concurrency');
    const document: unknown = Template.fromStack(stack).toJSON();
    const [fleet] = fleetsOfTemplates([{ name: 'test.template.json', document }]).fleets;
    return fleet!.stepAlarms.find(({ policyName }) => policyName === 'without-requests')!.alarm;
  }

  /** State after half an hour in which minute `m` has the values that `published(m)` returns, by metric. */
  function stateAfter(
    alarm: AlarmDefinition,
    published: (minute: number) => { readonly [metricName: string]: number },
  ): string {
    const cloudWatch = new CloudWatch();
    cloudWatch.advanceTo(0);
    cloudWatch.putAlarm(alarm, 0);
    const metrics = alarm.metrics!.flatMap(({ metric }): MetricId[] => (metric === undefined ? [] : [metric]));
    for (let minute = 0; minute < MINUTES; minute++) {
      for (const [metricName, value] of Object.entries(published(minute))) {
        const metric = metrics.find((one) => one.metricName === metricName)!;
        const datapoint = { sum: value, sampleCount: 1, minimum: value, maximum: value };
        cloudWatch.putMetric({ metric, atSeconds: minute * 60, ...datapoint });
      }
      cloudWatch.advanceTo((minute + 1) * 60);
    }
    return cloudWatch.alarm(alarm.alarmName)!.state;
  }

  const endpoint = alarmOf('endpoint');
  const component = alarmOf('component');

  test.each([
    ['runs and nothing else is published', { MemoryUtilization: 22 }, 'ALARM'],
    ['runs and zeros are published', { MemoryUtilization: 22, Invocations: 0, ConcurrentRequestsPerModel: 0 }, 'ALARM'],
    ['has requests', { MemoryUtilization: 22, Invocations: 7, ConcurrentRequestsPerModel: 1 }, 'OK'],
    ['still works on a request', { MemoryUtilization: 22, ConcurrentRequestsPerModel: 1 }, 'OK'],
    ['has requests that one metric alone shows', { Invocations: 7 }, 'OK'],
    ['has lost its metrics', {}, 'OK'],
  ])('is in the right state when an endpoint %s', (_, values, state) => {
    expect(stateAfter(endpoint, () => values)).toBe(state);
  });

  test('does not go off before 20 minutes', () => {
    const quietFor = (minutes: number) => (minute: number) => ({
      MemoryUtilization: 22,
      Invocations: minute < MINUTES - minutes ? 5 : 0,
    });
    expect(stateAfter(endpoint, quietFor(18))).toBe('OK');
    expect(stateAfter(endpoint, quietFor(23))).toBe('ALARM');
  });

  test('is over at once when a request finds no copy', () => {
    const asleepSince = MINUTES - 3;
    const quiet = (minute: number): { readonly [metricName: string]: number } =>
      minute < asleepSince ? { MemoryUtilizationNormalized: 22 } : {};
    const refused = (minute: number): { readonly [metricName: string]: number } =>
      minute === MINUTES - 2 ? { NoCapacityInvocationFailures: 1 } : quiet(minute);
    expect(stateAfter(component, (minute) => ({ MemoryUtilizationNormalized: 22, ...quiet(minute) }))).toBe('ALARM');
    expect(stateAfter(component, refused)).toBe('OK');
  });
});
