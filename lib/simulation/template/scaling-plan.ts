import { InputError } from '../../core/errors';
import type {
  FleetPlan,
  MetricMathQuery,
  MetricStatistic,
  PolicyMetric,
  ScalingPolicy,
  ScheduledAction,
  SuspendedScaling,
} from '../../scaling/decide/plan';
import type { AlarmDefinition, ComparisonOperator, MetricDataQuery, MetricId, Statistic } from '../cloudwatch';
import { parseDateTime } from '../workload/timestamps';
import type { BlueprintAlarm } from './fleet-blueprint';
import { isObject, listOf, type Json, type Template, type TemplateResource } from './template';

/** A scalable target's plan with the alarms of its step policies. */
export interface TargetPlan {
  readonly plan: FleetPlan;
  readonly stepAlarms: readonly BlueprintAlarm[];
  readonly notes: readonly string[];
}

/** Reads what scales one target: limits, policies, alarms, schedules, brakes. */
export function targetPlan(template: Template, target: TemplateResource): TargetPlan {
  const { properties, logicalId } = target;
  const notes: string[] = [];
  const stepAlarms: BlueprintAlarm[] = [];
  const policies = template
    .ofType('AWS::ApplicationAutoScaling::ScalingPolicy')
    .filter((policy) => belongsTo(template, policy, target))
    .map((policy) => {
      const read = readPolicy(template, policy);
      if (read.kind === 'step') stepAlarms.push(...alarmsOf(template, policy, read.policyName, notes));
      return read;
    });
  const schedules = listOf(properties['ScheduledActions']).map((action) => readSchedule(template, action));
  return {
    plan: {
      minCapacity: required(template, properties['MinCapacity'], `${logicalId}.MinCapacity`),
      maxCapacity: required(template, properties['MaxCapacity'], `${logicalId}.MaxCapacity`),
      policies,
      schedules,
      ...suspension(properties['SuspendedState']),
    },
    stepAlarms,
    notes,
  };
}

function belongsTo(template: Template, policy: TemplateResource, target: TemplateResource): boolean {
  const { ScalingTargetId, ResourceId, ScalableDimension } = policy.properties;
  if (ScalingTargetId !== undefined) return template.referenceOf(ScalingTargetId) === target.logicalId;
  return (
    template.text(ResourceId) === template.text(target.properties['ResourceId']) &&
    template.text(ScalableDimension) === template.text(target.properties['ScalableDimension'])
  );
}

function readPolicy(template: Template, policy: TemplateResource): ScalingPolicy {
  const { properties, logicalId } = policy;
  const policyName = template.text(properties['PolicyName']) || logicalId;
  const tracking = properties['TargetTrackingScalingPolicyConfiguration'];
  if (isObject(tracking)) {
    return {
      kind: 'target-tracking',
      policyName,
      metric: readMetric(template, tracking, logicalId),
      targetValue: required(template, tracking['TargetValue'], `${logicalId}.TargetValue`),
      ...optional(template, 'scaleOutCooldownSeconds', tracking['ScaleOutCooldown']),
      ...optional(template, 'scaleInCooldownSeconds', tracking['ScaleInCooldown']),
      disableScaleIn: flag(tracking['DisableScaleIn']),
    };
  }
  const step = properties['StepScalingPolicyConfiguration'];
  if (!isObject(step)) {
    const type = template.text(properties['PolicyType']) || 'no type';
    throw new InputError(
      `${template.name}: policy ${policyName} (${type}) can not be rehearsed; target tracking and step scaling can`,
    );
  }
  return {
    kind: 'step',
    policyName,
    adjustmentType: (template.text(step['AdjustmentType']) || 'ChangeInCapacity') as 'ChangeInCapacity',
    steps: listOf(step['StepAdjustments']).map((adjustment) => ({
      ...optional(template, 'lowerBound', adjustment['MetricIntervalLowerBound']),
      ...optional(template, 'upperBound', adjustment['MetricIntervalUpperBound']),
      adjustment: required(template, adjustment['ScalingAdjustment'], `${logicalId}.ScalingAdjustment`),
    })),
    ...optional(template, 'cooldownSeconds', step['Cooldown']),
    ...optional(template, 'minAdjustmentMagnitude', step['MinAdjustmentMagnitude']),
    ...(step['MetricAggregationType'] === undefined
      ? {}
      : { metricAggregationType: template.text(step['MetricAggregationType']) as 'Average' }),
  };
}

function readMetric(template: Template, tracking: Json, logicalId: string): PolicyMetric {
  const predefined = tracking['PredefinedMetricSpecification'];
  if (isObject(predefined)) {
    return { kind: 'predefined', predefinedMetricType: template.text(predefined['PredefinedMetricType']) };
  }
  const custom = tracking['CustomizedMetricSpecification'];
  if (!isObject(custom)) {
    throw new InputError(`${template.name}: policy ${logicalId} follows no metric; give it a metric specification`);
  }
  const queries = listOf(custom['Metrics']);
  if (queries.length === 0) return { kind: 'custom', ...plainMetric(template, custom, custom['Statistic']) };
  return {
    kind: 'math',
    queries: queries.map((query): MetricMathQuery => {
      const stat = query['MetricStat'];
      const metric = isObject(stat) && isObject(stat['Metric']) ? stat['Metric'] : undefined;
      return {
        id: template.text(query['Id']),
        ...(metric === undefined ? {} : { metric: plainMetric(template, metric, (stat as Json)['Stat']) }),
        ...(query['Expression'] === undefined ? {} : { expression: template.text(query['Expression']) }),
        returnData: query['ReturnData'] === undefined || flag(query['ReturnData']),
      };
    }),
  };
}

