import { SCALING_ROLE_NAME } from '../../../catalog/scalable-resource';
import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { checkPolicy, checkScheduledAction } from '../../../scaling/decide/check-plan';
import type { CloudWatch } from '../cloudwatch/service';
import type { AlarmDefinition, AlarmEvaluation } from '../cloudwatch/types';
import { alarmDefinitions, type PolicyAlarms } from './alarms';
import { AutoScalingError, notFound, refuseProblems } from './errors';
import { Identifiers, keyText } from './identifiers';
import { ManagedTarget, triggerCause, type Trigger } from './managed-target';
import { addTriggers } from './triggers';
import type {
  PutScalingPolicyRequest,
  PutScheduledActionRequest,
  RegisterScalableTargetRequest,
  ScalableFleet,
  ScalableTarget,
  ScaledToMaxEvent,
  ScalingActivityDescription,
  ScalingPolicyDescription,
  ScheduledActionDescription,
  StoredScalingPolicy,
  TargetKey,
} from './types';

export interface ApplicationAutoScalingOptions {
  /** Region in ARNs. @default us-east-1 */
  readonly region?: string;
  /** Account in ARNs. @default 123456789012 */
  readonly accountId?: string;
  /** Receives every activity when it begins and when its status changes. */
  readonly onActivity?: (activity: ScalingActivityDescription) => void;
  /** Called when a scale-out has reached the maximum of its target. */
  readonly onScaledToMax?: (event: ScaledToMaxEvent) => void;
}

/** Filter of targets, policies or activities; an omitted field matches everything. */
export interface DescribeFilter {
  readonly serviceNamespace: string;
  readonly resourceId?: string;
  readonly scalableDimension?: string;
}

/**
 * Application Auto Scaling: registered targets, policies with their alarms, scheduled actions and activities.
 *
 * Every capacity comes from `decide()`; this class keeps its memory and applies its decisions. The caller gives the time: with each
 * request, with {@link advanceTo} and in the alarm evaluations passed to {@link onAlarm}.
 */
export class ApplicationAutoScaling {
  private readonly targets = new Map<string, ManagedTarget>();
  private readonly identifiers: Identifiers;
  private readonly tags = new Map<string, { readonly [key: string]: string }>();

  /** @param fleetOf returns the fleet of a resource id and a scalable dimension; undefined if it does not exist */
  public constructor(
    private readonly cloudWatch: CloudWatch,
    private readonly fleetOf: (resourceId: string, scalableDimension: string) => ScalableFleet | undefined,
    private readonly options: ApplicationAutoScalingOptions = {},
  ) {
    this.identifiers = new Identifiers(options.region ?? 'us-east-1', options.accountId ?? '123456789012');
  }

  /**
   * Registers a target, or changes its limits or suspended activities. A capacity outside the limits is corrected at once.
   *
   * @throws AutoScalingError ValidationException: limits missing or contradictory, or resource unknown
   */
  public registerScalableTarget(
    request: RegisterScalableTargetRequest,
    atSeconds: EpochSeconds,
  ): { scalableTargetArn: string } {
    const { serviceNamespace, resourceId, scalableDimension } = request;
    const key: TargetKey = { serviceNamespace, resourceId, scalableDimension };
    const present = this.targets.get(keyText(key));
    const { minCapacity = present?.target.minCapacity, maxCapacity = present?.target.maxCapacity } = request;
    if (minCapacity === undefined || maxCapacity === undefined) {
      throw new AutoScalingError(
        'ValidationException',
        'MinCapacity and MaxCapacity are required when registering a new scalable target',
      );
    }
    const problems = [
      ...countProblem('MinCapacity', minCapacity),
      ...countProblem('MaxCapacity', maxCapacity),
      ...(minCapacity > maxCapacity
        ? [`Maximum capacity (${maxCapacity}) cannot be less than minimum capacity (${minCapacity})`]
        : []),
    ];
    refuseProblems(problems);
    if (this.fleetOf(resourceId, scalableDimension) === undefined) {
      throw new AutoScalingError(
        'ValidationException',
        `${serviceNamespace} resource doesn't exist: ${resourceId} (${scalableDimension})`,
      );
    }

    const target: ScalableTarget = {
      ...key,
      scalableTargetArn: this.identifiers.targetArn(key),
      minCapacity,
      maxCapacity,
      roleArn: request.roleArn ?? present?.target.roleArn ?? this.serviceRoleArn(),
      creationTimeSeconds: present?.target.creationTimeSeconds ?? atSeconds,
      suspendedState: {
        dynamicScalingInSuspended: false,
        dynamicScalingOutSuspended: false,
        scheduledScalingSuspended: false,
        ...present?.target.suspendedState,
        ...request.suspendedState,
      },
    };
    const managed = present ?? this.manage(target);
    managed.target = target;
    const desired = this.fleetOf(resourceId, scalableDimension)!.desiredCapacity();
    const cause =
      desired < minCapacity
        ? `minimum capacity was set to ${minCapacity}`
        : `maximum capacity was set to ${maxCapacity}`;
    if (desired < minCapacity || desired > maxCapacity) managed.act(atSeconds, [], cause);
    if (present === undefined || request.suspendedState?.scheduledScalingSuspended !== undefined) {
      managed.forgetSchedulesBefore(atSeconds);
    }
    return { scalableTargetArn: target.scalableTargetArn };
  }

