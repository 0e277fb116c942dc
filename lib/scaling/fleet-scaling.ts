import { Annotations, Duration, Lazy, Stack, Token, Tokenization } from 'aws-cdk-lib';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { InputError, throwProblems } from '../core/errors';
import type {
  FleetPlan,
  PolicyMetric,
  ScalingPolicy,
  ScheduledAction,
  StepPolicy,
  TargetTrackingPolicy,
} from './decide/plan';
import { checkFleetPlan } from './fleet-checks';
import { differences, homeOf } from './fleet-home';
import type {
  BacklogScalingProps,
  ConcurrencyScalingProps,
  FleetScalingProps,
  InvocationsScalingProps,
  MetricScalingProps,
  ProvisionedConcurrencyScalingProps,
  ScaleToZeroProps,
  ScalingStep,
  ScheduledScalingProps,
  ServerSignalScalingProps,
  StepScalingProps,
  SuspendedScalingProps,
  TargetTrackingProps,
} from './fleet-scaling-props';
import { knownPlan } from './known-plan';
import { metricSpecification, policyMetric, predefinedMetric } from './policy-metric';
import type { IScalableFleet } from './scalable-fleet';
import { checkServerSignal } from './server-signal-checks';
import { checkStepAlarm, idleSteps } from './step-alarm-checks';

/**
 * Scales a fleet between two limits with the policies of Application Auto Scaling.
 *
 * Creates a scalable target under the service-linked role, a scaling policy for each `scaleOn…`, an alarm for each step policy;
 * schedules are part of the target. The plan is checked at synth by the same rules that rehearse it.
 *
 * @example
 * const scaling = new FleetScaling(this, 'Scaling', { fleet: endpoint, minCapacity: 1, maxCapacity: 8 });
 * scaling.scaleOnConcurrency();
 */
export class FleetScaling extends Construct {
  /** The fleet that is scaled. */
  public readonly fleet: IScalableFleet;

  /** The fewest instances; schedules may change it. */
  public readonly minCapacity: number;

  /** The most instances; schedules may change it, and a cost guard may lower it for a while. */
  public readonly maxCapacity: number;

  /** The alarms of the step policies. */
  public readonly stepAlarms: cloudwatch.Alarm[] = [];

  private readonly target: appscaling.CfnScalableTarget;
  private readonly policies: ScalingPolicy[] = [];
  private readonly schedules: ScheduledAction[] = [];
  private readonly suspended?: SuspendedScalingProps;

  public constructor(scope: Construct, id: string, props: FleetScalingProps) {
    super(scope, id);
    this.fleet = props.fleet;
    this.minCapacity = props.minCapacity;
    this.maxCapacity = props.maxCapacity;
    this.suspended = props.suspended;
    throwProblems(this.node.path, checkHome(Stack.of(this), this.fleet));
    this.check();

    this.target = new appscaling.CfnScalableTarget(this, 'Target', {
      serviceNamespace: this.fleet.serviceNamespace,
      resourceId: this.fleet.resourceId,
      scalableDimension: this.fleet.scalableDimension,
      minCapacity: this.minCapacity,
      maxCapacity: this.maxCapacity,
      roleArn: serviceLinkedRoleArn(Stack.of(this), this.fleet.serviceNamespace),
      scheduledActions: Lazy.any({ produce: () => this.schedules.map(scheduledAction) }, { omitEmptyArray: true }),
      ...(props.suspended === undefined ? {} : { suspendedState: suspendedState(props.suspended) }),
    });
    this.target.node.addDependency(this.fleet.scalingDependency);
  }

