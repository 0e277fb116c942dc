import type { EpochSeconds } from '../../../core/time';
import type { Random } from '../../../simulation/random';
import type { InferenceComponent } from '../sagemaker/inference-component';
import { measureVariant, type Measurement } from './endpoint-metrics';

/** What a component publishes, by the name that a variant with a model publishes it under (developer guide, metrics in CloudWatch). */
const NAMES: { readonly [ofVariant: string]: string } = {
  InvocationsPerInstance: 'InvocationsPerCopy',
  ConcurrentRequestsPerModel: 'ConcurrentRequestsPerCopy',
  GPUUtilization: 'GPUUtilizationNormalized',
  GPUMemoryUtilization: 'GPUMemoryUtilizationNormalized',
  CPUUtilization: 'CPUUtilizationNormalized',
  MemoryUtilization: 'MemoryUtilizationNormalized',
};

/** What a variant publishes and a component does not (developer guide, metrics in CloudWatch). */
const NEVER: ReadonlySet<string> = new Set([
  'DiskUtilization',
  'FirstChunkLatency',
  'FirstChunkModelLatency',
  'FirstChunkOverheadLatency',
  'MidStreamErrors',
]);

/** What SageMaker publishes of one inference component for a span that has ended. */
export function measureComponent(
  component: InferenceComponent,
  fromSeconds: EpochSeconds,
  toSeconds: EpochSeconds,
  random: Random,
): Measurement[] {
  const dimensions = { InferenceComponentName: component.name };
  const { measured, metrics } = measureVariant(dimensions, component.copies, fromSeconds, toSeconds, random);
  const all = measured
    .filter(({ metric }) => !NEVER.has(metric.metricName))
    .map((one): Measurement => {
      const isUtilization = one.unit === 'Percent';
      const namespace = isUtilization ? '/aws/sagemaker/InferenceComponents' : one.metric.namespace;
      return {
        ...one,
        metric: { ...one.metric, namespace, metricName: NAMES[one.metric.metricName] ?? one.metric.metricName },
      };
    });
  const refused = metrics.rejectedWithoutInstance;
  if (refused > 0) {
    all.push({
      metric: { namespace: 'AWS/SageMaker', metricName: 'NoCapacityInvocationFailures', dimensions },
      unit: 'Count',
      fromSeconds,
      sum: refused,
      sampleCount: refused,
      minimum: 1,
      maximum: 1,
    });
  }
  return all;
}
