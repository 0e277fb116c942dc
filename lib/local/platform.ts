import * as fs from 'node:fs';
import * as path from 'node:path';
import type { EpochSeconds } from '../core/time';
import type { LocalClock } from './clock';
import { startEngine, type DeniedCall } from './engine/engine';
import type { InvokeReply } from './load/direct-sender';
import { InvokeConnection } from './load/direct-sender';
import type { ModelServerProcess } from './model-server/model-server-process';
import { parseReservations, RESERVATIONS_VARIABLE } from './sidecar/reservations';
import { startSidecar, type CapacityState, type PlatformEvent, type PlatformSnapshot } from './sidecar';

/** What is seen of the endpoint's fleet at one moment. */
export interface FleetView {
  readonly desired: number;
  readonly inService: number;
  readonly provisioning: number;
  /** In service, by type. */
  readonly byType: { readonly [instanceType: string]: number };
  readonly slotsPerInstance: number;
  readonly queued: number;
  readonly inFlight: number;
  /** The scalable target's limits; null where there is none. */
  readonly minCapacity: number | null;
  readonly maxCapacity: number | null;
  /** Spent by everything since it was created, US dollars. */
  readonly billedUsd: number;
}

/** The AWS that a run deploys to: our own engine, or one that the user runs. */
export interface Platform {
  readonly engineUrl: string;
  readonly clock: LocalClock;
  /** Turns permissions on, where the engine can. */
  enforceIam(): Promise<void>;
  /** Called once the endpoint is known, before its fleet is asked for. */
  watch(endpointName: string, variantName: string): Promise<void>;
  /** The state of one variant. */
  fleet(endpointName: string, variantName: string): FleetView;
  trainingJobs(): PlatformSnapshot['trainingJobs'];
  activities(): PlatformSnapshot['activities'];
  onEvent(listener: (event: PlatformEvent) => void): () => void;
  /** InvokeEndpoint, without the stream. */
  connect(endpointName: string): {
    readonly invoke: (body: string) => Promise<InvokeReply>;
    readonly close: () => void;
  };
  /** Records of a stream that no consumer has finished; null where the engine cannot tell. */
  streamBacklog(streamName: string): Promise<number | null>;
  deniedCalls(): Promise<readonly DeniedCall[]>;
  setCapacity(instanceType: string, state: CapacityState): void;
  /** Resolves with the reason when the engine ends by itself. */
  readonly failed: Promise<Error>;
  readonly logFiles: readonly string[];
  stop(): Promise<void>;
}

/** Our own engine, which tells everything. */
export interface OwnPlatform extends Platform {
  /** Where the runtime API of SageMaker is answered without the way over the engine. */
  readonly invokeUrl: string;
  snapshot(): PlatformSnapshot;
}

/** SageMaker gives a container 60 seconds; with the clock's factor it is far less, so this is only for what hangs. */
const INVOKE_TIMEOUT_MS = 75_000;

const EMPTY_FLEET: Omit<FleetView, 'billedUsd' | 'minCapacity' | 'maxCapacity'> = {
  desired: 0,
  inService: 0,
  provisioning: 0,
  byType: {},
  slotsPerInstance: 0,
  queued: 0,
  inFlight: 0,
};

/** Starts the sidecar and the engine. */
export async function startPlatform(options: {
  readonly projectDirectory: string;
  readonly dataDirectory: string;
  readonly python: string;
  readonly clock: LocalClock;
  readonly seed: number;
  /** A real model server behind the endpoints. @default none */
  readonly modelServer?: ModelServerProcess;
  /** Told of what went wrong in the services. */
  readonly onTrouble: (message: string) => void;
}): Promise<OwnPlatform> {
  const { clock, dataDirectory, projectDirectory, python, seed } = options;
  const sidecarLog = path.join(dataDirectory, 'sidecar.log');
  let engineUrl = '';
  const sidecar = await startSidecar({
    port: 0,
    clock,
    seed,
    python,
    dataDirectory: path.join(dataDirectory, 'training'),
    modelServer: options.modelServer,
    reservations: parseReservations(process.env[RESERVATIONS_VARIABLE]),
    engineUrl: () => engineUrl,
    log: (message) => {
      fs.appendFileSync(sidecarLog, `${new Date(clock.now() * 1000).toISOString()} ${message}\n`);
      options.onTrouble(message);
    },
  });
  let engine: Awaited<ReturnType<typeof startEngine>>;
  try {
    engine = await startEngine({ port: 0, clock, sidecarUrl: sidecar.url, dataDirectory, python, projectDirectory });
  } catch (error) {
    await sidecar.stop();
    throw error;
  }
  engineUrl = engine.url;
  return {
    engineUrl,
    invokeUrl: sidecar.invokeUrl,
    snapshot: () => sidecar.snapshot(),
    clock,
    enforceIam: () => engine.enforceIam(),
    watch: () => Promise.resolve(),
    fleet: (endpointName, variantName) => fleetOf(sidecar.snapshot(), endpointName, variantName),
    trainingJobs: () => sidecar.snapshot().trainingJobs,
    activities: () => sidecar.snapshot().activities,
    onEvent: (listener) => sidecar.onEvent(listener),
    connect: (endpointName) => {
      const connection = new InvokeConnection(sidecar.invokeUrl, endpointName, INVOKE_TIMEOUT_MS);
      return { invoke: (body) => connection.invoke(body), close: () => connection.close() };
    },
    streamBacklog: async (streamName) => (await engine.streamBacklog())[streamName]?.queued ?? 0,
    deniedCalls: () => engine.deniedCalls(),
    setCapacity: (instanceType, state) => sidecar.setCapacity(instanceType, state),
    failed: engine.failed,
    logFiles: [engine.logFile, sidecarLog],
    // The engine first: its handlers call the sidecar.
    stop: async () => {
      await engine.stop();
      await sidecar.stop();
    },
  };
}

function fleetOf(snapshot: PlatformSnapshot, endpointName: string, variantName: string): FleetView {
  const endpoint = snapshot.endpoints.find(({ name }) => name === endpointName);
  const variant = endpoint?.variants.find(({ name }) => name === variantName);
  const target = snapshot.targets.find(({ resourceId }) => resourceId === resourceIdOf(endpointName, variantName));
  const common = {
    minCapacity: target?.minCapacity ?? null,
    maxCapacity: target?.maxCapacity ?? null,
    billedUsd: snapshot.billedUsd.total,
  };
  if (variant === undefined) return { ...EMPTY_FLEET, ...common };
  return {
    desired: variant.desiredInstances,
    inService: variant.inServiceInstances,
    provisioning: variant.provisioningInstances,
    byType: variant.byType,
    slotsPerInstance: variant.slotsPerInstance,
    queued: variant.queued,
    inFlight: variant.inFlight,
    ...common,
  };
}

/** The id that Application Auto Scaling knows a variant by. */
export function resourceIdOf(endpointName: string, variantName: string): string {
  return `endpoint/${endpointName}/variant/${variantName}`;
}

/** Whether a scaling activity belongs to a variant and happened from a moment on. */
export function isActivityOf(
  activity: PlatformSnapshot['activities'][number],
  resourceId: string,
  since: EpochSeconds,
): boolean {
  return activity.resourceId === resourceId && activity.atSeconds >= since;
}
