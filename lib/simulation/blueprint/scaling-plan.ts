import { InputError } from '../../core/errors';
import type { MetricStatistic } from '../../catalog/hosting-metrics';
import { targetValueProblem } from '../../scaling/decide/check-plan';
import type {
  FleetPlan,
  MetricMathQuery,
  PolicyMetric,
  ScalingPolicy,
  ScheduledAction,
  SuspendedScaling,
} from '../../scaling/decide/plan';
import {
  parseExpression,
  type AlarmDefinition,
  type ComparisonOperator,
  type MetricDataQuery,
  type MetricId,
  type Statistic,
} from '../aws/cloudwatch';
import { parseDateTime } from '../traffic/timestamps';
import {
  displayText,
  KnownProperties,
  type ParameterRemedy,
  type DeclaredPolicy,
  type Resource,
  type DeclaredTarget,
} from '../../template';
import type { BlueprintAlarm } from './fleet-blueprint';

/** Plan of a scalable target with the alarms of its step policies. */
export interface TargetPlan {
  readonly plan: FleetPlan;
  readonly stepAlarms: readonly BlueprintAlarm[];
  readonly notes: readonly string[];
}

/** Reads what scales one target: limits, policies, alarms, schedules, suspended activities. */
export function targetPlan(target: DeclaredTarget, remedy: ParameterRemedy): TargetPlan {
  const properties = KnownProperties.of(target.resource, remedy);
  const notes: string[] = [];
  const stepAlarms: BlueprintAlarm[] = [];
  const policies = target.policies.flatMap((policy) => {
    const read = readPolicy(policy, remedy);
    if (read.kind === 'step') stepAlarms.push(...alarmsOf(policy, read.policyName, remedy, notes));
    const metric = read.kind === 'target-tracking' ? read.metric : undefined;
    const problem =
      metric !== undefined && 'queries' in metric
        ? queriesProblem(metric.queries.map((query) => ({ ...query, statistic: query.metric?.statistic })))
        : read.kind === 'target-tracking'
          ? targetValueProblem(read.targetValue)
          : undefined;
    if (problem === undefined) return [read];
    notes.push(`policy ${read.policyName} is left out: ${problem}`);
    return [];
  });
  return {
    plan: {
      minCapacity: properties.requiredNumber('MinCapacity'),
      maxCapacity: properties.requiredNumber('MaxCapacity'),
      policies,
      schedules: properties.objects('ScheduledActions').map(readSchedule),
      ...suspension(properties.object('SuspendedState')),
    },
    stepAlarms,
    notes,
  };
}

function readPolicy({ resource }: DeclaredPolicy, remedy: ParameterRemedy): ScalingPolicy {
  const properties = KnownProperties.of(resource, remedy);
  const policyName = shown(properties, 'PolicyName') || resource.logicalId;
  const tracking = properties.object('TargetTrackingScalingPolicyConfiguration');
  if (tracking !== undefined) {
    return {
      kind: 'target-tracking',
      policyName,
      metric: readMetric(tracking, resource),
      targetValue: tracking.requiredNumber('TargetValue'),
      ...optional('scaleOutCooldownSeconds', tracking.number('ScaleOutCooldown')),
      ...optional('scaleInCooldownSeconds', tracking.number('ScaleInCooldown')),
      disableScaleIn: tracking.flag('DisableScaleIn'),
    };
  }
  const step = properties.object('StepScalingPolicyConfiguration');
  if (step === undefined) {
    const type = properties.text('PolicyType') ?? 'no type';
    throw new InputError(
      `${resource.template}: policy ${policyName} (${type}) cannot be rehearsed; target tracking and step scaling can`,
    );
  }
  const aggregation = step.text('MetricAggregationType') as 'Average' | undefined;
  return {
    kind: 'step',
    policyName,
    adjustmentType: (step.text('AdjustmentType') ?? 'ChangeInCapacity') as 'ChangeInCapacity',
    steps: step.objects('StepAdjustments').map((adjustment) => ({
      ...optional('lowerBound', adjustment.number('MetricIntervalLowerBound')),
      ...optional('upperBound', adjustment.number('MetricIntervalUpperBound')),
      adjustment: adjustment.requiredNumber('ScalingAdjustment'),
    })),
    ...optional('cooldownSeconds', step.number('Cooldown')),
    ...optional('minAdjustmentMagnitude', step.number('MinAdjustmentMagnitude')),
    ...optional('metricAggregationType', aggregation),
  };
}

