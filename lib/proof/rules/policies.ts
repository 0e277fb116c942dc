import { findInstanceType } from '../../catalog/instance-types';
import { isSageMakerTarget } from '../../catalog/scalable-resource';
import type { Json } from '../../core/parse';
import { START_UP_SECONDS } from '../rule-support/provisioning';
import type { RuleViolation } from '../finding';
import {
  isLiteral,
  type DeclaredPolicy,
  type DeclaredTarget,
  type TemplateModel,
  type TemplateReader,
} from '../../template';
import { either, type ProofRule } from '../rule-support/rule';

const TRACKING = 'TargetTrackingScalingPolicyConfiguration';
const STEP = 'StepScalingPolicyConfiguration';
const PREDICTIVE = 'PredictiveScalingPolicyConfiguration';

/** Default cooldown of SageMaker policies in Application Auto Scaling, in seconds. */
const DEFAULT_COOLDOWN_SECONDS = 300;

/**
 * Minimum scale-out cooldown of target tracking: with a shorter one, one load scales out twice. Examples of AWS go down to 30 seconds;
 * instances with accelerators start in minutes, and most metrics have one datapoint a minute.
 */
const MIN_TRACKING_COOLDOWN_SECONDS = { usual: 30, accelerated: 60 };

function allPolicies(model: TemplateModel): { readonly policy: DeclaredPolicy; readonly target?: DeclaredTarget }[] {
  return [
    ...model.targets.flatMap((target) => target.policies.map((policy) => ({ policy, target }))),
    ...model.orphanPolicies
      .filter(({ resource }) => isSageMaker(resource.properties, resource.reader))
      .map((policy) => ({ policy })),
  ];
}

function isSageMaker(properties: Json, reader: TemplateReader): boolean {
  return isSageMakerTarget(reader.text(properties['ServiceNamespace']), reader.text(properties['ScalableDimension']));
}

function* predictive(model: TemplateModel): Iterable<RuleViolation> {
  for (const { policy } of allPolicies(model)) {
    const { type, resource } = policy;
    const isConfigured = !resource.reader.isAbsent(resource.properties[PREDICTIVE]);
    if (type !== 'PredictiveScaling' && !isConfigured) continue;
    yield {
      at: resource,
      property: type === 'PredictiveScaling' ? 'PolicyType' : PREDICTIVE,
      message: 'predictive scaling exists for ECS services only; Application Auto Scaling rejects it for SageMaker',
    };
  }
}

function* stepsInvalid(model: TemplateModel): Iterable<RuleViolation> {
  for (const { policy } of allPolicies(model)) {
    const { step, resource } = policy;
    if (step === undefined) continue;
    yield* stepWords(resource, step);
    if (!resource.reader.isCertainList(step['StepAdjustments'])) continue;
    const message = stepProblem(step, resource.reader);
    if (message !== undefined) yield { at: resource, property: `${STEP}.StepAdjustments`, message };
    else if (isStill(step, resource.reader)) {
      yield {
        at: resource,
        property: `${STEP}.StepAdjustments`,
        message: 'every step changes the capacity by 0, so the policy has no effect',
        remedy: 'set ScalingAdjustment to the replicas to add, or to remove below 0',
        severity: 'warning',
      };
    }
  }
}

/** Valid values of a step policy. Source: Application Auto Scaling API reference, StepScalingPolicyConfiguration. */
const STEP_WORDS: readonly (readonly [property: string, words: readonly string[], isRequired: boolean])[] = [
  ['AdjustmentType', ['ChangeInCapacity', 'PercentChangeInCapacity', 'ExactCapacity'], true],
  ['MetricAggregationType', ['Average', 'Minimum', 'Maximum'], false],
];

function* stepWords(at: DeclaredPolicy['resource'], step: Json): Iterable<RuleViolation> {
  for (const [property, words, isRequired] of STEP_WORDS) {
    const word = at.reader.text(step[property]);
    const isAbsent = at.reader.isAbsent(step[property]);
    if (isAbsent ? !isRequired : word === undefined || !isLiteral(word) || words.includes(word)) continue;
    yield {
      at,
      property: `${STEP}.${property}`,
      message: isAbsent
        ? `the policy has no ${property}`
        : `${property} is '${word}'; it must be one of ${words.join(', ')}`,
      remedy: `set ${property} to ${either(words)}`,
    };
  }
}

