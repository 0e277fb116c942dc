import type { Budget } from '../../cost/decide/budget-period';
import type { GuardPlan } from '../../cost/decide/plan';
import type { FleetPlan } from '../../scaling/decide/plan';
import type { AlarmDefinition } from '../cloudwatch';
import type { InstancePool, RoutingStrategy } from '../fleet';
import type { TrafficShare } from '../workload';

/** The ways a fleet takes requests. */
export type FleetKind = 'real-time' | 'async' | 'inference-component';

/** A step policy's own alarm. */
export interface BlueprintAlarm {
  readonly policyName: string;
  /** Without actions: who builds the fleet again ties it to its policy. */
  readonly alarm: AlarmDefinition;
}

/** A cost guard as it watches one fleet. */
export interface BlueprintGuard {
  readonly name: string;
  readonly plan: GuardPlan;
  readonly budget: Budget;
  /** It watches and tells, but changes nothing. */
  readonly dryRun: boolean;
}

/** Copies of a model that share instances. */
export interface ComponentPlacement {
  /** So many copies fit on one instance. */
  readonly copiesPerInstance: number;
  readonly minInstances: number;
  readonly maxInstances: number;
}

/** One fleet as a template declares it: everything that decides how it answers traffic. */
export interface FleetBlueprint {
  /** The resource of its scalable target, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;
  readonly scalableDimension: string;
  readonly templateName: string;
  readonly region: string;
  readonly kind: FleetKind;
  readonly pools: readonly InstancePool[];
  readonly slotsPerInstance: number;
  /** Where the slots come from; a default is worth a word of warning. */
  readonly slotsFrom: 'tag' | 'async-configuration' | 'default';
  /** The part of the endpoint's requests that the variant gets; all of them where it is the only one. */
  readonly share?: TrafficShare;
  readonly routing: RoutingStrategy;
  readonly initialCapacity: number;
  readonly plan: FleetPlan;
  readonly stepAlarms: readonly BlueprintAlarm[];
  readonly guard?: BlueprintGuard;
  readonly placement?: ComponentPlacement;
  /** What of the template the rehearsal leaves out or takes as something else, a sentence each. */
  readonly notes: readonly string[];
}

/** What a template holds for a rehearsal. */
export interface TemplateFleets {
  readonly fleets: readonly FleetBlueprint[];
  /** Fleets that cannot be rehearsed, with the reason. */
  readonly skipped: readonly string[];
}
