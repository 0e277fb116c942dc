import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  type SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import type { EpochSeconds } from '../../core/time';
import type { LocalPlatform } from '../deploy/local-platform';
import type { Peak } from './request-plan';

/** Period in which the first pool's instance type has no capacity, in seconds since the first request. */
export interface CapacityDrop {
  readonly fromSecond: number;
  readonly toSecond: number;
}

const AFTER_PEAK_SECONDS = 300;

/** Returns the period from the first request to after the peak, so that every instance added until then has another type. */
export function capacityDrop(peak: Peak, trafficSeconds: number): CapacityDrop {
  return { fromSecond: 0, toSecond: Math.min(trafficSeconds, peak.atSeconds + AFTER_PEAK_SECONDS) };
}

/** Reads the instance type with the highest priority of a variant. */
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

/** Makes an instance type unavailable during a period; resolves early if the signal aborts. */
export async function dropCapacity(
  platform: LocalPlatform,
  instanceType: string,
  anchor: EpochSeconds,
  { fromSecond, toSecond }: CapacityDrop,
  signal: AbortSignal,
): Promise<void> {
  try {
    await platform.clock.sleepUntil(anchor + fromSecond, signal);
    platform.setCapacity(instanceType, 'insufficient');
    await platform.clock.sleepUntil(anchor + toSecond, signal);
    platform.setCapacity(instanceType, 'available');
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
