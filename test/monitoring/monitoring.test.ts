import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { CostGuard } from '../../lib/cost';
import { EdgeFleet, type EdgeFleetProps, EdgeModel } from '../../lib/edge';
import { AsyncEndpoint, GpuEndpoint, ModelServer } from '../../lib/inference';
import { KafkaIngestion, KafkaSource, StreamIngestion } from '../../lib/ingestion';
import { PlatformAlarms, PlatformDashboard, RunbookAlarm } from '../../lib/monitoring';
import type { ModelRollout } from '../../lib/rollout';
import { CapacityForecaster, FleetScaling, ScaleEvents } from '../../lib/scaling';
import { modelFolder } from '../edge/models';

function newParts() {
  const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
  const endpoint = GpuEndpoint.fromGpuEndpointAttributes(stack, 'Endpoint', {
    endpointName: 'chat',
    variantName: 'main',
    instanceTypes: ['ml.g5.xlarge'],
  });
  const scaling = new FleetScaling(stack, 'Scaling', { fleet: endpoint, minCapacity: 1, maxCapacity: 8 });
  const guard = new CostGuard(stack, 'Guard', {
    guardName: 'guard',
    budgetUsd: 1500,
    fleets: [{ scaling }],
  });
  const forecaster = new CapacityForecaster(stack, 'Forecast', { scaling, serviceTime: Duration.seconds(2) });
  const ingestion = new StreamIngestion(stack, 'Ingestion', { endpoint });
  const scaleEvents = new ScaleEvents(stack, 'Events', { fleets: [endpoint] });
  return { stack, endpoint, forecaster, guard, ingestion, scaleEvents };
}

function watchEverything() {
  const parts = newParts();
  const alarms = new PlatformAlarms(parts.stack, 'Alarms', { topic: parts.guard.topic });
  alarms.watchEndpoint(parts.endpoint);
  alarms.watchScaling(parts.scaleEvents, parts.endpoint);
  alarms.watchForecaster(parts.forecaster);
  alarms.watchIngestion(parts.ingestion);
  alarms.watchGuard(parts.guard);
  alarms.watchTraining(sfn.StateMachine.fromStateMachineName(parts.stack, 'Machine', 'machine'));
  alarms.watchFeatures(sfn.StateMachine.fromStateMachineName(parts.stack, 'Features', 'features'));
  return { ...parts, alarms };
}

test('a topic has alarms on its lag, dead letters, an endpoint that answers nothing, and the errors of its consumer', () => {
  const { stack, endpoint, guard } = newParts();
  const topic = new KafkaIngestion(stack, 'Topic', {
    endpoint,
    source: KafkaSource.msk({
      clusterArn: 'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7',
    }),
    topic: { topicName: 'requests', partitions: 12 },
    consumerGroupId: 'chat',
  });
  const alarms = new PlatformAlarms(stack, 'Alarms', { topic: guard.topic });
  alarms.watchKafkaIngestion(topic);
  const found = alarmsOf(stack).map(({ MetricName, Threshold, EvaluationPeriods }) => [
    MetricName,
    Threshold,
    EvaluationPeriods,
  ]);
  expect(found).toEqual(
    expect.arrayContaining([
      ['OffsetLag', 1_000, 15],
      ['DeadLetters', 1, 1],
      ['UnansweredBatches', 1, 3],
    ]),
  );
  Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
    MetricName: 'DeadLetters',
    Dimensions: [{ Name: 'StreamName', Value: 'chat' }],
  });
});

test('a stream whose shards are scaled has alarms on shards that it may not have, and on the errors of its scaler', () => {
  const { stack, endpoint, guard } = newParts();
  const scaled = new StreamIngestion(stack, 'Scaled', { endpoint, shardCount: 2, shardScaling: { maxShards: 8 } });
  const alarms = new PlatformAlarms(stack, 'Alarms', { topic: guard.topic });
  alarms.watchIngestion(scaled);
  Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
    MetricName: 'MissingShards',
    Threshold: 1,
    EvaluationPeriods: 10,
  });
  const ids = Object.keys(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
  expect(ids.filter((id) => id.includes('ShardScalerHandlerErrors'))).toHaveLength(1);
});

