import { THRESHOLD_RULES } from '../../../lib/proof/rules/thresholds';
import { scaledRealTime } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import { alarm, onVariant, type Properties, resource, type Resources, step } from '../support/templates';

const steps = (ScalingAdjustment: number, bounds: Properties, name: string): Resources[string] => {
  const { Type, Properties } = step({ StepAdjustments: [{ ...bounds, ScalingAdjustment }] });
  return resource(Type, { ...Properties, PolicyName: name });
};
const load = (Threshold: number, operator: string, actions: Properties): Resources[string] =>
  alarm('ConcurrentRequestsPerModel', onVariant, {
    Threshold,
    ComparisonOperator: `${operator}Threshold`,
    AlarmActions: undefined,
    ...actions,
  });
const above = { MetricIntervalLowerBound: 0 };
const below = { MetricIntervalUpperBound: 0 };
/** A fleet with a policy that adds and one that removes. */
const both = (
  high: Resources[string],
  low: Resources[string],
  adding = above,
  removing: Properties = below,
): Resources => scaledRealTime({ Out: steps(2, adding, 'out'), In: steps(-1, removing, 'in'), High: high, Low: low });
const runs = (policy: string): Properties => ({ AlarmActions: [{ Ref: policy }] });
const high = load(6, 'GreaterThan', runs('Out'));
const low = load(2, 'LessThan', runs('In'));

/** Alarms on sums of requests over periods in seconds. */
const sums = (adding: number, removing: number): [Resources[string], Resources[string]] => {
  const sum = (Threshold: number, operator: string, Period: number, policy: string): Resources[string] =>
    alarm('Invocations', onVariant, {
      Threshold,
      ComparisonOperator: `${operator}Threshold`,
      Statistic: 'Sum',
      Period,
      ...runs(policy),
    });
  return [sum(10, 'GreaterThan', adding, 'Out'), sum(40, 'LessThan', removing, 'In')];
};

testRules(THRESHOLD_RULES, {
  'alarm-without-choice': [
    [both(high, load(0, 'LessThan', runs('In'))), both(high, load(0, 'LessThanOrEqualTo', runs('In')))],
    [both(load(0, 'GreaterThanOrEqualTo', runs('Out')), low), both(load(4, 'GreaterThanOrEqualTo', runs('Out')), low)],
    [both(high, load(-1, 'LessThanOrEqualTo', runs('In'))), both(high, load(1, 'LessThanOrEqualTo', runs('In')))],
  ],
  'alarm-reversed': [
    [both(load(6, 'GreaterThan', runs('In')), load(2, 'LessThan', runs('Out'))), both(high, low)],
    [both(load(6, 'LessThanOrEqualTo', runs('Out')), low), both(load(6, 'GreaterThanOrEqualTo', runs('Out')), low)],
    // The recovery of an alarm on high load is low load.
    [
      both(load(6, 'GreaterThan', { OKActions: [{ Ref: 'Out' }] }), low),
      both(load(6, 'GreaterThan', { ...runs('Out'), OKActions: [{ Ref: 'In' }] }), low),
    ],
    [both(load(6, 'GreaterThan', { InsufficientDataActions: [{ Ref: 'Out' }] }), low), both(high, low)],
    [
      both(high, load(2, 'GreaterThan', runs('In'))),
      // Failures are no load: a fleet may grow when few requests succeed.
      scaledRealTime({
        Out: steps(2, below, 'out'),
        A: alarm('RequestsServed', onVariant, {
          Namespace: 'My/Own',
          ComparisonOperator: 'LessThanThreshold',
          ...runs('Out'),
        }),
      }),
    ],
  ],
  'thresholds-overlap': [
    [both(high, load(7, 'LessThan', runs('In'))), both(high, load(6, 'LessThan', runs('In')))],
    [
      both(load(3, 'GreaterThanOrEqualTo', runs('Out')), load(5, 'LessThanOrEqualTo', runs('In'))),
      both(load(5, 'GreaterThanOrEqualTo', runs('Out')), load(3, 'LessThanOrEqualTo', runs('In'))),
    ],
    [
      both(high, load(7, 'LessThan', runs('In'))),
      // The step begins two below its threshold.
      both(high, load(7, 'LessThan', runs('In')), above, { MetricIntervalUpperBound: -2 }),
    ],
    [
      both(high, load(7, 'LessThan', runs('In'))),
      // Another statistic is another quantity.
      both(high, load(7, 'LessThan', { ...runs('In'), Statistic: 'Maximum' })),
    ],
    // A sum over five minutes is another quantity than a sum over one.
    [both(...sums(60, 60)), both(...sums(60, 300))],
  ],
});
