import { HOST_RULES } from '../../../lib/proof/rules/hosts';
import { provisioned } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import {
  components,
  componentTarget,
  type Properties,
  realTime,
  resource,
  type Resources,
  serverless,
  variantTarget,
} from '../support/templates';

const scaledOnHost = (target: Properties, variant: Properties = {}): Resources => {
  const { Component, ...host } = components(variant);
  return {
    ...host,
    Component: resource('AWS::SageMaker::InferenceComponent', {
      ...Component!.Properties,
      Specification: { ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 1 } },
    }),
    Target: componentTarget(target),
  };
};
const withImage = (Image: string, variant: Properties): Resources => ({
  ...realTime(variant),
  Model: resource('AWS::SageMaker::Model', { PrimaryContainer: { Image } }),
});
const rollout = (DeploymentConfig: Properties): Resources => realTime({}, {}, { DeploymentConfig });
const percent = (Value: number): Properties => ({ Type: 'CAPACITY_PERCENT', Value });

testRules(HOST_RULES, {
  'copies-above-host': [
    [scaledOnHost({ MaxCapacity: 5 }), scaledOnHost({ MaxCapacity: 4 })],
    [
      scaledOnHost({ ScheduledActions: [{ ScalableTargetAction: { MinCapacity: 6, MaxCapacity: 6 } }] }),
      scaledOnHost(
        { MaxCapacity: 9 },
        { ManagedInstanceScaling: { Status: 'ENABLED', MaxInstanceCount: { Ref: 'Most' } } },
      ),
    ],
  ],
  'provisioned-above-concurrency': [
    [
      realTime({ InstancePools: undefined, ServerlessConfig: { MaxConcurrency: 5, ProvisionedConcurrency: 6 } }),
      realTime({ InstancePools: undefined, ServerlessConfig: { MaxConcurrency: 5, ProvisionedConcurrency: 5 } }),
    ],
    [
      { ...serverless(), Target: variantTarget({ ScalableDimension: provisioned, MaxCapacity: 20 }) },
      { ...serverless(), Target: variantTarget({ ScalableDimension: provisioned, MaxCapacity: 10 }) },
    ],
  ],
  'instances-ambiguous': [
    [realTime({ InstanceType: 'ml.g5.xlarge' }), realTime()],
    [
      realTime({ ServerlessConfig: { MaxConcurrency: 5 } }),
      realTime({ InstanceType: { 'Fn::If': ['C', 'ml.g5.xlarge', { Ref: 'AWS::NoValue' }] } }),
    ],
  ],
  'inference-ami-too-old': [
    [withImage('djl-inference:0.36.0-lmi28.0.0-cu130', {}), withImage('djl-inference:0.30.0-lmi12.0.0-cu124', {})],
    [
      withImage('vllm:0.20-cu130', { InferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-2' }),
      withImage('vllm:0.20-cu130', { InferenceAmiVersion: 'al2023-ami-sagemaker-inference-gpu-4-1' }),
    ],
    [
      withImage('x.amazonaws.com/own:cuda-13', { InferenceAmiVersion: 'al2-ami-sagemaker-inference-gpu-2-1' }),
      withImage('x.amazonaws.com/own:cuda-13', { InferenceAmiVersion: 'al2030-ami-sagemaker-inference-gpu-9' }),
    ],
  ],
  'rollout-invalid': [
    [
      realTime({}, {}, { DeploymentConfig: { BlueGreenUpdatePolicy: { a: 1 }, RollingUpdatePolicy: { a: 1 } } }),
      realTime({}, {}, { DeploymentConfig: { RollingUpdatePolicy: { a: 1 } } }),
    ],
    [
      rollout({ RollingUpdatePolicy: { MaximumBatchSize: percent(80), WaitIntervalInSeconds: 60 } }),
      rollout({ RollingUpdatePolicy: { MaximumBatchSize: percent(50), WaitIntervalInSeconds: 60 } }),
    ],
    [
      rollout({ BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { Type: 'CANARY', CanarySize: percent(90) } } }),
      rollout({
        BlueGreenUpdatePolicy: {
          TrafficRoutingConfiguration: { Type: 'CANARY', CanarySize: { Type: 'INSTANCE_COUNT', Value: 90 } },
        },
      }),
    ],
  ],
});
