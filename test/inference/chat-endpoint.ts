import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { GpuEndpoint, ModelServer, type GpuEndpointProps } from '../../lib/inference';

/** Pools of the endpoint under test. */
export const pools = [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }];

/** Stack with a region. */
export function newStack(): Stack {
  return new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
}

/** Real-time endpoint with the smallest props, and what a test adds to them. */
export function endpointIn(stack: Stack, props: Partial<GpuEndpointProps> = {}): GpuEndpoint {
  return new GpuEndpoint(stack, 'Chat', { modelServer: ModelServer.triton(), capacity: { pools }, ...props });
}

/** Template of a stack with that endpoint. */
export function templateOf(props: Partial<GpuEndpointProps> = {}): Template {
  const stack = newStack();
  endpointIn(stack, props);
  return Template.fromStack(stack);
}

/** Matches an endpoint configuration whose variant has some properties. */
export function variantWith(properties: object): object {
  return { ProductionVariants: [Match.objectLike(properties)] };
}
