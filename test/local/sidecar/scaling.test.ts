import {
  DescribeScalableTargetsCommand,
  DescribeScalingActivitiesCommand,
  DescribeScalingPoliciesCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { DeleteEndpointCommand, UpdateEndpointCommand } from '@aws-sdk/client-sagemaker';
import {
  createConfig,
  deployEndpoint,
  describe1,
  invoke,
  type Platform,
  startPlatform,
  until,
  VARIANT_DIMENSION,
} from './platform';

const target = {
  ServiceNamespace: 'sagemaker',
  ResourceId: 'endpoint/chat/variant/gpu',
  ScalableDimension: VARIANT_DIMENSION,
} as const;

let platform: Platform;
afterEach(() => platform.stop());

const register = (MinCapacity: number, MaxCapacity: number) =>
  platform.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity, MaxCapacity }));
const variantOf = () => platform.sidecar.snapshot().endpoints[0]!.variants[0]!;

test('target tracking on 10-second concurrency scales out under load and in when it is over', async () => {
  platform = await startPlatform(400);
  await deployEndpoint(platform);
  await register(1, 3);
  await platform.scaling.send(
    new PutScalingPolicyCommand({
      ...target,
      PolicyName: 'concurrency',
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 5.6,
        PredefinedMetricSpecification: {
          PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
        },
      },
    }),
  );
  const { ScalingPolicies } = await platform.scaling.send(
    new DescribeScalingPoliciesCommand({ ServiceNamespace: 'sagemaker' }),
  );
  expect(ScalingPolicies![0]!.Alarms).toHaveLength(2);
  await until('the engine knows the policy’s alarms', () => platform.engine.policyAlarms.size === 2);

  // Sixteen callers, each with a request of 20 s (1000 tokens at 50/s): 16 in flight or queued against 8 slots.
  let busy = true;
  const load = Promise.all(
    Array.from({ length: 16 }, async () => {
      while (busy) await invoke(platform, 1000).catch(() => undefined);
    }),
  );
  await until('three instances serve', () => variantOf().inServiceInstances === 3);
  busy = false;
  await load;
  const { invocations, latencySeconds } = variantOf();
  expect(invocations.succeeded).toBeGreaterThan(16);
  expect(latencySeconds.p50).toBeGreaterThan(19);

  await until('one instance is left', () => variantOf().desiredInstances === 1);
  const { ScalingActivities } = await platform.scaling.send(new DescribeScalingActivitiesCommand(target));
  const causes = ScalingActivities!.map((activity) => activity.Cause!);
  expect(causes.some((cause) => cause.includes('AlarmHigh'))).toBe(true);
  expect(causes.some((cause) => cause.includes('AlarmLow'))).toBe(true);
  const scaled = platform.events.flatMap((event) => (event.kind === 'scaling-activity' ? [event.activity] : []));
  expect(scaled[0]).toMatchObject({ fromCapacity: 1, decidedBy: 'concurrency' });
  expect(Math.max(...scaled.map((activity) => activity.toCapacity))).toBe(3);
  expect(scaled.at(-1)!.toCapacity).toBe(1);

  await platform.sidecar.flush();
  expect(
    platform.engine.alarmStates.some(({ alarmName, state }) => alarmName.includes('AlarmHigh') && state === 'ALARM'),
  ).toBe(true);
  const toMax = platform.engine.events.filter((event) => event.source === 'aws.application-autoscaling');
  expect(toMax[0]!.detail).toMatchObject({ scaledToMax: true, newDesiredCapacity: 3, direction: 'scale-out' });
});

test('metrics reach the engine once a local minute, zeros included', async () => {
  platform = await startPlatform(600);
  await deployEndpoint(platform);
  await until('three minutes are published', () => {
    const calls = platform.engine.metricCalls.filter((call) => call.namespace === 'AWS/SageMaker');
    return calls.length >= 3;
  });
  const [, second, third] = platform.engine.metricCalls.filter((call) => call.namespace === 'AWS/SageMaker');
  const invocations = second!.data.find((datum) => datum.MetricName === 'Invocations')!;
  expect(invocations.StatisticValues).toMatchObject({ Sum: 0, Minimum: 0, Maximum: 0 });
  expect(invocations.Dimensions).toEqual([
    { Name: 'EndpointName', Value: 'chat' },
    { Name: 'VariantName', Value: 'gpu' },
  ]);
  const concurrency = second!.data.filter((datum) => datum.MetricName === 'ConcurrentRequestsPerModel');
  expect(concurrency.map((datum) => datum.Dimensions!.length)).toEqual([2, 3]);
  expect(concurrency[0]!.StatisticValues!.SampleCount).toBe(6);
  expect(third!.data[0]!.Timestamp!.getTime() - second!.data[0]!.Timestamp!.getTime()).toBe(60_000);
  expect(second!.data[0]!.Timestamp!.getTime() % 60_000).toBe(0);
  const gpu = platform.engine.metricCalls.find((call) => call.namespace === '/aws/sagemaker/Endpoints')!;
  expect(gpu.data.map((datum) => datum.MetricName)).toContain('GPUUtilization');
});

