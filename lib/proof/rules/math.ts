import type { Json } from '../../core/parse';
import type { RuleViolation } from '../finding';
import type { Resource, TemplateModel } from '../../template';
import { hostingAlarms } from '../rule-support/hosting-alarms';
import type { ProofRule } from '../rule-support/rule';

/** Lists of metric queries of hosting alarms and of policies. */
function* queriesOf(
  model: TemplateModel,
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

/** Ids in an expression; functions and key words are in capitals. */
function idsIn(expression: string): string[] {
  // A Metrics Insights query names metrics and dimensions, not ids.
  if (/^\s*SELECT\b/i.test(expression)) return [];
  const outsideText = expression.replace(/"[^"]*"|'[^']*'/g, ' ');
  return [...outsideText.matchAll(/(?<![\w.])[a-z]\w*(?!\w|\s*\()/g)].map(([id]) => id);
}

function* invalid(model: TemplateModel): Iterable<RuleViolation> {
  for (const { at, property, list } of queriesOf(model)) {
    const { reader } = at;
    const queries: Json[] = reader.objects(list);
    if (queries.length === 0 || !reader.isCertainList(list)) continue;
    const returned = queries.map((query) =>
      reader.isAbsent(query['ReturnData']) ? true : reader.flag(query['ReturnData']),
    );
    const count = returned.filter((one) => one === true).length;
    // An anomaly detection alarm returns both the band and its metric.
    const isBand = !reader.isAbsent(at.properties['ThresholdMetricId']);
    if (!returned.includes(undefined) && count !== 1 && !isBand) {
      yield {
        at,
        property,
        message: `${count} of the ${queries.length} queries return data; exactly one must (the default of ReturnData is true)`,
        remedy: 'set ReturnData to false on all queries but one',
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
        message: `'${expression}' uses '${missing}', and no query has this Id`,
        remedy: `give a query the Id '${missing}', or write one of ${ids.join(', ')}`,
      };
    }
  }
}

/** Rules about metric math. */
export const MATH_RULES: readonly ProofRule[] = [
  {
    id: 'math-invalid',
    severity: 'error',
    reason: 'the service rejects metric math that returns several series, or uses an id that does not exist',
    remedy: 'return one series, and use existing ids',
    source:
      'Application Auto Scaling API reference: TargetTrackingMetricDataQuery; CloudWatch API reference: MetricDataQuery',
    check: invalid,
  },
];
