import type { Random } from '../../../lib/simulation/random';
import type { Written } from './authors';
import {
  alarm,
  COMPONENT_NAME,
  dimensions,
  type FleetName,
  of,
  onEndpoint,
  onVariant,
  oneOf,
  scheduled,
  STEP,
  TRACKING,
  tracking,
  within,
  type WrittenFleet,
} from './fleets';

type Change = (fleet: WrittenFleet, random: Random) => void;

/** A mistake with its nearest good neighbour: two changes of the same good fleet that differ in as little as possible. */
export interface Mistake {
  readonly name: string;
  /** Kinds of fleets into which it is planted. */
  readonly kinds: readonly FleetName[];
  /** Rules that name it. */
  readonly rules: readonly string[];
  readonly plant: Change;
  readonly neighbour: Change;
}

/** Mistake and neighbour that differ in one value. */
function between<Value>(
  name: string,
  kinds: readonly FleetName[],
  rules: readonly string[],
  change: (fleet: WrittenFleet, value: Value, random: Random) => void,
  bad: readonly Value[],
  good: readonly Value[],
): Mistake {
  return {
    name,
    kinds,
    rules,
    plant: (fleet, random) => change(fleet, oneOf(bad, random), random),
    neighbour: (fleet, random) => change(fleet, oneOf(good, random), random),
  };
}

const INSTANCES: readonly FleetName[] = ['real-time', 'stream', 'queue'];
const CONSUMED: readonly FleetName[] = ['stream'];

const configuration = (fleet: WrittenFleet): Written => within(fleet, 'Follow', TRACKING);
const variantOf = (fleet: WrittenFleet): Written => within(fleet, 'Config', 'ProductionVariants', 0);
const stepOf = (fleet: WrittenFleet, part: string): Written => within(fleet, part, STEP);

/** Lets the policy follow a metric of its own. */
function follow(fleet: WrittenFleet, metric: Written, targetValue: number): void {
  const written = configuration(fleet);
  delete written['PredefinedMetricSpecification'];
  written['CustomizedMetricSpecification'] = metric;
  written['TargetValue'] = fleet.author.count(targetValue);
}

const metricOn = (metricName: string, on: Written, statistic = 'Average', namespace = 'AWS/SageMaker'): Written => ({
  Namespace: namespace,
  MetricName: metricName,
  Dimensions: dimensions(on),
  Statistic: statistic,
});

/** Adds an alarm that only notifies. */
function watch(fleet: WrittenFleet, metricName: string, on: Written, more: Written): void {
  fleet.parts.Watch = alarm(fleet, metricName, on, {
    TreatMissingData: 'notBreaching',
    AlarmActions: ['arn:aws:sns:us-east-1:111122223333:pager'],
    ...more,
  });
}

const limit = (name: string): Change & ((fleet: WrittenFleet, value: number) => void) =>
  ((fleet: WrittenFleet, value: number) => {
    of(fleet, 'Target')[name] = fleet.author.count(value);
  }) as never;

function withoutSchedules(fleet: WrittenFleet): void {
  delete of(fleet, 'Target')['ScheduledActions'];
}

/** Reader of an event source whose function calls the endpoint. */
const mapping = (fleet: WrittenFleet): Written => of(fleet, 'Mapping');

