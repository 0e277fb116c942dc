import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import {
  AsyncEndpoint,
  GpuEndpoint,
  ModelServer,
  type GpuEndpointProps,
  type InstanceCapacityProps,
} from '../../../lib/inference';
import { newStack, pools } from '../chat-endpoint';

const modelServer = ModelServer.triton();
const quotas = { 'ml.g5.xlarge': 4, 'ml.g6.xlarge': 2 };

function endpointWith(
  capacity: Partial<InstanceCapacityProps>,
  props: Partial<GpuEndpointProps> = {},
  stack = newStack(),
): GpuEndpoint {
  return new GpuEndpoint(stack, 'Chat', { modelServer, capacity: { pools, ...capacity }, ...props });
}

describe('the capacity of an endpoint', () => {
  test('is tried for 10 minutes in each pool by default', () => {
    Template.fromStack(Stack.of(endpointWith({}))).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({ InstanceType: Match.absent(), VariantInstanceProvisionTimeoutInSeconds: 600 }),
      ],
    });
  });

  test('gives pools in order, and the time each is tried', () => {
    const endpoint = endpointWith({ provisionTimeout: Duration.minutes(20) });
    expect(endpoint.instanceTypes).toEqual(['ml.g5.xlarge', 'ml.g6.xlarge']);
    expect(endpoint.maxAllowedCapacity).toBeUndefined();
    Template.fromStack(Stack.of(endpoint)).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          InstancePools: [
            { InstanceType: 'ml.g5.xlarge', Priority: 1 },
            { InstanceType: 'ml.g6.xlarge', Priority: 2 },
          ],
          VariantInstanceProvisionTimeoutInSeconds: 1200,
        }),
      ],
    });
  });

  test('gives a reservation', () => {
    const reservationArn = 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/plan';
    const endpoint = endpointWith({ pools: [{ instanceType: 'ml.p5.48xlarge' }], reservationArn });
    Template.fromStack(Stack.of(endpoint)).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          InstanceType: 'ml.p5.48xlarge',
          InstancePools: Match.absent(),
          CapacityReservationConfig: {
            CapacityReservationPreference: 'capacity-reservations-only',
            MlReservationArn: reservationArn,
          },
        }),
      ],
    });
  });

  test('notifies when the demand exceeds the tested concurrency and no instance starts', () => {
    const stack = newStack();
    const topic = new sns.Topic(stack, 'Pager');
    const endpoint = endpointWith(
      { gapAlarm: { topic, after: Duration.minutes(30) } },
      { maxConcurrencyPerInstance: 12 },
      stack,
    );
    expect(endpoint.capacityGapAlarm).toBeDefined();
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ConcurrentRequestsPerModel',
      Statistic: 'Maximum',
      Threshold: 12,
      EvaluationPeriods: 30,
      AlarmActions: [stack.resolve(topic.topicArn)],
      OKActions: [stack.resolve(topic.topicArn)],
    });
  });

  test('of an asynchronous endpoint watches the backlog of an instance, and work that finds none', () => {
    const stack = newStack();
    new AsyncEndpoint(stack, 'Films', { modelServer, capacity: { pools, gapAlarm: {} } });
    const metricOf = (MetricName: string): object =>
      Match.objectLike({ MetricStat: Match.objectLike({ Metric: Match.objectLike({ MetricName }) }) });
    Template.fromStack(stack).hasResourceProperties('AWS::CloudWatch::Alarm', {
      Metrics: [
        // At zero no backlog per instance is published: waiting work counts as one request too many.
        Match.objectLike({ Expression: 'FILL(demand, 0) + FILL(waiting, 0) * (1 + 8)' }),
        metricOf('ApproximateBacklogSizePerInstance'),
        metricOf('HasBacklogWithoutCapacity'),
      ],
      Threshold: 8,
      EvaluationPeriods: 15,
    });
  });

  test('refuses to begin with more than the quotas allow', () => {
    const endpoint = (): unknown =>
      new GpuEndpoint(newStack(), 'Chat', { modelServer, capacity: { pools, quotas }, initialInstanceCount: 7 });
    expect(endpoint).toThrow('initialInstanceCount (7) is above 6');
  });

  test('holds the maximum of the fleet against the quotas', () => {
    const endpoint = endpointWith({ quotas });
    expect(endpoint.maxAllowedCapacity).toBe(6);
    expect(() => endpoint.autoScale({ minCapacity: 1, maxCapacity: 7 })).toThrow(
      'maxCapacity (7) is above 6, all instances that capacity.quotas allow',
    );
    endpointWith({ quotas }).autoScale({ minCapacity: 1, maxCapacity: 6 });
    // A pool whose quota is not known may give any number.
    endpointWith({ quotas: { 'ml.g5.xlarge': 4 } }).autoScale({ minCapacity: 1, maxCapacity: 7 });
  });

  test('is one for each variant', () => {
    const endpoint = endpointWith({ quotas });
    const next = endpoint.addVariant('next', {
      modelServer,
      capacity: { pools: [{ instanceType: 'ml.g6e.xlarge' }], quotas: { 'ml.g6e.xlarge': 2 }, gapAlarm: {} },
    });
    expect(next.maxAllowedCapacity).toBe(2);
    expect(next.capacityGapAlarm).toBeDefined();
    expect(() => next.autoScale({ minCapacity: 1, maxCapacity: 3 })).toThrow('maxCapacity (3) is above 2');
    expect(endpoint.addVariant('third', { modelServer }).maxAllowedCapacity).toBeUndefined();
  });
});

