import { HOSTING_NAMESPACES, PUBLISHED_METRICS } from '../../catalog/hosting-metrics';
import type { RuleViolation } from '../finding';
import { isLiteral, type MetricUse, type TemplateModel } from '../../template';
import { within } from '../rule-support/metric-subject';
import type { ProofRule } from '../rule-support/rule';

/** Counts: each request publishes one datapoint of 1, or of its share of the replicas, so only the sum measures load. */
const COUNTS = /^Invocations(PerInstance|PerCopy)?$/;

/** Amounts in use at a moment: the sum of several moments means nothing. */
const GAUGES =
  /^((CPU|GPU|GPUMemory|Memory|Disk)Utilization(Normalized)?|ConcurrentRequestsPer(Model|Copy)|Serverless\w*Utilization)$/;

/** Failures: 1 for a failed request, 0 for any other. */
const FAILURES = /^Invocation(4XX|5XX|Model)Errors$/;

/** A percentile or a trimmed mean. */
const EXTENDED = /^(p|tm|wm)\d/i;

const LATENCIES = /^(Model|Overhead|Container|FirstChunk|FirstChunkModel|FirstChunkOverhead)Latency$|^ModelSetupTime$/;

function isHosting({ namespace }: MetricUse): boolean {
  return HOSTING_NAMESPACES.includes(namespace ?? '');
}

function isScaling({ resource: { type } }: MetricUse): boolean {
  return type === 'AWS::ApplicationAutoScaling::ScalingPolicy';
}

/** Comparison of an alarm; undefined where it is not between one metric and one number. */
function comparison({
  resource,
  property,
}: MetricUse): { readonly threshold: number; readonly isAbove: boolean; readonly isEqualEnough: boolean } | undefined {
  if (resource.type !== 'AWS::CloudWatch::Alarm' || property !== '') return undefined;
  const threshold = resource.reader.number(resource.properties['Threshold']);
  const operator = resource.reader.text(resource.properties['ComparisonOperator']);
  return threshold === undefined || operator === undefined
    ? undefined
    : { threshold, isAbove: /^Greater/.test(operator), isEqualEnough: /OrEqualTo/.test(operator) };
}

function* misleading(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { metricName, statistic, resource } = use;
    if (!isHosting(use) || metricName === undefined || statistic === undefined) continue;
    const compared = comparison(use);
    const property = use.property.endsWith('MetricStat.Metric')
      ? use.property.replace(/Metric$/, 'Stat')
      : within(use, 'Statistic');
    const isOfOne = /^(Average|Minimum|Maximum)$/.test(statistic) || EXTENDED.test(statistic);
    if (FAILURES.test(metricName) && isOfOne) {
      const isNever =
        compared?.isAbove === true && (compared.isEqualEnough ? compared.threshold > 1 : compared.threshold >= 1);
      if (!isNever) continue;
      yield {
        at: resource,
        property,
        message: `each request counts as 0 or 1, so the ${statistic} of ${metricName} is a ratio and never above 1: ${compared.threshold} is never reached`,
        remedy: 'use Sum for a number of failures, or a threshold below 1 for their ratio',
      };
    } else if (COUNTS.test(metricName) && isOfOne) {
      // A threshold below 1 detects any traffic at all.
      if (!isScaling(use) && !(compared?.isAbove === true && compared.threshold >= 1)) continue;
      yield {
        at: resource,
        property,
        message: `every request is one datapoint of at most 1, so the ${statistic} of ${metricName} is never above 1, whatever the number of requests`,
        remedy: 'use Sum',
      };
    } else if (GAUGES.test(metricName) && /^(Sum|SampleCount)$/.test(statistic)) {
      if (!isScaling(use) && compared === undefined) continue;
      // In an expression, the samples count the instances that report, and a sum may be divided by them.
      if (use.property.includes('.Metrics.') && (statistic === 'SampleCount' || divides(resource))) continue;
      yield {
        at: resource,
        property,
        message: `the ${statistic} of ${metricName} grows with the number of instances and reports, not with their load`,
        remedy: /^Concurrent/.test(metricName) ? 'use Maximum or Average' : 'use Average',
      };
    } else if (
      isScaling(use) &&
      !use.property.includes('.Metrics.') &&
      LATENCIES.test(metricName) &&
      /^(Sum|SampleCount)$/.test(statistic)
    ) {
      yield {
        at: resource,
        property,
        message: `the ${statistic} of ${metricName} grows with the traffic and does not fall when instances are added`,
        remedy: 'use Average or a percentile',
      };
    }
  }
}

