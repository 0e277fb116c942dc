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
  inStatus,
  invoke,
  EmulatedAccount,
  VARIANT_DIMENSION,
} from '../../support/emulated-account';

const target = {
  ServiceNamespace: 'sagemaker',
  ResourceId: 'endpoint/chat/variant/gpu',
  ScalableDimension: VARIANT_DIMENSION,
} as const;

let account: EmulatedAccount;
afterEach(() => account.stop());

const register = (MinCapacity: number, MaxCapacity: number) =>
  account.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity, MaxCapacity }));
const variantOf = () => account.emulator.snapshot().endpoints[0]!.variants[0]!;

test('target tracking on 10-second concurrency scales out under load and in when it is over', async () => {
  account = await EmulatedAccount.start();
  await deployEndpoint(account);
  await register(1, 3);
  await account.scaling.send(
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
  const { ScalingPolicies } = await account.scaling.send(
    new DescribeScalingPoliciesCommand({ ServiceNamespace: 'sagemaker' }),
  );
  expect(ScalingPolicies![0]!.Alarms).toHaveLength(2);
  await account.until('the engine knows the policy’s alarms', () => account.engine.policyAlarms.size === 2);

  // Sixteen callers, each with a request of 20 s (1000 tokens at 50/s): 16 in flight or queued against 8 slots.
  let busy = true;
  const load = Promise.all(
    Array.from({ length: 16 }, async () => {
      while (busy) await invoke(account, 1000).catch(() => undefined);
    }),
  );
  await account.until('three instances serve', () => variantOf().inServiceInstances === 3);
  busy = false;
  await account.finish(load);
  const { invocations, latencySeconds } = variantOf();
  expect(invocations.succeeded).toBeGreaterThan(16);
  expect(latencySeconds.p50).toBeGreaterThan(19);

  await account.until('one instance is left', () => variantOf().desiredInstances === 1);
  const { ScalingActivities } = await account.scaling.send(new DescribeScalingActivitiesCommand(target));
  const causes = ScalingActivities!.map((activity) => activity.Cause!);
  expect(causes.some((cause) => cause.includes('AlarmHigh'))).toBe(true);
  expect(causes.some((cause) => cause.includes('AlarmLow'))).toBe(true);
  const scaled = account.events.flatMap((event) => (event.kind === 'scaling-activity' ? [event.activity] : []));
  expect(scaled[0]).toMatchObject({ fromCapacity: 1, decidedBy: 'concurrency' });
  expect(Math.max(...scaled.map((activity) => activity.toCapacity))).toBe(3);
  expect(scaled.at(-1)!.toCapacity).toBe(1);

  await account.emulator.flush();
  expect(
    account.engine.alarmStates.some(({ alarmName, state }) => alarmName.includes('AlarmHigh') && state === 'ALARM'),
  ).toBe(true);
  const toMax = account.engine.events.filter((event) => event.source === 'aws.application-autoscaling');
  expect(toMax[0]!.detail).toMatchObject({ scaledToMax: true, newDesiredCapacity: 3, direction: 'scale-out' });
});

test('metrics reach the engine once a local minute, zeros included', async () => {
  account = await EmulatedAccount.start();
  await deployEndpoint(account);
  await account.until('three minutes are published', () => {
    const calls = account.engine.metricCalls.filter((call) => call.namespace === 'AWS/SageMaker');
    return calls.length >= 3;
  });
  const [, second, third] = account.engine.metricCalls.filter((call) => call.namespace === 'AWS/SageMaker');
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
  const gpu = account.engine.metricCalls.find((call) => call.namespace === '/aws/sagemaker/Endpoints')!;
  expect(gpu.data.map((datum) => datum.MetricName)).toContain('GPUUtilization');
});

test('a lower maximum shrinks the fleet at once, and a raised minimum grows it', async () => {
  account = await EmulatedAccount.start();
  await deployEndpoint(account, { InitialInstanceCount: 4 });
  await register(1, 8);
  await register(1, 2);
  expect(variantOf()).toMatchObject({ desiredInstances: 2, inServiceInstances: 2 });
  await register(3, 4);
  expect(variantOf()).toMatchObject({ desiredInstances: 3, provisioningInstances: 1 });
  const { ScalingActivities } = await account.scaling.send(new DescribeScalingActivitiesCommand(target));
  expect(ScalingActivities!.map((activity) => activity.Cause)).toEqual([
    expect.stringContaining('minimum capacity was set to 3'),
    expect.stringContaining('maximum capacity was set to 2'),
  ]);
});

test('a scheduled action changes the limits at its time', async () => {
  account = await EmulatedAccount.start();
  await deployEndpoint(account);
  await register(1, 8);
  const at = new Date((account.clock.now() + 120) * 1000).toISOString().slice(0, 19);
  await account.scaling.send(
    new PutScheduledActionCommand({
      ...target,
      ScheduledActionName: 'evening',
      Schedule: `at(${at})`,
      ScalableTargetAction: { MinCapacity: 3 },
    }),
  );
  expect(variantOf().desiredInstances).toBe(1);
  await account.until('the action ran', () => variantOf().desiredInstances === 3);
  expect(account.emulator.snapshot().targets).toEqual([
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
  account = await EmulatedAccount.start();
  await deployEndpoint(account);
  await register(1, 8);
  const { PolicyARN } = await account.scaling.send(
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
  account.engine.alarms = [
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
  await account.post('/hooks/alarms-changed', {});
  await account.until('the alarm is known', () =>
    account.emulator.snapshot().alarms.some((alarm) => alarm.name === 'lag'),
  );
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
    expect((await account.post('/hooks/metrics', [datum(account.clock.now())])).status).toBe(200);
    return variantOf().desiredInstances === 5;
  };
  await account.until('the policy added four', scaledOut);
  await account.emulator.flush();
  expect(account.engine.alarmStates[0]).toMatchObject({ alarmName: 'lag', state: 'ALARM' });
  const p99 = account.emulator.snapshot().alarms.find((alarm) => alarm.name === 'p99')!;
  expect(p99).toMatchObject({ state: 'INSUFFICIENT_DATA', reason: expect.stringContaining('p99') as string });

  account.engine.alarms = [];
  await account.post('/hooks/alarms-changed', {});
  await account.until('the alarms are gone', () => account.emulator.snapshot().alarms.length === 0);
});

test('an update of the endpoint blocks scaling, may not change a scaled type, and deletion takes the target along', async () => {
  account = await EmulatedAccount.start();
  await deployEndpoint(account);
  await register(1, 8);
  await createConfig(account, 'other', { InstancePools: [{ InstanceType: 'ml.g6.xlarge', Priority: 1 }] });
  await createConfig(account, 'same');
  const update = (EndpointConfigName: string) =>
    account.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName }));
  await expect(update('other')).rejects.toMatchObject({
    message: expect.stringContaining('scalable target') as string,
  });

  await update('same');
  await register(2, 8);
  expect(variantOf().desiredInstances).toBe(1);
  await account.until('the update is over and the minimum holds', () => variantOf().desiredInstances === 2);

  await inStatus(account, 'InService');
  await account.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'chat' }));
  const { ScalableTargets } = await account.scaling.send(
    new DescribeScalableTargetsCommand({ ServiceNamespace: 'sagemaker' }),
  );
  expect(ScalableTargets).toEqual([]);
  await expect(register(1, 2)).rejects.toMatchObject({ name: 'ValidationException' });
});
