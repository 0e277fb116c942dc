import { Annotations, Duration, Lazy, Stack, Token, Tokenization } from 'aws-cdk-lib';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { SAGEMAKER_SERVICE_NAMESPACE, SCALING_ROLE_NAME } from '../catalog/scalable-resource';
import { InputError, throwProblems } from '../core/errors';
import type {
  FleetPlan,
  PolicyMetric,
  ScalingPolicy,
  ScheduledAction,
  StepPolicy,
  SuspendedScaling,
  TargetTrackingPolicy,
} from './decide/plan';
import { TARGET_UTILIZATION } from './decide/target-tracking';
import { BACKLOG_ALARM_PERIOD_SECONDS, backlogSteps, checkStreamBacklog } from './backlog-steps';
import { checkFleetPlan } from './fleet-checks';
import { differences, environmentOf } from './fleet-environment';
import { loadPerInstance } from './fleet-load';
import {
  SuspendableActivity,
  type BacklogScalingProps,
  type ConcurrencyScalingProps,
  type FleetScalingProps,
  type InvocationsScalingProps,
  type ProvisionedConcurrencyScalingProps,
  type ScaleToZeroProps,
  type ScheduledScalingProps,
  type ServerSignalScalingProps,
  type StepScalingProps,
  type StreamBacklogScalingProps,
  type TargetTrackingProps,
  type TrackMetricProps,
} from './fleet-scaling-props';
import { knownPlan } from './known-plan';
import { policyMetric, predefinedMetric } from './policy-metric';
import { followsRequests, quietScaleIn } from './quiet-scale-in';
import type { IScalableFleet } from './scalable-fleet';
import { checkServerSignal } from './server-signal-checks';
import { ServerSignalScalingPolicy } from './server-signal-scaling-policy';
import { checkStepAlarm, checkStepPeriod, idleSteps } from './step-alarm-checks';
import type { ServerSignalDirection } from './step-policy-resource';
import { StepScalingPolicy } from './step-scaling-policy';
import { TargetTrackingScalingPolicy } from './target-tracking-scaling-policy';
import { createAfter } from '../runtime/creation-order';
import { secondsOf } from '../runtime/whole-amounts';

/**
 * Scales a fleet between two limits with the policies of Application Auto Scaling.
 *
 * Creates a scalable target under the service-linked role; each verb adds a scaling policy, with an alarm where it is a step policy. The
 * first policy that removes capacity by requests adds a step policy that does so while none arrive (`scaleInWithoutRequests`).
 * Scheduled actions are part of the target. The plan is checked at synth by the same rules that rehearse it.
 *
 * @example
 * const fleetScaling = new scaling.FleetScaling(this, 'Scaling', { fleet: endpoint, minCapacity: 1, maxCapacity: 8 });
 * fleetScaling.scaleOnConcurrency('concurrency');
 */
export class FleetScaling extends Construct {
  /** Fleet that is scaled. */
  public readonly fleet: IScalableFleet;

  /** Minimum number of instances; scheduled actions may change it. */
  public readonly minCapacity: number;

  /** Maximum number of instances; scheduled actions may change it, and a cost guard may lower it temporarily. */
  public readonly maxCapacity: number;

  private readonly target: appscaling.CfnScalableTarget;
  private readonly policies: ScalingPolicy[] = [];
  private readonly schedules: ScheduledAction[] = [];
  private readonly suspended?: SuspendedScaling;
  private readonly scaleInWithoutRequests: boolean;