function readMetric(tracking: KnownProperties, { template, logicalId }: Resource): PolicyMetric {
  const predefined = tracking.object('PredefinedMetricSpecification');
  if (predefined !== undefined) {
    return { kind: 'predefined', predefinedMetricType: shown(predefined, 'PredefinedMetricType') };
  }
  const custom = tracking.object('CustomizedMetricSpecification');
  if (custom === undefined) {
    throw new InputError(`${template}: policy ${logicalId} follows no metric; give it a metric specification`);
  }
  const queries = custom.objects('Metrics');
  if (queries.length === 0) return { kind: 'custom', ...plainMetric(custom, custom, 'Statistic') };
  return {
    kind: 'math',
    queries: queries.map((query): MetricMathQuery => {
      const stat = query.object('MetricStat');
      const metric = stat?.object('Metric');
      return {
        id: shown(query, 'Id'),
        ...(stat === undefined || metric === undefined ? {} : { metric: plainMetric(metric, stat, 'Stat') }),
        ...optional('expression', query.text('Expression')),
        returnData: !query.has('ReturnData') || query.flag('ReturnData'),
      };
    }),
  };
}

function plainMetric(
  metric: KnownProperties,
  holder: KnownProperties,
  statistic: string,
): MetricId & { readonly statistic: MetricStatistic } {
  return { ...metricId(metric), statistic: (holder.text(statistic) ?? 'Average') as MetricStatistic };
}

function metricId(metric: KnownProperties): MetricId {
  return {
    namespace: shown(metric, 'Namespace'),
    metricName: shown(metric, 'MetricName'),
    dimensions: Object.fromEntries(
      metric.objects('Dimensions').map((one) => [shown(one, 'Name'), shown(one, 'Value')]),
    ),
  };
}

/** Alarms that run a policy when they go off. */
function alarmsOf(
  policy: DeclaredPolicy,
  policyName: string,
  remedy: ParameterRemedy,
  notes: string[],
): BlueprintAlarm[] {
  const alarms = policy.alarms.filter((alarm) => runsOnAlarm(alarm, policy.resource));
  if (alarms.length === 0) {
    notes.push(`no alarm of the template runs step policy ${policyName}, so it never acts here`);
  }
  return alarms.flatMap((alarm) => {
    const properties = KnownProperties.of(alarm, remedy);
    if (!properties.has('EvaluationCriteria')) {
      const problem = alarmProblem(properties);
      if (problem === undefined) return [{ policyName, alarm: readAlarm(alarm, properties) }];
      notes.push(`alarm ${alarm.logicalId} is left out, so it never runs step policy ${policyName} here: ${problem}`);
      return [];
    }
    notes.push(
      `alarm ${alarm.logicalId} asks with PromQL what the model servers publish, which a rehearsal does not have: step policy ` +
        `${policyName} never acts here`,
    );
    return [];
  });
}

const STATISTICS: readonly string[] = ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'];
const OPERATORS: readonly string[] = [
  'GreaterThanThreshold',
  'GreaterThanOrEqualToThreshold',
  'LessThanThreshold',
  'LessThanOrEqualToThreshold',
];

/** Reason why an alarm cannot be rehearsed; undefined where it can. */
function alarmProblem(properties: KnownProperties): string | undefined {
  const operator = properties.text('ComparisonOperator') ?? '';
  if (properties.has('ThresholdMetricId') || (operator !== '' && !OPERATORS.includes(operator))) {
    return `it compares with ${operator}${properties.has('ThresholdMetricId') ? ' and a band of anomaly detection' : ''}; ${OPERATORS.join(', ')} and a number are rehearsed`;
  }
  const percentile = properties.text('ExtendedStatistic');
  if (percentile !== undefined) return statisticProblem(percentile);
  return queriesProblem(
    properties.objects('Metrics').map((query) => ({
      expression: query.text('Expression'),
      statistic: query.object('MetricStat')?.text('Stat'),
    })),
  );
}