test('an ingestion whose records spill has an alarm on the errors of its collector', () => {
  const { stack, endpoint, guard } = newParts();
  const spilling = new StreamIngestion(stack, 'Spilling', {
    endpoint,
    spillTo: {
      endpoint: AsyncEndpoint.fromAsyncEndpointAttributes(stack, 'Later', {
        endpointName: 'later',
        variantName: 'main',
        storage: { bucket: s3.Bucket.fromBucketName(stack, 'LaterBucket', 'later') },
      }),
      afterAge: Duration.minutes(2),
    },
  });
  new PlatformAlarms(stack, 'Alarms', { topic: guard.topic }).watchIngestion(spilling);
  const ids = Object.keys(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
  expect(ids.filter((id) => id.includes('SpillCollectorHandlerErrors'))).toHaveLength(1);
});

test('a rollout has alarms on failed executions, and on versions for which none has started', () => {
  const stack = new Stack(new App(), 'Test');
  const queue = new sqs.Queue(stack, 'Queue');
  const machine = sfn.StateMachine.fromStateMachineName(stack, 'Machine', 'machine');
  const rollout = Object.assign(new Construct(stack, 'Rollout'), {
    metricFailed: () => machine.metricFailed(),
    stateMachine: machine,
    deadLetterQueue: queue,
  });
  const alarms = new PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') });
  alarms.watchRollout(rollout as unknown as ModelRollout);
  expect(alarmsOf(stack).map(({ MetricName, Threshold }) => [MetricName, Threshold])).toEqual([
    [undefined, 1],
    ['ApproximateNumberOfMessagesVisible', 1],
  ]);
  const metrics = JSON.stringify(alarmsOf(stack)[0]!['Metrics']);
  expect(metrics).toContain('"FILL(failed, 0) + FILL(timedOut, 0)"');
  expect(metrics).toContain('"ExecutionsFailed"');
  expect(metrics).toContain('"ExecutionsTimedOut"');
});

const alarmsOf = (stack: Stack): { [name: string]: unknown }[] =>
  Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);

describe('RunbookAlarm', () => {
  const metric = new cloudwatch.Metric({ namespace: 'N', metricName: 'M' });
  const runbook = { meaning: 'It fails.', lookAt: 'The log.', whatToDo: 'Repair it.' };
  const base = { metric, threshold: 1, evaluationPeriods: 3, treatMissingData: cloudwatch.TreatMissingData.IGNORE };

  test('carries its runbook entry in its description', () => {
    const stack = new Stack();
    new RunbookAlarm(stack, 'Alarm', { ...base, runbook });
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: 'Meaning: It fails.\nLook at: The log.\nDo: Repair it.',
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      DatapointsToAlarm: 3,
      TreatMissingData: 'ignore',
      AlarmActions: Match.absent(),
    });
  });

  test('notifies of the states ALARM and OK', () => {
    const stack = new Stack();
    const topic = new sns.Topic(stack, 'Topic');
    new RunbookAlarm(stack, 'Alarm', { ...base, runbook, topic });
    const [alarm] = alarmsOf(stack);
    expect(alarm!['AlarmActions']).toEqual([stack.resolve(topic.topicArn)]);
    expect(alarm!['OKActions']).toEqual([stack.resolve(topic.topicArn)]);
  });

  test('refuses an empty runbook entry', () => {
    const empty = { ...runbook, whatToDo: ' ' };
    expect(() => new RunbookAlarm(new Stack(), 'Alarm', { ...base, runbook: empty })).toThrow(
      /runbook.whatToDo is empty/,
    );
  });

  test('refuses a runbook entry that CloudWatch would refuse', () => {
    const long = { ...runbook, lookAt: 'x'.repeat(1100) };
    expect(() => new RunbookAlarm(new Stack(), 'Alarm', { ...base, runbook: long })).toThrow(/1024 are allowed/);
  });
});

