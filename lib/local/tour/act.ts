import type { AwsClients } from '../aws';
import type { OwnPlatform } from '../platform';
import { pause } from '../repeat';
import type { EndpointSnapshot } from '../sidecar/snapshot';

/** The names that the deployed tour has. */
export const TOUR_OUTPUTS = [
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

export type TourOutputs = { readonly [name in (typeof TOUR_OUTPUTS)[number]]: string };

/** What an act has to work with. */
export interface Stage {
  readonly platform: OwnPlatform;
  readonly aws: AwsClients;
  readonly outputs: TourOutputs;
  readonly signal: AbortSignal;
  /** Tells what is waited for. */
  readonly note: (text: string) => void;
}

/** What an act found, by name; the report prints it. */
export type Facts = { readonly [name: string]: string | number };

/** Real milliseconds between two looks. */
const LOOK_MS = 25;

/**
 * Waits until something holds.
 *
 * @param limitSeconds local seconds
 * @throws Error that names what was waited for in vain
 */
export async function until(
  { platform, signal, note }: Stage,
  what: string,
  limitSeconds: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  note(what);
  const startedAt = platform.clock.now();
  while (!(await holds())) {
    signal.throwIfAborted();
    const waited = platform.clock.now() - startedAt;
    if (waited > limitSeconds) throw new Error(`${what}: not within ${limitSeconds} local seconds`);
    await pause(LOOK_MS, signal);
  }
}

/** An endpoint as it is now. */
export function endpointOf({ platform }: Stage, name: string): EndpointSnapshot {
  const endpoint = platform.snapshot().endpoints.find((one) => one.name === name);
  if (endpoint === undefined) throw new Error(`there is no endpoint ${name}`);
  return endpoint;
}

/** Instances of an endpoint's variant that take requests. */
export const instancesOf = (stage: Stage, name: string): number =>
  endpointOf(stage, name).variants[0]!.inServiceInstances;