  /** Keeps the concurrent requests of each instance at a share of what it was tested with: the default policy for GPU endpoints. */
  public scaleOnConcurrency(props: ConcurrencyScalingProps = {}): void {
    const tested = this.fleet.maxConcurrencyPerInstance;
    const problems = checkSafetyFactor(props.safetyFactor);
    if (props.targetPerInstance !== undefined && props.safetyFactor !== undefined) {
      problems.push('targetPerInstance and safetyFactor are both given; the target alone decides, so leave one out');
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
          safetyFactor: props.safetyFactor,
        }),
      );
    }
    throwProblems(this.node.path, problems);

    const targetValue = props.targetPerInstance ?? rounded(tested * (props.safetyFactor ?? 0.7));
    if (!Token.isUnresolved(targetValue) && !Token.isUnresolved(tested) && targetValue > tested) {
      Annotations.of(this).addWarningV2(
        'tidegate:target-above-tested-concurrency',
        `targetPerInstance (${targetValue}) is above the tested concurrency of an instance (${tested}): ` +
          'requests queue before the fleet grows',
      );
    }
    this.addTargetTracking(props, 'concurrency', this.concurrencyMetric(props.highResolution ?? true), targetValue);
  }

  /** Keeps the invocations of each instance in a minute at a share of what it answered in a load test. */
  public scaleOnInvocations(props: InvocationsScalingProps): void {
    const problems = checkSafetyFactor(props.safetyFactor);
    if ((props.targetPerInstancePerMinute === undefined) === (props.maxRequestsPerSecond === undefined)) {
      problems.push('give either targetPerInstancePerMinute or maxRequestsPerSecond');
    }
    if (this.fleet.predefinedMetrics.invocations === undefined) {
      problems.push(`${this.fleet.scalableDimension} has no invocations metric; scale on concurrency or steps`);
    }
    if (props.targetPerInstancePerMinute === undefined) {
      const { maxRequestsPerSecond, safetyFactor } = props;
      problems.push(...checkArithmetic('targetPerInstancePerMinute', { maxRequestsPerSecond, safetyFactor }));
    }
    throwProblems(this.node.path, problems);

    const metric = predefinedMetric(this.fleet.predefinedMetrics.invocations ?? '');
    const target =
      props.targetPerInstancePerMinute ?? rounded((props.maxRequestsPerSecond ?? 0) * (props.safetyFactor ?? 0.5) * 60);
    this.addTargetTracking(props, 'invocations', metric, target);
  }

  /** Keeps the queue of each instance at a length: the policy for asynchronous endpoints. */
  public scaleOnBacklog(props: BacklogScalingProps = {}): void {
    const backlog = this.fleet.signals?.backlogPerInstance;
    if (backlog === undefined) {
      throw new InputError(
        `${this.node.path}: ${this.fleet.node.path} has no queue, so it publishes no backlog; use scaleOnConcurrency, or an asynchronous endpoint`,
      );
    }
    const targetValue = props.targetPerInstance ?? this.fleet.maxConcurrencyPerInstance;
    this.addTargetTracking(props, 'backlog', this.followed(backlog), targetValue);
  }

  /** Keeps a share of a serverless endpoint's provisioned concurrency in use. */
  public scaleOnProvisionedConcurrency(props: ProvisionedConcurrencyScalingProps = {}): void {
    const problems: string[] = [];
    const metricType = this.fleet.predefinedMetrics.provisionedConcurrencyUtilization;
    const target = props.targetUtilization ?? 0.7;
    if (!Token.isUnresolved(target) && !(target > 0 && target <= 1)) {
      problems.push(`targetUtilization (${target}) must be above 0 and at most 1`);
    }
    if (metricType === undefined) {
      problems.push(`${this.fleet.scalableDimension} has no provisioned concurrency; only serverless endpoints have`);
    }
    throwProblems(this.node.path, problems);
    this.addTargetTracking(props, 'provisioned-concurrency', predefinedMetric(metricType ?? ''), target);
  }

  /** Keeps a metric of your choice at a value, for example GPU utilisation or tokens that the container counts. */
  public scaleOnMetric(id: string, props: MetricScalingProps): void {
    this.addTargetTracking(props, id, this.followed(props.metric), props.targetValue);
  }

  /**
   * Wakes the fleet when work arrives while it has no replica. `minCapacity` must be 0; the other policies bring it down to 0, but cannot
   * bring it back, as a fleet without replicas publishes nothing for them to follow.
   *
   * @returns the alarm that wakes it
   */
  public scaleToZero(props: ScaleToZeroProps = {}): cloudwatch.Alarm {
    const wake = this.fleet.signals?.workWithoutCapacity;
    const wakeTo = props.wakeTo ?? 1;
    const problems: string[] = [];
    if (wake === undefined) {
      problems.push(
        'the fleet does not scale to zero; only asynchronous endpoints and inference components do (set minCapacity to 1 or more)',
      );
    }
    if (!Token.isUnresolved(this.minCapacity) && this.minCapacity !== 0) {
      problems.push(`minCapacity (${this.minCapacity}) keeps the fleet above zero; set it to 0`);
    }
    if (!Token.isUnresolved(wakeTo) && (!Number.isInteger(wakeTo) || wakeTo < 1)) {
      problems.push(`wakeTo (${wakeTo}) must be a whole number of replicas, 1 or more`);
    }
    throwProblems(this.node.path, problems);
    return this.scaleOnStep('wake', {
      metric: wake!,
      threshold: 1,
      evaluationPeriods: 1,
      steps: [{ lowerBound: 0, change: wakeTo }],
      cooldown: props.cooldown ?? Duration.minutes(5),
      metricAggregationType: appscaling.MetricAggregationType.MAXIMUM,
    });
  }

  /** Adds or removes capacity by how far a metric is past a threshold; the alarm is the policy's own. */
  public scaleOnStep(id: string, props: StepScalingProps): cloudwatch.Alarm {
    const evaluationPeriods = props.evaluationPeriods ?? 3;
    const shape = {
      metric: props.metric ?? this.fleet.metricConcurrencyPerInstance({ period: props.period ?? Duration.minutes(1) }),
      threshold: props.threshold,
      comparisonOperator: props.comparisonOperator ?? cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods,
      datapointsToAlarm: props.datapointsToAlarm ?? evaluationPeriods,
    };
    throwProblems(`${this.node.path}: ${id}`, checkStepAlarm({ ...shape, steps: props.steps }));
    for (const warning of idleSteps({ ...shape, steps: props.steps })) {
      Annotations.of(this).addWarningV2('tidegate:idle-step', `${id}: ${warning}`);
    }
    const adjustmentType = props.adjustmentType ?? appscaling.AdjustmentType.CHANGE_IN_CAPACITY;
    const cooldownSeconds = (props.cooldown ?? Duration.minutes(5)).toSeconds();
    const metricAggregationType = props.metricAggregationType ?? appscaling.MetricAggregationType.AVERAGE;
    const policy = this.addSteps(id, {
      adjustmentType,
      steps: props.steps,
      threshold: props.threshold,
      cooldownSeconds,
      minAdjustmentMagnitude: props.minAdjustmentMagnitude,
      metricAggregationType,
    });
    const alarm = new cloudwatch.Alarm(this, `${id}Alarm`, {
      alarmDescription: `Scales ${this.fleet.node.path} in steps (${id})`,
      ...shape,
      treatMissingData: props.treatMissingData ?? cloudwatch.TreatMissingData.MISSING,
    });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
    this.stepAlarms.push(alarm);
    return alarm;
  }

  /**
   * Adds replicas while a number that the model servers publish themselves is above a value, and removes them while it is below another.
   *
   * Application Auto Scaling cannot follow such a number, so each direction is a step policy with a PromQL alarm of its own. CloudWatch
   * documents that alarms run scaling policies, with composite and anomaly alarms as the exceptions.
   *
   * @returns the alarms: the one that adds, then the one that removes where there is one
   */
  public scaleOnServerSignal(id: string, props: ServerSignalScalingProps): cloudwatch.IAlarm[] {
    const { signal, addAbove, removeBelow } = props;
    const replicas = props.replicas ?? 1;
    const interval = props.evaluationInterval ?? Duration.minutes(1);
    throwProblems(this.node.path, checkServerSignal(this.fleet, props));
    const query = signal._query(this.fleet.serverMetrics!.labels, this.fleet.serverMetrics!.frequencySeconds ?? 60);
    const run = (verb: string, condition: string, change: number, after: Duration): cloudwatch.IAlarm => {
      const policy = this.addSteps(`${id}-${verb}`, {
        adjustmentType: appscaling.AdjustmentType.CHANGE_IN_CAPACITY,
        // The alarm gives no value that steps could be chosen by: both sides of the threshold change the same.
        steps: [
          { upperBound: 0, change },
          { lowerBound: 0, change },
        ],
        cooldownSeconds: (props.cooldown ?? Duration.minutes(5)).toSeconds(),
      });
      const alarm = new cloudwatch.PromQLAlarm(this, `${id}-${verb}Alarm`, {
        alarmDescription: `Scales ${this.fleet.node.path} on what its model servers publish (${id}): ${verb}s ${inText(replicas)}`,
        query: `${query} ${condition}`,
        evaluationInterval: interval,
        pendingPeriod: after,
      });
      alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
      return alarm;
    };
    return [
      run('add', `> ${inText(addAbove)}`, replicas, props.addAfter ?? Duration.minutes(1)),
      ...(removeBelow === undefined
        ? []
        : [run('remove', `< ${inText(removeBelow)}`, -replicas, props.removeAfter ?? Duration.minutes(15))]),
    ];
  }

  /** Changes the limits at a time; capacity outside the new limits moves inside them at once. */
  public scaleOnSchedule(id: string, props: ScheduledScalingProps): void {
    const schedule: ScheduledAction = {
      scheduledActionName: id,
      schedule: props.schedule.expressionString,
      timezone: props.timeZone?.timezoneName,
      minCapacity: props.minCapacity,
      maxCapacity: props.maxCapacity,
    };
    this.schedules.push(schedule);
    this.check();
  }

  /**
   * The plan as the deciding code takes it, for checks and rehearsals.
   *
   * @internal
   */
  public _toPlan(): FleetPlan {
    return {
      minCapacity: this.minCapacity,
      maxCapacity: this.maxCapacity,
      policies: this.policies,
      schedules: this.schedules,
      ...(this.suspended === undefined ? {} : { suspended: suspendedState(this.suspended) }),
    };
  }

  private addSteps(
    policyName: string,
    settings: Pick<
      StepPolicy,
      'adjustmentType' | 'threshold' | 'cooldownSeconds' | 'minAdjustmentMagnitude' | 'metricAggregationType'
    > & { readonly steps: readonly ScalingStep[] },
  ): appscaling.CfnScalingPolicy {
    const { steps, ...rest } = settings;
    this.add({
      kind: 'step',
      policyName,
      ...rest,
      steps: steps.map(({ lowerBound, upperBound, change }) => ({ lowerBound, upperBound, adjustment: change })),
    });
    return new appscaling.CfnScalingPolicy(this, policyName, {
      policyName,
      policyType: 'StepScaling',
      scalingTargetId: this.target.ref,
      stepScalingPolicyConfiguration: {
        adjustmentType: settings.adjustmentType,
        cooldown: settings.cooldownSeconds,
        metricAggregationType: settings.metricAggregationType,
        minAdjustmentMagnitude: settings.minAdjustmentMagnitude,
        stepAdjustments: steps.map(({ lowerBound, upperBound, change }) => ({
          metricIntervalLowerBound: lowerBound,
          metricIntervalUpperBound: upperBound,
          scalingAdjustment: change,
        })),
      },
    });
  }

  private addTargetTracking(
    props: TargetTrackingProps,
    defaultName: string,
    metric: PolicyMetric,
    targetValue: number,
  ): void {
    const policyName = props.policyName ?? defaultName;
    const policy: TargetTrackingPolicy = {
      kind: 'target-tracking',
      policyName,
      metric,
      targetValue,
      scaleInCooldownSeconds: (props.scaleInCooldown ?? Duration.minutes(5)).toSeconds(),
      scaleOutCooldownSeconds: (props.scaleOutCooldown ?? Duration.minutes(1)).toSeconds(),
      disableScaleIn: props.disableScaleIn ?? false,
    };
    this.add(policy);
    new appscaling.CfnScalingPolicy(this, policyName, {
      policyName,
      policyType: 'TargetTrackingScaling',
      scalingTargetId: this.target.ref,
      targetTrackingScalingPolicyConfiguration: {
        targetValue,
        scaleInCooldown: policy.scaleInCooldownSeconds,
        scaleOutCooldown: policy.scaleOutCooldownSeconds,
        disableScaleIn: policy.disableScaleIn,
        ...metricSpecification(metric),
      },
    });
  }

  private concurrencyMetric(highResolution: boolean): PolicyMetric {
    if (highResolution) {
      const name = this.fleet.predefinedMetrics.concurrencyHighResolution;
      if (name !== undefined) return predefinedMetric(name);
      throw new InputError(
        `${this.node.path}: ${this.fleet.scalableDimension} has no high-resolution concurrency metric; set highResolution to false`,
      );
    }
    return this.followed(this.fleet.metricConcurrencyPerInstance());
  }

  private followed(metric: cloudwatch.IMetric): PolicyMetric {
    try {
      return policyMetric(metric, homeOf(this.fleet));
    } catch (error) {
      if (error instanceof InputError) throw new InputError(`${this.node.path}: ${error.message}`);
      throw error;
    }
  }

  private add(policy: ScalingPolicy): void {
    this.policies.push(policy);
    this.check();
  }

  private check(): void {
    throwProblems(this.node.path, checkFleetPlan(knownPlan(this._toPlan(), this.fleet), this.fleet));
  }
}

