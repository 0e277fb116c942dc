import { SCALABLE_DIMENSIONS } from '../../../catalog/scalable-resource';
import { WITHOUT_WORDS } from '../../../core/decision';
import type { EpochSeconds } from '../../../core/time';
import { lookup } from '../../../core/lookup';
import { ARRIVAL_TIMEOUT_SECONDS, refreshMemory } from '../../../scaling/decide/cooldowns';
import { decide } from '../../../scaling/decide/decide';
import type { FleetDecision } from '../../../scaling/decide/decision';
import { EMPTY_MEMORY, type ScalingMemory } from '../../../scaling/decide/memory';
import type { FleetObservation, PolicySignal } from '../../../scaling/decide/observation';
import type { FleetPlan, ScalingPolicy, ScheduledAction } from '../../../scaling/decide/plan';
import { upcomingRun } from '../../../scaling/decide/schedules';
import type { CloudWatch } from '../cloudwatch/service';
import { ActivityLog } from './activity-log';
import { trackingSignal, type PolicyAlarms } from './alarms';
import type { Identifiers } from './identifiers';
import type {
  ScalableFleet,
  ScalableTarget,
  ScaledToMaxEvent,
  ScalingActivityDescription,
  ScalingPolicyDescription,
  ScheduledActionDescription,
  TargetKey,
} from './types';

/** Polling interval while capacity is pending or an update blocks scaling. */
const POLL_SECONDS = 5;

/** Dependencies of a target. */
export interface TargetDependencies {
  readonly cloudWatch: CloudWatch;
  readonly identifiers: Identifiers;
  fleet(): ScalableFleet | undefined;
  onActivity(activity: ScalingActivityDescription): void;
  onScaledToMax(event: ScaledToMaxEvent): void;
}

/** Stored policy with its alarms by role. */
export interface ManagedPolicy {
  readonly description: ScalingPolicyDescription;
  readonly alarms: PolicyAlarms;
}

/** Policy that an alarm has just invoked. */
export interface Trigger {
  readonly policyName: string;
  readonly alarmName: string;
  readonly signal: PolicySignal;
}

/** One registered target: its policies, scheduled actions, activities, and the memory of its decisions. */
export class ManagedTarget {
  public readonly policies = new Map<string, ManagedPolicy>();
  public readonly scheduledActions = new Map<string, ScheduledActionDescription>();
  public readonly activities: ActivityLog;
  private memory: ScalingMemory = EMPTY_MEMORY;
  private polledAtSeconds: EpochSeconds = 0;
  /** True after an update of the fleet blocked a change; the limits are applied when the update ends. */
  private correctionPending = false;

  public constructor(
    public target: ScalableTarget,
    private readonly dependencies: TargetDependencies,
  ) {
    this.activities = new ActivityLog((activity) => dependencies.onActivity(activity));
  }

  public get key(): TargetKey {
    const { serviceNamespace, resourceId, scalableDimension } = this.target;
    return { serviceNamespace, resourceId, scalableDimension };
  }

  /** Handles everything due up to a moment: scheduled actions in order, capacity that came into service, delayed corrections. */
  public advanceTo(atSeconds: EpochSeconds): void {
    for (let due = this.nextScheduleAt(); due !== undefined && due <= atSeconds; due = this.nextScheduleAt()) {
      this.act(due, [], 'a scheduled action was triggered');
    }
    if (this.polledAtSeconds <= atSeconds) this.poll(atSeconds);
  }

  /** Returns the next moment at which {@link advanceTo} has an effect. */
  public nextEventAt(): EpochSeconds | undefined {
    const schedule = this.nextScheduleAt();
    const poll = this.isWaiting() ? this.polledAtSeconds + POLL_SECONDS : undefined;
    return schedule === undefined ? poll : poll === undefined ? schedule : Math.min(schedule, poll);
  }

  /** Skips scheduled actions due up to a moment, for example before they were stored. */
  public forgetSchedulesBefore(atSeconds: EpochSeconds): void {
    this.memory = { ...this.memory, schedulesAppliedUntil: atSeconds };
  }