  /** Removes a target with its policies, their alarms and its scheduled actions. */
  public deregisterScalableTarget(key: TargetKey): void {
    const managed = this.managed(key);
    for (const { alarms } of managed.policies.values()) this.deleteAlarms(alarms);
    this.tags.delete(managed.target.scalableTargetArn);
    this.targets.delete(keyText(key));
  }

  /** Returns one target; undefined if none is registered. */
  public scalableTarget(key: TargetKey): ScalableTarget | undefined {
    return this.targets.get(keyText(key))?.target;
  }

  /** Returns a function that returns one target, for callers that ask often. */
  public targetReader(key: TargetKey): () => ScalableTarget | undefined {
    const text = keyText(key);
    return () => this.targets.get(text)?.target;
  }

  public describeScalableTargets(
    filter: DescribeFilter & { readonly resourceIds?: readonly string[] },
  ): ScalableTarget[] {
    return this.matching(filter)
      .map(({ target }) => target)
      .filter(({ resourceId }) => filter.resourceIds === undefined || filter.resourceIds.includes(resourceId));
  }

  /**
   * Stores a policy. The service creates the alarms of target tracking; a step policy is invoked by alarms whose actions name its ARN.
   *
   * @throws AutoScalingError ObjectNotFoundException without the target, ValidationException for an invalid policy
   */
  public putScalingPolicy(request: PutScalingPolicyRequest, atSeconds: EpochSeconds): StoredScalingPolicy {
    const managed = this.managed(request);
    const { policy } = request;
    refuseProblems(checkPolicy(policy));
    const present = managed.policies.get(policy.policyName);
    const policyArn = this.identifiers.policyArn(managed.key, policy.policyName);
    let alarms: PolicyAlarms = {};
    if (policy.kind === 'target-tracking') {
      const { high, low } = alarmDefinitions(policy, policyArn, managed.key, (role) =>
        present?.alarms[role] === undefined
          ? this.identifiers.next(`${policyArn}:${role}`)
          : present.alarms[role].slice(-36),
      );
      this.putAlarm(high, atSeconds);
      if (low !== undefined) this.putAlarm(low, atSeconds);
      alarms = { high: high.alarmName, ...(low !== undefined && { low: low.alarmName }) };
    }
    if (present !== undefined) {
      const gone = Object.values(present.alarms).filter((name) => name !== alarms.high && name !== alarms.low);
      for (const name of gone) this.cloudWatch.deleteAlarm(name as string);
    }
    const stored: StoredScalingPolicy = {
      policyArn,
      alarms: [alarms.high, alarms.low].flatMap((alarmName) =>
        alarmName === undefined ? [] : [{ alarmName, alarmArn: this.identifiers.alarmArn(alarmName) }],
      ),
    };
    const creationTimeSeconds = present?.description.creationTimeSeconds ?? atSeconds;
    const description = { ...managed.key, ...stored, policyName: policy.policyName, policy, creationTimeSeconds };
    managed.policies.set(policy.policyName, { description, alarms });
    return stored;
  }