/** True if no step of a policy changes anything. */
function isStill(step: Json, reader: TemplateReader): boolean {
  if (!['ChangeInCapacity', 'PercentChangeInCapacity'].includes(reader.text(step['AdjustmentType']) ?? ''))
    return false;
  return reader.objects(step['StepAdjustments']).every((one) => {
    const change = one['ScalingAdjustment'];
    return !reader.isAbsent(change) && reader.number(change) === 0;
  });
}

/** Problem of step adjustments; undefined without one. Source: Application Auto Scaling API reference, StepAdjustment. */
function stepProblem(step: Json, reader: TemplateReader): string | undefined {
  const steps = reader.objects(step['StepAdjustments']).map((one) => ({
    isLowerAbsent: reader.isAbsent(one['MetricIntervalLowerBound']),
    isUpperAbsent: reader.isAbsent(one['MetricIntervalUpperBound']),
    lower: reader.number(one['MetricIntervalLowerBound']),
    upper: reader.number(one['MetricIntervalUpperBound']),
  }));
  if (steps.length === 0) return 'the policy has no step, so it has no effect';
  const isKnown = steps.every(
    ({ isLowerAbsent, isUpperAbsent, lower, upper }) =>
      (isLowerAbsent || lower !== undefined) && (isUpperAbsent || upper !== undefined),
  );
  if (!isKnown) return undefined;
  const sorted = steps
    .map(({ lower, upper }) => ({ lower: lower ?? -Infinity, upper: upper ?? Infinity }))
    .sort((a, b) => a.lower - b.lower);
  for (const { lower, upper } of sorted) {
    if (lower === -Infinity && upper === Infinity && sorted.length > 1)
      return 'a step without bounds is not the only one';
    if (lower >= upper) return `a step goes from ${boundText(lower)} to ${boundText(upper)}, which is empty`;
  }
  for (let index = 1; index < sorted.length; index++) {
    const [before, after] = [sorted[index - 1]!, sorted[index]!];
    if (before.upper < after.lower)
      return `the steps leave a gap between ${boundText(before.upper)} and ${boundText(after.lower)}`;
    if (before.upper > after.lower)
      return `the steps overlap between ${boundText(after.lower)} and ${boundText(before.upper)}`;
  }
  const [first, last] = [sorted[0]!, sorted[sorted.length - 1]!];
  if (first.lower < 0 && first.lower !== -Infinity) {
    return `a step begins at ${first.lower}; below 0 the lowest step needs no lower bound`;
  }
  if (last.upper > 0 && last.upper !== Infinity) {
    return `a step ends at ${last.upper}; above 0 the highest step needs no upper bound`;
  }
  return undefined;
}

function* stepWithoutAlarm(model: TemplateModel): Iterable<RuleViolation> {
  for (const { policy } of allPolicies(model)) {
    if (policy.step === undefined || policy.type !== 'StepScaling' || policy.alarms.length > 0) continue;
    yield {
      at: policy.resource,
      property: STEP,
      message: 'no alarm of these templates runs the policy, so it never acts',
    };
  }
}

function* cooldownShort(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    if (target.dimension !== 'variant' || target.kind === 'serverless') continue;
    for (const { resource, step, tracking, alarms } of target.policies) {
      const { reader } = resource;
      const cooldown = reader.number(step?.['Cooldown']);
      if (step !== undefined && cooldown !== undefined && adds(step, reader) && !alarms.some(isWake)) {
        if (cooldown < START_UP_SECONDS.cached) {
          yield {
            at: resource,
            property: `${STEP}.Cooldown`,
            message:
              `the cooldown of ${cooldown} s ends before an instance serves (median ${START_UP_SECONDS.cached} to ` +
              `${START_UP_SECONDS.uncached} s), so the alarm adds more instances for the same load`,
          };
        }
      }
      const scaleOut = reader.number(tracking?.['ScaleOutCooldown']);
      const shortest = isAccelerated(target)
        ? MIN_TRACKING_COOLDOWN_SECONDS.accelerated
        : MIN_TRACKING_COOLDOWN_SECONDS.usual;
      if (scaleOut !== undefined && scaleOut < shortest) {
        yield {
          at: resource,
          property: `${TRACKING}.ScaleOutCooldown`,
          message:
            `the scale-out cooldown of ${scaleOut} s is far below the ${START_UP_SECONDS.cached} to ${START_UP_SECONDS.uncached} s ` +
            'in which an instance starts, and ends before the metric has changed: one load scales out twice',
          remedy: `set ScaleOutCooldown to ${shortest} s or more; close to the start-up time it overshoots least`,
        };
      }
    }
  }
}

