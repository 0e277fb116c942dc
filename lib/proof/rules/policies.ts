import { findInstanceType } from '../../catalog/instance-types';
import { UNCACHED_OR_CACHED } from './provisioning';
import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { Policy, Target } from '../subjects';
import { isLiteral, type Json, type TemplateReader } from '../template-reader';
import { either, type ProofRule } from './rule';

const TRACKING = 'TargetTrackingScalingPolicyConfiguration';
const STEP = 'StepScalingPolicyConfiguration';
const PREDICTIVE = 'PredictiveScalingPolicyConfiguration';

/** What Application Auto Scaling takes where SageMaker policies leave a cooldown out, in seconds. */
const DEFAULT_COOLDOWN_SECONDS = 300;

/**
 * Shorter scale-out cooldowns of target tracking answer one load twice. AWS's own examples go down to 30 seconds; instances with
 * accelerators take minutes, and most metrics have one datapoint a minute.
 */
const SHORT_TRACKING_COOLDOWN_SECONDS = { usual: 30, accelerated: 60 };

function allPolicies(model: ProofModel): { readonly policy: Policy; readonly target?: Target }[] {
  return [
    ...model.targets.flatMap((target) => target.policies.map((policy) => ({ policy, target }))),
    ...model.orphanPolicies
      .filter(({ resource }) => isSageMaker(resource.properties, resource.reader))
      .map((policy) => ({ policy })),
  ];
}

function isSageMaker(properties: Json, reader: TemplateReader): boolean {
  return (
    reader.text(properties['ServiceNamespace']) === 'sagemaker' ||
    reader.text(properties['ScalableDimension'])?.startsWith('sagemaker:') === true
  );
}

function* predictive(model: ProofModel): Iterable<Accusation> {
  for (const { policy } of allPolicies(model)) {
    const { type, resource } = policy;
    const isConfigured = !resource.reader.isAbsent(resource.properties[PREDICTIVE]);
    if (type !== 'PredictiveScaling' && !isConfigured) continue;
    yield {
      at: resource,
      property: type === 'PredictiveScaling' ? 'PolicyType' : PREDICTIVE,
      message: 'predictive scaling exists for ECS services only; Application Auto Scaling refuses it for SageMaker',
    };
  }
}

function* stepsInvalid(model: ProofModel): Iterable<Accusation> {
  for (const { policy } of allPolicies(model)) {
    const { step, resource } = policy;
    if (step === undefined) continue;
    yield* stepWords(resource, step);
    if (!resource.reader.isCertainList(step['StepAdjustments'])) continue;
    const message = stepProblem(step, resource.reader);
    if (message !== undefined) yield { at: resource, property: `${STEP}.StepAdjustments`, message };
  }
}

/** Words that a step policy takes (API reference, StepScalingPolicyConfiguration). */
const STEP_WORDS: readonly (readonly [property: string, words: readonly string[], isRequired: boolean])[] = [
  ['AdjustmentType', ['ChangeInCapacity', 'PercentChangeInCapacity', 'ExactCapacity'], true],
  ['MetricAggregationType', ['Average', 'Minimum', 'Maximum'], false],
];

function* stepWords(at: Policy['resource'], step: Json): Iterable<Accusation> {
  for (const [property, words, isRequired] of STEP_WORDS) {
    const word = at.reader.text(step[property]);
    const isAbsent = at.reader.isAbsent(step[property]);
    if (isAbsent ? !isRequired : word === undefined || !isLiteral(word) || words.includes(word)) continue;
    yield {
      at,
      property: `${STEP}.${property}`,
      message: isAbsent ? `the policy has no ${property}` : `${property} is '${word}'; there are ${words.join(', ')}`,
      remedy: `set ${property} to ${either(words)}`,
    };
  }
}