  public deleteScalingPolicy(request: TargetKey & { readonly policyName: string }): void {
    const managed = this.managed(request);
    const policy = managed.policies.get(request.policyName);
    if (policy === undefined) throw notFound('scaling policy', request, `policy name: ${request.policyName}`);
    this.deleteAlarms(policy.alarms);
    managed.policies.delete(request.policyName);
  }

  public describeScalingPolicies(
    filter: DescribeFilter & { readonly policyNames?: readonly string[] },
  ): ScalingPolicyDescription[] {
    return this.matching(filter)
      .flatMap(({ policies }) => [...policies.values()].map(({ description }) => this.withAlarms(description)))
      .filter(({ policyName }) => filter.policyNames === undefined || filter.policyNames.includes(policyName));
  }

  /** Stores a scheduled action; it runs at its moments after now. */
  public putScheduledAction(
    request: PutScheduledActionRequest,
    atSeconds: EpochSeconds,
  ): { scheduledActionArn: string } {
    const managed = this.managed(request);
    const name = request.action.scheduledActionName;
    const present = managed.scheduledActions.get(name)?.action;
    const inherited =
      present === undefined ? {} : { minCapacity: present.minCapacity, maxCapacity: present.maxCapacity };
    const stated = request.action.minCapacity !== undefined || request.action.maxCapacity !== undefined;
    const action = {
      ...(stated ? {} : inherited),
      ...request.action,
      createdSeconds: request.action.createdSeconds ?? atSeconds,
    };
    refuseProblems(checkScheduledAction(action));
    const scheduledActionArn = this.identifiers.scheduledActionArn(managed.key, name);
    const creationTimeSeconds = managed.scheduledActions.get(name)?.creationTimeSeconds ?? atSeconds;
    managed.advanceTo(atSeconds);
    managed.forgetSchedulesBefore(atSeconds);
    managed.scheduledActions.set(name, { ...managed.key, scheduledActionArn, action, creationTimeSeconds });
    return { scheduledActionArn };
  }

  public deleteScheduledAction(request: TargetKey & { readonly scheduledActionName: string }): void {
    const managed = this.managed(request);
    if (!managed.scheduledActions.delete(request.scheduledActionName)) {
      throw notFound('scheduled action', request, `scheduled action name: ${request.scheduledActionName}`);
    }
  }

  public describeScheduledActions(
    filter: DescribeFilter & { readonly scheduledActionNames?: readonly string[] },
  ): ScheduledActionDescription[] {
    return this.matching(filter)
      .flatMap(({ scheduledActions }) => [...scheduledActions.values()])
      .filter(
        ({ action }) =>
          filter.scheduledActionNames === undefined || filter.scheduledActionNames.includes(action.scheduledActionName),
      );
  }

  /** Returns the activities, newest first; those that were not scaled only on request. */
  public describeScalingActivities(
    filter: DescribeFilter & { readonly includeNotScaledActivities?: boolean },
  ): ScalingActivityDescription[] {
    return this.matching(filter)
      .flatMap(({ activities }) => activities.list(filter.includeNotScaledActivities ?? false))
      .sort((a, b) => b.startTimeSeconds - a.startTimeSeconds);
  }

  /** Adds or changes tags of a target. */
  public tagResource(resourceArn: string, tags: { readonly [key: string]: string }): void {
    this.tags.set(this.knownArn(resourceArn), { ...this.tags.get(resourceArn), ...tags });
  }

  public untagResource(resourceArn: string, tagKeys: readonly string[]): void {
    const kept = Object.entries(this.tags.get(this.knownArn(resourceArn)) ?? {}).filter(
      ([key]) => !tagKeys.includes(key),
    );
    this.tags.set(resourceArn, Object.fromEntries(kept));
  }

  public listTagsForResource(resourceArn: string): { readonly [key: string]: string } {
    return this.tags.get(this.knownArn(resourceArn)) ?? {};
  }

  /** Handles one alarm evaluation; evaluations that invoke no actions are ignored. */
  public onAlarm(evaluation: AlarmEvaluation): void {
    this.onAlarms([evaluation]);
  }

  /** Handles evaluations in order of time; policies invoked at the same moment are decided together, and the largest capacity wins. */
  public onAlarms(evaluations: readonly AlarmEvaluation[]): void {
    for (let first = 0; first < evaluations.length;) {
      const { atSeconds } = evaluations[first]!;
      let end = first;
      while (end < evaluations.length && evaluations[end]!.atSeconds === atSeconds) end++;
      this.invoke(evaluations.slice(first, end), atSeconds);
      first = end;
    }
  }