function plainMetric(
  template: Template,
  metric: Json,
  statistic: unknown,
): MetricId & { readonly statistic: MetricStatistic } {
  return { ...metricId(template, metric), statistic: (template.text(statistic) || 'Average') as MetricStatistic };
}

function metricId(template: Template, metric: Json): MetricId {
  return {
    namespace: template.text(metric['Namespace']),
    metricName: template.text(metric['MetricName']),
    dimensions: Object.fromEntries(
      listOf(metric['Dimensions']).map(({ Name, Value }) => [template.text(Name), template.text(Value)]),
    ),
  };
}

/** The alarms whose actions name a policy. */
function alarmsOf(template: Template, policy: TemplateResource, policyName: string, notes: string[]): BlueprintAlarm[] {
  const alarms = template
    .ofType('AWS::CloudWatch::Alarm')
    .filter(({ properties }) =>
      actions(properties['AlarmActions']).some((action) => template.referenceOf(action) === policy.logicalId),
    );
  if (alarms.length === 0) {
    notes.push(`no alarm of the template runs step policy ${policyName}, so it never acts here`);
  }
  return alarms.flatMap((alarm) => {
    if (alarm.properties['EvaluationCriteria'] === undefined)
      return [{ policyName, alarm: readAlarm(template, alarm) }];
    notes.push(
      `alarm ${alarm.logicalId} asks with PromQL what the model servers publish, which a rehearsal does not have: step policy ` +
        `${policyName} never acts here`,
    );
    return [];
  });
}

function readAlarm(template: Template, { logicalId, properties }: TemplateResource): AlarmDefinition {
  const queries = listOf(properties['Metrics']);
  const periods = queries.flatMap((query) => (isObject(query['MetricStat']) ? [query['MetricStat']['Period']] : []));
  const name = template.text(properties['AlarmName']);
  return {
    alarmName: name === '' ? logicalId : name,
    ...(queries.length === 0
      ? {
          metric: metricId(template, properties),
          statistic: (template.text(properties['Statistic']) || 'Average') as Statistic,
        }
      : { metrics: queries.map((query) => readQuery(template, query)) }),
    periodSeconds: template.number(properties['Period'] ?? periods[0], `${logicalId}.Period`) ?? 60,
    evaluationPeriods: required(template, properties['EvaluationPeriods'], `${logicalId}.EvaluationPeriods`),
    ...optional(template, 'datapointsToAlarm', properties['DatapointsToAlarm']),
    threshold: required(template, properties['Threshold'], `${logicalId}.Threshold`),
    comparisonOperator: template.text(properties['ComparisonOperator']) as ComparisonOperator,
    treatMissingData: (template.text(properties['TreatMissingData']) || 'missing') as 'missing',
    actionsEnabled: properties['ActionsEnabled'] === undefined || flag(properties['ActionsEnabled']),
  };
}

function readQuery(template: Template, query: Json): MetricDataQuery {
  const stat = query['MetricStat'];
  const metric = isObject(stat) && isObject(stat['Metric']) ? stat['Metric'] : undefined;
  return {
    id: template.text(query['Id']),
    ...(metric === undefined
      ? {}
      : {
          metric: metricId(template, metric),
          statistic: (template.text((stat as Json)['Stat']) || 'Average') as Statistic,
        }),
    ...(query['Expression'] === undefined ? {} : { expression: template.text(query['Expression']) }),
    returnData: query['ReturnData'] === undefined || flag(query['ReturnData']),
  };
}

function readSchedule(template: Template, action: Json): ScheduledAction {
  const limits = isObject(action['ScalableTargetAction']) ? action['ScalableTargetAction'] : {};
  const moment = (name: 'startSeconds' | 'endSeconds', value: unknown): Json => {
    const at = value === undefined ? undefined : parseDateTime(template.text(value));
    return at === undefined ? {} : { [name]: at };
  };
  return {
    scheduledActionName: template.text(action['ScheduledActionName']),
    schedule: template.text(action['Schedule']),
    ...(action['Timezone'] === undefined ? {} : { timezone: template.text(action['Timezone']) }),
    ...moment('startSeconds', action['StartTime']),
    ...moment('endSeconds', action['EndTime']),
    ...optional(template, 'minCapacity', limits['MinCapacity']),
    ...optional(template, 'maxCapacity', limits['MaxCapacity']),
  };
}

function suspension(state: unknown): { readonly suspended?: SuspendedScaling } {
  if (!isObject(state)) return {};
  return {
    suspended: {
      dynamicScalingInSuspended: flag(state['DynamicScalingInSuspended']),
      dynamicScalingOutSuspended: flag(state['DynamicScalingOutSuspended']),
      scheduledScalingSuspended: flag(state['ScheduledScalingSuspended']),
    },
  };
}

function actions(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function flag(value: unknown): boolean {
  return value === true || value === 'true';
}

function required(template: Template, value: unknown, what: string): number {
  const number = template.number(value, what);
  if (number !== undefined) return number;
  throw new InputError(`${template.name}: ${what} is missing; synthesize the template again`);
}

function optional<Name extends string>(
  template: Template,
  name: Name,
  value: unknown,
): { readonly [key in Name]?: number } {
  const number = template.number(value, name);
  return number === undefined ? {} : ({ [name]: number } as { readonly [key in Name]?: number });
}
