import {
  alarm,
  asynchronous,
  components,
  componentTarget,
  onVariant,
  type Properties,
  realTime,
  resource,
  type Resources,
  variantTarget,
} from './templates';

export const scaledRealTime = (more: Resources = {}, target: Properties = {}, variant: Properties = {}): Resources => ({
  ...realTime(variant),
  Target: variantTarget(target),
  ...more,
});

export const scaledAsync = (more: Resources = {}, target: Properties = {}): Resources => ({
  ...asynchronous(),
  Target: variantTarget({ MinCapacity: 0, ...target }),
  ...more,
});

export const scaledComponents = (more: Resources = {}, target: Properties = {}): Resources => ({
  ...components(),
  Target: componentTarget({ MinCapacity: 0, ...target }),
  ...more,
});

export const endpointArn = { Ref: 'Endpoint' };

export const gpu: Properties = {
  Namespace: '/aws/sagemaker/Endpoints',
  MetricName: 'GPUUtilization',
  Statistic: 'Average',
  Dimensions: Object.entries(onVariant).map(([Name, Value]) => ({ Name, Value })),
};

export const tested = { Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }] };

export const provisioned = 'sagemaker:variant:DesiredProvisionedConcurrency';

export const calls: Properties = { ...gpu, Namespace: 'AWS/SageMaker', MetricName: 'InvocationsPerInstance' };

/** A component with some properties, on an endpoint that takes it. */
export function withComponent(properties: Properties): Resources {
  const { Component, ...host } = components();
  return {
    ...host,
    Component: resource('AWS::SageMaker::InferenceComponent', { ...Component!.Properties, ...properties }),
  };
}

export const quiet = { AlarmActions: [] };

export const watched = (metricName: string, properties: Properties, dimensions: Properties = onVariant): Resources => ({
  ...realTime(),
  A: alarm(metricName, dimensions, { ...quiet, ...properties }),
});

export const custom = (MetricName: string, Namespace = 'AWS/SageMaker', more: Properties = {}): Properties => ({
  Namespace,
  MetricName,
  Statistic: 'Average',
  Dimensions: Object.entries(onVariant).map(([Name, Value]) => ({ Name, Value })),
  ...more,
});
