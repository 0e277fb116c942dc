import { HOSTING_NAMESPACES } from '../../catalog/hosting-metrics';
import type { RuleViolation } from '../finding';
import type { DeclaredPolicy, MetricUse, Resource, TemplateModel } from '../../template';
import { breachOf, LOADS } from '../rule-support/alarm-side';
import type { ProofRule } from '../rule-support/rule';

/** Metrics that rise with the requests of a fleet. */
const REQUESTS = /^Invocations(PerInstance|PerCopy)?$/;

/** Direction of a policy: it only adds, or only removes. Undefined where that is unknown, mixed, or an exact capacity. */
function directionOf({ step, resource: { reader } }: DeclaredPolicy): 'adds' | 'removes' | undefined {
  const list = step?.['StepAdjustments'];
  if (step === undefined || !reader.isCertainList(list)) return undefined;
  if (!['ChangeInCapacity', 'PercentChangeInCapacity'].includes(reader.text(step['AdjustmentType']) ?? ''))
    return undefined;
  const changes = reader.objects(list).map((one) => reader.number(one['ScalingAdjustment']));
  if (changes.length === 0 || changes.includes(undefined)) return undefined;
  if (changes.every((one) => one! >= 0) && changes.some((one) => one! > 0)) return 'adds';
  return changes.every((one) => one! <= 0) && changes.some((one) => one! < 0) ? 'removes' : undefined;
}

/** The metric of load that an alarm follows; undefined for another metric, for expressions and where it is unknown. */
function loadOf(model: TemplateModel, alarm: Resource): MetricUse | undefined {
  const [use, ...others] = model.metrics.filter(({ resource }) => resource === alarm);
  if (use === undefined || others.length > 0 || use.property !== '' || !use.isCertain) return undefined;
  const { namespace = '', metricName = '' } = use;
  const isLoad = LOADS.test(metricName) || REQUESTS.test(metricName);
  return HOSTING_NAMESPACES.includes(namespace) && isLoad ? use : undefined;
}

/** True if an alarm names a policy in a list of actions. */
function names({ reader, properties }: Resource, list: string, policy: Resource): boolean {
  const actions = properties[list];
  const arn = policy.reader.text({ Ref: policy.logicalId });
  return (Array.isArray(actions) ? (actions as unknown[]) : [actions]).some(
    (action) => reader.referenced(action) === policy || (arn !== undefined && reader.text(action) === arn),
  );
}

/** Load in which an alarm runs a policy; undefined where it is unknown. */
function loadAtRun(alarm: Resource, policy: Resource): 'high' | 'low' | 'unknown' | undefined {
  const breach = breachOf(alarm);
  if (breach === undefined) return undefined;
  if (names(alarm, 'AlarmActions', policy)) return breach === 'above' ? 'high' : 'low';
  if (names(alarm, 'OKActions', policy)) return breach === 'above' ? 'low' : 'high';
  return names(alarm, 'InsufficientDataActions', policy) ? 'unknown' : undefined;
}

function* reversed(model: TemplateModel): Iterable<RuleViolation> {
  for (const policy of model.targets.flatMap(({ policies }) => policies)) {
    const direction = directionOf(policy);
    if (direction === undefined) continue;
    for (const alarm of policy.alarms) {
      const load = loadOf(model, alarm);
      const moment = load === undefined ? undefined : loadAtRun(alarm, policy.resource);
      const isReversed = direction === 'adds' ? moment === 'low' || moment === 'unknown' : moment === 'high';
      if (!isReversed) continue;
      const when = moment === 'unknown' ? 'has no data' : `is ${moment}`;
      yield {
        at: alarm,
        property: 'ComparisonOperator',
        message: `${policy.resource.logicalId} ${direction} capacity when ${load!.metricName} ${when}`,
        remedy: direction === 'adds' ? 'run it when the load is high' : 'run it when the load is low',
      };
    }
  }
}

/** Load beyond which an alarm runs a policy, with the bounds of its steps. */
interface Region {
  readonly alarm: Resource;
  readonly policy: Resource;
  readonly use: MetricUse;
  readonly bound: number;
}

