import { lookup } from '../../core/lookup';
import { HOSTING_NAMESPACES } from '../../catalog/hosting-metrics';
import { isObject, type Json } from '../../core/parse';
import type { RuleViolation } from '../finding';
import { isLiteral, type MetricUse, type Resource, type TemplateModel, plainText } from '../../template';
import { hostingAlarms } from '../rule-support/hosting-alarms';
import { breachOf, LOADS } from '../rule-support/alarm-side';
import { either, type ProofRule } from '../rule-support/rule';

const ACTIONS = ['AlarmActions', 'OKActions', 'InsufficientDataActions'] as const;

function* invalid(model: TemplateModel): Iterable<RuleViolation> {
  const longest = new Map<Resource, number>();
  for (const { resource, periodSeconds = 0 } of model.metrics) {
    longest.set(resource, Math.max(longest.get(resource) ?? 0, periodSeconds));
  }
  for (const alarm of hostingAlarms(model)) {
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
    const period = longest.get(alarm) ?? 0;
    const most = period < 3600 ? 86_400 : 604_800;
    if (periods !== undefined && period * periods > most) {
      yield {
        at: alarm,
        property: 'EvaluationPeriods',
        message: `${periods} periods of ${period} s are ${Math.min(periods * period, Number.MAX_VALUE)} s; CloudWatch evaluates at most ${most} s`,
        remedy: 'evaluate fewer or shorter periods',
      };
    }
  }
}

/** Valid values of an alarm, those of anomaly detection included. Source: CloudWatch API reference, PutMetricAlarm. */
const WORDS: { readonly [property: string]: readonly string[] } = lookup({
  ComparisonOperator: [
    'GreaterThanOrEqualToThreshold',
    'GreaterThanThreshold',
    'LessThanThreshold',
    'LessThanOrEqualToThreshold',
    'LessThanLowerOrGreaterThanUpperThreshold',
    'LessThanLowerThreshold',
    'GreaterThanUpperThreshold',
  ],
  TreatMissingData: ['breaching', 'notBreaching', 'ignore', 'missing'],
  Statistic: ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'],
});

function* misworded(model: TemplateModel): Iterable<RuleViolation> {
  for (const alarm of hostingAlarms(model)) {
    const { reader, properties } = alarm;
    for (const [property, words] of Object.entries(WORDS)) {
      const word = reader.text(properties[property]);
      if (word === undefined || !isLiteral(word) || words.includes(word)) continue;
      const isExtended = property === 'Statistic' && /^(p|tm|wm|tc|ts|pr|iqm)/i.test(word);
      yield {
        at: alarm,
        property,
        message: `${property} is '${word}', which is not a value of CloudWatch`,
        remedy: isExtended ? `write '${word}' in ExtendedStatistic` : `use ${either(words)}`,
      };
    }
    const extended = reader.text(properties['ExtendedStatistic']) ?? '';
    if (Number(/^p(\d+(?:\.\d+)?)$/.exec(extended)?.[1]) > 100) {
      yield {
        at: alarm,
        property: 'ExtendedStatistic',
        message: `'${extended}' is a percentile above 100, which CloudWatch rejects`,
        remedy: 'use a percentile from p0 to p100',
      };
    }
    if (reader.isAbsent(properties['MetricName'])) continue;
    const given = ['Statistic', 'ExtendedStatistic'].filter((name) => !reader.isAbsent(properties[name]));
    if (given.length === 1) continue;
    yield {
      at: alarm,
      property: given[0] ?? 'Statistic',
      message:
        given.length === 0
          ? 'the alarm has no statistic'
          : 'the alarm has both Statistic and ExtendedStatistic; CloudWatch accepts one',
      remedy: 'give Statistic or ExtendedStatistic',
    };
  }
}

function* wrongAction(model: TemplateModel): Iterable<RuleViolation> {
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
        const attribute = named.type === POLICY ? attributeOf(action) : undefined;
        if (attribute !== undefined && attribute !== 'Arn') {
          yield {
            at: alarm,
            property,
            message: `${named.logicalId}.${attribute} is not the ARN of the policy`,
          };
        } else if (targets.has(named) || named.type.startsWith('AWS::SageMaker::')) {
          yield {
            at: alarm,
            property,
            message: `${named.logicalId} is a ${named.type}, which is not an alarm action`,
          };
        } else if (tracking.has(named)) {
          yield {
            at: alarm,
            property,
            message: `${named.logicalId} is a target-tracking policy: Application Auto Scaling creates and manages its alarms itself`,
            remedy: 'remove the action, or make the policy a step policy',
            severity: 'warning',
          };
        }
      }
    }
  }
}

