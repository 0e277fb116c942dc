import { pause } from '../../emulator/repeat';
import type { EndpointSnapshot } from '../../emulator/snapshot';
import type { AwsClients } from '../deploy/aws';
import type { EmulatorPlatform } from '../deploy/emulator-platform';
import type { StackOutputs } from '../deploy/stack-outputs';

/** Outputs of the stack with one endpoint of every kind. */
export const ENDPOINT_OUTPUTS = [
  'RealTimeEndpointName',
  'AsyncEndpointName',
  'AsyncBucketName',
  'AsyncRequestPrefix',
  'SharedEndpointName',
  'ComponentName',
  'StreamName',
  'ResultsBucketName',
  'ServerlessEndpointName',
] as const;

export type EndpointOutput = (typeof ENDPOINT_OUTPUTS)[number];

/** Deployed tour, as its steps use it. */
export interface TourContext<Output extends string = EndpointOutput> {
  readonly projectDirectory: string;
  /** Folder of the run. */
  readonly dataDirectory: string;
  readonly seed: number;
  readonly platform: EmulatorPlatform;
  readonly aws: AwsClients;
  readonly stackNames: readonly string[];
  readonly outputs: StackOutputs<Output>;
  readonly signal: AbortSignal;
  /** Deploys another state of the tour. */
  readonly deploy: (state: string) => Promise<void>;
  /** Shows the condition that the step waits for. */
  readonly note: (text: string) => void;
}

/** Results of a step by name, for the report. */
export type TourResults = { readonly [name: string]: string | number };

/** Interval of evaluations of a condition, real milliseconds. */
const POLL_MS = 25;

/**
 * Waits until a condition is true.
 *
 * @param limitSeconds local seconds
 * @throws Error that names the condition after the limit
 */
export async function until(
  { platform, signal, note }: Pick<TourContext, 'platform' | 'signal' | 'note'>,
  condition: string,
  limitSeconds: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  note(condition);
  const startedAt = platform.clock.now();
  while (!(await isTrue())) {
    signal.throwIfAborted();
    const waited = platform.clock.now() - startedAt;
    if (waited > limitSeconds) throw new Error(`${condition}: not within ${limitSeconds} local seconds`);
    await pause(POLL_MS, signal);
  }
}

/** Current state of an endpoint. */
export function endpointOf({ platform }: Pick<TourContext, 'platform'>, name: string): EndpointSnapshot {
  const endpoint = platform.snapshot().endpoints.find((one) => one.name === name);
  if (endpoint === undefined) throw new Error(`there is no endpoint ${name}`);
  return endpoint;
}

/** Number of instances in service of an endpoint. */
export const instancesOf = (context: Pick<TourContext, 'platform'>, name: string): number =>
  endpointOf(context, name).variants[0]!.inServiceInstances;