/** Regions of the load in which the policies of a direction act. */
function regionsOf(model: TemplateModel, policies: readonly DeclaredPolicy[], direction: 'adds' | 'removes'): Region[] {
  return policies
    .filter((policy) => directionOf(policy) === direction)
    .flatMap(({ resource: policy, step, alarms }) =>
      alarms.flatMap((alarm): Region[] => {
        const use = loadOf(model, alarm);
        const threshold = alarm.reader.number(alarm.properties['Threshold']);
        const isUsual = breachOf(alarm) === (direction === 'adds' ? 'above' : 'below');
        if (use === undefined || threshold === undefined || !isUsual || !names(alarm, 'AlarmActions', policy))
          return [];
        const { reader } = policy;
        const name = direction === 'adds' ? 'MetricIntervalLowerBound' : 'MetricIntervalUpperBound';
        const bounds = reader.objects(step?.['StepAdjustments']).map((one) => reader.number(one[name]) ?? 0);
        const nearest = direction === 'adds' ? Math.max(0, Math.min(...bounds)) : Math.min(0, Math.max(...bounds));
        return [{ alarm, policy, use, bound: threshold + nearest }];
      }),
    );
}

/** Statistics that grow with the period over which they are taken. */
const GROWS_WITH_PERIOD = /^(Sum|SampleCount)$/;

/** True if two thresholds are of one quantity. */
function isSameMetric(one: MetricUse, other: MetricUse): boolean {
  const key = ({ namespace, metricName, statistic, dimensions }: MetricUse): string =>
    JSON.stringify([namespace, metricName, statistic, dimensions.map(({ name, value }) => `${name}=${value}`).sort()]);
  const isPerPeriod = GROWS_WITH_PERIOD.test(one.statistic ?? '');
  return key(one) === key(other) && (!isPerPeriod || one.periodSeconds === other.periodSeconds);
}

function* overlapping(model: TemplateModel): Iterable<RuleViolation> {
  for (const { policies } of model.targets) {
    const adding = regionsOf(model, policies, 'adds');
    for (const { alarm, policy, use, bound } of regionsOf(model, policies, 'removes')) {
      const rival = adding.find((one) => isSameMetric(one.use, use) && one.bound < bound);
      if (rival === undefined) continue;
      yield {
        at: alarm,
        property: 'Threshold',
        message: `between ${rival.bound} and ${bound} of ${use.metricName}, ${rival.policy.logicalId} adds capacity and ${policy.logicalId} removes it`,
      };
    }
  }
}

/** Alarms on loads, which are never below 0, with a threshold that leaves them one state. */
function* withoutChoice(model: TemplateModel): Iterable<RuleViolation> {
  for (const alarm of new Set(model.targets.flatMap(({ policies }) => policies.flatMap(({ alarms }) => alarms)))) {
    const use = loadOf(model, alarm);
    const { reader, properties } = alarm;
    const threshold = reader.isAbsent(properties['Threshold']) ? undefined : reader.number(properties['Threshold']);
    const breach = breachOf(alarm);
    if (use === undefined || threshold === undefined || breach === undefined) continue;
    const isOrEqual = reader.text(properties['ComparisonOperator'])!.includes('OrEqualTo');
    // At 0 the comparison alone decides whether a fleet without load counts.
    const isOneState = threshold < 0 || (threshold === 0 && (breach === 'above') === isOrEqual);
    if (!isOneState) continue;
    yield {
      at: alarm,
      property: 'Threshold',
      message: `${use.metricName} is never below 0: an alarm ${breach} ${isOrEqual ? 'or at ' : ''}${threshold} ${breach === 'above' ? 'is always on' : 'never goes off'}`,
    };
  }
}

/** Rules about the load in which step policies act. */
export const THRESHOLD_RULES: readonly ProofRule[] = [
  {
    id: 'alarm-reversed',
    severity: 'warning',
    reason: 'a fleet has to grow under load, and to shrink without it',
    remedy: 'turn the comparison, or exchange the policies',
    source: 'Application Auto Scaling user guide: step scaling policies, how step scaling works',
    check: reversed,
  },
  {
    id: 'thresholds-overlap',
    severity: 'warning',
    reason: 'a load at which one policy adds and another removes moves the fleet back and forth',
    remedy: 'set the threshold that removes below the one that adds, with room for one replica',
    source: 'Application Auto Scaling user guide: step scaling policies; scaling cooldown',
    check: overlapping,
  },
  {
    id: 'alarm-without-choice',
    severity: 'error',
    reason: 'an alarm that no load changes scales always or never',
    remedy: 'set a threshold above 0',
    source:
      'SageMaker developer guide: metrics in CloudWatch; CloudWatch API reference: PutMetricAlarm (ComparisonOperator)',
    check: withoutChoice,
  },
];
