import * as fs from 'node:fs';
import * as path from 'node:path';
import { prove, RULES } from '../../lib/proof/prove';
import { projectDirectory } from '../architecture/imports';
import { LEARNT, MORE_CASES } from './more-cases';
import {
  alarm,
  asynchronous,
  backlog,
  components,
  componentTarget,
  endpointName,
  onEndpoint,
  onVariant,
  policy,
  realTime,
  resource,
  role,
  serverless,
  step,
  tracking,
  trackingOf,
  variantTarget,
  type Properties,
  type Resources,
} from './templates';

function rulesOf(Resources: Resources, quotas?: { readonly [type: string]: number }): string[] {
  const findings = prove([{ name: 't.json', document: { Resources } }], quotas === undefined ? {} : { quotas });
  return [...new Set(findings.map(({ rule }) => rule))].sort();
}

const scaledRealTime = (more: Resources = {}, target: Properties = {}, variant: Properties = {}): Resources => ({
  ...realTime(variant),
  Target: variantTarget(target),
  ...more,
});
const scaledAsync = (more: Resources = {}, target: Properties = {}): Resources => ({
  ...asynchronous(),
  Target: variantTarget({ MinCapacity: 0, ...target }),
  ...more,
});
const scaledComponents = (more: Resources = {}, target: Properties = {}): Resources => ({
  ...components(),
  Target: componentTarget({ MinCapacity: 0, ...target }),
  ...more,
});
const endpointArn = { Ref: 'Endpoint' };
const gpu: Properties = {
  Namespace: '/aws/sagemaker/Endpoints',
  MetricName: 'GPUUtilization',
  Statistic: 'Average',
  Dimensions: Object.entries(onVariant).map(([Name, Value]) => ({ Name, Value })),
};
const tested = { Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }] };
const concurrency = {
  PredefinedMetricSpecification: {
    PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
  },
};
const stream = (ParallelizationFactor: number): Resources => ({
  ...realTime({}, tested),
  Target: variantTarget({ MaxCapacity: 2 }),
  Stream: resource('AWS::Kinesis::Stream', { ShardCount: 4 }),
  Consumer: resource('AWS::Lambda::Function', { Environment: { Variables: { NAME: endpointName } } }),
  Mapping: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['Stream', 'Arn'] },
    FunctionName: { Ref: 'Consumer' },
    ParallelizationFactor,
  }),
});

const provisioned = 'sagemaker:variant:DesiredProvisionedConcurrency';
const calls: Properties = { ...gpu, Namespace: 'AWS/SageMaker', MetricName: 'InvocationsPerInstance' };
const mathOf = (MetricName: string, Stat: string, Expression: string): Properties => ({
  Metrics: [
    {
      Id: 'm1',
      ReturnData: false,
      MetricStat: { Stat, Metric: { ...calls, MetricName, Statistic: undefined } },
    },
    { Id: 'e1', Expression, ReturnData: true },
  ],
});
const byId = (properties: Properties): Resources[string] =>
  tracking(
    {},
    {
      ScalingTargetId: undefined,
      ServiceNamespace: 'sagemaker',
      ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      ResourceId: { 'Fn::Join': ['', ['endpoint/', endpointName, '/variant/AllTraffic']] },
      ...properties,
    },
  );
