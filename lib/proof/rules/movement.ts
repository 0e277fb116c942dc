import type { RuleViolation } from '../finding';
import type { Json } from '../../core/parse';
import type { DeclaredPolicy, DeclaredTarget, Resource, TemplateModel, TemplateReader } from '../../template';
import type { ProofRule } from '../rule-support/rule';
import { isScaledAtRunTime } from '../rule-support/run-time-scaling';

const STEP = 'StepScalingPolicyConfiguration';

/** Default cooldown of a step policy of SageMaker, in seconds. Source: Application Auto Scaling API reference. */
const DEFAULT_COOLDOWN_SECONDS = 300;

/** Ratio of the pace of shrinking to that of growing that is still taken for the same. */
const SAME_PACE = 1.5;

/** Movement of a fleet by one step policy: its largest step, and the time from one to the next. */
interface Movement {
  readonly policy: DeclaredPolicy;
  /** Replicas, those of the largest fleet for a percentage; negative for a policy that removes capacity. */
  readonly step: number;
  /** The step as it is written. */
  readonly text: string;
  /** Cooldown and evaluation of the alarm together. */
  readonly seconds: number;
}

/** Movement of a policy; undefined where it is unknown, mixed, or sets an exact capacity. */
function movementOf(model: TemplateModel, policy: DeclaredPolicy, max: number): Movement | undefined {
  const { resource, step, alarms } = policy;
  const { reader } = resource;
  if (step === undefined || !reader.isCertainList(step['StepAdjustments']) || alarms.length === 0) return undefined;
  const type = reader.text(step['AdjustmentType']) ?? '';
  const unit = { ChangeInCapacity: 1, PercentChangeInCapacity: max / 100 }[type];
  const steps = reader.objects(step['StepAdjustments']).map((one) => reader.number(one['ScalingAdjustment']));
  const known = steps.filter((one) => one !== undefined && one !== 0) as number[];
  if (unit === undefined || known.length === 0 || steps.includes(undefined)) return undefined;
  const isOneWay = known.every((one) => one > 0) || known.every((one) => one < 0);
  const cooldown = reader.isAbsent(step['Cooldown']) ? DEFAULT_COOLDOWN_SECONDS : reader.number(step['Cooldown']);
  const waits = alarms.map((alarm) => evaluationSeconds(model, alarm));
  if (!isOneWay || cooldown === undefined || waits.includes(undefined)) return undefined;
  const largest = known.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most));
  return {
    policy,
    step: largest * unit,
    text: `${Math.abs(largest)}${type === 'ChangeInCapacity' ? '' : ' %'}`,
    seconds: cooldown + Math.min(...(waits as number[])),
  };
}

/** Time in which an alarm goes off; undefined where it is unknown. */
function evaluationSeconds(model: TemplateModel, alarm: Resource): number | undefined {
  const { reader, properties } = alarm;
  const declared = properties['DatapointsToAlarm'];
  const datapoints = reader.number(reader.isAbsent(declared) ? properties['EvaluationPeriods'] : declared);
  const periods = model.metrics.flatMap(({ resource, periodSeconds }) => (resource === alarm ? [periodSeconds] : []));
  if (datapoints === undefined || periods.length === 0 || periods.includes(undefined)) return undefined;
  return datapoints * Math.max(...(periods as number[]));
}

/** True for an alarm on work without capacity: its policy acts once, from zero. */
function isWake(model: TemplateModel, { alarms }: DeclaredPolicy): boolean {
  return model.metrics.some(
    ({ resource, metricName }) =>
      alarms.includes(resource) && /^(HasBacklogWithoutCapacity|NoCapacityInvocationFailures)$/.test(metricName ?? ''),
  );
}