/** True if an expression of a policy divides. */
function divides({ properties }: MetricUse['resource']): boolean {
  return /"Expression":"[^"]*\//.test(JSON.stringify(properties));
}

/** Metrics with a datapoint only when something happens. */
const SPARSE =
  /Latency$|^(NoCapacityInvocationFailures|MidStreamErrors|InvocationFailures|ExpiredRequests|InvocationsProcesss?ed|TimeInBacklog|TotalProcessingTime|NotificationFailures|Request\w+Failures|Response\w+Failures|ModelSetupTime|Invocation(4XX|5XX|Model)Errors)$/;

function* blindedByGaps(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource, tracking } of model.targets.flatMap(({ policies }) => policies)) {
    const { reader } = resource;
    const custom = reader.object(tracking?.['CustomizedMetricSpecification']);
    const queries = reader.objects(custom?.['Metrics']).map((query) => ({
      id: reader.text(query['Id']),
      expression: reader.text(query['Expression']),
      metricName: reader.text(reader.object(reader.object(query['MetricStat'])?.['Metric'])?.['MetricName']),
    }));
    const formulas = queries.flatMap(({ expression }) => (expression === undefined ? [] : [expression]));
    for (const { id, metricName } of queries) {
      if (id === undefined || metricName === undefined || !SPARSE.test(metricName)) continue;
      if (!PUBLISHED_METRICS.some((one) => one.metricName === metricName)) continue;
      const using = formulas.filter((formula) => new RegExp(`\\b${id}\\b`).test(formula));
      if (using.length === 0 || using.some((formula) => /FILL\s*\(|\bIF\s*\(|METRICS\s*\(/i.test(formula))) continue;
      // Another expression fills it.
      if (formulas.some((formula) => /FILL\s*\(/i.test(formula))) continue;
      yield {
        at: resource,
        property: 'TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics',
        message: `${metricName} (${id}) has no datapoint in minutes without events, and neither has '${using[0]}': the policy does not act`,
        remedy: `write FILL(${id}, 0) or FILL(${id}, REPEAT) in its place`,
      };
    }
  }
}

/** Shortest plausible latencies: a smaller number is meant in milliseconds or seconds. */
const FASTEST_MICROSECONDS: readonly (readonly [metric: RegExp, microseconds: number])[] = [
  [/^(Model|FirstChunk|FirstChunkModel|Container)Latency$/, 10_000],
  [/^(Overhead|FirstChunkOverhead)Latency$/, 1000],
  [/^ModelSetupTime$/, 100_000],
];

function* inMicroseconds(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { metricName, statistic, resource } = use;
    const fastest = FASTEST_MICROSECONDS.find(([metric]) => metric.test(metricName ?? ''))?.[1];
    if (!isHosting(use) || fastest === undefined) continue;
    if (statistic === 'SampleCount' || statistic === 'Sum' || use.property !== '') {
      if (!isScaling(use) || use.property.includes('.Metrics')) continue;
    }
    const compared = comparison(use);
    const tracked = resource.reader.object(resource.properties['TargetTrackingScalingPolicyConfiguration']);
    const value = isScaling(use) ? resource.reader.number(tracked?.['TargetValue']) : compared?.threshold;
    if (value === undefined || value <= 0 || value >= fastest) continue;
    yield {
      at: resource,
      property: isScaling(use) ? 'TargetTrackingScalingPolicyConfiguration.TargetValue' : 'Threshold',
      message: `${metricName} is in microseconds: ${value} is ${value / 1000} ms`,
    };
  }
}

const PERCENT = /^(CPU|GPU|GPUMemory|Memory|Disk)Utilization(Normalized)?$/;

function* asShare(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { metricName, resource } = use;
    if (!isHosting(use) || metricName === undefined || !PERCENT.test(metricName) || use.property.includes('Metrics'))
      continue;
    const compared = comparison(use);
    const tracked = resource.reader.object(resource.properties['TargetTrackingScalingPolicyConfiguration']);
    const value = isScaling(use) ? resource.reader.number(tracked?.['TargetValue']) : compared?.threshold;
    if (value === undefined || value <= 0 || value > 1) continue;
    if (!isScaling(use) && (compared?.isAbove !== true || value === 1)) continue;
    yield {
      at: resource,
      property: isScaling(use) ? 'TargetTrackingScalingPolicyConfiguration.TargetValue' : 'Threshold',
      message: `${metricName} is in percent: ${value} is ${value} %, and an idle instance is above that`,
    };
  }
}

function* asPercent(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { metricName } = use;
    const share = PUBLISHED_METRICS.find((one) => one.metricName === metricName && one.isRatio);
    const compared = comparison(use);
    if (!isHosting(use) || share === undefined || compared?.isAbove !== true) continue;
    // Scaling from zero has a rule of its own.
    if (metricName === 'HasBacklogWithoutCapacity' || !/^(Average|Minimum|Maximum)$/.test(use.statistic ?? ''))
      continue;
    if (compared.isEqualEnough ? compared.threshold <= 1 : compared.threshold < 1) continue;
    yield {
      at: use.resource,
      property: 'Threshold',
      message: `${metricName} is a ratio between 0 and 1: ${compared.threshold} is never reached`,
    };
  }
}