function serviceLinkedRoleArn(stack: Stack, serviceNamespace: string): string {
  if (serviceNamespace !== 'sagemaker') {
    throw new InputError(`no service-linked role is known for the namespace '${serviceNamespace}'; known: sagemaker`);
  }
  return stack.formatArn({
    service: 'iam',
    region: '',
    resource: 'role',
    resourceName:
      'aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint',
  });
}

function scheduledAction(schedule: ScheduledAction): appscaling.CfnScalableTarget.ScheduledActionProperty {
  return {
    scheduledActionName: schedule.scheduledActionName,
    schedule: schedule.schedule,
    timezone: schedule.timezone,
    scalableTargetAction: { minCapacity: schedule.minCapacity, maxCapacity: schedule.maxCapacity },
  };
}

function suspendedState(suspended: SuspendedScalingProps): {
  dynamicScalingInSuspended: boolean;
  dynamicScalingOutSuspended: boolean;
  scheduledScalingSuspended: boolean;
} {
  return {
    dynamicScalingInSuspended: suspended.scaleIn ?? false,
    dynamicScalingOutSuspended: suspended.scaleOut ?? false,
    scheduledScalingSuspended: suspended.scheduled ?? false,
  };
}

function checkSafetyFactor(factor: number | undefined): string[] {
  if (factor === undefined || Token.isUnresolved(factor) || (factor > 0 && factor <= 1)) return [];
  return [`safetyFactor (${factor}) must be above 0 and at most 1`];
}

/** A number that is known at deploy time only cannot be multiplied at synth. */
function checkArithmetic(instead: string, factors: { readonly [name: string]: number | undefined }): string[] {
  return Object.entries(factors)
    .filter(([, factor]) => Token.isUnresolved(factor))
    .map(
      ([name]) => `${name} is known at deploy time only, so no target can be computed from it; give ${instead} instead`,
    );
}

/** Application Auto Scaling registers what exists in its own region and account. */
function checkHome(stack: Stack, fleet: IScalableFleet): string[] {
  const home = homeOf(fleet);
  return differences(stack, home).map(
    (what) =>
      `the stack is in ${what} ${stack[what]} and ${fleet.node.path} in ${what} ${home[what]}, where alone it can be scaled; ` +
      `make the FleetScaling in a stack of ${what} ${home[what]}`,
  );
}

/** A number inside text, where one that is known at deploy time only has to stay a reference. */
function inText(value: number): string {
  return Tokenization.stringifyNumber(value);
}

/** Without the tail of binary fractions: 3 x 0.7 is 2.1. */
function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