/** All mistakes. */
export const MISTAKES: readonly Mistake[] = [
  between(
    'a metric that this kind of endpoint does not publish',
    INSTANCES,
    ['metric-not-published'],
    (fleet, name: string) => follow(fleet, metricOn(name, onVariant(fleet)), 3),
    ['ApproximateBacklogSizePerInstance', 'ApproximateBacklogSize', 'ConcurrentRequestsPerCopy', 'ConcurrentRequests'],
    ['ConcurrentRequestsPerModel'],
  ),
  between(
    'a misspelt metric of an alarm that scales',
    ['steps'],
    ['metric-not-published'],
    (fleet, name: string) => {
      Object.assign(of(fleet, 'OutAlarm'), { Namespace: 'AWS/SageMaker', MetricName: name, Threshold: 3 });
    },
    ['ConcurrentRequestPerModel', 'concurrentRequestsPerModel', 'ConcurrentRequestsPerInstance'],
    ['ConcurrentRequestsPerModel'],
  ),
  between(
    'a utilisation in the namespace of requests',
    ['steps'],
    ['metric-not-published', 'metric-wrong-dimensions'],
    (fleet, namespace: string) => {
      Object.assign(of(fleet, 'OutAlarm'), { Namespace: namespace, MetricName: 'GPUUtilization', Threshold: 75 });
    },
    ['AWS/SageMaker', 'AWS/EC2', 'aws/sagemaker/Endpoints'],
    ['/aws/sagemaker/Endpoints'],
  ),
  between(
    'a backlog with the dimension of a variant',
    ['async'],
    ['metric-wrong-dimensions'],
    (fleet, hasVariant: boolean) => {
      const on = hasVariant ? onVariant(fleet) : onEndpoint(fleet);
      within(fleet, 'Follow', TRACKING, 'CustomizedMetricSpecification')['Dimensions'] = dimensions(on);
    },
    [true],
    [false],
  ),
  between(
    'dimensions in the wrong case, or none',
    ['steps'],
    ['metric-wrong-dimensions'],
    (fleet, names: readonly string[]) => {
      const { author, variant } = fleet;
      const values = [author.endpointName(), variant];
      of(fleet, 'OutAlarm')['Dimensions'] = names.map((Name, index) => ({ Name, Value: values[index] }));
    },
    [['endpointName', 'variantName'], ['EndpointName'], [], ['Endpoint', 'Variant']],
    [['EndpointName', 'VariantName']],
  ),
  between(
    'a metric of a variant that the endpoint does not have',
    ['steps'],
    ['metric-of-nothing'],
    (fleet, isThere: boolean) => {
      const VariantName = isThere ? fleet.variant : `${fleet.variant}-old`;
      of(fleet, 'InAlarm')['Dimensions'] = dimensions({ ...onVariant(fleet), VariantName });
    },
    [false],
    [true],
  ),
  between(
    'a predefined metric of another kind of fleet',
    INSTANCES,
    ['predefined-metric-mismatch'],
    (fleet, type: string) => {
      configuration(fleet)['PredefinedMetricSpecification'] = { PredefinedMetricType: type };
    },
    [
      'SageMakerInferenceComponentInvocationsPerCopy',
      'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
      'SageMakerVariantProvisionedConcurrencyUtilization',
    ],
    ['SageMakerVariantInvocationsPerInstance', 'SageMakerVariantConcurrentRequestsPerModelHighResolution'],
  ),
  between(
    'a cooldown of target tracking shorter than the start-up',
    INSTANCES,
    ['cooldown-shorter-than-provisioning'],
    (fleet, seconds: number) => {
      configuration(fleet)['ScaleOutCooldown'] = fleet.author.count(seconds);
    },
    [0, 5, 10, 30],
    [120, 240, 300],
  ),
  between(
    'a cooldown of steps shorter than the start-up',
    ['steps'],
    ['cooldown-shorter-than-provisioning'],
    (fleet, seconds: number) => {
      stepOf(fleet, 'Out')['Cooldown'] = fleet.author.count(seconds);
    },
    [0, 10, 30, 60],
    [300, 420],
  ),
  between(
    'capacity that leaves sooner than it comes',
    INSTANCES,
    ['scale-in-faster-than-scale-out'],
    (fleet, seconds: number) => {
      configuration(fleet)['ScaleInCooldown'] = fleet.author.count(seconds);
    },
    [0, 30, 60, 120],
    [300, 600, 900],
  ),
  between(
    'a target above what a replica serves',
    INSTANCES,
    ['target-above-capacity'],
    (fleet, ratio: number) => {
      configuration(fleet)['TargetValue'] = fleet.author.count(Math.ceil(ratio * fleet.slots));
    },
    [1.2, 2, 10],
    [0.5, 0.7],
  ),
  between(
    'a ratio given in percent',
    ['serverless'],
    ['target-above-capacity', 'share-as-percent'],
    (fleet, value: number) => {
      configuration(fleet)['TargetValue'] = value;
    },
    [70, 60, 1.5],
    [0.7, 0.6],
  ),
  between(
    'a percentage given as a ratio',
    ['steps'],
    ['percent-as-share'],
    (fleet, threshold: number) => {
      Object.assign(of(fleet, 'OutAlarm'), {
        Namespace: '/aws/sagemaker/Endpoints',
        MetricName: 'GPUUtilization',
        Threshold: threshold,
      });
    },
    [0.5, 0.7, 0.85],
    [50, 70, 85],
  ),
  between(
    'a utilisation to track, given as a ratio',
    INSTANCES,
    ['percent-as-share'],
    (fleet, target: number) =>
      follow(fleet, metricOn('GPUUtilization', onVariant(fleet), 'Average', '/aws/sagemaker/Endpoints'), target),
    [0.6, 0.8],
    [60, 75],
  ),
  between(
    'missing data that grows the fleet',
    ['steps'],
    ['missing-data-scales-out'],
    (fleet, treatment: string) => {
      of(fleet, 'OutAlarm')['TreatMissingData'] = treatment;
    },
    ['breaching'],
    ['notBreaching', 'missing', 'ignore'],
  ),
  between(
    'a wake alarm that stays on without data',
    ['component'],
    ['wake-never-rests', 'missing-data-scales-out'],
    (fleet, treatment: string) => {
      of(fleet, 'WakeAlarm')['TreatMissingData'] = treatment;
    },
    ['breaching', 'ignore'],
    ['notBreaching', 'missing'],
  ),
  between(
    'a maximum below the minimum',
    INSTANCES,
    ['min-above-max'],
    (fleet, distance: number) => {
      withoutSchedules(fleet);
      limit('MinCapacity')(fleet, fleet.max + distance);
    },
    [1, 3],
    [-1, -2],
  ),
  between(
    'a maximum below the instances at the start',
    INSTANCES,
    ['initial-above-max'],
    (fleet, distance: number) => {
      variantOf(fleet)['InitialInstanceCount'] = fleet.author.count(fleet.max + distance);
    },
    [1, 4],
    [0, -1],
  ),
  between(
    'a maximum below what the stream needs',
    CONSUMED,
    ['stream-outpaces-endpoint'],
    (fleet, shards: number) => {
      of(fleet, 'Records')['ShardCount'] = fleet.author.count(shards);
      mapping(fleet)['ParallelizationFactor'] = fleet.author.count(10);
    },
    [100, 200],
    [1],
  ),
  between(
    'zero instances behind a real-time endpoint',
    [...INSTANCES, 'steps'],
    ['zero-where-impossible'],
    (fleet, minimum: number) => {
      withoutSchedules(fleet);
      limit('MinCapacity')(fleet, minimum);
    },
    [0],
    [1, 2],
  ),
  {
    name: 'an asynchronous fleet at zero that nothing wakes',
    kinds: ['async'],
    rules: ['zero-without-wake'],
    plant: ({ parts }) => {
      delete parts.Wake;
      delete parts.WakeAlarm;
    },
    neighbour: (fleet) => {
      delete fleet.parts.Wake;
      delete fleet.parts.WakeAlarm;
      limit('MinCapacity')(fleet, 1);
    },
  },
  {
    name: 'a component at zero that nothing wakes',
    kinds: ['component'],
    rules: ['zero-without-wake'],
    plant: ({ parts }) => {
      delete parts.Wake;
      delete parts.WakeAlarm;
    },
    neighbour: (fleet) => {
      delete fleet.parts.Wake;
      delete fleet.parts.WakeAlarm;
      limit('MinCapacity')(fleet, 1);
    },
  },
  between(
    'a wake alarm on what a fleet at zero does not publish',
    ['component'],
    ['zero-without-wake'],
    (fleet, metricName: string) => {
      of(fleet, 'WakeAlarm')['MetricName'] = metricName;
    },
    ['InvocationModelErrors', 'Invocation5XXErrors', 'Invocation4XXErrors', 'Invocations'],
    ['NoCapacityInvocationFailures'],
  ),
  between(
    'a wake alarm that needs a second request',
    ['async', 'component'],
    ['wake-misses-first-request'],
    (fleet, operator: string) => {
      of(fleet, 'WakeAlarm')['ComparisonOperator'] = operator;
    },
    ['GreaterThanThreshold'],
    ['GreaterThanOrEqualToThreshold'],
  ),
  between(
    'a wake alarm that waits through many refusals',
    ['component'],
    ['wake-needs-many-failures'],
    (fleet, periods: number) => {
      of(fleet, 'WakeAlarm')['EvaluationPeriods'] = fleet.author.count(periods);
    },
    [3, 5, 10],
    [1, 2],
  ),
  between(
    'a wake policy in percent, which is nothing of zero',
    ['async', 'component'],
    ['zero-without-wake'],
    (fleet, isPercent: boolean) => {
      Object.assign(stepOf(fleet, 'Wake'), isPercent ? { AdjustmentType: 'PercentChangeInCapacity' } : {});
      if (isPercent) within(fleet, 'Wake', STEP, 'StepAdjustments', 0)['ScalingAdjustment'] = fleet.author.count(100);
    },
    [true],
    [false],
  ),
  between(
    'two policies that follow the same metric',
    INSTANCES,
    ['policies-collide'],
    (fleet, type: string) => {
      configuration(fleet)['PredefinedMetricSpecification'] = {
        PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance',
      };
      fleet.parts.Other = tracking(
        fleet,
        {
          TargetValue: fleet.author.count(Math.ceil(fleet.slots / 2)),
          PredefinedMetricSpecification: { PredefinedMetricType: type },
        },
        'other',
      );
    },
    ['SageMakerVariantInvocationsPerInstance'],
    ['SageMakerVariantConcurrentRequestsPerModelHighResolution'],
  ),
  between(
    'two policies with the same name',
    ['steps'],
    ['policies-collide'],
    (fleet, name: string) => {
      of(fleet, 'In')['PolicyName'] = name;
    },
    ['out'],
    ['in', 'out-again'],
  ),
  between(
    'steps that overlap',
    ['steps'],
    ['step-adjustments-invalid'],
    (fleet, second: number) => {
      const { count } = fleet.author;
      stepOf(fleet, 'Out')['StepAdjustments'] = [
        { MetricIntervalLowerBound: count(0), MetricIntervalUpperBound: count(10), ScalingAdjustment: count(1) },
        { MetricIntervalLowerBound: count(second), ScalingAdjustment: count(2) },
      ];
    },
    [5, 8],
    [10],
  ),
  between(
    'steps with a gap',
    ['steps'],
    ['step-adjustments-invalid'],
    (fleet, second: number) => {
      const { count } = fleet.author;
      stepOf(fleet, 'In')['StepAdjustments'] = [
        { MetricIntervalUpperBound: count(second), ScalingAdjustment: count(-1) },
        { MetricIntervalLowerBound: count(-5), MetricIntervalUpperBound: count(0), ScalingAdjustment: count(-1) },
      ];
    },
    [-10, -7],
    [-5],
  ),
  between(
    'steps on the side on which the alarm is quiet',
    ['steps'],
    ['steps-miss-breach'],
    (fleet, bound: string) => {
      const { count } = fleet.author;
      stepOf(fleet, 'Out')['StepAdjustments'] = [{ [bound]: count(0), ScalingAdjustment: count(2) }];
    },
    ['MetricIntervalUpperBound'],
    ['MetricIntervalLowerBound'],
  ),
  between(
    'schedules that contradict each other at one moment',
    ['real-time'],
    ['schedules-collide'],
    (fleet, expression: string) => {
      const { author } = fleet;
      of(fleet, 'Target')['ScheduledActions'] = [
        scheduled(author, 'day', 'cron(0 8 ? * MON-FRI *)', { MinCapacity: author.count(2) }),
        scheduled(author, 'night', 'cron(0 20 * * ? *)', { MinCapacity: author.count(1) }),
        scheduled(author, 'release', expression, { MinCapacity: author.count(3) }),
      ];
    },
    ['cron(0 8 ? * MON-FRI *)', 'cron(0 20 * * ? *)'],
    ['cron(30 8 ? * MON-FRI *)', 'cron(0 21 * * ? *)'],
  ),
  between(
    'a scheduled minimum above the maximum',
    ['real-time'],
    ['min-above-max'],
    (fleet, distance: number) => {
      const { author, max } = fleet;
      of(fleet, 'Target')['ScheduledActions'] = [
        scheduled(author, 'day', 'cron(0 8 * * ? *)', { MinCapacity: author.count(max + distance) }),
        scheduled(author, 'night', 'cron(0 20 * * ? *)', { MinCapacity: author.count(1) }),
      ];
    },
    [1, 5],
    [0, -1],
  ),
  between(
    'a schedule whose window ends before it begins',
    ['real-time'],
    ['schedule-invalid'],
    (fleet, end: string) => {
      const { author } = fleet;
      of(fleet, 'Target')['ScheduledActions'] = [
        {
          ...scheduled(author, 'season', 'cron(0 8 * * ? *)', { MinCapacity: author.count(2) }),
          StartTime: '2026-11-20T00:00:00Z',
          EndTime: end,
        },
        scheduled(author, 'night', 'cron(0 20 * * ? *)', { MinCapacity: author.count(1) }),
      ];
    },
    ['2026-11-01T00:00:00Z', '2025-12-24T00:00:00Z'],
    ['2026-12-24T00:00:00Z'],
  ),
  between(
    'a schedule without a form',
    ['real-time'],
    ['schedule-invalid'],
    (fleet, expression: string) => {
      const { author } = fleet;
      of(fleet, 'Target')['ScheduledActions'] = [
        scheduled(author, 'day', expression, { MinCapacity: author.count(2) }),
        scheduled(author, 'night', 'cron(0 20 * * ? *)', { MinCapacity: author.count(1) }),
      ];
    },
    ['0 8 * * *', 'cron(0 8 * * *)', 'every day at 8', 'rate(1 weeks)'],
    ['cron(0 8 * * ? *)'],
  ),
  between<Written>(
    'a scheduled action without limits, or with a time zone of nowhere',
    ['real-time'],
    ['schedule-invalid'],
    (fleet, change) => {
      const { author } = fleet;
      const day = scheduled(author, 'day', 'cron(0 8 * * ? *)', { MinCapacity: author.count(2) });
      of(fleet, 'Target')['ScheduledActions'] = [
        { ...day, ...change },
        scheduled(author, 'night', 'cron(0 20 * * ? *)', { MinCapacity: author.count(1) }),
      ];
    },
    [{ ScalableTargetAction: {} }, { Timezone: 'Europe/Zuerich' }],
    [{}, { Timezone: 'America/New_York' }],
  ),
  between(
    'an alarm period below that of the metric',
    ['steps'],
    ['alarm-period-not-published'],
    (fleet, period: number) => {
      Object.assign(of(fleet, 'OutAlarm'), {
        Namespace: 'AWS/SageMaker',
        MetricName: 'InvocationsPerInstance',
        Statistic: 'Sum',
        Threshold: 100,
        Period: fleet.author.count(period),
      });
    },
    [10, 30, 20],
    [60, 120],
  ),
  between(
    'an alarm period that CloudWatch does not have',
    ['steps'],
    ['alarm-period-not-published', 'alarm-invalid'],
    (fleet, period: number) => {
      of(fleet, 'InAlarm')['Period'] = fleet.author.count(period);
    },
    [90, 45, 61],
    [60, 120],
  ),
  between(
    'a mean of a count',
    ['steps'],
    ['statistic-misleads'],
    (fleet, statistic: string) => {
      Object.assign(of(fleet, 'OutAlarm'), {
        Namespace: 'AWS/SageMaker',
        MetricName: 'Invocations',
        Threshold: 500,
        Statistic: statistic,
      });
    },
    ['Average', 'Maximum', 'Minimum'],
    ['Sum'],
  ),
  between(
    'a sum of concurrency',
    ['real-time'],
    ['statistic-misleads'],
    (fleet, statistic: string) =>
      follow(fleet, metricOn('ConcurrentRequestsPerModel', onVariant(fleet), statistic), fleet.slots / 2),
    ['Sum', 'SampleCount'],
    ['Average', 'Maximum'],
  ),
  between(
    'a latency in milliseconds',
    INSTANCES,
    ['latency-in-microseconds'],
    (fleet, threshold: number) =>
      watch(fleet, 'ModelLatency', onVariant(fleet), {
        Threshold: fleet.author.count(threshold),
        ComparisonOperator: 'GreaterThanThreshold',
      }),
    [500, 2000],
    [500_000, 2_000_000],
  ),
  between(
    'a unit that the metric does not have',
    INSTANCES,
    ['metric-wrong-unit'],
    (fleet, unit: string) =>
      watch(fleet, 'ModelLatency', onVariant(fleet), {
        Threshold: fleet.author.count(2_000_000),
        Unit: unit,
      }),
    ['Milliseconds', 'Seconds'],
    ['Microseconds'],
  ),
  between(
    'a policy that follows a latency',
    INSTANCES,
    ['tracked-metric-is-no-load'],
    (fleet, metricName: string) => {
      const isLatency = metricName.endsWith('Latency');
      follow(fleet, metricOn(metricName, onVariant(fleet), isLatency ? 'Average' : 'Sum'), isLatency ? 3_000_000 : 60);
    },
    ['ModelLatency', 'OverheadLatency'],
    ['InvocationsPerInstance'],
  ),
  {
    name: 'a scalable target without a policy',
    kinds: ['real-time', 'stream', 'serverless'],
    rules: ['target-without-policy'],
    plant: (fleet) => {
      withoutSchedules(fleet);
      delete fleet.parts.Follow;
    },
    neighbour: (fleet) => {
      withoutSchedules(fleet);
      delete fleet.parts.Follow;
      const { author, max } = fleet;
      of(fleet, 'Target')['ScheduledActions'] = [
        scheduled(author, 'day', 'cron(0 8 * * ? *)', { MinCapacity: author.count(max) }),
        scheduled(author, 'night', 'cron(0 20 * * ? *)', { MinCapacity: author.count(1) }),
      ];
    },
  },
  {
    name: 'two targets of one resource',
    kinds: ['real-time', 'steps'],
    rules: ['target-registered-twice'],
    plant: (fleet) => {
      fleet.parts.Second = structuredClone(fleet.parts.Target!);
      fleet.parts.Second.Properties['MaxCapacity'] = fleet.author.count(2);
    },
    neighbour: () => undefined,
  },
  between(
    'a target of a variant that does not exist',
    INSTANCES,
    ['scalable-target-invalid'],
    (fleet, isThere: boolean) => {
      const id = fleet.author.resourceId(isThere ? fleet.variant : `${fleet.variant}2`);
      of(fleet, 'Target')['ResourceId'] = id;
      for (const part of ['Follow']) if ('ResourceId' in of(fleet, part)) of(fleet, part)['ResourceId'] = id;
    },
    [false],
    [true],
  ),
  between(
    'a dimension that is not one',
    INSTANCES,
    ['scalable-target-invalid'],
    (fleet, dimension: string) => {
      of(fleet, 'Target')['ScalableDimension'] = dimension;
      if ('ScalableDimension' in of(fleet, 'Follow')) of(fleet, 'Follow')['ScalableDimension'] = dimension;
    },
    ['sagemaker:variant:DesiredCount', 'sagemaker:variant:InstanceCount', 'sagemaker:endpoint:DesiredInstanceCount'],
    ['sagemaker:variant:DesiredInstanceCount'],
  ),
  {
    name: 'a model that is made before the permissions of its role, and deleted after them',
    kinds: ['real-time', 'async', 'component', 'steps'],
    rules: ['made-before-permissions'],
    plant: (fleet) => separatePolicy(fleet),
    neighbour: (fleet) => {
      separatePolicy(fleet);
      fleet.parts.Model!.DependsOn = [fleet.author.id('ExtraPolicy')];
    },
  },
  between(
    'a stream that is retried for ever',
    CONSUMED,
    ['record-retried-for-ever'],
    (fleet, retries: number | undefined) => {
      if (retries === undefined) delete mapping(fleet)['MaximumRetryAttempts'];
      else mapping(fleet)['MaximumRetryAttempts'] = fleet.author.count(retries);
    },
    [undefined, -1],
    [2, 10],
  ),
  between(
    'a stream whose failed batches are dropped',
    CONSUMED,
    ['record-dropped'],
    (fleet, hasDestination: boolean) => {
      if (!hasDestination) delete mapping(fleet)['DestinationConfig'];
    },
    [false],
    [true],
  ),
  between(
    'a topic of Kafka that is retried for ever',
    CONSUMED,
    ['record-retried-for-ever'],
    (fleet, hasDestination: boolean) => {
      const { DestinationConfig, FunctionName } = mapping(fleet);
      fleet.parts.Mapping!.Properties = {
        EventSourceArn: 'arn:aws:kafka:us-east-1:111122223333:cluster/events/8a3f',
        FunctionName,
        Topics: ['requests'],
        StartingPosition: 'LATEST',
        ...(hasDestination && { DestinationConfig }),
      };
    },
    [false],
    [true],
  ),
  between(
    'a queue without a place for what keeps failing',
    ['queue'],
    ['queue-loses-messages'],
    (fleet, isSafe: boolean) => {
      if (!isSafe) delete of(fleet, 'Work')['RedrivePolicy'];
    },
    [false],
    [true],
  ),
  between(
    'a queue that shows a message again while it is served, or gives up at once',
    ['queue'],
    ['queue-loses-messages'],
    (fleet, { visible, receives }: { readonly visible: number; readonly receives: number }) => {
      of(fleet, 'Work')['VisibilityTimeout'] = fleet.author.count(visible);
      within(fleet, 'Work', 'RedrivePolicy')['maxReceiveCount'] = fleet.author.count(receives);
    },
    [
      { visible: 30, receives: 5 },
      { visible: 360, receives: 1 },
    ],
    [{ visible: 360, receives: 5 }],
  ),
  between(
    'events whose failures are dropped after the retries of Lambda',
    ['queue'],
    ['event-dropped'],
    (fleet, isSafe: boolean) => {
      const { author, parts } = fleet;
      delete parts.Mapping;
      delete parts.Work;
      parts.Uploads = {
        Type: 'AWS::Events::Rule',
        Properties: {
          EventPattern: { source: ['aws.s3'] },
          Targets: [{ Id: 'consumer', Arn: author.attribute('Consumer', 'Arn') }],
        },
      };
      if (isSafe) {
        of(fleet, 'Consumer')['DeadLetterConfig'] = { TargetArn: author.attribute('Failed', 'Arn') };
      }
    },
    [false],
    [true],
  ),
  between(
    'steps that shrink faster than they grow',
    ['steps'],
    ['steps-shrink-faster'],
    (fleet, { remove, cooldown, periods }: { remove: number; cooldown: number; periods: number }) => {
      const { count } = fleet.author;
      within(fleet, 'In', STEP, 'StepAdjustments', 0)['ScalingAdjustment'] = count(-remove);
      stepOf(fleet, 'In')['Cooldown'] = count(cooldown);
      of(fleet, 'InAlarm')['EvaluationPeriods'] = count(periods);
    },
    [
      { remove: 4, cooldown: 60, periods: 2 },
      { remove: 2, cooldown: 0, periods: 1 },
      { remove: 8, cooldown: 300, periods: 5 },
    ],
    [
      { remove: 1, cooldown: 600, periods: 15 },
      { remove: 1, cooldown: 300, periods: 5 },
    ],
  ),
  between(
    'a fleet that only grows',
    ['real-time', 'queue'],
    ['never-scales-in'],
    (fleet, isDisabled: boolean) => {
      withoutSchedules(fleet);
      configuration(fleet)['DisableScaleIn'] = isDisabled;
    },
    [true],
    [false],
  ),
  {
    name: 'a step policy that no alarm runs',
    kinds: ['steps'],
    rules: ['step-policy-without-alarm'],
    plant: ({ parts }) => {
      delete parts.InAlarm;
    },
    neighbour: () => undefined,
  },
  between(
    'an alarm that runs its target instead of its policy',
    ['steps'],
    ['alarm-action-invalid', 'step-policy-without-alarm'],
    (fleet, part: string) => {
      of(fleet, 'OutAlarm')['AlarmActions'] = [fleet.author.ref(part)];
    },
    ['Target'],
    ['Out'],
  ),
  between(
    'counts that a deployment resets',
    ['real-time', 'stream', 'steps'],
    ['counts-reset-on-deploy'],
    (fleet, retains: boolean | undefined) => {
      of(fleet, 'Endpoint')['RetainAllVariantProperties'] = retains;
      if (retains === undefined) delete of(fleet, 'Endpoint')['RetainAllVariantProperties'];
    },
    [undefined, false],
    [true],
  ),
  between(
    'a type that cannot be scaled, or does not exist',
    INSTANCES,
    ['burstable-instance-type', 'unknown-instance-type'],
    (fleet, type: string) => {
      within(fleet, 'Config', 'ProductionVariants', 0, 'InstancePools', 0)['InstanceType'] = type;
    },
    ['ml.t3.medium', 'ml.g5.xlrage', 'g5.xlarge'],
    ['ml.g5.4xlarge', 'ml.g6.4xlarge'],
  ),
  between(
    'managed scaling of a variant with a model',
    ['real-time', 'async'],
    ['managed-scaling-on-model-variant', 'instances-scaled-twice'],
    (fleet, status: string) => {
      const { count } = fleet.author;
      variantOf(fleet)['ManagedInstanceScaling'] = {
        Status: status,
        MinInstanceCount: count(1),
        MaxInstanceCount: count(fleet.max),
      };
    },
    ['ENABLED'],
    ['DISABLED'],
  ),
  between(
    'a grant to invoke in a way that the endpoint refuses',
    ['async'],
    ['invoke-grant-incomplete'],
    (fleet, action: string) => {
      const name = fleet.author.endpointName();
      fleet.parts.Caller = {
        Type: 'AWS::IAM::ManagedPolicy',
        Properties: {
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Allow',
                Action: action,
                Resource: { 'Fn::Join': ['', ['arn:aws:sagemaker:us-east-1:111122223333:endpoint/', name]] },
              },
            ],
          },
        },
      };
    },
    ['sagemaker:InvokeEndpoint'],
    ['sagemaker:InvokeEndpointAsync'],
  ),
  between(
    'an expression over an id that no query has',
    ['steps'],
    ['math-invalid'],
    (fleet, id: string) => {
      const { author } = fleet;
      const { MetricName, Namespace, Dimensions } = of(fleet, 'OutAlarm');
      for (const name of ['MetricName', 'Namespace', 'Dimensions', 'Statistic', 'Period'])
        delete of(fleet, 'OutAlarm')[name];
      of(fleet, 'OutAlarm')['Metrics'] = [
        { Id: 'load', Expression: `FILL(${id}, 0)`, ReturnData: true },
        {
          Id: 'm1',
          MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period: author.count(60), Stat: 'Average' },
          ReturnData: false,
        },
      ];
    },
    ['m2', 'metric'],
    ['m1'],
  ),
  between(
    'an update that rolls back by an alarm that does not exist',
    ['steps'],
    ['rollback-alarm-of-nothing'],
    (fleet, name: string) => {
      of(fleet, 'OutAlarm')['AlarmName'] = 'chat-load';
      of(fleet, 'Endpoint')['DeploymentConfig'] = {
        BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 60 } },
        AutoRollbackConfiguration: { Alarms: [{ AlarmName: name }] },
      };
    },
    ['chat-laod', 'chat_load'],
    ['chat-load'],
  ),
  between(
    'scaling that is suspended',
    [...INSTANCES, 'steps', 'async'],
    ['scaling-suspended'],
    (fleet, isSuspended: boolean) => {
      of(fleet, 'Target')['SuspendedState'] = { DynamicScalingOutSuspended: isSuspended };
    },
    [true],
    [false],
  ),
  between<Written>(
    'a copy that fits on no host',
    ['component'],
    ['component-above-host'],
    (fleet, change) => {
      const needs = within(fleet, 'Component', 'Specification', 'ComputeResourceRequirements');
      Object.assign(needs, change);
    },
    [{ MinMemoryRequiredInMb: 900_000 }, { NumberOfAcceleratorDevicesRequired: 16 }, { NumberOfCpuCoresRequired: 512 }],
    [{}, { NumberOfCpuCoresRequired: 2 }],
  ),
  between(
    'more copies than the hosts hold',
    ['component'],
    ['copies-above-host'],
    (fleet, copies: number) => limit('MaxCapacity')(fleet, fleet.max * copies),
    [10, 20],
    [1],
  ),
  between(
    'a component without a copy',
    ['component'],
    ['component-created-empty'],
    (fleet, copies: number) => {
      within(fleet, 'Component', 'RuntimeConfig')['CopyCount'] = fleet.author.count(copies);
    },
    [0],
    [1, 2],
  ),
  between(
    'a target on the name of another resource',
    ['component'],
    ['scalable-target-invalid', 'target-of-nothing', 'name-of-another-resource'],
    (fleet, name: string) => {
      of(fleet, 'Target')['ResourceId'] = `inference-component/${name}`;
      for (const part of ['Follow', 'Wake'])
        if ('ResourceId' in of(fleet, part)) of(fleet, part)['ResourceId'] = `inference-component/${name}`;
    },
    ['chat-copie', 'undefined'],
    [COMPONENT_NAME],
  ),
  between(
    'more provisioned than the maximum concurrency',
    ['serverless'],
    ['provisioned-above-concurrency'],
    (fleet, count: number) => {
      const serverless = within(fleet, 'Config', 'ProductionVariants', 0, 'ServerlessConfig');
      serverless['MaxConcurrency'] = fleet.author.count(count);
    },
    [1],
    [20, 40],
  ),
  between(
    'a policy without a target value, or with one that everything exceeds',
    INSTANCES,
    ['policy-incomplete', 'target-above-capacity'],
    (fleet, value: number | undefined) => {
      if (value === undefined) delete configuration(fleet)['TargetValue'];
      else configuration(fleet)['TargetValue'] = fleet.author.count(value);
    },
    [undefined, 0, -3],
    [2],
  ),
  between(
    'more datapoints than evaluations',
    ['steps'],
    ['alarm-invalid'],
    (fleet, datapoints: number) => {
      of(fleet, 'OutAlarm')['DatapointsToAlarm'] = fleet.author.count(datapoints);
    },
    [4, 10],
    [2, 3],
  ),
  {
    name: "alarms that run each other's policies",
    kinds: ['steps'],
    rules: ['alarm-reversed', 'steps-miss-breach'],
    plant: ({ author, parts }) => {
      parts.OutAlarm!.Properties['AlarmActions'] = [author.ref('In')];
      parts.InAlarm!.Properties['AlarmActions'] = [author.ref('Out')];
    },
    neighbour: ({ author, parts }) => {
      parts.OutAlarm!.Properties['AlarmActions'] = [author.ref('Out')];
      parts.InAlarm!.Properties['AlarmActions'] = [author.ref('In')];
    },
  },
  between(
    'a policy that adds when the load is low',
    ['steps'],
    ['alarm-reversed', 'steps-miss-breach'],
    (fleet, operator: string) => {
      const { author } = fleet;
      of(fleet, 'OutAlarm')['ComparisonOperator'] = operator;
      const bound = operator.startsWith('Less') ? 'MetricIntervalUpperBound' : 'MetricIntervalLowerBound';
      stepOf(fleet, 'Out')['StepAdjustments'] = [{ [bound]: author.count(0), ScalingAdjustment: author.count(1) }];
    },
    ['LessThanThreshold', 'LessThanOrEqualToThreshold'],
    ['GreaterThanThreshold', 'GreaterThanOrEqualToThreshold'],
  ),
  between(
    'thresholds between which the fleet is told to grow and to shrink',
    ['steps'],
    ['thresholds-overlap'],
    (fleet, ratio: number) => {
      const high = Number(of(fleet, 'OutAlarm')['Threshold']);
      of(fleet, 'InAlarm')['Threshold'] = fleet.author.count(Math.ceil(high * ratio));
    },
    [1.2, 2],
    [0.2, 0.5],
  ),
  between(
    'a schedule that raises the minimum and none that lowers it',
    ['real-time'],
    ['schedule-one-way'],
    (fleet, night: number) => {
      const { author } = fleet;
      of(fleet, 'Target')['ScheduledActions'] = [
        scheduled(author, 'day', 'cron(0 8 * * ? *)', { MinCapacity: author.count(3) }),
        scheduled(author, 'night', 'cron(0 20 * * ? *)', { MinCapacity: author.count(night) }),
      ];
    },
    [3],
    [1, 2],
  ),
  between(
    'an alarm whose actions are switched off',
    ['steps'],
    ['step-policy-without-alarm'],
    (fleet, isEnabled: boolean) => {
      of(fleet, 'OutAlarm')['ActionsEnabled'] = isEnabled;
    },
    [false],
    [true],
  ),
  between(
    'a policy that runs when its alarm recovers',
    ['steps'],
    ['alarm-reversed', 'step-policy-without-alarm'],
    (fleet, property: string) => {
      const { [property]: _before, AlarmActions, ...rest } = of(fleet, 'OutAlarm');
      fleet.parts.OutAlarm!.Properties = { ...rest, [property]: AlarmActions ?? _before };
    },
    ['OKActions', 'InsufficientDataActions'],
    ['AlarmActions'],
  ),
  between(
    'a metric of the whole fleet, which does not fall when it grows',
    INSTANCES,
    ['metric-not-per-replica'],
    (fleet, metricName: string) => follow(fleet, metricOn(metricName, onVariant(fleet), 'Sum'), 300),
    ['Invocations'],
    ['InvocationsPerInstance'],
  ),
  between(
    'a gap that blinds an expression',
    INSTANCES,
    ['math-blinded-by-gap'],
    (fleet, expression: string) => {
      const { author } = fleet;
      const query = (Id: string, metricName: string, Stat: string): Written => ({
        Id,
        MetricStat: {
          Metric: { Namespace: 'AWS/SageMaker', MetricName: metricName, Dimensions: dimensions(onVariant(fleet)) },
          Stat,
        },
        ReturnData: false,
      });
      follow(
        fleet,
        {
          Metrics: [
            query('n', 'InvocationsPerInstance', 'Sum'),
            query('e', 'Invocation5XXErrors', 'Sum'),
            { Id: 'load', Expression: expression, ReturnData: true },
          ],
        },
        60,
      );
      void author;
    },
    ['n + e'],
    ['FILL(n, 0) + FILL(e, 0)'],
  ),
  between(
    'a type of policy that its configuration does not fit',
    [...INSTANCES, 'async'],
    ['policy-incomplete', 'predictive-on-sagemaker'],
    (fleet, type: string) => {
      of(fleet, 'Follow')['PolicyType'] = type;
    },
    ['StepScaling', 'TargetTracking', 'PredictiveScaling'],
    ['TargetTrackingScaling'],
  ),
  {
    name: 'a target that does not wait for what it scales',
    kinds: ['component'],
    rules: ['made-too-early'],
    plant: ({ parts, author }) => {
      delete parts.Target!.DependsOn;
      // In two stacks one is deployed after the other: there the component itself comes too early.
      if (author.isServedElsewhere) parts.Component!.Properties['EndpointName'] = 'chat-host';
      if (author.isServedElsewhere) parts.Endpoint!.Properties['EndpointName'] = 'chat-host';
    },
    neighbour: ({ parts, author }) => {
      if (author.isServedElsewhere) parts.Component!.DependsOn = [author.id('Endpoint')];
    },
  },
  between(
    'a rollout step of more than half the fleet',
    ['real-time', 'steps'],
    ['rollout-invalid'],
    (fleet, percent: number) => {
      const { count } = fleet.author;
      of(fleet, 'Endpoint')['DeploymentConfig'] = {
        BlueGreenUpdatePolicy: {
          TrafficRoutingConfiguration: {
            Type: 'CANARY',
            WaitIntervalInSeconds: count(300),
            CanarySize: { Type: 'CAPACITY_PERCENT', Value: count(percent) },
          },
        },
      };
    },
    [60, 80, 100],
    [10, 50],
  ),
  between(
    'a rollout that times out before its waits end',
    ['real-time', 'steps'],
    ['rollout-invalid'],
    (fleet, seconds: number) => {
      const { count } = fleet.author;
      of(fleet, 'Endpoint')['DeploymentConfig'] = {
        BlueGreenUpdatePolicy: {
          TrafficRoutingConfiguration: {
            Type: 'ALL_AT_ONCE',
            WaitIntervalInSeconds: count(1200),
          },
          TerminationWaitInSeconds: count(600),
          MaximumExecutionTimeoutInSeconds: count(seconds),
        },
      };
    },
    [600, 1200],
    [3600, 7200],
  ),
  between(
    'a caller that is not allowed to invoke',
    ['stream', 'queue'],
    ['invoke-not-granted'],
    (fleet, action: string) => {
      within(fleet, 'CallerRole', 'Policies', 0, 'PolicyDocument', 'Statement', 0)['Action'] = [action];
    },
    ['sagemaker:DescribeEndpoint', 's3:GetObject'],
    ['sagemaker:InvokeEndpoint', 'sagemaker:Invoke*'],
  ),
  between(
    'policies between equal limits',
    INSTANCES,
    ['fixed-capacity'],
    (fleet, minimum: (max: number) => number) => {
      withoutSchedules(fleet);
      limit('MinCapacity')(fleet, minimum(fleet.max));
    },
    [(max: number) => max],
    [(max: number) => max - 1],
  ),
  between(
    'an age of records that their stream does not reach',
    CONSUMED,
    ['record-retried-for-ever'],
    (fleet, seconds: number) => {
      delete mapping(fleet)['MaximumRetryAttempts'];
      mapping(fleet)['MaximumRecordAgeInSeconds'] = fleet.author.count(seconds);
    },
    [604_800, 172_800],
    [3600, 43_200],
  ),
  between(
    'a dead-letter queue that forgets before its queue does',
    ['queue'],
    ['queue-loses-messages'],
    (fleet, seconds: number) => {
      of(fleet, 'Failed')['MessageRetentionPeriod'] = fleet.author.count(seconds);
    },
    [3600, 86_400],
    [345_600, 1_209_600],
  ),
  between(
    'a consumer without concurrency',
    ['stream', 'queue'],
    ['consumer-never-runs'],
    (fleet, executions: number) => {
      of(fleet, 'Consumer')['ReservedConcurrentExecutions'] = fleet.author.count(executions);
    },
    [0],
    [1, 10],
  ),
  between(
    'steps out that wait for hours',
    ['steps'],
    ['scale-out-too-slow'],
    (fleet, { cooldown, periods }: { cooldown: number; periods: number }) => {
      const { count } = fleet.author;
      stepOf(fleet, 'Out')['Cooldown'] = count(cooldown);
      of(fleet, 'OutAlarm')['EvaluationPeriods'] = count(periods);
      // Shrinking is slower still in both.
      stepOf(fleet, 'In')['Cooldown'] = count(14_400);
    },
    [
      { cooldown: 7200, periods: 3 },
      { cooldown: 300, periods: 90 },
    ],
    [{ cooldown: 600, periods: 5 }],
  ),
  between(
    'a policy to track that adds once in hours',
    INSTANCES,
    ['scale-out-too-slow'],
    (fleet, seconds: number) => {
      Object.assign(configuration(fleet), {
        ScaleOutCooldown: fleet.author.count(seconds),
        ScaleInCooldown: fleet.author.count(Math.max(seconds, 900)),
      });
    },
    [3600, 10_800],
    [300, 900],
  ),
  between(
    'an alarm that no load sets off, or ends',
    ['steps'],
    ['alarm-without-choice'],
    (fleet, { part, operator, threshold }: { part: string; operator: string; threshold: number }) => {
      Object.assign(of(fleet, part), { ComparisonOperator: operator, Threshold: fleet.author.count(threshold) });
    },
    [
      { part: 'InAlarm', operator: 'LessThanThreshold', threshold: 0 },
      { part: 'InAlarm', operator: 'LessThanOrEqualToThreshold', threshold: -1 },
    ],
    [
      { part: 'InAlarm', operator: 'LessThanOrEqualToThreshold', threshold: 0 },
      { part: 'InAlarm', operator: 'LessThanThreshold', threshold: 1 },
    ],
  ),
  between(
    'steps that change nothing',
    ['steps'],
    ['step-adjustments-invalid'],
    (fleet, adjustment: number) => {
      within(fleet, 'Out', STEP, 'StepAdjustments', 0)['ScalingAdjustment'] = fleet.author.count(adjustment);
    },
    [0],
    [1, 2],
  ),
  between(
    'a percentile above 100',
    ['steps'],
    ['alarm-invalid'],
    (fleet, percentile: string) => {
      delete of(fleet, 'OutAlarm')['Statistic'];
      of(fleet, 'OutAlarm')['ExtendedStatistic'] = percentile;
    },
    ['p101', 'p999'],
    ['p99', 'p99.9'],
  ),
  between(
    'a source that is disabled, before a fleet that waits for it',
    ['stream', 'queue'],
    ['consumer-never-runs'],
    (fleet, isEnabled: unknown) => {
      mapping(fleet)['Enabled'] = isEnabled;
    },
    [false, 'false'],
    [true, 'true'],
  ),
  between(
    'a queue that is its own dead-letter queue',
    ['queue'],
    ['queue-loses-messages'],
    (fleet, part: string) => {
      within(fleet, 'Work', 'RedrivePolicy')['deadLetterTargetArn'] = fleet.author.attribute(part, 'Arn');
    },
    ['Work'],
    ['Failed'],
  ),
  between(
    'a step to a capacity that the limits exclude',
    ['steps'],
    ['exact-capacity-outside-limits'],
    (fleet, exact: (max: number) => number) => {
      stepOf(fleet, 'Out')['AdjustmentType'] = 'ExactCapacity';
      within(fleet, 'Out', STEP, 'StepAdjustments', 0)['ScalingAdjustment'] = fleet.author.count(exact(fleet.max));
    },
    [(max: number) => max + 1, (max: number) => 3 * max],
    [(max: number) => max],
  ),
  between(
    'a queue with more batches at once than the fleet holds',
    ['queue'],
    ['stream-outpaces-endpoint'],
    (fleet, ratio: number) => {
      const most = Math.min(1000, Math.max(2, Math.ceil(ratio * fleet.max * fleet.slots)));
      mapping(fleet)['ScalingConfig'] = { MaximumConcurrency: fleet.author.count(most) };
    },
    [3, 5],
    [0.5, 1],
  ),
  between(
    'a queue with more batches at once than its function may run',
    ['queue'],
    ['queue-loses-messages'],
    (fleet, most: number) => {
      mapping(fleet)['ScalingConfig'] = { MaximumConcurrency: fleet.author.count(most) };
      of(fleet, 'Consumer')['ReservedConcurrentExecutions'] = fleet.author.count(4);
    },
    [5, 8],
    [2, 4],
  ),
  between(
    'a filter of records that is no pattern',
    ['stream', 'queue'],
    ['mapping-invalid'],
    (fleet, pattern: string) => {
      mapping(fleet)['FilterCriteria'] = { Filters: [{ Pattern: pattern }] };
    },
    ['{kind: chat}', '{"body":{"kind":"chat"}}', '["chat"]', '{"data":{"kind":[]}}'],
    ['{"body":{"kind":["chat"]}}', '{"data":{"size":[{"exists":true}]}}'],
  ),
  between(
    'large batches of a queue without a window',
    ['queue'],
    ['mapping-invalid'],
    (fleet, { size, seconds }: { size: number; seconds: number | undefined }) => {
      mapping(fleet)['BatchSize'] = fleet.author.count(size);
      if (seconds !== undefined) mapping(fleet)['MaximumBatchingWindowInSeconds'] = fleet.author.count(seconds);
    },
    [
      { size: 100, seconds: undefined },
      { size: 11, seconds: 0 },
    ],
    [
      { size: 10, seconds: undefined },
      { size: 100, seconds: 1 },
    ],
  ),
];

/** Gives the role its permissions in a policy of its own. */
function separatePolicy({ author, parts }: WrittenFleet): void {
  delete parts.Role!.Properties['Policies'];
  parts.ExtraPolicy = {
    Type: 'AWS::IAM::Policy',
    Properties: {
      PolicyName: 'model',
      Roles: [author.ref('Role')],
      PolicyDocument: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: ['ecr:BatchGetImage', 's3:GetObject'], Resource: '*' }],
      },
    },
  };
}
