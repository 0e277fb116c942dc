import type { EndpointKind } from '../../catalog/metrics';
import {
  FURTHER_DIMENSIONS,
  HOSTING_NAMESPACES,
  PUBLISHED_METRICS,
  type PublishedMetric,
} from '../../catalog/published-metrics';
import { nearestNames } from '../../core/nearest';
import type { Accusation } from '../finding';
import type { Component, Endpoint, MetricUse, ProofModel, Target } from '../model';
import { isLiteral } from '../template-reader';
import { either, type ProofRule } from './rule';

/** What a metric is about: a declared endpoint or component, or the fleet that its alarm or policy scales. */
interface Subject {
  readonly kind: EndpointKind | undefined;
  readonly endpoint: Endpoint | undefined;
  readonly component: Component | undefined;
  /** The targets that the alarm or policy scales. */
  readonly scaled: readonly Target[];
}

function dimension(use: MetricUse, pattern: RegExp): string | undefined {
  return use.dimensions.find(({ name }) => name !== undefined && pattern.test(name))?.value;
}

function subjectOf(model: ProofModel, use: MetricUse): Subject {
  const scaled = model.targets.filter(({ policies }) =>
    policies.some((policy) => policy.resource === use.resource || policy.alarms.includes(use.resource)),
  );
  const component = model.componentNamed(dimension(use, /^inference-?component(name)?$/i));
  const named = dimension(use, /^endpoint(-?name)?$/i);
  const endpoint = model.endpointNamed(named) ?? (named === undefined ? component?.endpoint : undefined);
  const variant = endpoint?.variants.find(({ name }) => name === dimension(use, /^variant(-?name)?$/i));
  const byName = component !== undefined ? 'inference-component' : (variant?.kind ?? endpoint?.kind);
  const kinds = new Set(scaled.map(({ kind }) => kind));
  // A metric of something else that scales this fleet is another rule's matter.
  const byTarget = named === undefined && kinds.size === 1 ? [...kinds][0] : undefined;
  return { kind: byName ?? byTarget, endpoint, component, scaled };
}

/** The metric as it is catalogued: in its own namespace, else in any. */
function catalogued(use: MetricUse): { readonly here?: PublishedMetric; readonly elsewhere: PublishedMetric[] } {
  const all = PUBLISHED_METRICS.filter(({ metricName }) => metricName === use.metricName);
  const here = all.find(({ namespace }) => namespace === use.namespace);
  return { ...(here === undefined ? {} : { here }), elsewhere: all };
}

function* notPublished(model: ProofModel): Iterable<Accusation> {
  for (const use of model.metrics) {
    const { namespace, metricName } = use;
    if (namespace === undefined || metricName === undefined) continue;
    const meant = HOSTING_NAMESPACES.find((one) => one.toLowerCase() === namespace.toLowerCase());
    if (meant === undefined) continue;
    const at = use.resource;
    const property = [use.property, 'MetricName'].filter((part) => part !== '').join('.');
    if (meant !== namespace) {
      yield {
        at,
        property: [use.property, 'Namespace'].filter((part) => part !== '').join('.'),
        message: `nothing is published in namespace '${namespace}': names are told apart by case`,
        remedy: `write '${meant}'`,
      };
      continue;
    }
    const subject = subjectOf(model, use);
    const { here, elsewhere } = catalogued(use);
    if (here === undefined) {
      const isAboutHosting =
        subject.scaled.length > 0 || use.dimensions.some(({ name }) => /endpoint|variant|component/i.test(name ?? ''));
      if (!isAboutHosting || !isLiteral(metricName)) continue;
      const nearest = nearestNames(
        metricName,
        PUBLISHED_METRICS.filter((one) => one.namespace === namespace).map((one) => one.metricName),
      );
      const isMisspelt = nearest.some((name) => name.toLowerCase() === metricName.toLowerCase());
      yield {
        at,
        property,
        message:
          elsewhere.length > 0
            ? `${metricName} is not published in ${namespace}, but in ${either(elsewhere.map((one) => one.namespace))}`
            : `SageMaker publishes no ${metricName} in ${namespace}`,
        remedy:
          elsewhere.length > 0
            ? `set the namespace to ${either(elsewhere.map((one) => `'${one.namespace}'`))}`
            : `nearest known: ${nearest.join(', ')}`,
        // A metric that is not in the catalog may be newer than it.
        severity: elsewhere.length > 0 || isMisspelt ? 'error' : 'warning',
      };
      continue;
    }
    const kinds = Object.keys(here.dimensions);
    if (subject.kind !== undefined && here.dimensions[subject.kind] === undefined) {
      yield {
        at,
        property,
        message: `${subject.kind} endpoints do not publish ${metricName} (${either(kinds)} endpoints do), so it never has data here`,
        remedy: REPLACEMENT[subject.kind],
      };
    }
  }
}