/** Units in which metrics are always published: with another unit CloudWatch finds no datapoint. */
const UNITS: readonly (readonly [metric: RegExp, unit: string])[] = [
  [LATENCIES, 'Microseconds'],
  [/^(CPU|GPU|GPUMemory|Memory|Disk)Utilization(Normalized)?$/, 'Percent'],
];

function* wrongUnit(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const published = UNITS.find(([metric]) => metric.test(use.metricName ?? ''))?.[1];
    if (!isHosting(use) || published === undefined || use.unit === undefined) continue;
    if (!isLiteral(use.unit) || use.unit === published) continue;
    yield {
      at: use.resource,
      property: use.property.endsWith('MetricStat.Metric')
        ? use.property.replace(/Metric$/, 'Unit')
        : within(use, 'Unit'),
      message: `${use.metricName} is published in ${published}: with Unit '${use.unit}' CloudWatch finds no datapoint`,
      remedy: `remove Unit, or write '${published}'`,
    };
  }
}

/** Rules about statistics, units and gaps of metrics. */
export const STATISTIC_RULES: readonly ProofRule[] = [
  {
    id: 'statistic-misleads',
    severity: 'warning',
    reason: 'counts need Sum, and amounts in use need Average or Maximum',
    remedy: 'use a statistic that follows the load',
    source: 'SageMaker developer guide: metrics in CloudWatch (valid statistics of each metric)',
    check: misleading,
  },
  {
    id: 'math-blinded-by-gap',
    severity: 'warning',
    reason: 'one missing datapoint leaves the whole expression without data, and without data the policy does not act',
    remedy: 'wrap the metric in FILL',
    source: 'Application Auto Scaling user guide: target tracking with metric math (FILL)',
    check: blindedByGaps,
  },
  {
    id: 'latency-in-microseconds',
    severity: 'warning',
    reason: 'latencies of SageMaker are in microseconds: every request exceeds a limit in milliseconds',
    remedy: 'multiply milliseconds by 1000',
    source: 'SageMaker developer guide: metrics in CloudWatch (ModelLatency, unit microseconds)',
    check: inMicroseconds,
  },
  {
    id: 'percent-as-share',
    severity: 'warning',
    reason: 'utilisations of SageMaker are in percent, 0 to 100 for each device',
    remedy: 'multiply the ratio by 100',
    source: 'SageMaker developer guide: metrics in CloudWatch (CPUUtilization, unit percent)',
    check: asShare,
  },
  {
    id: 'share-as-percent',
    severity: 'error',
    reason: 'utilisations of serverless endpoints are ratios, 0 to 1',
    remedy: 'divide the percent by 100',
    source: 'SageMaker developer guide: monitor a serverless endpoint',
    check: asPercent,
  },
  {
    id: 'metric-wrong-unit',
    severity: 'error',
    reason: 'CloudWatch finds only datapoints of the given unit, and does not convert',
    remedy: 'remove Unit',
    source: 'CloudWatch API reference: PutMetricAlarm (Unit); SageMaker developer guide: metrics in CloudWatch',
    check: wrongUnit,
  },
];
