import type { EpochSeconds } from '../../../core/time';

/** Identifier of a request, given by the caller and returned in events. */
export type RequestId = string | number;

/** Request at its arrival. */
export interface ArrivingRequest {
  readonly id: RequestId;
  /** Seconds for which it occupies a slot. */
  readonly serviceSeconds: number;
  /** 32-bit hash of its prefix, for prefix-aware routing. @default routed without a prefix */
  readonly prefix?: number;
  /** Maximum seconds from arrival to the end of service, once it has a slot. @default the time-out of the fleet */
  readonly timeoutSeconds?: number;
  /** Called when its service begins. */
  readonly onStart?: (at: EpochSeconds, instanceId: string) => void;
}

/** Reason for which a request was rejected on arrival. */
export type RejectionReason =
  /** No instance was in service. */
  | 'no-instance-in-service'
  /** The container's queue of the chosen instance was full. */
  | 'queue-full';

/** Immediate result of {@link EndpointFleet.arrive}. */
export type ArrivalResult = 'started' | 'queued' | RejectionReason;

/** A request was completed. */
export interface RequestCompleted {
  readonly kind: 'completed';
  readonly id: RequestId;
  readonly arrivedAt: EpochSeconds;
  readonly startedAt: EpochSeconds;
  readonly finishedAt: EpochSeconds;
  readonly instanceId: string;
}

/** A request had no response within the time limit; its caller received an error. */
export interface RequestTimedOut {
  readonly kind: 'timed-out';
  readonly id: RequestId;
  readonly at: EpochSeconds;
  readonly arrivedAt: EpochSeconds;
  /** Start of its service; undefined if it never left the queue. */
  readonly startedAt: EpochSeconds | undefined;
  readonly instanceId: string;
}

/** A request was rejected on arrival. */
export interface RequestRejected {
  readonly kind: 'rejected';
  readonly id: RequestId;
  readonly at: EpochSeconds;
  readonly reason: RejectionReason;
}

/** An instance was launched: it is provisioning and billed from now on. */
export interface InstanceLaunched {
  readonly kind: 'instance-launched';
  readonly at: EpochSeconds;
  readonly instanceId: string;
  readonly instanceType: string;
  /** Types of preferred pools without capacity, in the order tried; empty if the first pool had capacity. */
  readonly refusedTypes: readonly string[];
}

/** An instance came into service. */
export interface InstanceInService {
  readonly kind: 'instance-in-service';
  readonly at: EpochSeconds;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly provisioningSeconds: number;
}

/** An instance stopped accepting requests and finishes those it has. */
export interface InstanceDraining {
  readonly kind: 'instance-draining';
  readonly at: EpochSeconds;
  readonly instanceId: string;
  readonly instanceType: string;
  /** Requests in flight and queued that it still finishes. */
  readonly outstanding: number;
}

/** An instance was terminated and is no longer billed. */
export interface InstanceTerminated {
  readonly kind: 'instance-terminated';
  readonly at: EpochSeconds;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly billedSeconds: number;
  /** True if it was released before it came into service. */
  readonly whileProvisioning: boolean;
}

/** No pool had capacity for some of the desired instances. */
export interface CapacityError {
  readonly kind: 'capacity-error';
  readonly at: EpochSeconds;
  /** Types tried, in order of priority. */
  readonly instanceTypes: readonly string[];
  /** Number of instances that could not be launched. */
  readonly missing: number;
  /** Moment of the next attempt. */
  readonly retryAt: EpochSeconds;
}

/** Event of a fleet. Every request ends in exactly one of `completed`, `timed-out` and `rejected`. */
export type FleetEvent =
  | RequestCompleted
  | RequestTimedOut
  | RequestRejected
  | InstanceLaunched
  | InstanceInService
  | InstanceDraining
  | InstanceTerminated
  | CapacityError;