const POLICY = 'AWS::ApplicationAutoScaling::ScalingPolicy';

/** Attribute of an `Fn::GetAtt`. */
function attributeOf(action: unknown): string | undefined {
  const attribute = isObject(action) ? action['Fn::GetAtt'] : undefined;
  if (Array.isArray(attribute)) return plainText(attribute[1]);
  return typeof attribute === 'string' ? attribute.slice(attribute.indexOf('.') + 1) : undefined;
}

function* actionWithoutArn(model: TemplateModel): Iterable<RuleViolation> {
  for (const alarm of hostingAlarms(model)) {
    const { reader, properties } = alarm;
    for (const property of ACTIONS) {
      for (const action of reader.texts(properties[property])) {
        if (!isLiteral(action) || action.startsWith('arn:')) continue;
        yield { at: alarm, property, message: `'${action}' is not an ARN; CloudWatch accepts only ARNs` };
      }
    }
  }
}

/** Metrics without datapoints while there are no requests. */
const COMES_WITH_REQUESTS =
  /^(Invocations(PerInstance|PerCopy)?|(Model|Overhead|Container|FirstChunk\w*)Latency|Invocation(4XX|5XX|Model)Errors|MidStreamErrors|TimeInBacklog|TotalProcessingTime|InvocationFailures)$/;

/** Reason why a gap in a metric is no load; undefined where it may be, and for expressions, which may fill gaps. */
function whyGap({ metricName = '', namespace = '', property }: MetricUse): string | undefined {
  if (COMES_WITH_REQUESTS.test(metricName)) return `${metricName} has no data without requests`;
  const isLoad = property === '' && HOSTING_NAMESPACES.includes(namespace) && LOADS.test(metricName);
  return isLoad ? `a gap in ${metricName} says nothing about the load` : undefined;
}

function* scalesWithoutData(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const alarm = use.resource;
    const { reader, properties, type } = alarm;
    const why = whyGap(use);
    if (type !== 'AWS::CloudWatch::Alarm' || why === undefined) continue;
    if (reader.text(properties['TreatMissingData']) !== 'breaching' || breachOf(alarm) !== 'above') continue;
    const adding = model.targets
      .flatMap(({ policies }) => policies)
      .find(
        ({ resource, step, alarms }) =>
          alarms.includes(alarm) && runsOnAlarm(alarm, resource) && onlyAdds(resource, step),
      );
    if (adding === undefined) continue;
    yield {
      at: alarm,
      property: 'TreatMissingData',
      message: `${why}: with 'breaching' the alarm then goes off, and ${adding.resource.logicalId} adds capacity for no request`,
    };
  }
}

/** True if every step of a policy certainly adds capacity. */
function onlyAdds({ reader }: Resource, step: Json | undefined): boolean {
  const steps = reader.objects(step?.['StepAdjustments']).map((one) => reader.number(one['ScalingAdjustment']));
  return steps.length > 0 && steps.every((one) => one !== undefined && one > 0);
}

function* stepsElsewhere(model: TemplateModel): Iterable<RuleViolation> {
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
      // Other actions run when the alarm recovers.
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
          'no step matches, so the policy never acts',
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

/** Rules about alarms. */
export const ALARM_RULES: readonly ProofRule[] = [
  {
    id: 'alarm-invalid',
    severity: 'error',
    reason: 'CloudWatch rejects unknown values, more datapoints than evaluation periods, and too long an evaluation',
    remedy: 'use values that CloudWatch accepts',
    source: 'CloudWatch API reference: PutMetricAlarm',
    check: function* (model) {
      yield* invalid(model);
      yield* misworded(model);
    },
  },
  {
    id: 'alarm-action-invalid',
    severity: 'error',
    reason: 'an alarm scales only by running a step policy',
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
    reason: 'step bounds are relative to the threshold: steps on the other side of it never match',
    remedy: 'put the steps on the side on which the alarm goes off',
    source:
      'Application Auto Scaling user guide: step scaling policies (step adjustments); API reference: StepAdjustment',
    check: stepsElsewhere,
  },
  {
    id: 'missing-data-scales-out',
    severity: 'warning',
    reason: 'an alarm that treats missing data as load grows a fleet without requests',
    remedy: "set TreatMissingData to 'notBreaching'",
    source: 'CloudWatch user guide: alarms and missing data',
    check: scalesWithoutData,
  },
];