  public constructor(scope: Construct, id: string, props: FleetScalingProps) {
    super(scope, id);
    this.fleet = props.fleet;
    this.minCapacity = props.minCapacity;
    this.maxCapacity = props.maxCapacity;
    this.scaleInWithoutRequests = props.scaleInWithoutRequests ?? true;
    if (props.suspended !== undefined) this.suspended = suspendedState(props.suspended);
    throwProblems(this.node.path, checkEnvironment(Stack.of(this), this.fleet));
    this.check();

    this.target = new appscaling.CfnScalableTarget(this, 'Target', {
      serviceNamespace: this.fleet.serviceNamespace,
      resourceId: this.fleet.resourceId,
      scalableDimension: this.fleet.scalableDimension,
      minCapacity: this.minCapacity,
      maxCapacity: this.maxCapacity,
      roleArn: serviceLinkedRoleArn(Stack.of(this), this.fleet.serviceNamespace),
      scheduledActions: Lazy.any({ produce: () => this.schedules.map(scheduledAction) }, { omitEmptyArray: true }),
      ...(this.suspended === undefined ? {} : { suspendedState: this.suspended }),
    });
    createAfter(this.target, this.fleet.scalingDependency, this.fleet.resourceId);
  }

  /** Keeps the concurrent requests of each instance at a ratio of its tested concurrency: the default policy for GPU endpoints. */
  public scaleOnConcurrency(id: string, props: ConcurrencyScalingProps = {}): TargetTrackingScalingPolicy {
    const tested = this.fleet.maxConcurrencyPerInstance;
    const problems = checkRatio('targetRatio', props.targetRatio);
    if (props.targetPerInstance !== undefined && props.targetRatio !== undefined) {
      problems.push(
        'targetPerInstance and targetRatio are both given; targetPerInstance alone would be used, so omit one',
      );
    }
    if (this.fleet.signals?.backlogPerInstance !== undefined) {
      problems.push('the fleet works from a queue and publishes no concurrency; use scaleOnBacklog');
    }
    if (this.fleet.predefinedMetrics.provisionedConcurrencyUtilization !== undefined) {
      problems.push(
        'the fleet is serverless and publishes no concurrency of an instance; use scaleOnProvisionedConcurrency',
      );
    }
    if (props.targetPerInstance === undefined) {
      problems.push(
        ...checkArithmetic('targetPerInstance', {
          "the fleet's maxConcurrencyPerInstance": tested,
          targetRatio: props.targetRatio,
        }),
      );
    }
    throwProblems(this.node.path, problems);

    const targetValue = props.targetPerInstance ?? rounded(tested * (props.targetRatio ?? TARGET_UTILIZATION));
    if (!Token.isUnresolved(targetValue) && !Token.isUnresolved(tested) && targetValue > tested) {
      Annotations.of(this).addWarningV2(
        'tidegate:target-above-tested-concurrency',
        `targetPerInstance (${targetValue}) is above the fleet's maxConcurrencyPerInstance (${tested}): ` +
          'requests queue before the fleet grows',
      );
    }
    return this.addTargetTracking(id, props, this.concurrencyMetric(props.highResolution ?? true), targetValue);
  }

  /** Keeps the invocations of each instance per minute at a ratio of its tested rate. */
  public scaleOnInvocations(id: string, props: InvocationsScalingProps): TargetTrackingScalingPolicy {
    const problems = checkRatio('targetRatio', props.targetRatio);
    if ((props.targetPerInstancePerMinute === undefined) === (props.maxRequestsPerSecond === undefined)) {
      problems.push('give either targetPerInstancePerMinute or maxRequestsPerSecond');
    }
    if (this.fleet.predefinedMetrics.invocations === undefined) {
      problems.push(`${this.fleet.scalableDimension} has no invocations metric; scale on concurrency or steps`);
    }
    if (props.targetPerInstancePerMinute === undefined) {
      const { maxRequestsPerSecond, targetRatio } = props;
      problems.push(...checkArithmetic('targetPerInstancePerMinute', { maxRequestsPerSecond, targetRatio }));
    }
    throwProblems(this.node.path, problems);

    const metric = predefinedMetric(this.fleet.predefinedMetrics.invocations ?? '');
    const target =
      props.targetPerInstancePerMinute ?? rounded((props.maxRequestsPerSecond ?? 0) * (props.targetRatio ?? 0.5) * 60);
    return this.addTargetTracking(id, props, metric, target);
  }