const scheduled = (Schedule: unknown, limits: Properties = { MinCapacity: 2 }): Properties => ({
  ScheduledActions: [{ ScheduledActionName: 'a', Schedule, ScalableTargetAction: limits }],
});
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
const languageModel = resource('AWS::SageMaker::Model', {
  PrimaryContainer: { Image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:server' },
});

/** rule → [what it accuses, what it leaves alone] */
const CASES: { readonly [rule: string]: readonly (readonly [accused: Resources, innocent: Resources])[] } = {
  'metric-not-published': [
    [
      scaledRealTime({ P: trackingOf(backlog) }),
      scaledAsync({ P: trackingOf(backlog), Step: step(), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
    ],
    [
      { ...asynchronous(), A: alarm('InvocationsPerInstance', onVariant, { AlarmActions: [] }) },
      { ...realTime(), A: alarm('InvocationsPerInstance', onVariant, { AlarmActions: [] }) },
    ],
    [
      { ...realTime(), A: alarm('GPUUtilization', onVariant, { AlarmActions: [] }) },
      {
        ...realTime(),
        A: alarm('GPUUtilization', onVariant, { AlarmActions: [], Namespace: '/aws/sagemaker/Endpoints' }),
      },
    ],
    [
      { A: alarm('Invocations', onVariant, { AlarmActions: [], Namespace: 'AWS/Sagemaker' }) },
      {
        A: alarm(
          'SuccessRate',
          { Pipeline: 'x' },
          { AlarmActions: [], Namespace: 'AWS/Sagemaker/ModelBuildingPipeline' },
        ),
      },
    ],
  ],
  'metric-wrong-dimensions': [
    [
      {
        ...realTime(),
        A: alarm('ModelLatency', { Endpoint: endpointName, Variant: 'AllTraffic' }, { AlarmActions: [] }),
      },
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, InstanceType: 'ml.g5.xlarge' }, { AlarmActions: [] }) },
    ],
    [
      { ...asynchronous(), A: alarm('ApproximateBacklogSize', onVariant, { AlarmActions: [] }) },
      { ...asynchronous(), A: alarm('ApproximateBacklogSize', onEndpoint, { AlarmActions: [] }) },
    ],
    [
      { ...realTime(), A: alarm('Invocations', onEndpoint, { AlarmActions: [] }) },
      { ...components(), A: alarm('Invocations', { InferenceComponentName: 'chat' }, { AlarmActions: [] }) },
    ],
  ],
  'metric-of-nothing': [
    [
      scaledRealTime({
        Step: step(),
        A: alarm('ModelLatency', { EndpointName: 'left-over', VariantName: 'AllTraffic' }),
      }),
      scaledRealTime({ Step: step(), A: alarm('ModelLatency', onVariant) }),
    ],
    [
      scaledRealTime(
        { Step: step(), A: alarm('ModelLatency', { EndpointName: 'other', VariantName: 'AllTraffic' }) },
        {
          ResourceId: 'endpoint/chat/variant/AllTraffic',
        },
      ),
      scaledRealTime(
        { Step: step(), A: alarm('ModelLatency', { EndpointName: { Ref: 'P' }, VariantName: 'x' }) },
        {
          ResourceId: 'endpoint/chat/variant/AllTraffic',
        },
      ),
    ],
    [
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, VariantName: 'main' }, { AlarmActions: [] }) },
      {
        ...realTime(),
        A: alarm('ModelLatency', { EndpointName: 'elsewhere', VariantName: 'main' }, { AlarmActions: [] }),
      },
    ],
  ],
  'arn-for-name': [
    [
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, EndpointName: 'undefined' }, { AlarmActions: [] }) },
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, EndpointName: 'undefined-1' }, { AlarmActions: [] }) },
    ],
    [
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, EndpointName: endpointArn }, { AlarmActions: [] }) },
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [] }) },
    ],
    [
      {
        ...asynchronous(),
        Target: variantTarget(),
        P: trackingOf({ ...backlog, Dimensions: [{ Name: 'EndpointName', Value: endpointArn }] }),
      },
      {
        ...asynchronous(),
        Target: variantTarget(),
        P: trackingOf({ ...backlog, Dimensions: [{ Name: 'EndpointName', Value: { Ref: 'SomeParameter' } }] }),
      },
    ],
  ],
  'percent-as-share': [
    [
      scaledRealTime({ P: trackingOf(gpu, { TargetValue: 0.7 }) }),
      scaledRealTime({ P: trackingOf(gpu, { TargetValue: 70 }) }),
    ],
    [
      {
        ...realTime(),
        A: alarm('CPUUtilization', onVariant, {
          AlarmActions: [],
          Namespace: '/aws/sagemaker/Endpoints',
          Threshold: 0.8,
        }),
      },
      {
        ...realTime(),
        A: alarm('CPUUtilization', onVariant, {
          AlarmActions: [],
          Namespace: '/aws/sagemaker/Endpoints',
          ComparisonOperator: 'LessThanThreshold',
          Threshold: 0.8,
        }),
      },
    ],
  ],
  'steps-miss-breach': [
    [
      scaledRealTime({
        Step: step(),
        A: alarm('ConcurrentRequestsPerModel', onVariant, { ComparisonOperator: 'LessThanThreshold' }),
      }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
    ],
    [
      scaledRealTime({
        Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }),
        A: alarm('ConcurrentRequestsPerModel', onVariant),
      }),
      scaledRealTime({
        Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }),
        A: alarm('ConcurrentRequestsPerModel', onVariant, {
          AlarmActions: [],
          OKActions: [{ Ref: 'Step' }],
        }),
      }),
    ],
  ],
  'statistic-misleads': [
    [
      scaledRealTime({ P: trackingOf({ ...calls, Statistic: 'Average' }) }),
      scaledRealTime({ P: trackingOf({ ...calls, Statistic: 'Sum' }) }),
    ],
    [
      scaledRealTime({ P: trackingOf({ ...gpu, Statistic: 'Sum' }) }),
      scaledRealTime({ P: trackingOf({ ...gpu, Statistic: 'Maximum' }) }),
    ],
    [
      { ...realTime(), A: alarm('Invocations', onVariant, { AlarmActions: [], Threshold: 100 }) },
      { ...realTime(), A: alarm('Invocations', onVariant, { AlarmActions: [], Threshold: 100, Statistic: 'Sum' }) },
    ],
    [
      scaledRealTime({ P: trackingOf(mathOf('ConcurrentRequestsPerModel', 'Sum', 'FILL(m1, 0)')) }),
      scaledRealTime({ P: trackingOf(mathOf('ConcurrentRequestsPerModel', 'Maximum', 'FILL(m1, 0)')) }),
    ],
  ],
  'math-blinded-by-gap': [
    [
      scaledRealTime({ P: trackingOf(mathOf('ModelLatency', 'Average', 'm1 / 1000')) }),
      scaledRealTime({ P: trackingOf(mathOf('ModelLatency', 'Average', 'FILL(m1, REPEAT) / 1000')) }),
    ],
    [
      scaledAsync({ P: trackingOf(mathOf('TimeInBacklog', 'Average', 'm1')) }),
      scaledRealTime({ P: trackingOf(mathOf('InvocationsPerInstance', 'Sum', 'm1 / 60')) }),
    ],
  ],
  'latency-in-microseconds': [
    [
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Threshold: 500 }) },
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Threshold: 500_000 }) },
    ],
    [
      scaledRealTime({ P: trackingOf({ ...calls, MetricName: 'ModelLatency', Statistic: 'Average' }) }),
      scaledAsync({ A: alarm('TotalProcessingTime', onVariant, { AlarmActions: [], Threshold: 500 }) }),
    ],
  ],
  'alarm-invalid': [
    [
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], DatapointsToAlarm: 2 }) },
      {
        ...realTime(),
        A: alarm('ModelLatency', onVariant, { AlarmActions: [], DatapointsToAlarm: 2, EvaluationPeriods: 3 }),
      },
    ],
    [
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Period: 900, EvaluationPeriods: 97 }) },
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Period: 3600, EvaluationPeriods: 97 }) },
    ],
  ],
  'alarm-action-invalid': [
    [
      scaledRealTime({ A: alarm('ModelLatency', onVariant, { AlarmActions: ['scale-out'] }) }),
      scaledRealTime({ A: alarm('ModelLatency', onVariant, { AlarmActions: { Ref: 'ListParameter' } }) }),
    ],
    [
      scaledRealTime({ A: alarm('ModelLatency', onVariant, { AlarmActions: [{ Ref: 'Target' }] }) }),
      scaledRealTime({
        Topic: resource('AWS::SNS::Topic', {}),
        A: alarm('ModelLatency', onVariant, { AlarmActions: [{ Ref: 'Topic' }, 'arn:aws:sns:us-east-1:1:x'] }),
      }),
    ],
    [
      scaledRealTime({ P: tracking(), A: alarm('ModelLatency', onVariant, { AlarmActions: [{ Ref: 'P' }] }) }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
    ],
  ],
  'policy-without-target': [
    [{ ...realTime(), P: tracking({}, { ScalingTargetId: { Ref: 'Endpoint' } }) }, scaledRealTime({ P: tracking() })],
    [
      { ...realTime(), P: tracking({}, { ScalingTargetId: undefined }) },
      { P: tracking({}, { ScalingTargetId: { 'Fn::ImportValue': 'target' } }) },
    ],
    [
      { ...realTime(), P: tracking({}, { ScalingTargetId: { Ref: 'Nobody' } }) },
      {
        ...realTime(),
        P: tracking({}, { ScalingTargetId: 'endpoint/x/variant/y|sagemaker:variant:DesiredInstanceCount|sagemaker' }),
      },
    ],
    [
      scaledRealTime({ P: byId({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }) }),
      scaledRealTime({ P: byId({}) }),
    ],
    [{ ...realTime(), P: byId({}) }, { P: byId({ ResourceId: 'endpoint/elsewhere/variant/v' }) }],
  ],
  'target-registered-twice': [
    [
      scaledRealTime({ Other: variantTarget() }),
      scaledRealTime({ Other: variantTarget({ ResourceId: 'endpoint/other/variant/AllTraffic' }) }),
    ],
  ],
  'made-too-early': [
    [
      {
        ...realTime({}, {}, { EndpointName: 'chat' }),
        Target: variantTarget({ ResourceId: 'endpoint/chat/variant/AllTraffic' }),
      },
      {
        ...realTime({}, {}, { EndpointName: 'chat' }),
        Target: { ...variantTarget({ ResourceId: 'endpoint/chat/variant/AllTraffic' }), DependsOn: ['Wait'] },
        Wait: { ...resource('AWS::CloudFormation::WaitConditionHandle', {}), DependsOn: 'Endpoint' },
      },
    ],
    [scaledRealTime({ P: byId({}) }), scaledRealTime({ P: { ...byId({}), DependsOn: 'Target' } })],
    [
      { ...components(), Target: componentTarget() },
      { ...components(), Target: { ...componentTarget(), DependsOn: 'Component' } },
    ],
    [
      {
        ...realTime({ ModelName: undefined }, {}, { EndpointName: 'host' }),
        Component: resource('AWS::SageMaker::InferenceComponent', { EndpointName: 'host' }),
      },
      {
        ...realTime({ ModelName: undefined }, {}, { EndpointName: 'host' }),
        Component: resource('AWS::SageMaker::InferenceComponent', { EndpointName: 'elsewhere' }),
      },
    ],
  ],
  'schedule-invalid': [
    [scaledRealTime({}, scheduled('cron(0 8 * * *)')), scaledRealTime({}, scheduled('cron(0 8 * * ? *)'))],
    [scaledRealTime({}, scheduled('0 8 * * *')), scaledRealTime({}, scheduled('rate(1 day)'))],
    [
      scaledRealTime({}, scheduled('at(2026-12-24T08:00:00)', {})),
      scaledRealTime({}, scheduled({ 'Fn::Sub': 'cron(${Hour} * * ? *)' })),
    ],
  ],
  'wake-needs-many-failures': [
    [
      scaledComponents({
        Step: step(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }, { EvaluationPeriods: 5 }),
      }),
      scaledComponents({
        Step: step(),
        A: alarm(
          'NoCapacityInvocationFailures',
          { InferenceComponentName: 'chat' },
          { EvaluationPeriods: 5, DatapointsToAlarm: 1 },
        ),
      }),
    ],
  ],
  'wake-never-rests': [
    [
      scaledComponents({
        Step: step(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }, { TreatMissingData: 'breaching' }),
      }),
      scaledComponents({
        Step: step(),
        A: alarm(
          'NoCapacityInvocationFailures',
          { InferenceComponentName: 'chat' },
          { TreatMissingData: 'notBreaching' },
        ),
      }),
    ],
  ],
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
  ],
  'predefined-metric-mismatch': [
    [
      scaledAsync({ P: tracking(), Step: step(), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
      scaledRealTime({ P: tracking() }),
    ],
    [
      scaledComponents({
        P: tracking(),
        Step: step(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }),
      }),
      {
        ...serverless(),
        Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
        P: tracking({
          TargetValue: 0.7,
          PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantProvisionedConcurrencyUtilization' },
        }),
      },
    ],
  ],
  'alarm-period-not-published': [
    [
      scaledRealTime({ Step: step(), A: alarm('ModelLatency', onVariant, { Period: 10 }) }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant, { Period: 10 }) }),
    ],
    [
      scaledRealTime({ Step: step(), A: alarm('ModelLatency', onVariant, { Period: 45 }) }),
      {
        ...realTime({}, { MetricsConfig: { EnableEnhancedMetrics: true, MetricPublishFrequencyInSeconds: 10 } }),
        Target: variantTarget(),
        Step: step(),
        A: alarm('ModelLatency', onVariant, { Period: 10 }),
      },
    ],
  ],
  'metric-not-per-replica': [
    [
      scaledAsync({
        P: trackingOf({ ...backlog, MetricName: 'ApproximateBacklogSize' }),
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint),
      }),
      scaledAsync({ P: trackingOf(backlog), Step: step(), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
    ],
  ],
  'wake-misses-first-request': [
    [
      scaledAsync({
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { ComparisonOperator: 'GreaterThanThreshold' }),
      }),
      scaledAsync({
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { ComparisonOperator: 'GreaterThanThreshold', Threshold: 0 }),
      }),
    ],
    [
      {
        ...components(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }, { Threshold: 2 }),
      },
      { ...components(), A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }) },
    ],
  ],
  'scalable-target-invalid': [
    [scaledRealTime({}, { MaxCapacity: undefined }), scaledRealTime({}, { MaxCapacity: { Ref: 'Most' } })],
    [scaledRealTime({}, { ServiceNamespace: 'ecs' }), scaledRealTime({}, { ServiceNamespace: { Ref: 'Service' } })],
    [
      scaledRealTime({}, { ResourceId: 'endpoint/undefined/variant/AllTraffic' }),
      scaledRealTime({}, { ResourceId: 'endpoint/null-1/variant/AllTraffic' }),
    ],
    [
      { ...serverless(), Target: variantTarget() },
      {
        ...realTime(
          {},
          { ProductionVariants: [{ 'Fn::If': ['C', { VariantName: 'a' }, { VariantName: 'AllTraffic' }] }] },
        ),
        Target: variantTarget(),
      },
    ],
    [
      scaledRealTime({}, { ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
      {
        ...serverless(),
        Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
      },
    ],
    [
      scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint}/variant/AllTraffic' } }),
      scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint.EndpointName}/variant/AllTraffic' } }),
    ],
    [
      scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint.EndpointName}/variant/other' } }),
      scaledRealTime(
        {},
        {
          ResourceId: {
            'Fn::Join': [
              '/',
              ['endpoint', { 'Fn::Select': [1, { 'Fn::Split': ['/', endpointArn] }] }, 'variant', 'AllTraffic'],
            ],
          },
        },
      ),
    ],
    [scaledRealTime({}, { ResourceId: 'chat' }), { Target: variantTarget({ ResourceId: 'endpoint/mine/variant/v' }) }],
    [
      scaledRealTime({}, { ScalableDimension: 'sagemaker:variant:InstanceCount' }),
      scaledRealTime({}, { ResourceId: { 'Fn::If': ['C', 'a', 'endpoint/x/variant/b'] } }),
    ],
  ],
  'zero-where-impossible': [
    [
      { ...serverless(), Target: variantTarget({ ScalableDimension: provisioned, MinCapacity: 0 }) },
      { ...serverless(), Target: variantTarget({ ScalableDimension: provisioned, MinCapacity: 1 }) },
    ],
    [scaledRealTime({}, { MinCapacity: 0 }), scaledRealTime()],
    [
      scaledRealTime({}, { ScheduledActions: [{ ScalableTargetAction: { MinCapacity: 0, MaxCapacity: 0 } }] }),
      scaledRealTime({}, { MinCapacity: { 'Fn::If': ['Prod', 1, 0] } }),
    ],
  ],
  'zero-without-wake': [
    [
      scaledComponents({ Step: step(), A: alarm('ConcurrentRequestsPerCopy', { InferenceComponentName: 'chat' }) }),
      scaledComponents({ Step: step(), A: alarm('Pending', { Queue: 'x' }, { Namespace: 'Mine' }) }),
    ],
    [
      scaledAsync({
        Step: step({ AdjustmentType: 'PercentChangeInCapacity' }),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint),
      }),
      scaledAsync({
        Step: step({ AdjustmentType: 'PercentChangeInCapacity', MinAdjustmentMagnitude: 1 }),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint),
      }),
    ],
    [scaledAsync({ P: trackingOf(backlog) }), scaledAsync({ P: trackingOf(backlog) }, { MinCapacity: 1 })],
    [
      scaledComponents({
        P: tracking({
          PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerInferenceComponentInvocationsPerCopy' },
        }),
      }),
      scaledComponents(
        {
          P: tracking({
            PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerInferenceComponentInvocationsPerCopy' },
          }),
        },
        { ScheduledActions: [{ ScalableTargetAction: { MinCapacity: 1 } }] },
      ),
    ],
  ],
  'managed-scaling-on-model-variant': [
    [
      realTime({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 2 } }),
      components(),
    ],
  ],
  'instances-scaled-twice': [
    [
      { ...components(), Target: variantTarget() },
      { ...components({ ManagedInstanceScaling: { Status: 'DISABLED' } }), Target: variantTarget() },
    ],
  ],
  'min-above-max': [
    [
      components({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 3, MaxInstanceCount: 2 } }),
      components({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 2, MaxInstanceCount: 2 } }),
    ],
    [scaledRealTime({}, { MinCapacity: 5 }), scaledRealTime({}, { MinCapacity: 4, MaxCapacity: 4 })],
  ],
  'fixed-capacity': [[scaledRealTime({ P: tracking() }, { MaxCapacity: 1 }), scaledRealTime({}, { MaxCapacity: 1 })]],
  'target-above-capacity': [
    [
      {
        ...asynchronous({}, { AsyncInferenceConfig: { ClientConfig: { MaxConcurrentInvocationsPerInstance: 2 } } }),
        Target: variantTarget(),
        P: trackingOf(backlog, { TargetValue: 100 }),
      },
      {
        ...asynchronous({}, { AsyncInferenceConfig: { ClientConfig: { MaxConcurrentInvocationsPerInstance: 4 } } }),
        Target: variantTarget(),
        P: trackingOf(backlog, { TargetValue: 5 }),
      },
    ],
    [scaledRealTime({ P: tracking({ TargetValue: 0 }) }), scaledRealTime({ P: tracking({ TargetValue: 0.5 }) })],
    [
      { ...realTime({}, tested), Target: variantTarget(), P: tracking({ ...concurrency, TargetValue: 20 }) },
      { ...realTime({}, tested), Target: variantTarget(), P: tracking({ ...concurrency, TargetValue: 6 }) },
    ],
    [
      scaledRealTime({ P: trackingOf(gpu, { TargetValue: 150 }) }),
      scaledRealTime(
        { P: trackingOf(gpu, { TargetValue: 150 }) },
        {},
        { InstancePools: undefined, InstanceType: 'ml.g5.12xlarge' },
      ),
    ],
  ],
  'stream-outpaces-endpoint': [[stream(10), stream(4)]],
  'predictive-on-sagemaker': [
    [scaledRealTime({ P: tracking({}, { PolicyType: 'PredictiveScaling' }) }), scaledRealTime({ P: tracking() })],
  ],
  'policy-incomplete': [
    [
      scaledRealTime({ P: tracking({ PredefinedMetricSpecification: undefined }) }),
      scaledRealTime({
        P: tracking(
          {},
          {
            TargetTrackingScalingPolicyConfiguration: {
              'Fn::If': ['C', { TargetValue: 1, CustomizedMetricSpecification: calls }, { TargetValue: 2 }],
            },
          },
        ),
      }),
    ],
  ],
  'step-adjustments-invalid': [
    [
      scaledRealTime({
        Step: step({
          StepAdjustments: [
            { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 5, ScalingAdjustment: 1 },
            { MetricIntervalLowerBound: 6, ScalingAdjustment: 2 },
          ],
        }),
      }),
      scaledRealTime({
        Step: step({
          StepAdjustments: [
            { MetricIntervalLowerBound: 5, ScalingAdjustment: 2 },
            { MetricIntervalLowerBound: '0', MetricIntervalUpperBound: 5, ScalingAdjustment: 1 },
          ],
        }),
      }),
    ],
    [
      scaledRealTime({
        Step: step({
          StepAdjustments: [{ MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 5, ScalingAdjustment: 1 }],
        }),
      }),
      scaledRealTime({ Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }) }),
    ],
  ],
  'step-policy-without-alarm': [
    [
      scaledRealTime({ Step: step() }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
    ],
  ],
  'cooldown-shorter-than-provisioning': [
    [
      scaledRealTime({ Step: step({ Cooldown: 30 }), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
      scaledAsync({ Step: step({ Cooldown: 60 }), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
    ],
    [
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 0 }) }),
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 60 }) }),
    ],
  ],
  'scale-in-faster-than-scale-out': [
    [
      scaledRealTime({ P: tracking({ ScaleInCooldown: 60, ScaleOutCooldown: 300 }) }),
      scaledRealTime({ P: tracking({ ScaleInCooldown: 600, ScaleOutCooldown: 300 }) }),
    ],
    [scaledRealTime({ P: tracking({ ScaleOutCooldown: 400 }) }), scaledRealTime({ P: tracking() })],
  ],
  'never-scales-in': [
    [
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant), P: tracking() }),
    ],
    [
      scaledRealTime({ P: tracking({ DisableScaleIn: true }) }),
      scaledRealTime({ P: tracking({ DisableScaleIn: true }), Q: tracking({}, { PolicyName: 'other' }) }),
    ],
  ],
  'burstable-instance-type': [
    [
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.t2.medium' }),
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.m5.large' }),
    ],
  ],
  'unknown-instance-type': [
    [
      realTime({ InstancePools: undefined, InstanceType: 'g5.xlarge' }),
      realTime({ InstancePools: undefined, InstanceType: 'ml.c7i.4xlarge' }),
    ],
    [
      realTime({ InstancePools: undefined, InstanceType: 'ml.g5.3xlarge' }),
      realTime({ InstancePools: undefined, InstanceType: { Ref: 'Type' } }),
    ],
  ],
  'single-instance-type': [
    [
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.g5.xlarge' }),
      scaledRealTime(
        {},
        {},
        {
          InstancePools: undefined,
          InstanceType: 'ml.g5.xlarge',
          CapacityReservationConfig: { MlReservationArn: 'arn' },
        },
      ),
    ],
  ],
  'nvme-encryption-key': [
    [
      realTime({}, { KmsKeyId: 'key' }),
      realTime({ InstancePools: undefined, InstanceType: 'ml.m5.large' }, { KmsKeyId: 'key' }),
    ],
  ],
  'unstable-name': [
    [
      realTime({}, {}, { EndpointName: 'chat-2024-05-17' }),
      { M: resource('AWS::SageMaker::Model', { ModelName: 'chat-2024-05-17' }) },
    ],
    [
      realTime({}, { EndpointConfigName: 'chat-20240517143000' }),
      realTime({}, { EndpointConfigName: { 'Fn::Sub': 'chat-${Version}' } }),
    ],
    [
      realTime({}, {}, { EndpointName: 'chat-1715956200123' }),
      realTime({}, {}, { EndpointName: 'chat-2024-05-17-v2' }),
    ],
    [
      realTime({}, { EndpointConfigName: 'c-2024-05-17T14-30-00' }),
      realTime({}, {}, { EndpointName: 'tenant-123456789012' }),
    ],
  ],
  'fixed-config-name': [
    [
      realTime({}, { EndpointConfigName: 'chat' }),
      realTime({}, { EndpointConfigName: { 'Fn::Sub': 'chat-${Version}' } }),
    ],
  ],
  'counts-reset-on-deploy': [
    [
      { ...realTime({}, {}, { RetainAllVariantProperties: undefined }), Target: variantTarget() },
      realTime({}, {}, { RetainAllVariantProperties: undefined }),
    ],
    [
      {
        ...realTime({}, {}, { ExcludeRetainedVariantProperties: [{ VariantPropertyType: 'DesiredInstanceCount' }] }),
        Target: variantTarget(),
      },
      {
        ...realTime({}, {}, { ExcludeRetainedVariantProperties: [{ VariantPropertyType: 'DataCaptureConfig' }] }),
        Target: variantTarget(),
      },
    ],
  ],
  'component-on-model-variant': [[{ ...components(), ...realTime() }, components()]],
  'full-access-policy': [
    [
      {
        R: role({
          ManagedPolicyArns: [
            { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::aws:policy/AmazonSageMakerFullAccess']] },
          ],
        }),
      },
      { R: role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSageMakerReadOnly'] }) },
    ],
    [
      { F: resource('AWS::Serverless::Function', { Policies: ['AmazonSageMakerFullAccess'] }) },
      { F: resource('AWS::Serverless::Function', { Policies: 'AWSLambdaBasicExecutionRole' }) },
    ],
    [{ P: policy('sagemaker:*', '*') }, { P: policy('sagemaker:*', 'arn:aws:sagemaker:*:*:endpoint/chat') }],
    [{ P: policy(['sagemaker:*'], ['arn:aws:sagemaker:*:*:*']) }, { P: policy(['sagemaker:Describe*'], ['*']) }],
  ],
  'invoke-grant-incomplete': [
    [
      { ...asynchronous(), P: policy('sagemaker:InvokeEndpoint', endpointArn) },
      { ...asynchronous(), P: policy('sagemaker:InvokeEndpointAsync', endpointArn) },
    ],
    [
      { ...asynchronous(), P: policy(['sagemaker:InvokeEndpoint'], '*') },
      { ...asynchronous(), P: policy(['sagemaker:InvokeEndpoint*'], '*') },
    ],
    [
      { ...realTime(), Model: languageModel, P: policy('sagemaker:InvokeEndpoint', endpointArn) },
      { ...realTime(), P: policy('sagemaker:InvokeEndpoint', endpointArn) },
    ],
    [
      {
        ...realTime(),
        Model: languageModel,
        P: policy('sagemaker:InvokeEndpoint', 'arn:aws:sagemaker:*:*:endpoint/*'),
      },
      { P: policy('sagemaker:InvokeEndpoint', 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat') },
    ],
  ],
  ...MORE_CASES,
};

describe('each rule', () => {
  test('has a case', () => {
    expect([...Object.keys(CASES), 'quota-exceeded', 'zero-not-in-region'].sort()).toEqual(
      RULES.map(({ id }) => id).sort(),
    );
  });

  const rows = [...Object.entries(CASES), ...Object.entries(LEARNT)].flatMap(([rule, cases]) =>
    cases.map((pair, index) => [rule, index + 1, ...pair] as const),
  );

  test.each(rows)('%s accuses what it is for (%i)', (rule, _index, accused) => {
    expect(rulesOf(accused)).toContain(rule);
  });

  test.each(rows)('%s leaves its neighbour alone (%i)', (rule, _index, _accused, innocent) => {
    expect(rulesOf(innocent)).not.toContain(rule);
  });

  test('quota-exceeded adds up the maxima of every fleet', () => {
    const two: Resources = {
      ...scaledRealTime(),
      OtherConfig: resource('AWS::SageMaker::EndpointConfig', {
        ProductionVariants: [
          { VariantName: 'v', ModelName: 'm', InitialInstanceCount: 2, InstanceType: 'ml.g5.xlarge' },
        ],
      }),
    };
    expect(rulesOf(two, { 'ml.g5.xlarge': 5 })).toContain('quota-exceeded');
    expect(rulesOf(two, { 'ml.g5.xlarge': 6 })).not.toContain('quota-exceeded');
  });
});

describe('a region', () => {
  const findings = (region: string | undefined, resources: Resources): string[] =>
    prove([{ name: 't.json', document: { Resources: resources }, ...(region !== undefined && { region }) }]).flatMap(
      ({ rule, severity, logicalId }) => (rule === 'zero-not-in-region' ? [`${severity} ${logicalId}`] : []),
    );
  const atZero = { ...components(), Target: componentTarget({ MinCapacity: 0 }) };

  test('that was seen to refuse zero instances refuses these', () => {
    expect(findings('eu-west-3', atZero)).toEqual(['error Config', 'warning Target']);
  });

  test('that accepts them, or that nobody tells, is not accused', () => {
    expect(findings('us-east-1', atZero)).toEqual([]);
    expect(findings(undefined, atZero)).toEqual([]);
  });

  test('that refuses zero takes copies at zero on an instance that stays', () => {
    const kept = components({
      ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 4 },
    });
    expect(findings('eu-west-3', { ...kept, Target: componentTarget({ MinCapacity: 0 }) })).toEqual([]);
    expect(findings('eu-west-3', { ...components(), Target: componentTarget({ MinCapacity: 1 }) })).toEqual([
      'error Config',
    ]);
  });
});

describe('severity', () => {
  const severityOf = (Resources: Resources, rule: string): string | undefined =>
    prove([{ name: 't.json', document: { Resources } }]).find((finding) => finding.rule === rule)?.severity;

  test('is error for a type that hosting does not have, and warning for one that may be new', () => {
    const typed = (InstanceType: string): Resources => realTime({ InstancePools: undefined, InstanceType });
    expect(severityOf(typed('ml.t3.medium'), 'burstable-instance-type')).toBe('error');
    expect(severityOf(typed('ml.t2.medium'), 'burstable-instance-type')).toBe('warning');
    expect(severityOf(typed('ml.g9.xlarge'), 'unknown-instance-type')).toBe('warning');
    expect(severityOf(typed('ml.g5.big'), 'unknown-instance-type')).toBe('error');
  });

  test('is error for a metric that an exhaustive list lacks or that is misspelt, and warning for one that may be new', () => {
    const watched = (endpoint: Resources, metricName: string): Resources => ({
      ...endpoint,
      A: alarm(metricName, onVariant, { AlarmActions: [] }),
    });
    expect(severityOf(watched(asynchronous(), 'RequestsWaiting'), 'metric-not-published')).toBe('error');
    expect(severityOf(watched(realTime(), 'InvocationPerInstance'), 'metric-not-published')).toBe('error');
    expect(severityOf(watched(realTime(), 'Invocation5xxError'), 'metric-not-published')).toBe('error');
    expect(severityOf(watched(realTime(), 'TokensPerSecond'), 'metric-not-published')).toBe('warning');
    expect(
      severityOf({ A: alarm('CPUUtilization', { Host: 'x' }, { AlarmActions: [] }) }, 'metric-not-published'),
    ).toBeUndefined();
  });

  test('is warning for what works and hurts', () => {
    const risky = scaledRealTime({ P: tracking() });
    const { Endpoint, ...rest } = risky;
    const { RetainAllVariantProperties: _, ...properties } = Endpoint!.Properties;
    const reset = { ...rest, Endpoint: resource('AWS::SageMaker::Endpoint', properties) };
    expect(severityOf(reset, 'counts-reset-on-deploy')).toBe('warning');
  });
});

describe('conditions', () => {
  const judged = (Resources: Resources, Conditions: Properties): string[] =>
    prove([{ name: 't.json', document: { Conditions, Resources } }]).map(
      ({ rule, logicalId }) => `${rule} ${logicalId}`,
    );
  const isProd = { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] };

  test('what is wrong on every branch is certain', () => {
    const zero = { ...realTime(), Target: variantTarget({ MinCapacity: { 'Fn::If': ['Prod', 0, '0'] } }) };
    expect(judged(zero, { Prod: isProd })).toEqual(['zero-where-impossible Target']);
  });

  test('what a resource has wrong whenever it is there is certain', () => {
    const optional = { ...realTime(), Target: { ...variantTarget({ MinCapacity: 0 }), Condition: 'Prod' } };
    expect(judged(optional, { Prod: isProd })).toEqual(['zero-where-impossible Target']);
  });

  test('what one branch has right is not accused', () => {
    const Conditions = { Prod: isProd, Dev: { 'Fn::Not': [{ Condition: 'Prod' }] } };
    const either = {
      ...realTime(
        { ModelName: { 'Fn::If': ['Dev', { Ref: 'AWS::NoValue' }, 'm'] } },
        { ExecutionRoleArn: { Ref: 'Role' } },
      ),
      Target: variantTarget({ MinCapacity: { 'Fn::If': ['Prod', 1, 0] } }),
    };
    expect(judged(either, Conditions)).toEqual([]);
  });

  test('one parameter does not equal two texts at once', () => {
    const Conditions = { Prod: isProd, Test: { 'Fn::Equals': [{ Ref: 'Stage' }, 'test'] } };
    const Resources = {
      ...realTime(
        {},
        {
          AsyncInferenceConfig: {
            'Fn::If': ['Prod', { 'Fn::If': ['Test', {}, { Ref: 'AWS::NoValue' }] }, { Ref: 'AWS::NoValue' }],
          },
        },
      ),
      Target: variantTarget({ MinCapacity: 0 }),
    };
    expect(judged(Resources, Conditions)).toEqual(['zero-where-impossible Target']);
  });

  test('more conditions than can be tried leave their values unknown', () => {
    const names = Array.from({ length: 12 }, (_one, index) => `C${index}`);
    const nested = names.reduce<unknown>((inner, name) => ({ 'Fn::If': [name, inner, 1] }), 0);
    expect(judged({ ...realTime(), Target: variantTarget({ MinCapacity: nested }) }, {})).toEqual([]);
  });
});

describe('the catalogue', () => {
  const page = fs.readFileSync(path.join(projectDirectory, 'lib/proof/RULES.md'), 'utf8');

  test('has one line for each rule', () => {
    const rows = RULES.map(
      ({ id, severity, reason, remedy, source }) => `| \`${id}\` | ${severity} | ${reason} | ${remedy} | ${source} |`,
    );
    expect(page.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
  });

  test('has ids that differ', () => {
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
  });
});
