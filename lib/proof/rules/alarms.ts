import { HOSTING_NAMESPACES } from '../../catalog/metrics';
import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import { isLiteral, type Resource } from '../template-reader';
import type { ProofRule } from './rule';

const ACTIONS = ['AlarmActions', 'OKActions', 'InsufficientDataActions'] as const;

/** Alarms on hosting, and alarms that scale it. */
function alarmsOf(model: ProofModel): Resource[] {
  const watched = model.metrics.flatMap(({ resource, namespace }) =>
    HOSTING_NAMESPACES.includes(namespace ?? '') ? [resource] : [],
  );
  const scaling = model.targets.flatMap(({ policies }) => policies.flatMap(({ alarms }) => alarms));
  return [...new Set([...watched, ...scaling])].filter(({ type }) => type === 'AWS::CloudWatch::Alarm');
}

function* invalid(model: ProofModel): Iterable<Accusation> {
  for (const alarm of alarmsOf(model)) {
    const { reader, properties } = alarm;
    const periods = reader.number(properties['EvaluationPeriods']);
    const datapoints = reader.number(properties['DatapointsToAlarm']);
    if (periods !== undefined && datapoints !== undefined && datapoints > periods) {
      yield {
        at: alarm,
        property: 'DatapointsToAlarm',
        message: `DatapointsToAlarm (${datapoints}) is above EvaluationPeriods (${periods})`,
        remedy: 'lower DatapointsToAlarm or raise EvaluationPeriods',
      };
    }
    const lengths = model.metrics.flatMap(({ resource, periodSeconds }) =>
      resource === alarm && periodSeconds !== undefined ? [periodSeconds] : [],
    );
    const period = Math.max(0, ...lengths);
    const most = period < 3600 ? 86_400 : 604_800;
    if (periods !== undefined && period * periods > most) {
      yield {
        at: alarm,
        property: 'EvaluationPeriods',
        message: `${periods} periods of ${period} s are ${periods * period} s; CloudWatch looks back at most ${most} s`,
        remedy: 'evaluate fewer or shorter periods',
      };
    }
  }
}

function* wrongAction(model: ProofModel): Iterable<Accusation> {
  const targets = new Set(model.targets.map(({ resource }) => resource));
  const tracking = new Set(
    model.targets.flatMap(({ policies }) =>
      policies.filter((one) => one.tracking !== undefined).map((one) => one.resource),
    ),
  );
  for (const alarm of model.ofType('AWS::CloudWatch::Alarm')) {
    const { reader, properties } = alarm;
    for (const property of ACTIONS) {
      const written = properties[property];
      for (const action of Array.isArray(written) ? (written as unknown[]) : []) {
        const named = reader.referenced(action);
        if (named === undefined) continue;
        if (targets.has(named) || named.type.startsWith('AWS::SageMaker::')) {
          yield {
            at: alarm,
            property,
            message: `${named.logicalId} is a ${named.type}, which an alarm cannot run`,
          };
        } else if (tracking.has(named)) {
          yield {
            at: alarm,
            property,
            message: `${named.logicalId} is a target-tracking policy: Application Auto Scaling makes and keeps its alarms itself`,
            remedy: 'remove the action, or make the policy a step policy',
            severity: 'warning',
          };
        }
      }
    }
  }
}

function* actionWithoutArn(model: ProofModel): Iterable<Accusation> {
  for (const alarm of alarmsOf(model)) {
    const { reader, properties } = alarm;
    for (const property of ACTIONS) {
      for (const action of reader.texts(properties[property])) {
        if (!isLiteral(action) || action.startsWith('arn:')) continue;
        yield { at: alarm, property, message: `'${action}' is no ARN, and CloudWatch takes nothing else` };
      }
    }
  }
}

/** Where the value of an alarm lies, from its threshold, when it goes off. */
function breachOf({ reader, properties }: Resource): 'above' | 'below' | undefined {
  const operator = reader.text(properties['ComparisonOperator']) ?? '';
  return /^GreaterThan(OrEqualTo)?Threshold$/.test(operator)
    ? 'above'
    : /^LessThan(OrEqualTo)?Threshold$/.test(operator)
      ? 'below'
      : undefined;
}

function* stepsElsewhere(model: ProofModel): Iterable<Accusation> {
  for (const { resource, step, alarms } of model.targets.flatMap(({ policies }) => policies)) {
    const { reader } = resource;
    if (step === undefined || !reader.isCertainList(step['StepAdjustments'])) continue;
    const steps = reader.objects(step['StepAdjustments']);
    const bound = (one: (typeof steps)[0], name: string, open: number): number | undefined =>
      reader.isAbsent(one[name]) ? open : reader.number(one[name]);
    const ranges = steps.map((one) => ({
      lower: bound(one, 'MetricIntervalLowerBound', -Infinity),
      upper: bound(one, 'MetricIntervalUpperBound', Infinity),
    }));
    if (ranges.length === 0 || ranges.some(({ lower, upper }) => lower === undefined || upper === undefined)) continue;
    for (const alarm of alarms) {
      // Other lists of actions are for the way back.
      const isOnAlarm =
        alarm.reader.referenced({ Ref: resource.logicalId }) === resource && runsOnAlarm(alarm, resource);
      const breach = isOnAlarm ? breachOf(alarm) : undefined;
      const isMissed =
        breach === 'above'
          ? ranges.every(({ upper }) => upper! <= 0)
          : breach === 'below' && ranges.every(({ lower }) => lower! >= 0);
      if (!isMissed) continue;
      yield {
        at: resource,
        property: 'StepScalingPolicyConfiguration.StepAdjustments',
        message:
          `${alarm.logicalId} goes off ${breach} its threshold, and every step lies ${breach === 'above' ? 'below' : 'above'} it: ` +
          'no step fits, so nothing happens',
        remedy:
          breach === 'above'
            ? 'give a step with MetricIntervalLowerBound 0'
            : 'give a step with MetricIntervalUpperBound 0 and no lower bound',
      };
    }
  }
}

function runsOnAlarm(alarm: Resource, policy: Resource): boolean {
  const actions = alarm.properties['AlarmActions'];
  return Array.isArray(actions) && actions.some((action) => alarm.reader.referenced(action) === policy);
}

/** What alarms are made of. */
export const ALARM_RULES: readonly ProofRule[] = [
  {
    id: 'alarm-invalid',
    severity: 'error',
    reason: 'CloudWatch refuses an alarm that needs more datapoints than it looks at, or looks back too far',
    remedy: 'change the periods',
    source: 'CloudWatch API reference: PutMetricAlarm (DatapointsToAlarm, Period)',
    check: invalid,
  },
  {
    id: 'alarm-action-invalid',
    severity: 'error',
    reason: 'an alarm scales by running a step policy, nothing else',
    remedy: 'name the step policy: its Ref is its ARN',
    source:
      'CloudWatch API reference: PutMetricAlarm (AlarmActions); Application Auto Scaling user guide: step scaling policies',
    check: function* (model) {
      yield* wrongAction(model);
      yield* actionWithoutArn(model);
    },
  },
  {
    id: 'steps-miss-breach',
    severity: 'error',
    reason: 'steps are measured from the threshold: those on the other side of it never fit',
    remedy: 'put the steps on the side on which the alarm goes off',
    source:
      'Application Auto Scaling user guide: step scaling policies (step adjustments); API reference: StepAdjustment',
    check: stepsElsewhere,
  },
];
