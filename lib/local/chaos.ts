import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import type { Peak } from './load/request-plan';

/** The window in which the first pool's type cannot be had; seconds count from the first request. */
export interface CapacityDrop {
  readonly fromSecond: number;
  readonly toSecond: number;
}

const AFTER_PEAK_SECONDS = 300;

/** From the first request, so that every instance the fleet grows by is another type's, until the peak is over. */
export function capacityDrop(peak: Peak, trafficSeconds: number): CapacityDrop {
  return { fromSecond: 0, toSecond: Math.min(trafficSeconds, peak.atSeconds + AFTER_PEAK_SECONDS) };
}

/** The instance type that a variant asks for first. */
export async function firstPoolType(
  sageMaker: Pick<SageMakerClient, 'send'>,
  endpointName: string,
  variantName: string,
): Promise<string> {
  const { EndpointConfigName } = await sageMaker.send(new DescribeEndpointCommand({ EndpointName: endpointName }));
  const { ProductionVariants = [] } = await sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
  const variant = ProductionVariants.find(({ VariantName }) => VariantName === variantName);
  const pools = [...(variant?.InstancePools ?? [])].sort((a, b) => (a.Priority ?? 0) - (b.Priority ?? 0));
  const type = pools[0]?.InstanceType ?? variant?.InstanceType;
  if (type === undefined) throw new Error(`the configuration of ${endpointName} names no instance type`);
  return type;
}
