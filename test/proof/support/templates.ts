/** Parts of hand-written templates, in the shapes that other people's tools write them. */
export type Properties = { readonly [name: string]: unknown };
export type Resources = {
  readonly [logicalId: string]: {
    readonly Type: string;
    readonly Properties: Properties;
    readonly DependsOn?: string | readonly string[];
    readonly Condition?: string;
  };
};

export const resource = (Type: string, Properties: Properties): Resources[string] => ({ Type, Properties });

export const endpointName = { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] };

/** A real-time endpoint that keeps its counts, on two GPU types. */
export function realTime(variant: Properties = {}, config: Properties = {}, endpoint: Properties = {}): Resources {
  return {
    Model: resource('AWS::SageMaker::Model', {}),
    Config: resource('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        {
          VariantName: 'AllTraffic',
          ModelName: { 'Fn::GetAtt': ['Model', 'ModelName'] },
          InitialInstanceCount: 1,
          InstancePools: [
            { InstanceType: 'ml.g5.xlarge', Priority: 1 },
            { InstanceType: 'ml.g6.xlarge', Priority: 2 },
          ],
          ...variant,
        },
      ],
      ...config,
    }),
    Endpoint: resource('AWS::SageMaker::Endpoint', {
      EndpointConfigName: { 'Fn::GetAtt': ['Config', 'EndpointConfigName'] },
      RetainAllVariantProperties: true,
      ...endpoint,
    }),
  };
}

/** The same, asynchronous. */
export function asynchronous(variant: Properties = {}, config: Properties = {}): Resources {
  return realTime(variant, { AsyncInferenceConfig: { OutputConfig: { S3OutputPath: 's3://b/out/' } }, ...config });
}

export function serverless(): Resources {
  return realTime({
    InstancePools: undefined,
    InitialInstanceCount: undefined,
    ServerlessConfig: { MemorySizeInMB: 2048, MaxConcurrency: 10, ProvisionedConcurrency: 2 },
  });
}

/** An endpoint of inference components with one component. */
export function components(variant: Properties = {}): Resources {
  return {
    ...realTime(
      {
        ModelName: undefined,
        ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 0, MaxInstanceCount: 4 },
        ...variant,
      },
      { ExecutionRoleArn: 'arn:aws:iam::123456789012:role/any' },
    ),
    Component: resource('AWS::SageMaker::InferenceComponent', {
      InferenceComponentName: 'chat',
      EndpointName: endpointName,
      VariantName: 'AllTraffic',
      Specification: {},
      RuntimeConfig: { CopyCount: 1 },
    }),
  };
}

export function variantTarget(properties: Properties = {}): Resources[string] {
  return resource('AWS::ApplicationAutoScaling::ScalableTarget', {
    ServiceNamespace: 'sagemaker',
    ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    ResourceId: { 'Fn::Join': ['', ['endpoint/', endpointName, '/variant/AllTraffic']] },
    MinCapacity: 1,
    MaxCapacity: 4,
    ...properties,
  });
}

export function componentTarget(properties: Properties = {}): Resources[string] {
  return variantTarget({
    ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
    ResourceId: 'inference-component/chat',
    ...properties,
  });
}

export function tracking(configuration: Properties = {}, properties: Properties = {}): Resources[string] {
  return resource('AWS::ApplicationAutoScaling::ScalingPolicy', {
    PolicyName: 'tracking',
    PolicyType: 'TargetTrackingScaling',
    ScalingTargetId: { Ref: 'Target' },
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: 5,
      PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
      ...configuration,
    },
    ...properties,
  });
}

export function trackingOf(metric: Properties, configuration: Properties = {}): Resources[string] {
  return tracking({
    PredefinedMetricSpecification: undefined,
    CustomizedMetricSpecification: metric,
    ...configuration,
  });
}

export function step(configuration: Properties = {}): Resources[string] {
  return resource('AWS::ApplicationAutoScaling::ScalingPolicy', {
    PolicyName: 'step',
    PolicyType: 'StepScaling',
    ScalingTargetId: { Ref: 'Target' },
    StepScalingPolicyConfiguration: {
      AdjustmentType: 'ChangeInCapacity',
      StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
      ...configuration,
    },
  });
}

export function alarm(MetricName: string, Dimensions: Properties, properties: Properties = {}): Resources[string] {
  return resource('AWS::CloudWatch::Alarm', {
    Namespace: 'AWS/SageMaker',
    MetricName,
    Dimensions: Object.entries(Dimensions).map(([Name, Value]) => ({ Name, Value })),
    Statistic: 'Average',
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    AlarmActions: [{ Ref: 'Step' }],
    ...properties,
  });
}

export const onVariant = { EndpointName: endpointName, VariantName: 'AllTraffic' };
export const onEndpoint = { EndpointName: endpointName };

export const backlog: Properties = {
  Namespace: 'AWS/SageMaker',
  MetricName: 'ApproximateBacklogSizePerInstance',
  Statistic: 'Average',
  Dimensions: [{ Name: 'EndpointName', Value: endpointName }],
};

export function role(properties: Properties): Resources[string] {
  return resource('AWS::IAM::Role', { AssumeRolePolicyDocument: {}, ...properties });
}

export function policy(Action: unknown, Resource: unknown): Resources[string] {
  return resource('AWS::IAM::Policy', {
    PolicyName: 'p',
    PolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource }] },
  });
}
