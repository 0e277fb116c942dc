import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { Json, Resource } from '../template-reader';
import { hostingAlarms } from './hosting-alarms';
import type { ProofRule } from './rule';

/** Lists of metric queries: of alarms and of policies that scale hosting. */
function* queriesOf(
  model: ProofModel,
): Iterable<{ readonly at: Resource; readonly property: string; readonly list: unknown }> {
  for (const at of hostingAlarms(model)) yield { at, property: 'Metrics', list: at.properties['Metrics'] };
  for (const { resource, tracking } of model.targets.flatMap(({ policies }) => policies)) {
    const custom = resource.reader.object(tracking?.['CustomizedMetricSpecification']);
    yield {
      at: resource,
      property: 'TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics',
      list: custom?.['Metrics'],
    };
  }
}

/** The ids that an expression names: functions and key words are written in capitals. */
function idsIn(expression: string): string[] {
  // A query in SQL names metrics and dimensions.
  if (/^\s*SELECT\b/i.test(expression)) return [];
  const outsideText = expression.replace(/"[^"]*"|'[^']*'/g, ' ');
  return [...outsideText.matchAll(/(?<![\w.])[a-z]\w*(?!\w|\s*\()/g)].map(([id]) => id);
}

function* invalid(model: ProofModel): Iterable<Accusation> {
  for (const { at, property, list } of queriesOf(model)) {
    const { reader } = at;
    const queries: Json[] = reader.objects(list);
    if (queries.length === 0 || !reader.isCertainList(list)) continue;
    const returned = queries.map((query) =>
      reader.isAbsent(query['ReturnData']) ? true : reader.flag(query['ReturnData']),
    );
    const count = returned.filter((one) => one === true).length;
    // A band is compared with the metric that it is of, and both are returned.
    const isBand = !reader.isAbsent(at.properties['ThresholdMetricId']);
    if (!returned.includes(undefined) && count !== 1 && !isBand) {
      yield {
        at,
        property,
        message: `${count} of the ${queries.length} queries return data; the service follows one (ReturnData is true where it is left out)`,
        remedy: 'set ReturnData to false on all queries but the one to follow',
      };
    }
    const ids = queries.map((query) => reader.text(query['Id']));
    if (ids.includes(undefined)) continue;
    for (const [index, query] of queries.entries()) {
      const expression = reader.text(query['Expression']);
      const missing = expression === undefined ? undefined : idsIn(expression).find((id) => !ids.includes(id));
      if (missing === undefined) continue;
      yield {
        at,
        property: `${property}.${index}.Expression`,
        message: `'${expression}' names '${missing}', and no query has this Id`,
        remedy: `give a query the Id '${missing}', or write one of ${ids.join(', ')}`,
      };
    }
  }
}

/** How metrics are computed. */
export const MATH_RULES: readonly ProofRule[] = [
  {
    id: 'math-invalid',
    severity: 'error',
    reason: 'the service refuses metric math that returns several series, or names one that is not there',
    remedy: 'return one series, of ids that are there',
    source:
      'Application Auto Scaling API reference: TargetTrackingMetricDataQuery; CloudWatch API reference: MetricDataQuery',
    check: invalid,
  },
];