/** True if a fleet certainly runs on instances with accelerators. */
function isAccelerated({ variant }: DeclaredTarget): boolean {
  const types = variant?.instanceTypes ?? [];
  return types.length > 0 && types.every((name) => findInstanceType(name)?.accelerator !== undefined);
}

/** True if a step adds capacity; an exact capacity may be set again without harm. */
function adds(step: Json, reader: TemplateReader): boolean {
  if (reader.text(step['AdjustmentType']) === 'ExactCapacity') return false;
  return reader.objects(step['StepAdjustments']).some((one) => (reader.number(one['ScalingAdjustment']) ?? 0) > 0);
}

/** True for an alarm that scales from zero: its policy acts once. */
function isWake(alarm: DeclaredPolicy['alarms'][0]): boolean {
  const text = JSON.stringify(alarm.properties);
  return /HasBacklogWithoutCapacity|NoCapacityInvocationFailures/.test(text);
}

function* scaleInFaster(model: TemplateModel): Iterable<RuleViolation> {
  for (const { policy } of allPolicies(model)) {
    const { resource, tracking } = policy;
    if (tracking === undefined || resource.reader.flag(tracking['DisableScaleIn']) !== false) continue;
    const seconds = (name: string): number | undefined =>
      resource.reader.isAbsent(tracking[name]) ? DEFAULT_COOLDOWN_SECONDS : resource.reader.number(tracking[name]);
    const [scaleIn, scaleOut] = [seconds('ScaleInCooldown'), seconds('ScaleOutCooldown')];
    if (scaleIn === undefined || scaleOut === undefined || scaleIn >= scaleOut) continue;
    yield {
      at: resource,
      property: `${TRACKING}.ScaleInCooldown`,
      message: `instances are removed after ${scaleIn} s but added only after ${scaleOut} s: the fleet oscillates with every gap in the traffic`,
    };
  }
}

function* neverScalesIn(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    const { policies, resource, min, max } = target;
    if (policies.length === 0 || !resource.reader.isAbsent(resource.properties['ScheduledActions'])) continue;
    if (min !== undefined && min === max) continue;
    if (!policies.every(onlyAdds)) continue;
    const [first] = policies;
    yield {
      at: first!.resource,
      property: first!.step === undefined ? `${TRACKING}.DisableScaleIn` : `${STEP}.StepAdjustments`,
      message: 'every policy of the fleet only adds capacity, so the capacity of one peak is paid for ever',
    };
  }
}

/** True if a policy certainly removes no capacity. */
function onlyAdds({ tracking, step, resource: { reader } }: DeclaredPolicy): boolean {
  if (tracking !== undefined) return reader.flag(tracking['DisableScaleIn']) === true;
  if (step === undefined || reader.text(step['AdjustmentType']) === 'ExactCapacity') return false;
  const steps = reader.objects(step['StepAdjustments']).map((one) => reader.number(one['ScalingAdjustment']));
  return reader.isCertainList(step['StepAdjustments']) && steps.length > 0 && steps.every((one) => (one ?? -1) >= 0);
}

/** Types of scaling policies. */
const TYPES = ['TargetTrackingScaling', 'StepScaling', 'PredictiveScaling'];

const STATISTICS = ['Average', 'Minimum', 'Maximum', 'SampleCount', 'Sum'];

function* incompletePolicy(model: TemplateModel): Iterable<RuleViolation> {
  for (const { policy } of allPolicies(model)) {
    const { type, tracking, step, resource } = policy;
    const { reader, properties } = resource;
    if (type === 'TargetTrackingScaling' && reader.isAbsent(properties[TRACKING])) {
      yield { at: resource, property: TRACKING, message: `a ${type} policy needs ${TRACKING}` };
    }
    if (type === 'StepScaling' && reader.isAbsent(properties[STEP])) {
      yield { at: resource, property: STEP, message: `a ${type} policy needs ${STEP}` };
    }
    if (tracking !== undefined && step !== undefined) {
      yield { at: resource, property: STEP, message: 'a policy is either target tracking or step scaling, not both' };
    }
    if (reader.isAbsent(properties['PolicyType'])) {
      yield {
        at: resource,
        property: 'PolicyType',
        message: 'the policy has no PolicyType',
        remedy: `set PolicyType to ${step === undefined ? 'TargetTrackingScaling' : 'StepScaling'}`,
      };
    } else if (type !== undefined && isLiteral(type) && !TYPES.includes(type)) {
      yield {
        at: resource,
        property: 'PolicyType',
        message: `Application Auto Scaling has no policy type '${type}'`,
        remedy: 'write TargetTrackingScaling or StepScaling',
      };
    }
    if (tracking !== undefined) yield* incompleteTracking(resource, tracking);
  }
}

