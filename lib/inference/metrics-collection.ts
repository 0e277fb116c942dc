import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { FleetServerMetrics } from '../scaling';
import type { ModelServerConfig } from './model-server';

/** What SageMaker collects of an endpoint beyond invocations, and how often. */
export interface MetricsCollection {
  /** The container's own metrics and those of single GPUs, for PromQL. */
  readonly detailedObservability: boolean;
  readonly frequencySeconds: number;
}

/** The collection as an endpoint configuration takes it. */
export function metricsConfigOf(collection: MetricsCollection): sagemaker.CfnEndpointConfig.MetricsConfigProperty {
  return {
    enableEnhancedMetrics: true,
    enableDetailedObservability: collection.detailedObservability,
    metricPublishFrequencyInSeconds: collection.frequencySeconds,
  };
}

type Labels = FleetServerMetrics['labels'];

/** The labels of a variant's series (developer guide, OpenTelemetry metrics reference). */
export function ofVariant(endpointName: string, variantName: string): Labels {
  return { 'aws.sagemaker.endpoint.name': endpointName, 'aws.sagemaker.variant.name': variantName };
}

/** The labels of a component's series. */
export function ofComponent(endpointName: string, componentName: string): Labels {
  return { 'aws.sagemaker.endpoint.name': endpointName, 'aws.sagemaker.inference_component.name': componentName };
}

/** What a fleet's model servers publish themselves, and whether it arrives. */
export function serverMetricsOf(
  labels: Labels,
  server: Pick<ModelServerConfig, 'metricNames' | 'metricsUnreadBecause'>,
  collection: MetricsCollection,
): FleetServerMetrics {
  const missingBecause =
    server.metricsUnreadBecause ??
    (collection.detailedObservability
      ? undefined
      : 'detailedObservability of the endpoint is off; set it to true (it is charged by the gigabyte)');
  return {
    labels,
    frequencySeconds: collection.frequencySeconds,
    ...(server.metricNames === undefined ? {} : { metricNames: server.metricNames }),
    ...(missingBecause === undefined ? {} : { missingBecause }),
  };
}
