import type { ShardPlan } from '../../ingestion/decide/shard-count';
import type { Budget } from '../../cost/decide/budget-period';
import type { StatedPlan } from '../../cost/decide/plan';
import type { FleetPlan } from '../../scaling/decide/plan';
import type { AlarmDefinition } from '../aws/cloudwatch';
import type { FleetPool, FleetRouting } from '../fleet';
import type { TrafficShare } from '../traffic';

/** Ways in which a fleet takes requests. */
export type FleetKind = 'real-time' | 'async' | 'inference-component';

/** Alarm that runs a step policy. */
export interface BlueprintAlarm {
  readonly policyName: string;
  /** Without actions: whoever rebuilds the fleet links it to its policy. */
  readonly alarm: AlarmDefinition;
}

/** Cost guard of a fleet. */
export interface BlueprintGuard {
  readonly name: string;
  readonly plan: StatedPlan;
  readonly budget: Budget;
  /** True for a guard that reports and changes nothing. */
  readonly dryRun: boolean;
}

/** Copies of a model that share instances. */
export interface CopyPlacement {
  /** Maximum number of copies on one instance. */
  readonly copiesPerInstance: number;
  readonly minInstances: number;
  readonly maxInstances: number;
}

/** Stream in front of a fleet, whose consumer has no more requests in flight than the replicas in service hold. */
export interface BlueprintStream {
  /** Logical id of the consumer. */
  readonly consumer: string;
  readonly shards: number;
  /** Requests that the consumer has in flight at most, at any capacity. */
  readonly maxInFlight: number;
  /** Scaling of the shards. @default - the stream keeps its shards */
  readonly scaling?: ShardPlan;
  /** Age from which on a record that waits goes to an asynchronous endpoint, seconds. @default - none does */
  readonly spillAfterSeconds?: number;
  /** Maximum time of a record on that endpoint, seconds. @default - with `spillAfterSeconds`, six hours */
  readonly spillTtlSeconds?: number;
  /** Fleet of that endpoint. @default - none that the templates scale */
  readonly spillTo?: FleetBlueprint;
  /** Age at which a record without a response goes to the failure destination, seconds. */
  readonly maxRecordAgeSeconds: number;
}

/** One fleet as templates declare it: everything that decides how it serves traffic. */
export interface FleetBlueprint {
  /** Resource id of its scalable target, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;
  readonly scalableDimension: string;
  /** Template that declares the scalable target, and the target's logical id in it. */
  readonly templateName: string;
  readonly targetLogicalId: string;
  readonly region: string;
  readonly kind: FleetKind;
  readonly pools: readonly FleetPool[];
  readonly slotsPerInstance: number;
  /** Source of the number of slots; a default deserves a warning. */
  readonly slotsFrom: 'tag' | 'async-configuration' | 'default';
  /** Share of the endpoint's requests that the variant receives. @default - all: it is the only variant */
  readonly share?: TrafficShare;
  /** Share of the requests that devices answer by themselves, 0 to 1, so that the fleet never sees them. @default 0 */
  readonly edgeOffload?: number;
  readonly routing: FleetRouting;
  readonly initialCapacity: number;
  readonly plan: FleetPlan;
  readonly stepAlarms: readonly BlueprintAlarm[];
  readonly guard?: BlueprintGuard;
  readonly placement?: CopyPlacement;
  /** Stream that the requests wait in. @default - requests are sent to the endpoint as they arrive */
  readonly stream?: BlueprintStream;
  /** Parts of the template that a rehearsal leaves out or replaces, a sentence each. */
  readonly notes: readonly string[];
}

/** Fleets of some templates. */
export interface TemplateFleets {
  readonly fleets: readonly FleetBlueprint[];
  /** Reasons, one for each fleet that cannot be rehearsed. */
  readonly skipped: readonly string[];
  /** Reasons, one for each scalable target that a condition leaves out. */
  readonly absent: readonly string[];
}