function* shrinksFaster(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    // Target tracking adds as much as the load needs.
    if (target.max === undefined || target.policies.some(({ tracking }) => tracking !== undefined)) continue;
    const { max } = target;
    const movements = target.policies.flatMap((policy) =>
      isWake(model, policy) ? [] : (movementOf(model, policy, max) ?? []),
    );
    for (const removing of movements.filter(({ step }) => step < 0)) {
      const adding = movements.filter(({ step }) => step > 0);
      if (adding.length === 0) continue;
      const fastest = adding.reduce((best, one) => (one.step / one.seconds > best.step / best.seconds ? one : best));
      if (-removing.step / removing.seconds <= (SAME_PACE * fastest.step) / fastest.seconds) continue;
      yield {
        at: removing.policy.resource,
        property: `${STEP}.StepAdjustments`,
        message:
          `${removing.policy.resource.logicalId} removes ${removing.text} every ${removing.seconds} s (cooldown and alarm), ` +
          `but ${fastest.policy.resource.logicalId} adds ${fastest.text} every ${fastest.seconds} s: a gap in the traffic costs capacity that takes longer to come back`,
      };
    }
  }
}

/** Time between two steps out from which a fleet does not follow its load: instances start in minutes. */
const SLOW_SECONDS = 3600;

function* growsTooSlowly(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource, step, tracking, alarms } of model.targets.flatMap(({ policies }) => policies)) {
    const { reader } = resource;
    const scaleOut = reader.number(tracking?.['ScaleOutCooldown']);
    if (scaleOut !== undefined && scaleOut >= SLOW_SECONDS) {
      yield slow(resource, 'TargetTrackingScalingPolicyConfiguration.ScaleOutCooldown', 'cooldown', scaleOut);
    }
    if (step === undefined || !adds(step, reader)) continue;
    const cooldown = reader.number(step['Cooldown']);
    if (cooldown !== undefined && cooldown >= SLOW_SECONDS)
      yield slow(resource, `${STEP}.Cooldown`, 'cooldown', cooldown);
    for (const alarm of alarms) {
      const seconds = evaluationSeconds(model, alarm);
      if (seconds === undefined || seconds < SLOW_SECONDS) continue;
      yield slow(alarm, 'EvaluationPeriods', 'evaluation', seconds);
    }
  }
}

function slow(at: Resource, property: string, part: string, seconds: number): RuleViolation {
  return {
    at,
    property,
    message: `the ${part} of ${seconds} s lets a load that grows wait: capacity is added once in ${Math.floor(seconds / 60)} minutes`,
  };
}

/** True if every step certainly adds capacity; an exact capacity may be set again without harm. */
function adds(step: Json, reader: TemplateReader): boolean {
  if (reader.text(step['AdjustmentType']) === 'ExactCapacity' || !reader.isCertainList(step['StepAdjustments']))
    return false;
  const changes = reader.objects(step['StepAdjustments']).map((one) => reader.number(one['ScalingAdjustment']));
  return changes.length > 0 && changes.every((change) => change !== undefined && change > 0);
}

/** Lowest minimum and highest maximum of a target, those of its schedules included; undefined where they are unknown. */
function limitsOf({ resource: { reader, properties }, min, max }: DeclaredTarget): [number, number] | undefined {
  const written = properties['ScheduledActions'];
  if (min === undefined || max === undefined || min > max) return undefined;
  if (!reader.isAbsent(written) && !reader.isCertainList(written)) return undefined;
  const limits: [number, number] = [min, max];
  for (const action of reader.objects(written)) {
    const set = reader.object(action['ScalableTargetAction']) ?? {};
    for (const [index, name] of ['MinCapacity', 'MaxCapacity'].entries()) {
      if (reader.isAbsent(set[name])) continue;
      const value = reader.number(set[name]);
      if (value === undefined) return undefined;
      limits[index] = index === 0 ? Math.min(limits[0], value) : Math.max(limits[1], value);
    }
  }
  return limits;
}