function statisticProblem(statistic: string): string | undefined {
  if (STATISTICS.includes(statistic)) return undefined;
  return `${statistic} is not kept by a rehearsal, which has ${STATISTICS.join(', ')}`;
}

/** Reason why queries cannot be rehearsed; undefined where they can. */
function queriesProblem(
  queries: readonly { readonly expression?: string | undefined; readonly statistic?: string | undefined }[],
): string | undefined {
  for (const { expression, statistic } of queries) {
    const problem = statistic === undefined ? undefined : statisticProblem(statistic);
    if (problem !== undefined) return problem;
    if (expression === undefined) continue;
    try {
      parseExpression(expression);
    } catch (error) {
      if (error instanceof InputError) return error.message;
      throw error;
    }
  }
  return undefined;
}

/** True if an alarm names a policy in `AlarmActions`; other actions run it when the alarm recovers. */
function runsOnAlarm({ reader, properties }: Resource, policy: Resource): boolean {
  const actions = properties['AlarmActions'];
  const arn = policy.reader.text({ Ref: policy.logicalId });
  return (Array.isArray(actions) ? (actions as unknown[]) : [actions]).some(
    (action) => reader.referenced(action) === policy || (arn !== undefined && reader.text(action) === arn),
  );
}

function readAlarm({ logicalId }: Resource, properties: KnownProperties): AlarmDefinition {
  const queries = properties.objects('Metrics');
  const stat = queries.map((query) => query.object('MetricStat')).find((one) => one !== undefined);
  return {
    alarmName: shown(properties, 'AlarmName') || logicalId,
    ...(queries.length === 0
      ? { metric: metricId(properties), statistic: (properties.text('Statistic') ?? 'Average') as Statistic }
      : { metrics: queries.map(readQuery) }),
    periodSeconds: properties.number('Period') ?? stat?.number('Period') ?? 60,
    evaluationPeriods: properties.requiredNumber('EvaluationPeriods'),
    ...optional('datapointsToAlarm', properties.number('DatapointsToAlarm')),
    threshold: properties.requiredNumber('Threshold'),
    comparisonOperator: shown(properties, 'ComparisonOperator') as ComparisonOperator,
    treatMissingData: (properties.text('TreatMissingData') ?? 'missing') as 'missing',
    actionsEnabled: !properties.has('ActionsEnabled') || properties.flag('ActionsEnabled'),
  };
}

function readQuery(query: KnownProperties): MetricDataQuery {
  const stat = query.object('MetricStat');
  const metric = stat?.object('Metric');
  return {
    id: shown(query, 'Id'),
    ...(metric === undefined
      ? {}
      : { metric: metricId(metric), statistic: (stat?.text('Stat') ?? 'Average') as Statistic }),
    ...optional('expression', query.text('Expression')),
    returnData: !query.has('ReturnData') || query.flag('ReturnData'),
  };
}

function readSchedule(action: KnownProperties): ScheduledAction {
  const limits = action.object('ScalableTargetAction');
  const moment = (name: string): number | undefined => {
    const text = action.text(name);
    return text === undefined ? undefined : parseDateTime(text);
  };
  return {
    scheduledActionName: shown(action, 'ScheduledActionName'),
    schedule: shown(action, 'Schedule'),
    ...optional('timezone', action.text('Timezone')),
    ...optional('startSeconds', moment('StartTime')),
    ...optional('endSeconds', moment('EndTime')),
    ...optional('minCapacity', limits?.number('MinCapacity')),
    ...optional('maxCapacity', limits?.number('MaxCapacity')),
  };
}

function suspension(state: KnownProperties | undefined): { readonly suspended?: SuspendedScaling } {
  if (state === undefined) return {};
  return {
    suspended: {
      dynamicScalingInSuspended: state.flag('DynamicScalingInSuspended'),
      dynamicScalingOutSuspended: state.flag('DynamicScalingOutSuspended'),
      scheduledScalingSuspended: state.flag('ScheduledScalingSuspended'),
    },
  };
}

/** Text of a property as reports show it; empty where it is absent. */
function shown(properties: KnownProperties, name: string): string {
  return displayText(properties.text(name) ?? '');
}

/** A property that is left out where its value is undefined. */
function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in Name]?: Value });
}
