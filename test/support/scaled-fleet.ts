import { PutScalingPolicyCommand, RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { toPutMetricAlarm } from '../../lib/emulator/monitoring/alarm-definition';
import { GpuEndpoint, ModelServer } from '../../lib/inference';
import { fleetsOfTemplates, type FleetBlueprint } from '../../lib/simulation/blueprint';
import { deployEndpoint, type EmulatedAccount, VARIANT_DIMENSION } from './emulated-account';

/** Scalable target of the endpoint named chat. */
export const target = {
  ServiceNamespace: 'sagemaker',
  ResourceId: 'endpoint/chat/variant/main',
  ScalableDimension: VARIANT_DIMENSION,
} as const;

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

/** Deploys an endpoint with target tracking from 1 to 8 instances, and with the step policy for quiet fleets and its alarm where asked. */
export async function deployScaledFleet(
  account: EmulatedAccount,
  { instances, withStep }: { readonly instances: number; readonly withStep: boolean },
): Promise<void> {
  await deployEndpoint(account, { VariantName: 'main', InitialInstanceCount: instances });
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

/** Number of instances that the endpoint is to have. */
export const desiredInstances = (account: EmulatedAccount): number =>
  account.emulator.snapshot().endpoints[0]!.variants[0]!.desiredInstances;
