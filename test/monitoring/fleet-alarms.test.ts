import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { type EndpointKind, endpointMetrics } from '../../lib/catalog/hosting-metrics';
import { AsyncEndpoint, InferenceComponent, ModelServer, ServerlessEndpoint } from '../../lib/inference';
import {
  PlatformAlarms,
  type AsyncEndpointAlarmsProps,
  type InferenceComponentAlarmsProps,
  type ServerlessEndpointAlarmsProps,
} from '../../lib/monitoring';

interface Watched {
  readonly stack: Stack;
  readonly alarms: PlatformAlarms;
}

function newAlarms(): Watched {
  const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
  return { stack, alarms: new PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') }) };
}

function watchAsync(props?: AsyncEndpointAlarmsProps): Watched {
  const { stack, alarms } = newAlarms();
  alarms.watchAsyncEndpoint(AsyncEndpoint.fromEndpointName(stack, 'Films', 'films', 'main'), props);
  return { stack, alarms };
}

function watchComponent(props?: InferenceComponentAlarmsProps): Watched {
  const { stack, alarms } = newAlarms();
  const attrs = { componentName: 'chat', endpointName: 'shared', variantName: 'main', maxConcurrencyPerCopy: 6 };
  alarms.watchInferenceComponent(InferenceComponent.fromInferenceComponentAttributes(stack, 'Chat', attrs), props);
  return { stack, alarms };
}

function watchServerless(props?: ServerlessEndpointAlarmsProps): Watched {
  const { stack, alarms } = newAlarms();
  alarms.watchServerlessEndpoint(ServerlessEndpoint.fromEndpointName(stack, 'Router', 'router', 'main'), props);
  return { stack, alarms };
}

const idsOf = ({ alarms }: Watched): string[] => alarms.alarms.map(({ node }) => node.id);

describe.each<[EndpointKind, () => Watched, string[]]>([
  ['async', watchAsync, ['AsyncWithoutCapacity', 'AsyncWait', 'AsyncFailures', 'AsyncExpired', 'AsyncLostResponses']],
  [
    'inference-component',
    watchComponent,
    ['ComponentErrors', 'ComponentLatency', 'ComponentOverload', 'ComponentWithoutCapacity'],
  ],
  ['serverless', watchServerless, ['ServerlessErrors', 'ServerlessLatency', 'ServerlessFull', 'ServerlessSpillover']],
])('the alarms of a fleet of kind %s', (kind, watch, ids) => {
  test('watch what matters for it', () => {
    expect(idsOf(watch())).toEqual(ids);
  });

  test('follow metrics that it publishes, under their dimensions', () => {
    const published = new Map(endpointMetrics(kind).map((metric) => [metric.metricName, metric]));
    const alarms = Object.values(Template.fromStack(watch().stack).findResources('AWS::CloudWatch::Alarm'));
    for (const { Properties } of alarms as { Properties: { MetricName: string; Dimensions: { Name: string }[] } }[]) {
      const metric = published.get(Properties.MetricName);
      expect(metric).toBeDefined();
      expect(Properties.Dimensions.map(({ Name }) => Name).sort()).toEqual([...metric!.dimensions].sort());
    }
  });

  test('have a runbook entry, a topic, and a treatment of missing data', () => {
    const alarms = Object.values(Template.fromStack(watch().stack).findResources('AWS::CloudWatch::Alarm'));
    expect(alarms).toHaveLength(ids.length);
    for (const { Properties } of alarms as { Properties: { [name: string]: unknown } }[]) {
      expect(Properties['AlarmDescription']).toMatch(/^Meaning: .+\nLook at: .+\nDo: .+/);
      expect(Properties['AlarmDescription']).not.toMatch(/tested/);
      expect(Properties['AlarmActions']).toHaveLength(1);
      expect(['missing', 'notBreaching']).toContain(Properties['TreatMissingData']);
    }
  });
});

describe('a fleet that does not come up from zero', () => {
  test('rings while requests wait at an asynchronous endpoint', () => {
    const { stack } = watchAsync({ maxTimeWithoutCapacity: Duration.minutes(25) });
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'HasBacklogWithoutCapacity',
      Statistic: 'Minimum',
      Period: 60,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      EvaluationPeriods: 25,
      DatapointsToAlarm: 25,
    });
  });

  test('rings while requests to a model fail for want of a copy', () => {
    Template.fromStack(watchComponent().stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'NoCapacityInvocationFailures',
      Statistic: 'Sum',
      Period: 300,
      Threshold: 1,
      EvaluationPeriods: 4,
      DatapointsToAlarm: 4,
      TreatMissingData: 'notBreaching',
    });
  });

  test('is not watched for a time that failed requests are not counted in', () => {
    expect(() => watchComponent({ maxTimeWithoutCapacity: Duration.minutes(12) })).toThrow(
      'maxTimeWithoutCapacity (12 minutes) must be a multiple of 5 minutes, the period of the alarm; round it up',
    );
  });
});

test('limits are taken in the units of the metrics', () => {
  Template.fromStack(watchAsync({ maxWait: Duration.hours(1), maxFailures: 2 }).stack).hasResourceProperties(
    'AWS::CloudWatch::Alarm',
    { MetricName: 'ApproximateAgeOfOldestRequest', Threshold: 3600 },
  );
  Template.fromStack(watchComponent({ maxModelLatency: Duration.seconds(2) }).stack).hasResourceProperties(
    'AWS::CloudWatch::Alarm',
    { MetricName: 'ModelLatency', Threshold: 2_000_000 },
  );
  Template.fromStack(watchServerless({ maxErrorRatio: 0.1 }).stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
    MetricName: 'Invocation5XXErrors',
    Statistic: 'Average',
    Threshold: 0.1,
  });
});

test('an endpoint without provisioned concurrency is not watched for it', () => {
  const { stack, alarms } = newAlarms();
  const modelServer = ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/router:1');
  alarms.watchServerlessEndpoint(new ServerlessEndpoint(stack, 'Router', { modelServer }));
  expect(idsOf({ stack, alarms })).not.toContain('ServerlessSpillover');
});