const REPLACEMENT: { readonly [kind in EndpointKind]: string } = {
  'real-time': 'scale on ConcurrentRequestsPerModel or InvocationsPerInstance with EndpointName and VariantName',
  async: 'scale on ApproximateBacklogSizePerInstance with EndpointName alone',
  serverless: 'scale provisioned concurrency on SageMakerVariantProvisionedConcurrencyUtilization',
  'inference-component': 'scale on ConcurrentRequestsPerCopy or InvocationsPerCopy with InferenceComponentName',
};

function* wrongDimensions(model: ProofModel): Iterable<Accusation> {
  for (const use of model.metrics) {
    const { here } = catalogued(use);
    const names = use.dimensions.map(({ name }) => name);
    if (here === undefined || !use.isCertain || names.some((name) => name === undefined)) continue;
    // A metric-math SEARCH names no dimensions; a metric that lists none is never published.
    const { kind } = subjectOf(model, use);
    const published = (kind === undefined ? undefined : here.dimensions[kind]) ?? Object.values(here.dimensions).flat();
    const fits = published.some(
      (set) =>
        set.every((name) => names.includes(name)) &&
        names.every((name) => set.includes(name!) || FURTHER_DIMENSIONS.includes(name!)),
    );
    if (fits) continue;
    yield {
      at: use.resource,
      property: [use.property, 'Dimensions'].filter((part) => part !== '').join('.'),
      message:
        `${use.metricName} is published with ${either([...new Set(published.map((set) => set.join(' + ')))])}, ` +
        `not with ${names.length === 0 ? 'no dimension' : names.join(' + ')}: no datapoint ever matches`,
      remedy: `give ${published[0]!.join(' and ')}, and nothing else`,
    };
  }
}

function* metricOfNothing(model: ProofModel): Iterable<Accusation> {
  for (const use of model.metrics) {
    if (!HOSTING_NAMESPACES.includes(use.namespace ?? '')) continue;
    const endpoint = model.endpointNamed(dimension(use, /^EndpointName$/));
    const variantName = dimension(use, /^VariantName$/);
    const known = endpoint?.variants.map(({ name }) => name) ?? [];
    const property = [use.property, 'Dimensions'].filter((part) => part !== '').join('.');
    if (
      endpoint?.hasAllVariants === true &&
      variantName !== undefined &&
      isLiteral(variantName) &&
      known.length > 0 &&
      known.every((name) => name !== undefined && isLiteral(name)) &&
      !known.includes(variantName) &&
      !hasShadow(endpoint, variantName)
    ) {
      yield {
        at: use.resource,
        property,
        message: `endpoint ${endpoint.resource.logicalId} has no variant '${variantName}'; it has ${known.join(', ')}`,
        remedy: `set VariantName to ${either(known.map((name) => `'${name}'`))}`,
      };
    }
    const { scaled } = subjectOf(model, use);
    const others = scaled.filter((target) => target.endpoint !== undefined && target.endpoint !== endpoint);
    if (endpoint !== undefined && scaled.length > 0 && others.length === scaled.length) {
      yield {
        at: use.resource,
        property,
        message: `the metric is of endpoint ${endpoint.resource.logicalId}, but it scales ${others[0]!.resourceId}`,
        remedy: 'name the endpoint that is scaled',
        severity: 'warning',
      };
    }
  }
}

function hasShadow({ config }: Endpoint, variantName: string): boolean {
  if (config === undefined) return false;
  const { reader, properties } = config;
  return reader
    .objects(properties['ShadowProductionVariants'])
    .some((shadow) => reader.text(shadow['VariantName']) === variantName);
}

/** Which predefined metric belongs to which dimension, and which kinds of endpoint publish what is behind it. */
const PREDEFINED: {
  readonly [type: string]: { readonly dimension: Target['dimension']; readonly kinds: readonly EndpointKind[] };
} = {
  SageMakerVariantInvocationsPerInstance: { dimension: 'variant', kinds: ['real-time', 'inference-component'] },
  SageMakerVariantConcurrentRequestsPerModelHighResolution: {
    dimension: 'variant',
    kinds: ['real-time', 'inference-component'],
  },
  SageMakerInferenceComponentInvocationsPerCopy: { dimension: 'component', kinds: ['inference-component'] },
  SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution: {
    dimension: 'component',
    kinds: ['inference-component'],
  },
  SageMakerVariantProvisionedConcurrencyUtilization: {
    dimension: 'provisioned-concurrency',
    kinds: ['serverless'],
  },
};

