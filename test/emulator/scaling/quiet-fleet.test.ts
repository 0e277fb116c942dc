import { PutScalingPolicyCommand, RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { toPutMetricAlarm } from '../../../lib/emulator/monitoring/alarm-definition';
import { GpuEndpoint, ModelServer } from '../../../lib/inference';
import { QUIET_METRICS } from '../../../lib/simulation/aws/sagemaker-metrics';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import { deployEndpoint, EmulatedAccount, VARIANT_DIMENSION } from '../../support/emulated-account';

const target = {
  ServiceNamespace: 'sagemaker',
  ResourceId: 'endpoint/chat/variant/main',
  ScalableDimension: VARIANT_DIMENSION,
} as const;

let account: EmulatedAccount;
afterEach(() => account.stop());

/** Scaling of an endpoint by its concurrency, as it is synthesized. */
function synthesized(): FleetBlueprint {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const endpoint = new GpuEndpoint(stack, 'Chat', {
    endpointName: 'chat',
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  endpoint.autoScale({ minCapacity: 1, maxCapacity: 8 }).scaleOnConcurrency('concurrency');
  const document: unknown = Template.fromStack(stack).toJSON();
  return fleetsOfTemplates([{ name: 'test.template.json', document }]).fleets[0]!;
}

/** Deploys four instances without requests, with target tracking, and with the step policy and its alarm where asked. */
async function deployQuietFleet({ withStep }: { readonly withStep: boolean }): Promise<void> {
  await deployEndpoint(account, { VariantName: 'main', InitialInstanceCount: 4 });
  await account.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 1, MaxCapacity: 8 }));
  const { plan, stepAlarms } = synthesized();
  for (const policy of plan.policies) {
    const named = { ...target, PolicyName: policy.policyName };
    if (policy.kind === 'target-tracking') {
      const PredefinedMetricType = 'SageMakerVariantConcurrentRequestsPerModelHighResolution';
      await account.scaling.send(
        new PutScalingPolicyCommand({
          ...named,
          PolicyType: 'TargetTrackingScaling',
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: policy.targetValue,
            PredefinedMetricSpecification: { PredefinedMetricType },
          },
        }),
      );
    } else if (withStep) {
      const { PolicyARN } = await account.scaling.send(
        new PutScalingPolicyCommand({
          ...named,
          PolicyType: 'StepScaling',
          StepScalingPolicyConfiguration: {
            AdjustmentType: policy.adjustmentType,
            Cooldown: policy.cooldownSeconds,
            MinAdjustmentMagnitude: policy.minAdjustmentMagnitude,
            StepAdjustments: policy.steps.map(({ upperBound, adjustment }) => ({
              MetricIntervalUpperBound: upperBound,
              ScalingAdjustment: adjustment,
            })),
          },
        }),
      );
      const { alarm } = stepAlarms.find(({ policyName }) => policyName === policy.policyName)!;
      const put = toPutMetricAlarm(alarm);
      // Dimensions with the endpoint's name, which the template has as a reference.
      const metrics = JSON.parse(
        JSON.stringify(put.Metrics).replaceAll(
          /"Name":"EndpointName","Value":"[^"]*"/g,
          '"Name":"EndpointName","Value":"chat"',
        ),
      ) as typeof put.Metrics;
      account.engine.alarms = [{ ...put, Metrics: metrics, AlarmActions: [PolicyARN!], ActionsEnabled: true }];
      await account.post('/hooks/alarms-changed', {});
    }
  }
}

const desired = (): number => account.emulator.snapshot().endpoints[0]!.variants[0]!.desiredInstances;
const deciders = (): (string | null | undefined)[] =>
  account.events.flatMap((event) => (event.kind === 'scaling-activity' ? [event.activity.decidedBy] : []));

test.each(QUIET_METRICS)(
  'without requests a fleet shrinks to its minimum when their metrics are %s',
  async (quietMetrics) => {
    account = await EmulatedAccount.start({ quietMetrics });
    await deployQuietFleet({ withStep: true });
    await account.until('one instance is left', () => desired() === 1, 3600);
    expect(new Set(deciders())).toEqual(new Set([quietMetrics === 'zeros' ? 'concurrency' : 'without-requests']));
  },
);

test('without datapoints target tracking alone holds the fleet', async () => {
  account = await EmulatedAccount.start({ quietMetrics: 'missing' });
  await deployQuietFleet({ withStep: false });
  await account.advance(7200);
  expect(desired()).toBe(4);
});

test('without requests and without zeros the utilization of instances is published, and nothing of requests', async () => {
  account = await EmulatedAccount.start({ quietMetrics: 'missing' });
  await deployEndpoint(account);
  await account.until('three minutes are published', () => account.engine.metricCalls.length >= 3);
  const published = new Set(account.engine.metricCalls.flatMap(({ data }) => data.map(({ MetricName }) => MetricName)));
  expect([...published].sort()).toEqual([
    'CPUUtilization',
    'DiskUtilization',
    'GPUMemoryUtilization',
    'GPUUtilization',
    'MemoryUtilization',
  ]);
});
