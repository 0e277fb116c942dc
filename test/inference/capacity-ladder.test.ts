import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import {
  AsyncEndpoint,
  GpuEndpoint,
  ModelServer,
  type CapacityLadder,
  type GpuEndpointProps,
} from '../../lib/inference';

const modelServer = ModelServer.triton();
const pools = [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }];
const quotas = { 'ml.g5.xlarge': 4, 'ml.g6.xlarge': 2 };
const newStack = (): Stack => new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });

function endpointWith(
  capacity: Partial<CapacityLadder>,
  props: Partial<GpuEndpointProps> = {},
  stack = newStack(),
): GpuEndpoint {
  return new GpuEndpoint(stack, 'Chat', { modelServer, capacity: { pools, ...capacity }, ...props });
}

describe('a capacity ladder', () => {
  test('gives pools in order, and the time each is tried', () => {
    const endpoint = endpointWith({ provisionTimeout: Duration.minutes(20) });
    expect(endpoint.instanceTypes).toEqual(['ml.g5.xlarge', 'ml.g6.xlarge']);
    expect(endpoint.highestCapacity).toBeUndefined();
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
          CapacityReservationConfig: Match.objectLike({ MlReservationArn: reservationArn }),
        }),
      ],
    });
  });

  test('tells when more is asked than was tested and nothing comes', () => {
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
        // At zero nothing tells of a backlog per instance: what waits counts as one request too many.
        Match.objectLike({ Expression: 'FILL(asked, 0) + FILL(waiting, 0) * (1 + 8)' }),
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
    expect(endpoint.highestCapacity).toBe(6);
    expect(() => endpoint.boundedBy({ minCapacity: 1, maxCapacity: 7 })).toThrow(
      'maxCapacity (7) is above 6, all instances that the quotas of the capacity ladder allow',
    );
    endpointWith({ quotas }).boundedBy({ minCapacity: 1, maxCapacity: 6 });
    // A pool whose quota is not known may give any number.
    endpointWith({ quotas: { 'ml.g5.xlarge': 4 } }).boundedBy({ minCapacity: 1, maxCapacity: 7 });
  });

  test('is one for each variant', () => {
    const endpoint = endpointWith({ quotas });
    const next = endpoint.addVariant('next', {
      modelServer,
      capacity: { pools: [{ instanceType: 'ml.g6e.xlarge' }], quotas: { 'ml.g6e.xlarge': 2 }, gapAlarm: {} },
    });
    expect(next.highestCapacity).toBe(2);
    expect(next.capacityGapAlarm).toBeDefined();
    expect(() => next.boundedBy({ minCapacity: 1, maxCapacity: 3 })).toThrow('maxCapacity (3) is above 2');
    expect(endpoint.addVariant('third', { modelServer }).highestCapacity).toBeUndefined();
  });
});

describe('a capacity ladder is refused', () => {
  test.each<[string, Partial<CapacityLadder>, string]>([
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
    ['without a pool', { pools: [] }, 'pools has 0 instance types'],
  ])('%s', (_, capacity, message) => expect(() => endpointWith(capacity)).toThrow(message));

  test('beside properties that say the same', () => {
    const twice = (props: Partial<GpuEndpointProps>) => (): GpuEndpoint => endpointWith({}, props);
    expect(twice({ pools })).toThrow('pools is set beside capacity, which says the same; set capacity.pools only');
    expect(twice({ provisionTimeout: Duration.minutes(9) })).toThrow('provisionTimeout is set beside capacity');
    expect(twice({ capacityReservationArn: 'arn' })).toThrow('set capacity.reservationArn only');
  });

  test('when neither it nor pools are there', () => {
    expect(() => new GpuEndpoint(newStack(), 'Chat', { modelServer })).toThrow('pools or capacity is needed');
  });
});