describe('capacity is refused', () => {
  test.each<[string, Partial<InstanceCapacityProps>, string]>([
    [
      'with a quota of another type',
      { quotas: { 'ml.g5.2xlarge': 2 } },
      'capacity.quotas names ml.g5.2xlarge, which is in no pool',
    ],
    ['with a quota of 0', { quotas: { 'ml.g5.xlarge': 0 } }, 'capacity.quotas of ml.g5.xlarge is 0'],
    [
      'with half an instance',
      { quotas: { 'ml.g5.xlarge': 0.5 } },
      'capacity.quotas of ml.g5.xlarge (0.5) must be a whole number',
    ],
    [
      'with an alarm of a second',
      { gapAlarm: { after: Duration.seconds(1) } },
      'capacity.gapAlarm.after (1 s) must be whole minutes',
    ],
    ['without a pool', { pools: [] }, 'capacity.pools has 0 instance types; give 1 to 5'],
    ['with six pools', { pools: Array.from({ length: 6 }, () => pools[0]!) }, 'capacity.pools has 6 instance types'],
    ['with the same pool twice', { pools: [pools[0]!, pools[0]!] }, 'names ml.g5.xlarge twice'],
    [
      'with an unknown type',
      { pools: [{ instanceType: 'ml.g5.xl' }] },
      "unknown instance type 'ml.g5.xl'; nearest known: ml.g5.",
    ],
    ['with a burstable type', { pools: [{ instanceType: 'ml.t2.large' }] }, 'ml.t2.large is burstable'],
    [
      'with a type without an accelerator',
      { pools: [{ instanceType: 'ml.m5.xlarge' }] },
      'ml.m5.xlarge has no accelerator',
    ],
    [
      'with GPU and Neuron pools together',
      { pools: [pools[0]!, { instanceType: 'ml.inf2.xlarge' }] },
      'mixes GPU and Neuron',
    ],
    [
      'with too short a search',
      { provisionTimeout: Duration.minutes(4) },
      'capacity.provisionTimeout (240 s) must be a whole number, 300 to 3600',
    ],
    ['with two types and a reservation', { reservationArn: 'arn' }, 'reserves one instance type'],
  ])('%s', (_, capacity, message) => expect(() => endpointWith(capacity)).toThrow(message));
});