function* predefinedMismatch(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    for (const { resource, tracking } of target.policies) {
      const specification = resource.reader.object(tracking?.['PredefinedMetricSpecification']);
      const type = resource.reader.text(specification?.['PredefinedMetricType']);
      if (type === undefined || target.dimension === undefined) continue;
      const property = 'TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.PredefinedMetricType';
      const usable = Object.keys(PREDEFINED).filter((name) => PREDEFINED[name]!.dimension === target.dimension);
      const known = PREDEFINED[type];
      if (known === undefined) {
        if (!isLiteral(type)) continue;
        const nearest = nearestNames(type, Object.keys(PREDEFINED)).join(', ');
        yield {
          at: resource,
          property,
          message: `Application Auto Scaling knows no predefined metric '${type}' for SageMaker`,
          remedy: `use ${either(usable)} (nearest to what is written: ${nearest})`,
        };
      } else if (known.dimension !== target.dimension) {
        yield {
          at: resource,
          property,
          message: `${type} does not measure ${target.scalableDimension}, so the service refuses the policy`,
          remedy: `use ${either(usable)}`,
        };
      } else if (target.kind !== undefined && !known.kinds.includes(target.kind)) {
        yield {
          at: resource,
          property,
          message: `${target.kind} endpoints publish nothing for ${type}, so the policy never acts`,
          remedy: REPLACEMENT[target.kind],
        };
      }
    }
  }
}

/** Metrics of the whole endpoint: they do not fall as replicas are added. */
const OF_THE_WHOLE: { readonly [metricName: string]: string } = {
  Invocations: 'InvocationsPerInstance',
  ApproximateBacklogSize: 'ApproximateBacklogSizePerInstance',
};

function* notPerReplica(model: ProofModel): Iterable<Accusation> {
  for (const { resource, tracking } of model.targets.flatMap(({ policies }) => policies)) {
    const { reader } = resource;
    const custom = reader.object(tracking?.['CustomizedMetricSpecification']);
    if (custom === undefined || !reader.isAbsent(custom['Metrics'])) continue;
    const metricName = reader.text(custom['MetricName']);
    const better = OF_THE_WHOLE[metricName ?? ''];
    if (better === undefined || reader.text(custom['Namespace']) !== 'AWS/SageMaker') continue;
    yield {
      at: resource,
      property: 'TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.MetricName',
      message: `${metricName} counts for the whole endpoint and does not fall as instances are added, so the fleet runs to its maximum`,
      remedy: `follow ${better}`,
    };
  }
}

/** Alarms that wake a fleet from zero, by metric: the most that one waiting request makes of it. */
const WAKES: { readonly [metricName: string]: { readonly most: number; readonly severity: 'error' | 'warning' } } = {
  HasBacklogWithoutCapacity: { most: 1, severity: 'error' },
  NoCapacityInvocationFailures: { most: 1, severity: 'warning' },
};

function* wakeMisses(model: ProofModel): Iterable<Accusation> {
  for (const use of model.metrics) {
    const { properties, reader, type } = use.resource;
    const wake = WAKES[use.metricName ?? ''];
    const threshold = reader.number(properties['Threshold']);
    const operator = reader.text(properties['ComparisonOperator']);
    if (wake === undefined || use.property !== '' || type !== 'AWS::CloudWatch::Alarm' || threshold === undefined)
      continue;
    const isMissed =
      operator === 'GreaterThanThreshold'
        ? wake.most <= threshold
        : operator === 'GreaterThanOrEqualToThreshold' && wake.most < threshold;
    if (!isMissed) continue;
    yield {
      at: use.resource,
      property: 'Threshold',
      message:
        wake.severity === 'error'
          ? `${use.metricName} is never above 1, so the alarm never goes off`
          : `one refused request makes ${use.metricName} 1, which does not set the alarm off: the first caller wakes nothing`,
      severity: wake.severity,
    };
  }
}

/** Periods of an alarm, in seconds (CloudWatch API reference, PutMetricAlarm). */
function isPeriod(seconds: number): boolean {
  return [10, 20, 30].includes(seconds) || (seconds > 0 && seconds % 60 === 0);
}

