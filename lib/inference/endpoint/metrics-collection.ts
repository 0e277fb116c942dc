import type { Duration } from 'aws-cdk-lib';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { FleetServerMetrics } from '../../scaling';
import type { ModelServerConfig } from '../model/model-server';
import type { Resolved } from '../value-checks';

/** Metrics that SageMaker collects of an endpoint beyond invocations. */
export interface ObservabilityProps {
  /**
   * Send container and per-GPU metrics to the CloudWatch PromQL store, which is charged by the gigabyte.
   *
   * @default false
   */
  readonly detailed?: boolean;

  /**
   * Publishing interval of utilization and, as enhanced metrics, of per-instance metrics: 10, 30, 60, 120, 180, 240 or 300 seconds.
   *
   * @default Duration.seconds(10)
   */
  readonly metricsFrequency?: Duration;
}

/** Values of the SageMaker API reference, MetricsConfig. */
const FREQUENCIES_SECONDS = [10, 30, 60, 120, 180, 240, 300];

const DEFAULT_FREQUENCY_SECONDS = 10;

/**
 * Collection of metrics with its defaults.
 *
 * @internal
 */
export interface MetricsCollection {
  readonly detailed: boolean;
  readonly frequencySeconds: number;
}

/**
 * Resolves the collection of metrics of an endpoint.
 *
 * @internal
 */
export function resolveObservability(props: ObservabilityProps = {}): Resolved<MetricsCollection> {
  const frequencySeconds = props.metricsFrequency?.toSeconds({ integral: false }) ?? DEFAULT_FREQUENCY_SECONDS;
  return {
    value: { detailed: props.detailed ?? false, frequencySeconds },
    problems: FREQUENCIES_SECONDS.includes(frequencySeconds)
      ? []
      : [
          `observability.metricsFrequency (${frequencySeconds} s) must be one of ${FREQUENCIES_SECONDS.join(', ')} seconds`,
        ],
  };
}

/**
 * Renders the collection for an endpoint configuration.
 *
 * @internal
 */
export function metricsConfig(collection: MetricsCollection): sagemaker.CfnEndpointConfig.MetricsConfigProperty {
  return {
    enableEnhancedMetrics: true,
    enableDetailedObservability: collection.detailed,
    metricPublishFrequencyInSeconds: collection.frequencySeconds,
  };
}

type Labels = FleetServerMetrics['labels'];

/**
 * Labels that select the series of a variant (developer guide, OpenTelemetry metrics reference).
 *
 * @internal
 */
export function variantLabels(endpointName: string, variantName: string): Labels {
  return { 'aws.sagemaker.endpoint.name': endpointName, 'aws.sagemaker.variant.name': variantName };
}

/**
 * Labels that select the series of an inference component.
 *
 * @internal
 */
export function componentLabels(endpointName: string, componentName: string): Labels {
  return { 'aws.sagemaker.endpoint.name': endpointName, 'aws.sagemaker.inference_component.name': componentName };
}

/**
 * Metrics that the model servers of a fleet publish, or the reason why CloudWatch receives none.
 *
 * @internal
 */
export function serverMetricsOf(
  labels: Labels,
  server: Pick<ModelServerConfig, 'metricNames' | 'metricsUnavailableReason'>,
  collection: MetricsCollection,
): FleetServerMetrics {
  const unavailableReason =
    server.metricsUnavailableReason ??
    (collection.detailed
      ? undefined
      : 'observability.detailed of the endpoint is off; set it to true (it is charged by the gigabyte)');
  return {
    labels,
    frequencySeconds: collection.frequencySeconds,
    ...(server.metricNames === undefined ? {} : { metricNames: server.metricNames }),
    ...(unavailableReason === undefined ? {} : { unavailableReason }),
  };
}