test('a lower maximum shrinks the fleet at once, and a raised minimum grows it', async () => {
  platform = await startPlatform(600);
  await deployEndpoint(platform, { InitialInstanceCount: 4 });
  await register(1, 8);
  await register(1, 2);
  expect(variantOf()).toMatchObject({ desiredInstances: 2, inServiceInstances: 2 });
  await register(3, 4);
  expect(variantOf()).toMatchObject({ desiredInstances: 3, provisioningInstances: 1 });
  const { ScalingActivities } = await platform.scaling.send(new DescribeScalingActivitiesCommand(target));
  expect(ScalingActivities!.map((activity) => activity.Cause)).toEqual([
    expect.stringContaining('minimum capacity was set to 3'),
    expect.stringContaining('maximum capacity was set to 2'),
  ]);
});

test('a scheduled action changes the limits at its time', async () => {
  platform = await startPlatform(600);
  await deployEndpoint(platform);
  await register(1, 8);
  const at = new Date((platform.clock.now() + 120) * 1000).toISOString().slice(0, 19);
  await platform.scaling.send(
    new PutScheduledActionCommand({
      ...target,
      ScheduledActionName: 'evening',
      Schedule: `at(${at})`,
      ScalableTargetAction: { MinCapacity: 3 },
    }),
  );
  expect(variantOf().desiredInstances).toBe(1);
  await until('the action ran', () => variantOf().desiredInstances === 3);
  expect(platform.sidecar.snapshot().targets).toEqual([
    {
      resourceId: target.ResourceId,
      scalableDimension: VARIANT_DIMENSION,
      minCapacity: 3,
      maxCapacity: 8,
      desiredCapacity: 3,
    },
  ]);
});

test('an alarm of the engine invokes the step policy that it names', async () => {
  platform = await startPlatform(600);
  await deployEndpoint(platform);
  await register(1, 8);
  const { PolicyARN } = await platform.scaling.send(
    new PutScalingPolicyCommand({
      ...target,
      PolicyName: 'steps',
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ChangeInCapacity',
        StepAdjustments: [
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 50, ScalingAdjustment: 1 },
          { MetricIntervalLowerBound: 50, ScalingAdjustment: 4 },
        ],
      },
    }),
  );
  platform.engine.alarms = [
    {
      AlarmName: 'lag',
      Namespace: 'Ingest',
      MetricName: 'IteratorAge',
      Dimensions: [{ Name: 'Stream', Value: 's' }],
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 100,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'ignore',
      AlarmActions: [PolicyARN!],
      ActionsEnabled: true,
    },
    {
      AlarmName: 'p99',
      Namespace: 'N',
      MetricName: 'M',
      ExtendedStatistic: 'p99',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanThreshold',
    },
  ];
  await platform.post('/hooks/alarms-changed', {});
  await until('the alarm is known', () => platform.sidecar.snapshot().alarms.some((alarm) => alarm.name === 'lag'));
  const datum = (atSeconds: number) => ({
    namespace: 'Ingest',
    metricName: 'IteratorAge',
    dimensions: { Stream: 's' },
    atSeconds,
    sum: 180,
    sampleCount: 1,
    minimum: 180,
    maximum: 180,
    unit: 'Seconds',
  });
  const scaledOut = async (): Promise<boolean> => {
    expect((await platform.post('/hooks/metrics', [datum(platform.clock.now())])).status).toBe(200);
    return variantOf().desiredInstances === 5;
  };
  await until('the policy added four', scaledOut);
  await platform.sidecar.flush();
  expect(platform.engine.alarmStates[0]).toMatchObject({ alarmName: 'lag', state: 'ALARM' });
  const p99 = platform.sidecar.snapshot().alarms.find((alarm) => alarm.name === 'p99')!;
  expect(p99).toMatchObject({ state: 'INSUFFICIENT_DATA', reason: expect.stringContaining('p99') as string });

  platform.engine.alarms = [];
  await platform.post('/hooks/alarms-changed', {});
  await until('the alarms are gone', () => platform.sidecar.snapshot().alarms.length === 0);
});

test('an update of the endpoint blocks scaling, may not change a scaled type, and deletion takes the target along', async () => {
  platform = await startPlatform(600);
  await deployEndpoint(platform);
  await register(1, 8);
  await createConfig(platform, 'other', { InstancePools: [{ InstanceType: 'ml.g6.xlarge', Priority: 1 }] });
  await createConfig(platform, 'same');
  const update = (EndpointConfigName: string) =>
    platform.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName }));
  await expect(update('other')).rejects.toMatchObject({
    message: expect.stringContaining('scalable target') as string,
  });

  await update('same');
  await register(2, 8);
  expect(variantOf().desiredInstances).toBe(1);
  await until('the update is over and the minimum holds', () => variantOf().desiredInstances === 2);

  await until('nothing changes', async () => (await describe1(platform)).EndpointStatus === 'InService');
  await platform.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'chat' }));
  const { ScalableTargets } = await platform.scaling.send(
    new DescribeScalableTargetsCommand({ ServiceNamespace: 'sagemaker' }),
  );
  expect(ScalableTargets).toEqual([]);
  await expect(register(1, 2)).rejects.toMatchObject({ name: 'ValidationException' });
});
// Runs on a clock 600 times the machine's: a busy machine can miss a window that the next try meets.
jest.retryTimes(2);
