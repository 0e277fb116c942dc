/** The ways a model is hosted; each publishes other metrics. */
export type EndpointKind = 'real-time' | 'inference-component' | 'async' | 'serverless';

/** What a metric is counted in, in CloudWatch's words. */
export type MetricUnit = 'Count' | 'Microseconds' | 'Milliseconds' | 'Seconds' | 'Percent' | 'None';

/** The statistics that CloudWatch keeps of every metric. */
export type MetricStatistic = 'Average' | 'Sum' | 'Minimum' | 'Maximum' | 'SampleCount';

export const SAGEMAKER_NAMESPACE = 'AWS/SageMaker';

/** Where utilisation of an endpoint's instances is published. */
export const ENDPOINT_INSTANCES_NAMESPACE = '/aws/sagemaker/Endpoints';

/** Where utilisation of single inference components is published. */
export const COMPONENTS_NAMESPACE = '/aws/sagemaker/InferenceComponents';

/** The namespaces of hosting. */
export const HOSTING_NAMESPACES: readonly string[] = [
  SAGEMAKER_NAMESPACE,
  ENDPOINT_INSTANCES_NAMESPACE,
  COMPONENTS_NAMESPACE,
];
