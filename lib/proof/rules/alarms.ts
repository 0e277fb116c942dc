import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import { isLiteral, isObject, writtenText, type Json, type Resource } from '../template-reader';
import { hostingAlarms } from './hosting-alarms';
import { either, type ProofRule } from './rule';

const ACTIONS = ['AlarmActions', 'OKActions', 'InsufficientDataActions'] as const;

function* invalid(model: ProofModel): Iterable<Accusation> {
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
        message: `${periods} periods of ${period} s are ${periods * period} s; CloudWatch looks back at most ${most} s`,
        remedy: 'evaluate fewer or shorter periods',
      };
    }
  }
}

/** Words that an alarm takes (API reference, PutMetricAlarm); those of bands and of other statistics included. */
const WORDS: { readonly [property: string]: readonly string[] } = {
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
};

function* misworded(model: ProofModel): Iterable<Accusation> {
  for (const alarm of hostingAlarms(model)) {
    const { reader, properties } = alarm;
    for (const [property, words] of Object.entries(WORDS)) {
      const word = reader.text(properties[property]);
      if (word === undefined || !isLiteral(word) || words.includes(word)) continue;
      const isExtended = property === 'Statistic' && /^(p|tm|wm|tc|ts|pr|iqm)/i.test(word);
      yield {
        at: alarm,
        property,
        message: `${property} is '${word}', which CloudWatch does not know`,
        remedy: isExtended ? `write '${word}' in ExtendedStatistic` : `use ${either(words)}`,
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
          : 'the alarm has both Statistic and ExtendedStatistic; CloudWatch takes one',
      remedy: 'give Statistic or ExtendedStatistic',
    };
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

const POLICY = 'AWS::ApplicationAutoScaling::ScalingPolicy';

/** The attribute that `Fn::GetAtt` asks for. */
function attributeOf(action: unknown): string | undefined {
  const attribute = isObject(action) ? action['Fn::GetAtt'] : undefined;
  if (Array.isArray(attribute)) return writtenText(attribute[1]);
  return typeof attribute === 'string' ? attribute.slice(attribute.indexOf('.') + 1) : undefined;
}

function* actionWithoutArn(model: ProofModel): Iterable<Accusation> {
  for (const alarm of hostingAlarms(model)) {
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

/** Metrics that have no datapoint while nothing is asked for, and those of endpoints whose wake-up has a rule of its own. */
const COMES_WITH_REQUESTS =
  /^(Invocations(PerInstance|PerCopy)?|(Model|Overhead|Container|FirstChunk\w*)Latency|Invocation(4XX|5XX|Model)Errors|MidStreamErrors|TimeInBacklog|TotalProcessingTime|InvocationFailures)$/;

function* scalesWithoutData(model: ProofModel): Iterable<Accusation> {
  for (const use of model.metrics) {
    const alarm = use.resource;
    const { reader, properties, type } = alarm;
    if (type !== 'AWS::CloudWatch::Alarm' || !COMES_WITH_REQUESTS.test(use.metricName ?? '')) continue;
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
      message: `${use.metricName} has no data while nobody calls; with 'breaching' the alarm then goes off, and ${adding.resource.logicalId} adds capacity for no request`,
    };
  }
}

/** Whether a step policy certainly does nothing but add. */
function onlyAdds({ reader }: Resource, step: Json | undefined): boolean {
  const steps = reader.objects(step?.['StepAdjustments']).map((one) => reader.number(one['ScalingAdjustment']));
  return steps.length > 0 && steps.every((one) => one !== undefined && one > 0);
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
    reason: 'CloudWatch refuses words it does not know, more datapoints than are looked at, and a look back too far',
    remedy: 'write what CloudWatch takes',
    source: 'CloudWatch API reference: PutMetricAlarm',
    check: function* (model) {
      yield* invalid(model);
      yield* misworded(model);
    },
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
  {
    id: 'missing-data-scales-out',
    severity: 'warning',
    reason: 'an alarm that takes silence for load grows a fleet that nobody calls',
    remedy: "set TreatMissingData to 'notBreaching'",
    source: 'CloudWatch user guide: alarms and missing data',
    check: scalesWithoutData,
  },
];
