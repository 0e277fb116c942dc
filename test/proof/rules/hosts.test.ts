import { HOST_RULES } from '../../../lib/proof/rules/hosts';
import { provisioned } from '../support/fleets';
import { severityOf, testRules } from '../support/rule-cases';
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
const ecr = '763104351884.dkr.ecr.us-east-1.amazonaws.com';
const onType = (InstanceType: string): Properties => ({ InstancePools: undefined, InstanceType });
const needing = (ComputeResourceRequirements: Properties, InstanceType = 'ml.g5.xlarge'): Resources => {
  const { Component, ...host } = components(onType(InstanceType));
  return {
    ...host,
    Component: resource('AWS::SageMaker::InferenceComponent', {
      ...Component!.Properties,
      Specification: { ComputeResourceRequirements },
    }),
  };
};

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
  'component-above-host': [
    [needing({ MinMemoryRequiredInMb: 65_536 }), needing({ MinMemoryRequiredInMb: 12_288 })],
    [needing({ NumberOfCpuCoresRequired: 8 }), needing({ NumberOfCpuCoresRequired: 4 })],
    [
      needing({ NumberOfAcceleratorDevicesRequired: 4 }),
      needing({ NumberOfAcceleratorDevicesRequired: 4 }, 'ml.g5.12xlarge'),
    ],
    [
      needing({ NumberOfAcceleratorDevicesRequired: 1 }, 'ml.m5.xlarge'),
      needing({ NumberOfAcceleratorDevicesRequired: { Ref: 'Devices' } }, 'ml.m5.xlarge'),
    ],
    [
      needing({ MinMemoryRequiredInMb: 20_000 }, 'ml.inf1.2xlarge'),
      needing({ MinMemoryRequiredInMb: 20_000 }, 'ml.inf1.6xlarge'),
    ],
  ],
  'image-of-other-processor': [
    [
      withImage(`${ecr}/pytorch-inference:2.6.0-gpu-py312-cu124-ubuntu22.04-sagemaker`, onType('ml.c7i.2xlarge')),
      withImage(`${ecr}/pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker`, onType('ml.c7i.2xlarge')),
    ],
    [
      withImage(
        `${ecr}/huggingface-pytorch-inference-neuronx:2.1-transformers4.43-neuronx-py310`,
        onType('ml.g5.xlarge'),
      ),
      withImage(
        `${ecr}/huggingface-pytorch-inference-neuronx:2.1-transformers4.43-neuronx-py310`,
        onType('ml.inf2.xlarge'),
      ),
    ],
    [
      withImage(`${ecr}/pytorch-inference-graviton:2.4.0-cpu-py311-ubuntu22.04-sagemaker`, onType('ml.c6i.xlarge')),
      withImage(`${ecr}/pytorch-inference-graviton:2.4.0-cpu-py311-ubuntu22.04-sagemaker`, onType('ml.c7g.xlarge')),
    ],
    [
      withImage(`${ecr}/djl-inference:0.30.0-lmi12.0.0-cu124`, onType('ml.m5.4xlarge')),
      withImage('registry.example/own-gpu-server:3', onType('ml.m5.4xlarge')),
    ],
  ],
});

test('a copy that some instances of a pool hold is a warning, and one that none holds an error', () => {
  const { Component, ...host } = components({
    InstancePools: [{ InstanceType: 'ml.g5.xlarge' }, { InstanceType: 'ml.g5.12xlarge' }],
  });
  const asking = (MinMemoryRequiredInMb: number): Resources => ({
    ...host,
    Component: resource('AWS::SageMaker::InferenceComponent', {
      ...Component!.Properties,
      Specification: { ComputeResourceRequirements: { MinMemoryRequiredInMb } },
    }),
  });
  expect(severityOf(asking(100_000), 'component-above-host')).toBe('warning');
  expect(severityOf(asking(1_000_000), 'component-above-host')).toBe('error');
});

test('memory limits the copies of an instance before its accelerators do', () => {
  const fleet = (MaxCapacity: number): Resources => {
    const { Component, ...host } = components({
      ...onType('ml.g5.12xlarge'),
      ManagedInstanceScaling: { MaxInstanceCount: 2 },
    });
    return {
      ...host,
      Component: resource('AWS::SageMaker::InferenceComponent', {
        ...Component!.Properties,
        Specification: {
          ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 1, MinMemoryRequiredInMb: 98_304 },
        },
      }),
      Target: componentTarget({ MaxCapacity }),
    };
  };
  // 192 GiB hold 2 copies of 96 GiB, though there are 4 accelerators.
  expect(severityOf(fleet(4), 'copies-above-host')).toBeUndefined();
  expect(severityOf(fleet(5), 'copies-above-host')).toBe('warning');
});