function* outsideLimits(model: TemplateModel): Iterable<RuleViolation> {
  if (isScaledAtRunTime(model)) return;
  for (const target of model.targets) {
    const limits = limitsOf(target);
    if (limits === undefined) continue;
    const [min, max] = limits;
    for (const { resource, step } of target.policies) {
      const { reader } = resource;
      if (step === undefined || reader.text(step['AdjustmentType']) !== 'ExactCapacity') continue;
      for (const [index, one] of reader.objects(step['StepAdjustments']).entries()) {
        const written = one['ScalingAdjustment'];
        const exact = reader.isAbsent(written) ? undefined : reader.number(written);
        if (exact === undefined || (exact >= min && exact <= max)) continue;
        yield {
          at: resource,
          property: `${STEP}.StepAdjustments.${index}.ScalingAdjustment`,
          message: `the step sets the capacity to ${exact}, outside the limits ${min} to ${max} of ${target.resource.logicalId}: it stays at ${exact < min ? min : max}`,
        };
      }
    }
  }
}

/** Suspended activities of a target, in its words. Source: Application Auto Scaling API reference, SuspendedState. */
const SUSPENSIONS: readonly {
  readonly name: string;
  readonly message: string;
  readonly concerns: (target: DeclaredTarget) => boolean;
}[] = [
  {
    name: 'DynamicScalingOutSuspended',
    message: 'scaling out is suspended: no policy adds capacity, whatever the load',
    concerns: ({ policies }) => policies.length > 0,
  },
  {
    name: 'DynamicScalingInSuspended',
    message: 'scaling in is suspended: no policy removes capacity, so the capacity of one peak is paid for ever',
    concerns: ({ policies }) => policies.length > 0,
  },
  {
    name: 'ScheduledScalingSuspended',
    message: 'scheduled scaling is suspended: no scheduled action runs',
    concerns: ({ resource: { reader, properties } }) => reader.objects(properties['ScheduledActions']).length > 0,
  },
];

function* suspended(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    const { reader, properties } = target.resource;
    const state = reader.object(properties['SuspendedState']);
    for (const { name, message, concerns } of SUSPENSIONS) {
      if (state === undefined || reader.isAbsent(state[name]) || reader.flag(state[name]) !== true) continue;
      if (!concerns(target)) continue;
      yield {
        at: target.resource,
        property: `SuspendedState.${name}`,
        message,
        remedy: `remove ${name}, or set it to false`,
      };
    }
  }
}

/** Rules about the pace of scaling, and about scaling that is switched off. */
export const MOVEMENT_RULES: readonly ProofRule[] = [
  {
    id: 'steps-shrink-faster',
    severity: 'warning',
    reason:
      'removing a replica takes seconds and launching one takes minutes, so a fleet has to shrink more slowly than it grows',
    remedy: 'remove fewer at a time, or raise the cooldown and the evaluation periods of the alarm that removes',
    source: 'Application Auto Scaling user guide: step scaling policies (cooldown); scale in conservatively',
    check: shrinksFaster,
  },
  {
    id: 'scale-out-too-slow',
    severity: 'warning',
    reason: 'requests wait and fail while a fleet pauses for an hour or longer between two steps out',
    remedy: 'set it close to the start-up time of an instance, a few minutes',
    source: 'Application Auto Scaling user guide: cooldown; CloudWatch user guide: evaluating an alarm',
    check: growsTooSlowly,
  },
  {
    id: 'exact-capacity-outside-limits',
    severity: 'warning',
    reason: 'a policy never scales beyond the limits of its target, whatever capacity it names',
    remedy: 'set ScalingAdjustment within MinCapacity and MaxCapacity, or change the limits',
    source:
      'Application Auto Scaling API reference: RegisterScalableTarget (MinCapacity, MaxCapacity), StepScalingPolicyConfiguration (AdjustmentType)',
    check: outsideLimits,
  },
  {
    id: 'scaling-suspended',
    severity: 'warning',
    reason: 'a suspended target ignores its policies or schedules until the suspension is lifted',
    remedy: 'set SuspendedState to false',
    source: 'Application Auto Scaling user guide: suspend and resume scaling',
    check: suspended,
  },
];