function* incompleteTracking(at: DeclaredPolicy['resource'], tracking: Json): Iterable<RuleViolation> {
  const { reader } = at;
  const predefined = tracking['PredefinedMetricSpecification'];
  const custom = tracking['CustomizedMetricSpecification'];
  if (reader.isAbsent(predefined) === reader.isAbsent(custom)) {
    yield {
      at,
      property: TRACKING,
      message: reader.isAbsent(custom)
        ? 'the policy follows no metric'
        : 'the policy follows a predefined and a customized metric; the service accepts one',
    };
  }
  if (reader.isAbsent(tracking['TargetValue'])) {
    yield {
      at,
      property: `${TRACKING}.TargetValue`,
      message: 'the policy has no target',
      remedy: 'set TargetValue to the load of one replica',
    };
  }
  const metric = reader.object(custom);
  const statistic = reader.text(metric?.['Statistic']);
  if (statistic !== undefined && isLiteral(statistic) && !STATISTICS.includes(statistic)) {
    yield {
      at,
      property: `${TRACKING}.CustomizedMetricSpecification.Statistic`,
      message: `Statistic is '${statistic}'; target tracking accepts ${either(STATISTICS)}`,
      remedy: 'use one of these, or metric math with a percentile in MetricStat.Stat',
    };
  }
}

/** Rules about scaling policies. */
export const POLICY_RULES: readonly ProofRule[] = [
  {
    id: 'predictive-on-sagemaker',
    severity: 'error',
    reason: 'AWS offers predictive scaling for ECS services only',
    remedy: 'forecast with CapacityForecaster, or use scheduled actions',
    source: 'Application Auto Scaling user guide: predictive scaling',
    check: predictive,
  },
  {
    id: 'policy-incomplete',
    severity: 'error',
    reason: 'the service rejects a policy without exactly one configuration and one metric',
    remedy: 'give one configuration that fits PolicyType, with one metric',
    source: 'Application Auto Scaling API reference: PutScalingPolicy',
    check: incompletePolicy,
  },
  {
    id: 'step-adjustments-invalid',
    severity: 'error',
    reason: 'the service rejects steps with gaps, overlaps or closed ends',
    remedy: 'make the steps adjacent, and leave the outer bounds open',
    source: 'Application Auto Scaling API reference: StepAdjustment',
    check: stepsInvalid,
  },
  {
    id: 'step-policy-without-alarm',
    severity: 'warning',
    reason: 'a step policy acts only when an alarm runs it',
    remedy: 'name the policy in AlarmActions of an alarm',
    source: 'Application Auto Scaling user guide: step scaling policies',
    check: stepWithoutAlarm,
  },
  {
    id: 'cooldown-shorter-than-provisioning',
    severity: 'warning',
    reason: 'the metric does not include instances that still start, so a short cooldown launches them again',
    remedy: 'set the cooldown to the start-up time of an instance',
    source:
      'Application Auto Scaling user guide: cooldown; AWS Machine Learning blog on container caching (start-up times)',
    check: cooldownShort,
  },
  {
    id: 'scale-in-faster-than-scale-out',
    severity: 'warning',
    reason: 'removing a GPU takes seconds, launching one takes minutes',
    remedy: 'set ScaleInCooldown to ScaleOutCooldown or above',
    source: 'SageMaker developer guide: scaling policy cooldowns',
    check: scaleInFaster,
  },
  {
    id: 'never-scales-in',
    severity: 'warning',
    reason: 'a fleet whose policies only add capacity stays at its peak',
    remedy: 'allow one policy to remove capacity, or add scheduled actions',
    source: 'Application Auto Scaling user guide: target tracking (DisableScaleIn)',
    check: neverScalesIn,
  },
];

/** Bound of a step for messages. */
function boundText(bound: number): string {
  return Number.isFinite(bound) ? String(bound) : bound > 0 ? '+∞' : '-∞';
}
