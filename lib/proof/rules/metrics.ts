import { HOSTING_NAMESPACES, SAGEMAKER_NAMESPACE, type EndpointKind } from '../../catalog/metrics';
import { FURTHER_DIMENSIONS, PUBLISHED_METRICS, type PublishedMetric } from '../../catalog/published-metrics';
import { nearestNames } from '../../core/nearest';
import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { MetricUse, Target } from '../subjects';
import { isLiteral } from '../template-reader';
import { catalogued, dimensionOf, subjectOf, within, type Subject } from './metric-subject';
import { either, type ProofRule } from './rule';

function* notPublished(model: ProofModel): Iterable<Accusation> {
  for (const use of model.metrics) {
    const { namespace, metricName } = use;
    if (namespace === undefined || metricName === undefined) continue;
    const meant = HOSTING_NAMESPACES.find((one) => bare(one) === bare(namespace));
    const at = use.resource;
    const property = within(use, 'MetricName');
    if (meant === undefined) {
      const published = catalogued(use).elsewhere.map((one) => one.namespace);
      const ofEndpoint = use.dimensions.some(({ name }) => name !== undefined && NAMES.test(name));
      // Only AWS publishes under AWS/, and no other service names endpoints so.
      if (!/^AWS\/(?!SageMaker)/i.test(namespace) || !isLiteral(namespace) || published.length === 0 || !ofEndpoint)
        continue;
      yield {
        at,
        property: within(use, 'Namespace'),
        message: `${namespace} has no ${metricName} of an endpoint; SageMaker publishes it in ${either(published)}`,
        remedy: `write ${either(published.map((one) => `'${one}'`))}`,
      };
      continue;
    }
    if (meant !== namespace) {
      yield {
        at,
        property: within(use, 'Namespace'),
        message: `SageMaker publishes nothing in namespace '${namespace}', but in '${meant}': every letter counts`,
        remedy: `write '${meant}'`,
        // A page of AWS writes it without the slash.
        ...(meant === `/${namespace}` && { severity: 'warning' as const }),
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
      // These lists are exhaustive, says AWS; of other kinds a metric that is not in the catalog may be newer than it.
      const isListed = namespace === SAGEMAKER_NAMESPACE && (subject.kind === 'async' || subject.kind === 'serverless');
      const isMisspelt = nearest.some((name) => isAlmost(name, metricName));
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
        severity: elsewhere.length > 0 || isMisspelt || isListed ? 'error' : 'warning',
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

/** Whether two names differ in case, plurals, punctuation and spelling only. */
function isAlmost(one: string, other: string): boolean {
  const letters = (name: string): string =>
    name
      .toLowerCase()
      .replace(/isation/g, 'ization')
      .replace(/[^a-rt-z0-9]/g, '');
  return letters(one) === letters(other);
}

/** A namespace without what people get wrong about it: its case, and the slash before it. */
function bare(namespace: string): string {
  const lower = namespace.trim().toLowerCase().replace(/^\/+/, '');
  return lower === 'aws/sagemaker/endpoint' ? 'aws/sagemaker/endpoints' : lower;
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
      property: within(use, 'Dimensions'),
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
    const named = dimensionOf(use, /^EndpointName$/);
    const endpoint = model.endpointNamed(named);
    const variantName = dimensionOf(use, /^VariantName$/);
    const known = endpoint?.variants.map(({ name }) => name) ?? [];
    const property = within(use, 'Dimensions');
    if (
      endpoint?.hasAllVariants === true &&
      variantName !== undefined &&
      isLiteral(variantName) &&
      known.length > 0 &&
      known.every((name) => name !== undefined && isLiteral(name)) &&
      !known.includes(variantName) &&
      !endpoint.shadowNames.includes(variantName)
    ) {
      yield {
        at: use.resource,
        property,
        message: `endpoint ${endpoint.resource.logicalId} has no variant '${variantName}'; it has ${known.join(', ')}`,
        remedy: `set VariantName to ${either(known.map((name) => `'${name}'`))}`,
      };
      continue;
    }
    const other = otherFleet(model, use, named, variantName);
    if (other !== undefined) {
      yield {
        at: use.resource,
        property,
        message: `the metric is of ${other.measured}, but it scales ${other.scaled}`,
        remedy: 'name what is scaled',
        severity: 'warning',
      };
    }
  }
}

/** What a metric measures and what it scales, where these certainly differ. */
function otherFleet(
  model: ProofModel,
  use: MetricUse,
  endpointName: string | undefined,
  variantName: string | undefined,
): { readonly measured: string; readonly scaled: string } | undefined {
  const { scaled, component } = subjectOf(model, use);
  // Metric math may compare fleets on purpose.
  if (scaled.length === 0 || use.property.includes('Metrics')) return undefined;
  const [first] = scaled;
  const differs = scaled.every(({ endpoint, component: own, resourceId, dimension }) => {
    const measured = model.endpointNamed(endpointName);
    if (dimension === 'component') {
      return component !== undefined && own !== undefined && component !== own;
    }
    const [, scaledEndpoint, scaledVariant] = /^endpoint\/(.+)\/variant\/([^/]+)$/.exec(resourceId ?? '') ?? [];
    if (endpointName === undefined || scaledEndpoint === undefined) return false;
    const isGenerated =
      endpoint !== undefined && endpoint.resource.reader.isAbsent(endpoint.resource.properties['EndpointName']);
    if (measured !== undefined && endpoint !== undefined) {
      if (measured !== endpoint) return true;
    } else if (isGenerated && isLiteral(endpointName)) {
      // CloudFormation makes the name up.
      return !endpointName.startsWith('arn:');
    } else if (isLiteral(endpointName) && isLiteral(scaledEndpoint)) {
      if (endpointName.toLowerCase() !== scaledEndpoint.toLowerCase()) return !endpointName.startsWith('arn:');
    } else return false;
    const areKnown = variantName !== undefined && isLiteral(variantName) && isLiteral(scaledVariant ?? '<');
    return areKnown && variantName !== scaledVariant;
  });
  if (!differs || first === undefined) return undefined;
  const measured =
    component !== undefined
      ? `inference component ${component.name ?? component.resource.logicalId}`
      : `endpoint/${endpointName}${variantName === undefined ? '' : `/variant/${variantName}`}`;
  return { measured, scaled: first.resourceId ?? first.resource.logicalId };
}

/** Dimensions whose value is a name. */
const NAMES = /^(EndpointName|VariantName|InferenceComponentName)$/;

function* arnForName(model: ProofModel): Iterable<Accusation> {
  for (const use of model.metrics) {
    if (!HOSTING_NAMESPACES.includes(use.namespace ?? '')) continue;
    for (const { name, value } of use.dimensions) {
      if (name === undefined || !NAMES.test(name) || value === undefined) continue;
      if (/^(undefined|null|None|\[object Object\])?$/.test(value)) {
        yield {
          at: use.resource,
          property: within(use, 'Dimensions'),
          message: `dimension ${name} is '${value}': the program that wrote the template did not have the name yet`,
        };
      }
      if (!value.startsWith('arn:')) continue;
      yield {
        at: use.resource,
        property: within(use, 'Dimensions'),
        message: `the value of dimension ${name} is an ARN, which no datapoint has: Ref of a SageMaker resource is its ARN`,
      };
    }
  }
}

/** Properties that take the name of another resource, never its ARN. */
function* namesGivenByArn(model: ProofModel): Iterable<Accusation> {
  const variants = model.variants().map(({ config, property, properties }) => ({
    at: config,
    property: `${property}.ModelName`,
    value: properties['ModelName'],
  }));
  const configs = model
    .ofType('AWS::SageMaker::Endpoint')
    .map((at) => ({ at, property: 'EndpointConfigName', value: at.properties['EndpointConfigName'] }));
  const hosts = model
    .ofType('AWS::SageMaker::InferenceComponent')
    .map((at) => ({ at, property: 'EndpointName', value: at.properties['EndpointName'] }));
  for (const { at, property, value } of [...variants, ...configs, ...hosts]) {
    const [name] = property.split('.').slice(-1);
    if (at.reader.text(value)?.startsWith('arn:') !== true) continue;
    yield {
      at,
      property,
      message: `${name} takes a name, and what is given is an ARN: Ref of a SageMaker resource is its ARN`,
      remedy: `use Fn::GetAtt with ${name}`,
    };
  }
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
const OF_THE_WHOLE: { readonly [metricName: string]: { readonly better: string; readonly why: string } } = {
  Invocations: {
    better: 'InvocationsPerInstance',
    why: 'counts for the whole endpoint and does not fall as instances are added, so the fleet runs to its maximum',
  },
  ApproximateBacklogSize: {
    better: 'ApproximateBacklogSizePerInstance',
    why: 'counts for the whole endpoint and does not fall as instances are added, so the fleet runs to its maximum',
  },
  HasBacklogWithoutCapacity: {
    better: 'ApproximateBacklogSizePerInstance, and let a step policy wake the fleet',
    why: 'is 0 as soon as there is an instance, so it follows no load',
  },
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
      message: `${metricName} ${better.why}`,
      remedy: `follow ${better.better}`,
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
    if (here === undefined || here.isHighResolution) continue;
    const finest = finestPeriod(subjectOf(model, use), here);
    if (finest === undefined || finest <= periodSeconds) continue;
    yield {
      at: resource,
      property,
      message: `${use.metricName} arrives every ${finest} s, so most periods of ${periodSeconds} s are empty and the alarm lapses into INSUFFICIENT_DATA`,
      severity: 'warning',
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
    id: 'arn-for-name',
    severity: 'error',
    reason: 'metrics and resources are found under names: an ARN, or nothing, in their place matches none',
    remedy: 'use Fn::GetAtt with EndpointName, or the name itself',
    source:
      'CloudFormation: return values of AWS::SageMaker::Endpoint; SageMaker developer guide: metrics in CloudWatch',
    check: function* (model) {
      yield* arnForName(model);
      yield* namesGivenByArn(model);
    },
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
    reason: 'CloudWatch refuses other periods, and an alarm with shorter ones than the metric has sees empty periods',
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
];