  /** Decides and applies the decision. Without triggers only schedules and limits count. */
  public act(atSeconds: EpochSeconds, triggers: readonly Trigger[], cause: string): void {
    const fleet = this.dependencies.fleet();
    if (fleet === undefined) {
      this.forgetSchedulesBefore(atSeconds);
      return;
    }
    const seen = this.observe(fleet, atSeconds, triggers);
    const plan = this.plan();
    const before = this.memory;
    const { decision, memory } = decide(plan, seen, before, WITHOUT_WORDS);
    // Most decisions change nothing and are not recorded, so the reasons are written for the others only.
    const inWords = (): FleetDecision => decide(plan, seen, before).decision;
    const rest = withoutLimits(memory);
    const { minCapacity, maxCapacity } = decision.limits;
    if (minCapacity !== this.target.minCapacity || maxCapacity !== this.target.maxCapacity) {
      this.target = { ...this.target, ...decision.limits };
    }

    if (decision.outcome === 'hold') {
      this.memory = rest;
      if (decision.notScaledReasons.length > 0) this.recordNotScaled(decision.notScaledReasons, inWords, seen, cause);
      return;
    }
    if (fleet.isUpdating()) {
      this.memory = { ...refreshMemory(this.memory, seen), schedulesAppliedUntil: rest.schedulesAppliedUntil! };
      this.correctionPending ||= triggers.length === 0;
      this.recordBlocked(inWords, seen, cause);
      return;
    }
    this.memory = rest;
    this.correctionPending = false;
    this.change(fleet, inWords(), seen, this.causeOf(decision, triggers, cause));
  }

  private plan(): FleetPlan {
    const policies: ScalingPolicy[] = [];
    for (const { description } of this.policies.values()) policies.push(description.policy);
    const schedules: ScheduledAction[] = [];
    for (const { action } of this.scheduledActions.values()) schedules.push(action);
    return {
      minCapacity: this.target.minCapacity,
      maxCapacity: this.target.maxCapacity,
      policies,
      schedules,
      suspended: this.target.suspendedState,
    };
  }

  private observe(fleet: ScalableFleet, atSeconds: EpochSeconds, triggers: readonly Trigger[]): FleetObservation {
    const signals: { [policyName: string]: PolicySignal } = {};
    for (const { description, alarms } of this.policies.values()) {
      const { policy } = description;
      if (policy.kind === 'target-tracking') {
        signals[policy.policyName] = trackingSignal(this.dependencies.cloudWatch, alarms);
      }
    }
    const triggered: string[] = [];
    for (const { policyName, signal } of triggers) {
      signals[policyName] = signal;
      triggered.push(policyName);
    }
    const inServiceCapacity = fleet.inServiceCapacity?.();
    const desiredCapacity = fleet.desiredCapacity();
    return inServiceCapacity === undefined
      ? { atSeconds, desiredCapacity, signals, triggered }
      : { atSeconds, desiredCapacity, inServiceCapacity, signals, triggered };
  }

  private change(fleet: ScalableFleet, decision: FleetDecision, seen: FleetObservation, cause: string): void {
    const { atSeconds } = seen;
    const present = this.activities.inProgress();
    if (present !== undefined) {
      this.activities.end(present, 'Overridden', 'A newer scaling activity replaced this one.', atSeconds);
    }
    const activity: ScalingActivityDescription = {
      ...this.describe(decision, seen, cause),
      description: `Setting desired ${this.unit()} to ${decision.desiredCapacity}.`,
      statusCode: 'InProgress',
      statusMessage: `Successfully set desired ${this.unit()} to ${decision.desiredCapacity}. Waiting for change to be fulfilled by ${this.target.serviceNamespace}.`,
    };
    fleet.setDesiredCapacity(decision.desiredCapacity, atSeconds, cause);
    this.activities.add(activity);
    this.polledAtSeconds = atSeconds;
    this.settle(fleet, atSeconds);
    // The cooldown of capacity that is in service at once begins now, not at the next poll.
    this.memory = refreshMemory(this.memory, this.observe(fleet, atSeconds, []));
  }

  private poll(atSeconds: EpochSeconds): void {
    this.polledAtSeconds = atSeconds;
    const fleet = this.dependencies.fleet();
    if (fleet === undefined) return;
    if (this.memory.scaleOuts.length > 0) this.memory = refreshMemory(this.memory, this.observe(fleet, atSeconds, []));
    if (this.correctionPending && !fleet.isUpdating()) {
      this.correctionPending = false;
      this.act(atSeconds, [], 'the capacity was outside its limits when an update ended');
    }
    this.settle(fleet, atSeconds);
  }

  /** Ends the activity in progress when its capacity is in service, or after the time-out. */
  private settle(fleet: ScalableFleet, atSeconds: EpochSeconds): void {
    const activity = this.activities.inProgress();
    if (activity === undefined) return;
    const { fromCapacity, toCapacity } = activity;
    const serving = fleet.inServiceCapacity?.() ?? toCapacity;
    const set = `desired ${this.unit()} to ${toCapacity}`;
    if (toCapacity > fromCapacity ? serving >= toCapacity : serving <= toCapacity) {
      const fulfilled = `Successfully set ${set}. Change successfully fulfilled by ${this.target.serviceNamespace}.`;
      this.announceMax(this.activities.end(activity, 'Successful', fulfilled, atSeconds));
    } else if (atSeconds - activity.startTimeSeconds >= ARRIVAL_TIMEOUT_SECONDS) {
      const missed = `Set ${set}, but only ${serving} in service after ${ARRIVAL_TIMEOUT_SECONDS} seconds.`;
      this.activities.end(activity, 'Unfulfilled', missed, atSeconds);
    }
  }