function* periodNotPublished(model: ProofModel): Iterable<Accusation> {
  for (const use of model.metrics) {
    const { periodSeconds, resource } = use;
    if (periodSeconds === undefined || !(use.namespace ?? '').match(/sagemaker/i)) continue;
    const property = use.property === '' ? 'Period' : use.property.replace(/\.Metric$/, '.Period');
    if (!isPeriod(periodSeconds)) {
      yield {
        at: resource,
        property,
        message: `CloudWatch has no period of ${periodSeconds} s`,
        remedy: 'use 10, 20, 30 or a multiple of 60 seconds',
      };
      continue;
    }
    const { here } = catalogued(use);
    if (here === undefined || here.isHighResolution || periodSeconds >= 60) continue;
    const finest = finestPeriod(subjectOf(model, use), here);
    if (finest === undefined || finest <= periodSeconds) continue;
    yield {
      at: resource,
      property,
      message: `${use.metricName} arrives every ${finest} s, so most periods of ${periodSeconds} s are empty`,
      remedy:
        `use a period of ${Math.max(60, finest)} s, or a metric of 10 s such as ConcurrentRequestsPerModel, ` +
        'or publish this one more often with MetricsConfig (EnableEnhancedMetrics, MetricPublishFrequencyInSeconds)',
    };
  }
}

/** How often a metric arrives from an endpoint, in seconds; undefined where it is not known. */
function finestPeriod({ endpoint, kind }: Subject, metric: PublishedMetric): number | undefined {
  // Backlogs and serverless metrics have no setting of their own.
  if (metric.dimensions['real-time'] === undefined && metric.dimensions['inference-component'] === undefined) return 60;
  if (kind === 'serverless') return 60;
  const config = endpoint?.config;
  if (config === undefined) return undefined;
  const metrics = config.properties['MetricsConfig'];
  if (config.reader.isAbsent(metrics)) return 60;
  const settings = config.reader.object(metrics);
  if (settings === undefined) return undefined;
  const declared = settings['MetricPublishFrequencyInSeconds'];
  const frequency = config.reader.isAbsent(declared) ? 60 : config.reader.number(declared);
  if (metric.namespace === '/aws/sagemaker/Endpoints') return frequency;
  const enhanced = config.reader.flag(settings['EnableEnhancedMetrics']);
  if (enhanced === undefined) return undefined;
  return enhanced ? frequency : 60;
}

/** What a policy or an alarm looks at. */
export const METRIC_RULES: readonly ProofRule[] = [
  {
    id: 'metric-not-published',
    severity: 'error',
    reason: 'a policy or alarm on a metric that this kind of endpoint does not publish never acts',
    remedy: 'follow a metric that this kind of endpoint publishes',
    source:
      'SageMaker developer guide: metrics in CloudWatch; monitor asynchronous endpoints; monitor serverless endpoints',
    check: notPublished,
  },
  {
    id: 'metric-wrong-dimensions',
    severity: 'error',
    reason: 'CloudWatch matches dimensions exactly: with others than the published ones no datapoint is found',
    remedy: 'name the dimensions the metric is published with',
    source: 'SageMaker developer guide: metrics in CloudWatch; CloudWatch user guide: dimensions',
    check: wrongDimensions,
  },
  {
    id: 'metric-of-nothing',
    severity: 'error',
    reason: 'a metric of a variant that the endpoint does not have never has data',
    remedy: 'name a variant of the endpoint',
    source: 'SageMaker developer guide: metrics in CloudWatch',
    check: metricOfNothing,
  },
  {
    id: 'predefined-metric-mismatch',
    severity: 'error',
    reason: 'a predefined metric belongs to one scalable dimension, and to the kinds of endpoint that publish it',
    remedy: 'use a predefined metric of this dimension',
    source: 'Application Auto Scaling API reference: PredefinedMetricSpecification',
    check: predefinedMismatch,
  },
  {
    id: 'alarm-period-not-published',
    severity: 'error',
    reason: 'an alarm with shorter periods than the metric has sees empty periods and stays in INSUFFICIENT_DATA',
    remedy: 'use a period in which the metric arrives',
    source: 'SageMaker API reference: MetricsConfig; CloudWatch API reference: PutMetricAlarm',
    check: periodNotPublished,
  },
  {
    id: 'metric-not-per-replica',
    severity: 'warning',
    reason: 'target tracking needs a metric that falls as capacity grows',
    remedy: 'follow a metric of one replica',
    source: 'Application Auto Scaling user guide: target tracking, choose metrics',
    check: notPerReplica,
  },
  {
    id: 'wake-misses-first-request',
    severity: 'warning',
    reason: 'a fleet at zero has to wake for the first request, not for the second',
    remedy: 'compare with GreaterThanOrEqualToThreshold and 1',
    source: 'SageMaker developer guide: scale an endpoint to zero instances; autoscale an asynchronous endpoint',
    check: wakeMisses,
  },
];
