import type { QuotaUse } from '../catalog/service-quotas';

/** Instances of one fleet, of any of its types. */
export interface FleetNeed {
  /** Endpoint and variant, for messages. */
  readonly fleet: string;
  /** Instance types, the preferred one first. */
  readonly instanceTypes: readonly string[];
  /** Number of instances that the deployment starts with, of the minimum, and of the maximum; null where only the deployment decides. */
  readonly initial: number | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
  /** Instances that an update at the maximum runs in addition. */
  readonly rolloutExtra: number | null;
}

/** Instances of one alternative of a training job. */
export interface TrainingNeed {
  readonly stateMachine: string;
  readonly instanceType: string;
  readonly instances: number;
  readonly use: Extract<QuotaUse, 'training' | 'spot-training'>;
}

/** Image in a registry. */
export interface ImageNeed {
  readonly uri: string;
  readonly account: string;
  readonly region: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly tag: string;
}

/** Bootstrap stack of the CDK that the templates name. */
export interface BootstrapNeed {
  readonly parameterName: string;
  readonly qualifier: string;
  readonly minimumVersion: number;
}

/** Everything that a deployment of some templates needs of an account and a region. */
export interface AccountNeeds {
  readonly fleets: readonly FleetNeed[];
  readonly training: readonly TrainingNeed[];
  readonly images: readonly ImageNeed[];
  readonly bootstrap: BootstrapNeed | undefined;
  /** Concurrency that functions reserve, together. */
  readonly reservedConcurrency: number;
  /** Concurrent executions of the consumers of streams, together. */
  readonly streamConcurrency: number;
  /** True if Application Auto Scaling scales something of SageMaker. */
  readonly hasScaling: boolean;
  readonly resourceTypes: readonly string[];
  /** Names of the stacks: what they run already is replaced, and not run in addition. */
  readonly stackNames: readonly string[];
  /** Parts that cannot be known before the deployment, a sentence each. */
  readonly unknown: readonly string[];
}

/** Observation in an account, or the permission that reading it needs and the reason why it could not be read. */
export type Fact<Value> =
  | { readonly kind: 'known'; readonly value: Value }
  | { readonly kind: 'unknown'; readonly action: string; readonly reason: string };

/** Concurrent executions of Lambda in an account and a region. */
export interface LambdaConcurrency {
  readonly concurrentExecutions: number;
  readonly unreserved: number;
}

/** Action that the policies of a role do not allow on a resource that was asked for. */
export interface Denial {
  readonly action: string;
  /** Name of the resource; absent for one that is named by the deployment, so that any resource was asked for. */
  readonly resource?: string;
  /** False if a statement that names resources, or a condition, may still allow the action. */
  readonly isCertain: boolean;
}

/** Actions that the policies of a role do not allow. */
export interface RolePermissions {
  readonly role: string;
  readonly denied: Fact<readonly Denial[]>;
}

/** Observations in an account and a region. */
export interface AccountFacts {
  readonly accountId: string;
  readonly region: string;
  /** Quotas of SageMaker by their names. */
  readonly quotas: Fact<ReadonlyMap<string, number>>;
  /** Instances by type that endpoints of other stacks, or of none, run or ask for. */
  readonly hosted: Fact<ReadonlyMap<string, number>>;
  /** Instances of training jobs in progress by the name of the quota that they use. */
  readonly training: Fact<ReadonlyMap<string, number>>;
  readonly lambda: Fact<LambdaConcurrency>;
  /** Null where the region is not bootstrapped. */
  readonly bootstrapVersion: Fact<number | null>;
  readonly hasScalingRole: Fact<boolean>;
  /** Presence of images by their URIs. */
  readonly images: ReadonlyMap<string, Fact<boolean>>;
  readonly permissions: readonly RolePermissions[];
}