/** What the service refuses in step adjustments (API reference, StepAdjustment); undefined when nothing. */
function stepProblem(step: Json, reader: TemplateReader): string | undefined {
  const steps = reader.objects(step['StepAdjustments']).map((one) => ({
    isLowerAbsent: reader.isAbsent(one['MetricIntervalLowerBound']),
    isUpperAbsent: reader.isAbsent(one['MetricIntervalUpperBound']),
    lower: reader.number(one['MetricIntervalLowerBound']),
    upper: reader.number(one['MetricIntervalUpperBound']),
  }));
  if (steps.length === 0) return 'the policy has no step, so it changes nothing';
  const isKnown = steps.every(
    ({ isLowerAbsent, isUpperAbsent, lower, upper }) =>
      (isLowerAbsent || lower !== undefined) && (isUpperAbsent || upper !== undefined),
  );
  if (!isKnown) return undefined;
  const sorted = steps
    .map(({ lower, upper }) => ({ lower: lower ?? -Infinity, upper: upper ?? Infinity }))
    .sort((a, b) => a.lower - b.lower);
  for (const { lower, upper } of sorted) {
    if (lower === -Infinity && upper === Infinity && sorted.length > 1) return 'a step without bounds is beside others';
    if (lower >= upper) return `a step goes from ${lower} to ${upper}, which is empty`;
  }
  for (let index = 1; index < sorted.length; index++) {
    const [before, after] = [sorted[index - 1]!, sorted[index]!];
    if (before.upper < after.lower) return `the steps leave a gap between ${before.upper} and ${after.lower}`;
    if (before.upper > after.lower) return `the steps overlap between ${after.lower} and ${before.upper}`;
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

function* stepWithoutAlarm(model: ProofModel): Iterable<Accusation> {
  for (const { policy } of allPolicies(model)) {
    if (policy.step === undefined || policy.type !== 'StepScaling' || policy.alarms.length > 0) continue;
    yield {
      at: policy.resource,
      property: STEP,
      message: 'no alarm of these templates runs the policy, so it never acts by itself',
    };
  }
}

function* cooldownShort(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    if (target.dimension !== 'variant' || target.kind === 'serverless') continue;
    for (const { resource, step, tracking, alarms } of target.policies) {
      const { reader } = resource;
      const cooldown = reader.number(step?.['Cooldown']);
      if (step !== undefined && cooldown !== undefined && adds(step, reader) && !alarms.some(isWake)) {
        if (cooldown < UNCACHED_OR_CACHED.least) {
          yield {
            at: resource,
            property: `${STEP}.Cooldown`,
            message:
              `the cooldown of ${cooldown} s ends before an instance serves (median ${UNCACHED_OR_CACHED.least} to ` +
              `${UNCACHED_OR_CACHED.most} s), so the alarm adds further instances for the same load`,
          };
        }
      }
      const scaleOut = reader.number(tracking?.['ScaleOutCooldown']);
      const shortest = isAccelerated(target)
        ? SHORT_TRACKING_COOLDOWN_SECONDS.accelerated
        : SHORT_TRACKING_COOLDOWN_SECONDS.usual;
      if (scaleOut !== undefined && scaleOut < shortest) {
        yield {
          at: resource,
          property: `${TRACKING}.ScaleOutCooldown`,
          message:
            `the scale-out cooldown of ${scaleOut} s is far below the ${UNCACHED_OR_CACHED.least} to ${UNCACHED_OR_CACHED.most} s ` +
            'in which an instance starts, and ends before the metric has moved: one load is answered twice',
          remedy: `set ScaleOutCooldown to ${shortest} s or more; towards the start-up time it overshoots least`,
        };
      }
    }
  }
}

/** Whether a fleet certainly runs on instances with accelerators. */
function isAccelerated({ variant }: Target): boolean {
  const types = variant?.instanceTypes ?? [];
  return types.length > 0 && types.every((name) => findInstanceType(name)?.accelerator !== undefined);
}

/** Whether a step adds capacity by so many or so much percent; exact capacities may be asked for again. */
function adds(step: Json, reader: TemplateReader): boolean {
  if (reader.text(step['AdjustmentType']) === 'ExactCapacity') return false;
  return reader.objects(step['StepAdjustments']).some((one) => (reader.number(one['ScalingAdjustment']) ?? 0) > 0);
}

/** A policy that wakes a fleet from zero acts once. */
function isWake(alarm: Policy['alarms'][0]): boolean {
  const text = JSON.stringify(alarm.properties);
  return /HasBacklogWithoutCapacity|NoCapacityInvocationFailures/.test(text);
}

function* scaleInFaster(model: ProofModel): Iterable<Accusation> {
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
      message: `instances go after ${scaleIn} s but come after ${scaleOut} s only: the fleet breathes with every gap in the traffic`,
    };
  }
}