  private announceMax({ fromCapacity, toCapacity, endTimeSeconds }: ScalingActivityDescription): void {
    const { minCapacity, maxCapacity } = this.target;
    if (toCapacity < maxCapacity || toCapacity <= fromCapacity) return;
    this.dependencies.onScaledToMax({
      ...this.key,
      atSeconds: endTimeSeconds!,
      oldDesiredCapacity: fromCapacity,
      newDesiredCapacity: toCapacity,
      minCapacity,
      maxCapacity,
    });
  }

  /** Records that nothing was scaled, unless the activity before was not scaled for the same reasons. */
  private recordNotScaled(
    notScaledReasons: FleetDecision['notScaledReasons'],
    inWords: () => FleetDecision,
    seen: FleetObservation,
    cause: string,
  ): void {
    if (this.activities.repeats({ cause, notScaledReasons })) {
      this.dependencies.identifiers.skip();
      return;
    }
    const decision = inWords();
    this.activities.add({
      ...this.describe(decision, seen, cause),
      description: 'Attempting to scale due to alarm triggered',
      statusCode: 'Failed',
      statusMessage: decision.steps[decision.steps.length - 1]!.reason,
      endTimeSeconds: seen.atSeconds,
      notScaledReasons,
    });
  }

  private recordBlocked(inWords: () => FleetDecision, seen: FleetObservation, cause: string): void {
    const code = 'TargetServicePutResourceAsUnscalable';
    const notScaledReasons = [{ code, currentCapacity: seen.desiredCapacity }] as const;
    if (this.activities.repeats({ cause, notScaledReasons })) {
      this.dependencies.identifiers.skip();
      return;
    }
    const decision = inWords();
    this.activities.add({
      ...this.describe(decision, seen, cause),
      description: `Setting desired ${this.unit()} to ${decision.desiredCapacity}.`,
      statusCode: 'Failed',
      statusMessage: `Failed to set desired ${this.unit()} to ${decision.desiredCapacity}. Reason: a configuration update of ${this.target.resourceId} is in progress.`,
      endTimeSeconds: seen.atSeconds,
      notScaledReasons,
    });
  }

  private describe(
    decision: FleetDecision,
    { atSeconds, desiredCapacity }: FleetObservation,
    cause: string,
  ): Omit<ScalingActivityDescription, 'description' | 'statusCode'> {
    return {
      ...this.key,
      activityId: this.dependencies.identifiers.next(`${this.target.resourceId}:${atSeconds}`),
      cause,
      startTimeSeconds: atSeconds,
      fromCapacity: desiredCapacity,
      toCapacity: decision.desiredCapacity,
      ...(decision.decidedBy !== undefined && { decidedBy: decision.decidedBy }),
      steps: decision.steps.map(({ stage, from, to, reason }) => `${stage}: ${from} -> ${to}: ${reason}`),
    };
  }

  private causeOf(decision: FleetDecision, triggers: readonly Trigger[], cause: string): string {
    const trigger = triggers.find(({ policyName }) => policyName === decision.decidedBy) ?? triggers[0];
    if (trigger !== undefined && this.policies.has(decision.decidedBy ?? '')) return triggerCause(trigger);
    if (decision.decidedBy === undefined || !this.scheduledActions.has(decision.decidedBy)) return cause;
    return `scheduled action ${decision.decidedBy} was triggered`;
  }

  private nextScheduleAt(): EpochSeconds | undefined {
    const since = this.memory.schedulesAppliedUntil;
    if (this.target.suspendedState.scheduledScalingSuspended || since === undefined) return undefined;
    let next: EpochSeconds | undefined;
    for (const { action } of this.scheduledActions.values()) {
      const due = upcomingRun(action, since);
      if (due < (next ?? Infinity)) next = due;
    }
    return next;
  }

  private isWaiting(): boolean {
    return this.correctionPending || this.activities.inProgress() !== undefined;
  }

  private unit(): string {
    return UNITS[this.target.scalableDimension] ?? 'capacity';
  }
}

/** Memory without the limits, which are those of the target. */
function withoutLimits(memory: ScalingMemory): ScalingMemory {
  if (memory.limits === undefined) return memory;
  const { limits: _inTarget, ...rest } = memory;
  return rest;
}

const UNITS: { readonly [scalableDimension: string]: string } = lookup({
  [SCALABLE_DIMENSIONS.instanceCount]: 'instance count',
  [SCALABLE_DIMENSIONS.copyCount]: 'copy count',
  [SCALABLE_DIMENSIONS.provisionedConcurrency]: 'provisioned concurrency',
});

/** Cause of an activity, in the service's words. */
export function triggerCause({ alarmName, policyName }: Trigger): string {
  return `monitor alarm ${alarmName} in state ALARM triggered policy ${policyName}`;
}
