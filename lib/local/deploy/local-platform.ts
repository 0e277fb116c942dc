import type { AccountEvent, AccountSnapshot, CapacityState } from '../../emulator';
import type { LocalClock } from '../../emulator/clock';
import type { DeniedCall } from '../../emulator/engine/engine';
import type { InvokeReply } from './invoke';

/** State of the instances of one endpoint variant. */
export interface FleetView {
  readonly desired: number;
  readonly inService: number;
  readonly provisioning: number;
  /** Instances in service by type. */
  readonly byType: { readonly [instanceType: string]: number };
  readonly slotsPerInstance: number;
  readonly queued: number;
  readonly inFlight: number;
  /** Limits of the scalable target; null where there is none. */
  readonly minCapacity: number | null;
  readonly maxCapacity: number | null;
  /** Cost of the account since its creation, US dollars. */
  readonly billedUsd: number;
}

/** AWS account that a run deploys to: on the emulator, or on an external engine. */
export interface LocalPlatform {
  readonly engineUrl: string;
  readonly clock: LocalClock;
  /** Enforces IAM permissions from now on, where the engine can. */
  enforceIam(): Promise<void>;
  /** Begins to observe a variant; required before `fleet`. */
  watch(endpointName: string, variantName: string): Promise<void>;
  /** Returns the state of one variant. */
  fleet(endpointName: string, variantName: string): FleetView;
  trainingJobs(): AccountSnapshot['trainingJobs'];
  activities(): AccountSnapshot['activities'];
  /** Adds a listener; the returned function removes it. */
  onEvent(listener: (event: AccountEvent) => void): () => void;
  /** Opens a client for InvokeEndpoint. */
  connect(endpointName: string): {
    readonly invoke: (body: string) => Promise<InvokeReply>;
    readonly close: () => void;
  };
  /** Number of records of a stream that no consumer has finished; null if unknown. */
  streamBacklog(streamName: string): Promise<number | null>;
  /** Number of records of a Kafka topic that no consumer has finished; null if unknown. */
  topicBacklog(topicName: string): Promise<number | null>;
  /** Address of the Kafka broker; undefined without one. */
  readonly kafkaBroker: string | undefined;
  deniedCalls(): Promise<readonly DeniedCall[]>;
  setCapacity(instanceType: string, state: CapacityState): void;
  /** Resolves with the reason if the engine terminates unexpectedly. */
  readonly failed: Promise<Error>;
  readonly logFiles: readonly string[];
  stop(): Promise<void>;
}