describe('PlatformAlarms', () => {
  test('watches every part', () => {
    const { alarms } = watchEverything();
    expect(alarms.alarms.map(({ node }) => node.id)).toEqual([
      'EndpointErrors',
      'EndpointLatency',
      'CapacityGap',
      'CapacityErrors',
      'ScalingFailures',
      'MissingInstances',
      'ScaleEventsHandlerErrors',
      'ScaleEventsDeadLetters',
      'ForecastHandlerErrors',
      'ForecastDeadLetters',
      'IteratorAge',
      'DeadLetters',
      'UnansweredBatches',
      'ThrottledPuts',
      'ConsumerHandlerErrors',
      'GuardLimits',
      'GuardProblems',
      'GuardSilence',
      'GuardHandlerErrors',
      'TrainingFailures',
      'FeatureFailures',
    ]);
  });

  test('goes off when instances stay away, and when an endpoint of the stack runs what was not deployed', () => {
    const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
    const endpoint = new GpuEndpoint(stack, 'Endpoint', {
      modelServer: ModelServer.triton(),
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
      endpointName: 'chat',
    });
    const alarms = new PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') });
    alarms.watchScaling(new ScaleEvents(stack, 'Events', { fleets: [endpoint] }), endpoint);
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'CapacityGap',
      Statistic: 'Minimum',
      EvaluationPeriods: 30,
      DatapointsToAlarm: 20,
      TreatMissingData: 'missing',
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ConfigurationDrift',
      Statistic: 'Minimum',
      EvaluationPeriods: 5,
      TreatMissingData: 'notBreaching',
    });
  });

  test('watches a fleet of devices', () => {
    const stack = new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });
    const fleet = (id: string, more: Partial<EdgeFleetProps> = {}) =>
      new EdgeFleet(stack, id, {
        model: EdgeModel.fromDirectory(modelFolder()),
        stream: kinesis.Stream.fromStreamArn(
          stack,
          `${id}Stream`,
          'arn:aws:kinesis:us-east-1:123456789012:stream/results',
        ),
        fleetName: id.toLowerCase(),
        ...more,
      });
    const topic = new sns.Topic(stack, 'Topic');
    const idsOf = (watched: EdgeFleet): string[] => {
      const alarms = new PlatformAlarms(stack, `${watched.node.id}Alarms`, { topic });
      alarms.watchEdgeFleet(watched);
      return alarms.alarms.map(({ node }) => node.id);
    };
    expect(idsOf(fleet('Plain'))).toEqual(['EdgeFailedDeployments', 'EdgeStoreUsed', 'EdgeDropped']);
    const endpoint = GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'chat', 'main');
    expect(idsOf(fleet('Asking', { endpoint, expectedDevices: 200 }))).toEqual([
      'EdgeMissingDevices',
      'EdgeFailedDeployments',
      'EdgeStoreUsed',
      'EdgeDropped',
      'EdgeOffload',
    ]);
    // Nine of ten of 200 devices.
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      Threshold: 180,
      ComparisonOperator: 'LessThanThreshold',
      TreatMissingData: 'breaching',
    });
  });

  test('refuses to watch a second part of a kind, and says what to create', () => {
    const { stack, alarms } = watchEverything();
    const second = GpuEndpoint.fromEndpointName(stack, 'Second', 'second', 'main');
    expect(() => alarms.watchEndpoint(second)).toThrow(
      'Stack/Alarms: watchEndpoint was called before, with Stack/Endpoint; a PlatformAlarms watches one of each part, so create another ' +
        'one for Stack/Second',
    );
    expect(() => alarms.watchScaling(new ScaleEvents(stack, 'Other', { fleets: [second] }), second)).toThrow(
      /^Stack\/Alarms: watchScaling was called before, with Stack\/Endpoint;/,
    );
    alarms.watchAsyncEndpoint(AsyncEndpoint.fromEndpointName(stack, 'Films', 'films', 'main'));
  });

  test('says in no alarm that somebody tested something', () => {
    const { stack } = watchEverything();
    for (const { AlarmDescription } of alarmsOf(stack)) expect(AlarmDescription).not.toMatch(/tested/);
  });

  test('gives every alarm a runbook entry, a topic, and a treatment of missing data', () => {
    const { stack } = watchEverything();
    const alarms = alarmsOf(stack);
    expect(alarms).toHaveLength(21);
    for (const alarm of alarms) {
      expect(alarm['AlarmDescription']).toMatch(/^Meaning: .+\nLook at: .+\nDo: .+/);
      expect(alarm['AlarmActions']).toHaveLength(1);
      expect(['missing', 'breaching', 'notBreaching']).toContain(alarm['TreatMissingData']);
    }
  });

  test('takes the silence of the guard for a breach', () => {
    const { stack } = watchEverything();
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'GuardLevel',
      Statistic: 'SampleCount',
      ComparisonOperator: 'LessThanThreshold',
      TreatMissingData: 'breaching',
    });
  });

  test('goes off when instances are overloaded for longer than a scale-out takes', () => {
    const { stack } = watchEverything();
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ConcurrentRequestsPerModel',
      Statistic: 'Maximum',
      Threshold: 8,
      EvaluationPeriods: 15,
      ComparisonOperator: 'GreaterThanThreshold',
    });
  });

  test('takes the limits of an endpoint in its own units', () => {
    const { stack, endpoint, guard } = newParts();
    const alarms = new PlatformAlarms(stack, 'Alarms', { topic: guard.topic });
    alarms.watchEndpoint(endpoint, {
      maxErrorRatio: 0.1,
      maxModelLatency: Duration.seconds(2),
      maxOverload: Duration.minutes(20),
    });
    const template = Template.fromStack(stack);
    // CloudWatch has the model's time in microseconds, and the average of the errors is their share.
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'ModelLatency', Threshold: 2_000_000 });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'Invocation5XXErrors',
      Statistic: 'Average',
      Threshold: 0.1,
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', { EvaluationPeriods: 20 });
  });
});

describe('PlatformDashboard', () => {
  test('shows demand, capacity, latency, spend, level, events, records and alarms', () => {
    const parts = watchEverything();
    new PlatformDashboard(parts.stack, 'Dashboard', { ...parts, dashboardName: 'chat', alarms: parts.alarms.alarms });
    const body = JSON.stringify(
      Object.values(Template.fromStack(parts.stack).findResources('AWS::CloudWatch::Dashboard')),
    );
    for (const name of [
      'Invocations',
      'ConcurrentRequestsPerModel',
      'CurrentInstances',
      'DesiredInstances',
      'MaxInstances',
      'ModelLatency',
      'p95',
      'SpendUsd',
      'BudgetUsd',
      'CommittedUsd',
      'ForecastUsd',
      'GuardLevel',
      'ScaleOuts',
      'IteratorAge',
      'DeadLetters',
    ])
      expect(body).toContain(name);
  });

  test('leaves out what there is not', () => {
    const { stack, endpoint, guard } = newParts();
    new PlatformDashboard(stack, 'Dashboard', { endpoint, guard });
    const body = JSON.stringify(Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Dashboard')));
    expect(body).not.toContain('ScaleOuts');
    expect(body).not.toContain('IteratorAge');
  });
});