  /** Keeps the queue of each instance at a length: the policy for asynchronous endpoints. */
  public scaleOnBacklog(id: string, props: BacklogScalingProps = {}): TargetTrackingScalingPolicy {
    const backlog = this.fleet.signals?.backlogPerInstance;
    if (backlog === undefined) {
      throw new InputError(
        `${this.node.path}: ${this.fleet.node.path} has no queue, so it publishes no backlog; use scaleOnConcurrency, or an asynchronous endpoint`,
      );
    }
    const targetValue = props.targetPerInstance ?? this.fleet.maxConcurrencyPerInstance;
    return this.addTargetTracking(id, props, this.followed(backlog), targetValue);
  }

  /**
   * Adds capacity while records wait in a stream for the fleet: as much as the backlog needs, 30 seconds after it has grown. The consumer keeps
   * its requests in flight at what the instances hold, so that their concurrency alone shows a backlog of any size as a full fleet. Removes
   * nothing: `scaleOnConcurrency` does.
   */
  public scaleOnStreamBacklog(id: string, props: StreamBacklogScalingProps): StepScalingPolicy {
    const acceptable = props.acceptablePerInstance ?? this.fleet.maxConcurrencyPerInstance;
    throwProblems(`${this.node.path}: ${id}`, checkStreamBacklog(props, acceptable));
    return this.scaleOnMetric(id, {
      policyName: props.policyName,
      metric: props.source.metricBacklogPerInstance(),
      threshold: acceptable,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: secondsOf(props.addAfter ?? Duration.seconds(30)) / BACKLOG_ALARM_PERIOD_SECONDS,
      steps: backlogSteps(acceptable, props.targetRatio ?? TARGET_UTILIZATION),
      adjustmentType: appscaling.AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
      minAdjustmentMagnitude: 1,
      cooldown: props.cooldown ?? Duration.minutes(5),
      // No record waits where nothing is published.
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }

  /** Keeps a ratio of a serverless endpoint's provisioned concurrency in use. */
  public scaleOnProvisionedConcurrency(
    id: string,
    props: ProvisionedConcurrencyScalingProps = {},
  ): TargetTrackingScalingPolicy {
    const metricType = this.fleet.predefinedMetrics.provisionedConcurrencyUtilization;
    const problems = checkRatio('targetUtilizationRatio', props.targetUtilizationRatio);
    if (metricType === undefined) {
      problems.push(`${this.fleet.scalableDimension} has no provisioned concurrency; only serverless endpoints have`);
    }
    throwProblems(this.node.path, problems);
    return this.addTargetTracking(
      id,
      props,
      predefinedMetric(metricType ?? ''),
      props.targetUtilizationRatio ?? TARGET_UTILIZATION,
    );
  }

  /** Keeps a metric of your choice at a value, for example GPU utilization or a token rate published by the container. */
  public scaleToTrackMetric(id: string, props: TrackMetricProps): TargetTrackingScalingPolicy {
    return this.addTargetTracking(id, props, this.followed(props.metric), props.targetValue);
  }

  /**
   * Scales the fleet from zero when requests arrive while it has no replica. `minCapacity` must be 0; the other policies scale to zero, but
   * not from zero, as a fleet without replicas publishes none of their metrics.
   */
  public scaleToZero(id: string, props: ScaleToZeroProps = {}): StepScalingPolicy {
    const metric = this.fleet.signals?.workWithoutCapacity;
    const replicas = props.replicas ?? 1;
    const problems: string[] = [];
    if (metric === undefined) {
      problems.push(
        'the fleet does not scale to zero; only asynchronous endpoints and inference components do (set minCapacity to 1 or more)',
      );
    }
    if (!Token.isUnresolved(this.minCapacity) && this.minCapacity !== 0) {
      problems.push(`minCapacity (${this.minCapacity}) keeps the fleet above zero; set it to 0`);
    }
    if (!Token.isUnresolved(replicas) && (!Number.isInteger(replicas) || replicas < 1)) {
      problems.push(`replicas (${replicas}) must be a whole number, 1 or more`);
    }
    throwProblems(this.node.path, problems);
    return this.scaleOnMetric(id, {
      policyName: props.policyName,
      metric: metric!,
      threshold: 1,
      evaluationPeriods: 1,
      steps: [{ lowerBound: 0, change: replicas }],
      cooldown: props.cooldown ?? Duration.minutes(5),
      metricAggregationType: appscaling.MetricAggregationType.MAXIMUM,
    });
  }

  /** Adds or removes capacity in steps, by the size of the metric's breach of a threshold; the policy has its own alarm. */
  public scaleOnMetric(id: string, props: StepScalingProps): StepScalingPolicy {
    const evaluationPeriods = props.evaluationPeriods ?? 3;
    throwProblems(`${this.node.path}: ${id}`, checkStepPeriod(props.period));
    const metric = props.metric ?? loadPerInstance(this.fleet, { period: props.period ?? Duration.minutes(1) });
    if (metric === undefined) {
      throw new InputError(
        `${this.node.path}: ${id}: metric is missing, and ${this.fleet.node.path} publishes no concurrency of an instance as a default; ` +
          'give the metric',
      );
    }
    const shape = {
      metric,
      threshold: props.threshold,
      comparisonOperator: props.comparisonOperator ?? cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods,
      datapointsToAlarm: props.datapointsToAlarm ?? evaluationPeriods,
    };
    throwProblems(`${this.node.path}: ${id}`, checkStepAlarm({ ...shape, steps: props.steps }));
    for (const warning of idleSteps({ ...shape, steps: props.steps })) {
      Annotations.of(this).addWarningV2('tidegate:idle-step', `${id}: ${warning}`);
    }
    const policy = this.add<StepPolicy>({
      kind: 'step',
      policyName: props.policyName ?? id,
      adjustmentType: props.adjustmentType ?? appscaling.AdjustmentType.CHANGE_IN_CAPACITY,
      steps: props.steps.map(({ lowerBound, upperBound, change }) => ({ lowerBound, upperBound, adjustment: change })),
      threshold: props.threshold,
      cooldownSeconds: secondsOf(props.cooldown ?? Duration.minutes(5)),
      minAdjustmentMagnitude: props.minAdjustmentMagnitude,
      metricAggregationType: props.metricAggregationType ?? appscaling.MetricAggregationType.AVERAGE,
    });
    const created = StepScalingPolicy._create(this, id, policy, this.target, {
      alarmDescription: `Scales ${this.fleet.node.path} in steps (${id})`,
      ...shape,
      treatMissingData: props.treatMissingData ?? cloudwatch.TreatMissingData.MISSING,
    });
    const removes = policy.adjustmentType === 'ExactCapacity' || policy.steps.some(({ adjustment }) => adjustment < 0);
    if (removes) this.alsoWithoutRequests(metric);
    return created;
  }

  /**
   * Adds replicas while a metric that the model servers publish is above a value, and removes them while it is below another.
   *
   * Application Auto Scaling cannot track such a metric, so each direction is a step policy with its own PromQL alarm. CloudWatch
   * documents that alarms run scaling policies, with composite and anomaly alarms as the exceptions.
   */
  public scaleOnServerSignal(id: string, props: ServerSignalScalingProps): ServerSignalScalingPolicy {
    const { signal, addAbove, removeBelow } = props;
    const replicas = props.replicas ?? 1;
    throwProblems(this.node.path, checkServerSignal(this.fleet, props));
    const { labels, frequencySeconds = 60 } = this.fleet.serverMetrics!;
    const direction = (
      verb: 'add' | 'remove',
      condition: string,
      change: number,
      pendingPeriod: Duration,
    ): ServerSignalDirection => ({
      policy: this.add<StepPolicy>({
        kind: 'step',
        policyName: `${props.policyName ?? id}-${verb}`,
        adjustmentType: appscaling.AdjustmentType.CHANGE_IN_CAPACITY,
        // A PromQL alarm passes no value to choose a step by: both sides of the threshold make the same change.
        steps: [
          { upperBound: 0, adjustment: change },
          { lowerBound: 0, adjustment: change },
        ],
        cooldownSeconds: secondsOf(props.cooldown ?? Duration.minutes(5)),
      }),
      alarm: {
        alarmDescription: `Scales ${this.fleet.node.path} on a metric of its model servers (${id}): ${verb}s ${inText(replicas)}`,
        query: `${signal._query(labels, frequencySeconds)} ${condition}`,
        evaluationInterval: props.evaluationInterval ?? Duration.minutes(1),
        pendingPeriod,
      },
    });
    return ServerSignalScalingPolicy._create(
      this,
      id,
      this.target,
      direction('add', `> ${inText(addAbove)}`, replicas, props.addAfter ?? Duration.minutes(1)),
      removeBelow === undefined
        ? undefined
        : direction('remove', `< ${inText(removeBelow)}`, -replicas, props.removeAfter ?? Duration.minutes(15)),
    );
  }

  /**
   * Changes the limits at a time; a capacity outside the new limits is moved inside them at once. Returns nothing: a scheduled action
   * is a property of the scalable target, without an ARN or an alarm.
   */
  public scaleOnSchedule(id: string, props: ScheduledScalingProps): void {
    this.schedules.push({
      scheduledActionName: props.scheduledActionName ?? id,
      schedule: props.schedule.expressionString,
      timezone: props.timeZone?.timezoneName,
      minCapacity: props.minCapacity,
      maxCapacity: props.maxCapacity,
    });
    this.check();
  }

  /**
   * Returns the plan as the deciding code takes it, for checks and rehearsals.
   *
   * @internal
   */
  public _toPlan(): FleetPlan {
    return {
      minCapacity: this.minCapacity,
      maxCapacity: this.maxCapacity,
      policies: this.policies,
      schedules: this.schedules,
      ...(this.suspended === undefined ? {} : { suspended: this.suspended }),
    };
  }

  private addTargetTracking(
    id: string,
    props: TargetTrackingProps,
    metric: PolicyMetric,
    targetValue: number,
  ): TargetTrackingScalingPolicy {
    const policy = this.add<TargetTrackingPolicy & { readonly metric: PolicyMetric }>({
      kind: 'target-tracking',
      policyName: props.policyName ?? id,
      metric,
      targetValue,
      scaleInCooldownSeconds: secondsOf(props.scaleInCooldown ?? Duration.minutes(5)),
      scaleOutCooldownSeconds: secondsOf(props.scaleOutCooldown ?? Duration.minutes(1)),
      disableScaleIn: props.disableScaleIn ?? false,
    });
    const created = TargetTrackingScalingPolicy._create(this, id, policy, this.target);
    if (props.disableScaleIn !== true) this.alsoWithoutRequests(metric);
    return created;
  }

  /** Adds the policy that scales in without requests, once, beside one that removes capacity by a metric of requests. */
  private alsoWithoutRequests(metric: PolicyMetric | cloudwatch.IMetric): void {
    if (!this.scaleInWithoutRequests || this.node.tryFindChild(WITHOUT_REQUESTS) !== undefined) return;
    const quiet = followsRequests(metric) ? quietScaleIn(this.fleet) : undefined;
    if (quiet === undefined) return;
    StepScalingPolicy._create(this, WITHOUT_REQUESTS, this.add<StepPolicy>(quiet.policy), this.target, quiet.alarm);
  }

  private concurrencyMetric(highResolution: boolean): PolicyMetric {
    if (highResolution) {
      const name = this.fleet.predefinedMetrics.concurrencyHighResolution;
      if (name !== undefined) return predefinedMetric(name);
      throw new InputError(
        `${this.node.path}: ${this.fleet.scalableDimension} has no high-resolution concurrency metric; set highResolution to false`,
      );
    }
    const metric = this.fleet.signals?.concurrencyPerInstance;
    if (metric !== undefined) return this.followed(metric);
    throw new InputError(
      `${this.node.path}: ${this.fleet.node.path} publishes no concurrency of an instance; use scaleToTrackMetric`,
    );
  }

  private followed(metric: cloudwatch.IMetric): PolicyMetric {
    try {
      return policyMetric(metric, environmentOf(this.fleet));
    } catch (error) {
      if (error instanceof InputError) throw new InputError(`${this.node.path}: ${error.message}`);
      throw error;
    }
  }

  private add<Policy extends ScalingPolicy>(policy: Policy): Policy {
    this.policies.push(policy);
    this.check();
    return policy;
  }

  private check(): void {
    throwProblems(this.node.path, checkFleetPlan(knownPlan(this._toPlan(), this.fleet), this.fleet));
  }
}

/** Id of the policy that scales in without requests. */
const WITHOUT_REQUESTS = 'WithoutRequests';

function serviceLinkedRoleArn(stack: Stack, serviceNamespace: string): string {
  if (serviceNamespace !== SAGEMAKER_SERVICE_NAMESPACE) {
    throw new InputError(`no service-linked role is known for the namespace '${serviceNamespace}'; known: sagemaker`);
  }
  return stack.formatArn({ service: 'iam', region: '', resource: 'role', resourceName: SCALING_ROLE_NAME });
}

function scheduledAction(schedule: ScheduledAction): appscaling.CfnScalableTarget.ScheduledActionProperty {
  return {
    scheduledActionName: schedule.scheduledActionName,
    schedule: schedule.schedule,
    timezone: schedule.timezone,
    scalableTargetAction: { minCapacity: schedule.minCapacity, maxCapacity: schedule.maxCapacity },
  };
}

function suspendedState(suspended: readonly SuspendableActivity[]): SuspendedScaling {
  return {
    dynamicScalingInSuspended: suspended.includes(SuspendableActivity.SCALE_IN),
    dynamicScalingOutSuspended: suspended.includes(SuspendableActivity.SCALE_OUT),
    scheduledScalingSuspended: suspended.includes(SuspendableActivity.SCHEDULED),
  };
}

function checkRatio(name: string, ratio: number | undefined): string[] {
  if (ratio === undefined || Token.isUnresolved(ratio) || (ratio > 0 && ratio <= 1)) return [];
  return [`${name} (${ratio}) must be above 0 and at most 1`];
}

/** A number that is known at deploy time only cannot be multiplied at synth. */
function checkArithmetic(instead: string, factors: { readonly [name: string]: number | undefined }): string[] {
  return Object.entries(factors)
    .filter(([, factor]) => Token.isUnresolved(factor))
    .map(
      ([name]) => `${name} is known at deploy time only, so no target can be computed from it; give ${instead} instead`,
    );
}

/** Application Auto Scaling registers only targets of its own region and account. */
function checkEnvironment(stack: Stack, fleet: IScalableFleet): string[] {
  const environment = environmentOf(fleet);
  return differences(stack, environment).map(
    (property) =>
      `the stack is in ${property} ${stack[property]} and ${fleet.node.path} in ${property} ${environment[property]}, the only one where ` +
      `it can be scaled; create the FleetScaling in a stack of ${property} ${environment[property]}`,
  );
}

/** Returns a number as text; one that is known at deploy time only stays a reference. */
function inText(value: number): string {
  return Tokenization.stringifyNumber(value);
}

/** Removes the tail of binary fractions: 3 x 0.7 is 2.1. */
function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