function* neverScalesIn(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    const { policies, resource, min, max } = target;
    if (policies.length === 0 || !resource.reader.isAbsent(resource.properties['ScheduledActions'])) continue;
    if (min !== undefined && min === max) continue;
    if (!policies.every(onlyAdds)) continue;
    const [first] = policies;
    yield {
      at: first!.resource,
      property: first!.step === undefined ? `${TRACKING}.DisableScaleIn` : `${STEP}.StepAdjustments`,
      message: 'every policy of the fleet only adds capacity, so what one peak adds is paid for ever',
    };
  }
}

/** Whether a policy certainly takes no capacity away. */
function onlyAdds({ tracking, step, resource: { reader } }: Policy): boolean {
  if (tracking !== undefined) return reader.flag(tracking['DisableScaleIn']) === true;
  if (step === undefined || reader.text(step['AdjustmentType']) === 'ExactCapacity') return false;
  const steps = reader.objects(step['StepAdjustments']).map((one) => reader.number(one['ScalingAdjustment']));
  return reader.isCertainList(step['StepAdjustments']) && steps.length > 0 && steps.every((one) => (one ?? -1) >= 0);
}

/** The types of policies. */
const TYPES = ['TargetTrackingScaling', 'StepScaling', 'PredictiveScaling'];

const STATISTICS = ['Average', 'Minimum', 'Maximum', 'SampleCount', 'Sum'];

function* incompletePolicy(model: ProofModel): Iterable<Accusation> {
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

function* incompleteTracking(at: Policy['resource'], tracking: Json): Iterable<Accusation> {
  const { reader } = at;
  const predefined = tracking['PredefinedMetricSpecification'];
  const custom = tracking['CustomizedMetricSpecification'];
  if (reader.isAbsent(predefined) === reader.isAbsent(custom)) {
    yield {
      at,
      property: TRACKING,
      message: reader.isAbsent(custom)
        ? 'the policy follows no metric'
        : 'the policy follows a predefined and a customized metric; the service takes one',
    };
  }
  if (reader.isAbsent(tracking['TargetValue'])) {
    yield {
      at,
      property: `${TRACKING}.TargetValue`,
      message: 'the policy has no target',
      remedy: 'set TargetValue to what one replica serves',
    };
  }
  const metric = reader.object(custom);
  const statistic = reader.text(metric?.['Statistic']);
  if (statistic !== undefined && isLiteral(statistic) && !STATISTICS.includes(statistic)) {
    yield {
      at,
      property: `${TRACKING}.CustomizedMetricSpecification.Statistic`,
      message: `Statistic is '${statistic}'; target tracking takes ${either(STATISTICS)}`,
      remedy: 'use one of these, or metric math with a percentile in MetricStat.Stat',
    };
  }
}

/** How capacity follows. */
export const POLICY_RULES: readonly ProofRule[] = [
  {
    id: 'predictive-on-sagemaker',
    severity: 'error',
    reason: 'AWS has predictive scaling for ECS services only',
    remedy: 'forecast with CapacityForecaster, or use scheduled actions',
    source: 'Application Auto Scaling user guide: predictive scaling',
    check: predictive,
  },
  {
    id: 'policy-incomplete',
    severity: 'error',
    reason: 'the service refuses a policy without exactly one way to decide',
    remedy: 'give one configuration that fits PolicyType, with one metric',
    source: 'Application Auto Scaling API reference: PutScalingPolicy',
    check: incompletePolicy,
  },
  {
    id: 'step-adjustments-invalid',
    severity: 'error',
    reason: 'the service refuses steps with gaps, overlaps or closed ends',
    remedy: 'let the steps touch, and leave the outer bounds open',
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
    reason: 'instances that start are not counted by the metric yet, so a short cooldown asks for them again',
    remedy: 'set the cooldown to the time an instance takes to serve',
    source:
      'Application Auto Scaling user guide: cooldown; AWS Machine Learning blog on container caching (start-up times)',
    check: cooldownShort,
  },
  {
    id: 'scale-in-faster-than-scale-out',
    severity: 'warning',
    reason: 'giving up a GPU takes seconds, getting one takes minutes',
    remedy: 'set ScaleInCooldown to ScaleOutCooldown or above',
    source: 'SageMaker developer guide: scaling policy cooldowns',
    check: scaleInFaster,
  },
  {
    id: 'never-scales-in',
    severity: 'warning',
    reason: 'a fleet whose policies only add capacity stays at its peak',
    remedy: 'let one policy remove capacity, or add scheduled actions',
    source: 'Application Auto Scaling user guide: target tracking (DisableScaleIn)',
    check: neverScalesIn,
  },
];