  /** Runs scheduled actions and updates activities up to a moment. */
  public advanceTo(atSeconds: EpochSeconds): void {
    for (const managed of this.targets.values()) managed.advanceTo(atSeconds);
  }

  /** Returns the next moment at which {@link advanceTo} has an effect. */
  public nextEventAt(): EpochSeconds | undefined {
    let next: EpochSeconds | undefined;
    for (const managed of this.targets.values()) {
      const at = managed.nextEventAt();
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  private invoke(evaluations: readonly AlarmEvaluation[], atSeconds: EpochSeconds): void {
    if (!evaluations.some(({ invokesActions }) => invokesActions)) return;
    this.advanceTo(atSeconds);
    for (const managed of this.targets.values()) {
      const triggers: Trigger[] = [];
      for (const evaluation of evaluations) {
        if (evaluation.invokesActions) addTriggers(triggers, this.cloudWatch, managed, evaluation);
      }
      if (triggers.length > 0) managed.act(atSeconds, triggers, triggerCause(triggers[0]!));
    }
  }

  /** Adds the alarms that name a step policy; those of target tracking are stored. */
  private withAlarms(description: ScalingPolicyDescription): ScalingPolicyDescription {
    if (description.policy.kind === 'target-tracking') return description;
    const alarms = this.cloudWatch
      .alarms()
      .filter(({ definition }) => definition.alarmActions?.includes(description.policyArn) ?? false)
      .map(({ definition }) => ({
        alarmName: definition.alarmName,
        alarmArn: this.identifiers.alarmArn(definition.alarmName),
      }));
    return { ...description, alarms };
  }

  private manage(target: ScalableTarget): ManagedTarget {
    const { resourceId, scalableDimension } = target;
    const managed = new ManagedTarget(target, {
      cloudWatch: this.cloudWatch,
      identifiers: this.identifiers,
      fleet: () => this.fleetOf(resourceId, scalableDimension),
      onActivity: (activity) => this.options.onActivity?.(activity),
      onScaledToMax: (event) => this.options.onScaledToMax?.(event),
    });
    this.targets.set(keyText(target), managed);
    return managed;
  }

  private managed(key: TargetKey): ManagedTarget {
    const managed = this.targets.get(keyText(key));
    if (managed !== undefined) return managed;
    throw new AutoScalingError(
      'ObjectNotFoundException',
      `No scalable target registered for service namespace: ${key.serviceNamespace}, resource ID: ${key.resourceId}, ` +
        `scalable dimension: ${key.scalableDimension}`,
    );
  }

  private knownArn(resourceArn: string): string {
    for (const { target } of this.targets.values()) if (target.scalableTargetArn === resourceArn) return resourceArn;
    throw new AutoScalingError('ObjectNotFoundException', `No scalable target found for ARN: ${resourceArn}`);
  }

  private matching({ serviceNamespace, resourceId, scalableDimension }: DescribeFilter): ManagedTarget[] {
    return [...this.targets.values()].filter(
      ({ target }) =>
        target.serviceNamespace === serviceNamespace &&
        (resourceId === undefined || target.resourceId === resourceId) &&
        (scalableDimension === undefined || target.scalableDimension === scalableDimension),
    );
  }

  private putAlarm(definition: AlarmDefinition, atSeconds: EpochSeconds): void {
    try {
      this.cloudWatch.putAlarm(definition, atSeconds);
    } catch (error) {
      throw error instanceof InputError ? new AutoScalingError('ValidationException', error.message) : error;
    }
  }

  private deleteAlarms(alarms: PolicyAlarms): void {
    if (alarms.high !== undefined) this.cloudWatch.deleteAlarm(alarms.high);
    if (alarms.low !== undefined) this.cloudWatch.deleteAlarm(alarms.low);
  }

  private serviceRoleArn(): string {
    const accountId = this.options.accountId ?? '123456789012';
    return `arn:aws:iam::${accountId}:role/${SCALING_ROLE_NAME}`;
  }
}

function countProblem(name: string, value: number): string[] {
  return Number.isInteger(value) && value >= 0 ? [] : [`${name} (${value}) must be a whole number of at least 0`];
}
