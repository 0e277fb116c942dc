import type { EpochSeconds } from '../../core/time';

/** The name of a request, given by the caller; the fleet only hands it back. */
export type RequestId = string | number;

/** A request as it comes to a fleet. */
export interface ArrivingRequest {
  readonly id: RequestId;
  /** How long it keeps a slot. */
  readonly serviceSeconds: number;
  /** A 32-bit hash of its prefix, for prefix-aware routing. @default it has none and goes by the other rule */
  readonly prefix?: number;
  /** Seconds from arrival in which its service must end, once it has a slot. @default the fleet's */
  readonly timeoutSeconds?: number;
  /** Told when it gets a slot. */
  readonly onStart?: (at: EpochSeconds, instanceId: string) => void;
}

/** Why a request was refused at once. */
export type RejectionReason =
  /** No instance was in service. */
  | 'no-instance-in-service'
  /** The queue of the chosen instance's container was full. */
  | 'queue-full';

/** What {@link EndpointFleet.arrive} says at once. */
export type ArrivalResult = 'started' | 'queued' | RejectionReason;

/** A request was served. */
export interface RequestCompleted {
  readonly kind: 'completed';
  readonly id: RequestId;
  readonly arrivedAt: EpochSeconds;
  readonly startedAt: EpochSeconds;
  readonly finishedAt: EpochSeconds;
  readonly instanceId: string;
}

/** A request got no answer within the time limit; its caller has an error. */
export interface RequestTimedOut {
  readonly kind: 'timed-out';
  readonly id: RequestId;
  readonly at: EpochSeconds;
  readonly arrivedAt: EpochSeconds;
  /** When its service began; undefined when it waited in the queue all the time. */
  readonly startedAt: EpochSeconds | undefined;
  readonly instanceId: string;
}

/** A request was refused on arrival. */
export interface RequestRejected {
  readonly kind: 'rejected';
  readonly id: RequestId;
  readonly at: EpochSeconds;
  readonly reason: RejectionReason;
}

/** An instance was launched: it is provisioning, and it is billed from now on. */
export interface InstanceLaunched {
  readonly kind: 'instance-launched';
  readonly at: EpochSeconds;
  readonly instanceId: string;
  readonly instanceType: string;
  /** Types of preferred pools that had no capacity, in the order tried; empty when the first pool gave it. */
  readonly refusedTypes: readonly string[];
}

/** An instance takes requests from now on. */
export interface InstanceInService {
  readonly kind: 'instance-in-service';
  readonly at: EpochSeconds;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly provisioningSeconds: number;
}

/** An instance takes no new requests, but still finishes those it has. */
export interface InstanceDraining {
  readonly kind: 'instance-draining';
  readonly at: EpochSeconds;
  readonly instanceId: string;
  readonly instanceType: string;
  /** Requests in flight and queued that it has to finish. */
  readonly outstanding: number;
}

/** An instance is gone and no longer billed. */
export interface InstanceTerminated {
  readonly kind: 'instance-terminated';
  readonly at: EpochSeconds;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly billedSeconds: number;
  /** True when it was released before it ever came into service. */
  readonly whileProvisioning: boolean;
}

/** No pool had capacity for some of the wanted instances. */
export interface CapacityError {
  readonly kind: 'capacity-error';
  readonly at: EpochSeconds;
  /** The types tried, in order of priority. */
  readonly instanceTypes: readonly string[];
  /** How many instances could not be launched. */
  readonly missing: number;
  /** When the fleet tries again. */
  readonly retryAt: EpochSeconds;
}

/** Anything that happens in a fleet. Every request ends in exactly one of `completed`, `timed-out` and `rejected`. */
export type FleetEvent =
  | RequestCompleted
  | RequestTimedOut
  | RequestRejected
  | InstanceLaunched
  | InstanceInService
  | InstanceDraining
  | InstanceTerminated
  | CapacityError;
