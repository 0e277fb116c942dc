import { lookup } from '../../core/lookup';
import {
  ENDPOINT_INSTANCES_NAMESPACE,
  type EndpointKind,
  OPTIONAL_DIMENSIONS,
  HOSTING_NAMESPACES,
  PUBLISHED_METRICS,
  type PublishedMetric,
  SAGEMAKER_NAMESPACE,
} from '../../catalog/hosting-metrics';
import { parseResourceId } from '../../catalog/scalable-resource';
import { nearestNames } from '../../core/nearest';
import type { RuleViolation } from '../finding';
import { isLiteral, type MetricUse, type DeclaredTarget, type TemplateModel } from '../../template';
import { catalogued, dimensionOf, subjectOf, within, type Subject } from '../rule-support/metric-subject';
import { either, type ProofRule } from '../rule-support/rule';

function* notPublished(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { namespace, metricName } = use;
    if (namespace === undefined || metricName === undefined) continue;
    const meant = HOSTING_NAMESPACES.find((one) => bare(one) === bare(namespace));
    const at = use.resource;
    const property = within(use, 'MetricName');
    if (meant === undefined) {
      const published = catalogued(use).elsewhere.map((one) => one.namespace);
      const ofEndpoint = use.dimensions.some(({ name }) => name !== undefined && NAMES.test(name));
      // Only AWS publishes under AWS/, and no other service has this dimension for endpoints.
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
        message: `SageMaker publishes nothing in namespace '${namespace}', but in '${meant}': names are case-sensitive`,
        remedy: `write '${meant}'`,
        // A page of the AWS documentation has it without the slash.
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
      // The documented lists of these kinds are exhaustive; for other kinds a metric may be newer than the catalogue.
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

/** True if two names differ in case, plurals, punctuation and spelling only. */
function isAlmost(one: string, other: string): boolean {
  const letters = (name: string): string =>
    name
      .toLowerCase()
      .replace(/isation/g, 'ization')
      .replace(/[^a-rt-z0-9]/g, '');
  return letters(one) === letters(other);
}

/** Namespace in lower case, without the slash before it: usual mistakes. */
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

function* wrongDimensions(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { here } = catalogued(use);
    const names = use.dimensions.map(({ name }) => name);
    if (here === undefined || !use.isCertain || names.some((name) => name === undefined)) continue;
    const { kind } = subjectOf(model, use);
    const published = (kind === undefined ? undefined : here.dimensions[kind]) ?? Object.values(here.dimensions).flat();
    const fits = published.some(
      (set) =>
        set.every((name) => names.includes(name)) &&
        names.every((name) => set.includes(name!) || OPTIONAL_DIMENSIONS.includes(name!)),
    );
    if (fits) continue;
    const wake = wakesComponent(model, use);
    yield {
      at: use.resource,
      property: within(use, 'Dimensions'),
      message:
        `${use.metricName} is published with ${either([...new Set(published.map((set) => set.join(' + ')))])}, ` +
        `not with ${names.length === 0 ? 'no dimension' : names.join(' + ')}: no datapoint matches`,
      remedy: wake
        ? `a fleet at zero is scaled by NoCapacityInvocationFailures with InferenceComponentName alone; ${use.metricName} has no data without a copy`
        : `give ${published[0]!.join(' and ')}, and nothing else`,
    };
  }
}

/** True if an alarm is meant to scale a component from zero, with a metric that has no data there. */
function wakesComponent(model: TemplateModel, { resource, metricName }: MetricUse): boolean {
  const targets = model.scaledBy(resource);
  return (
    resource.type === 'AWS::CloudWatch::Alarm' &&
    metricName !== 'NoCapacityInvocationFailures' &&
    targets.length > 0 &&
    targets.every(({ dimension, min }) => dimension === 'component' && min === 0)
  );
}

function* metricOfNothing(model: TemplateModel): Iterable<RuleViolation> {
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
        remedy: 'name the scaled fleet',
        severity: 'warning',
      };
    }
  }
}

/** Measured and scaled fleet of a metric, where they certainly differ. */
function otherFleet(
  model: TemplateModel,
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
    const target = parseResourceId(resourceId ?? '');
    if (endpointName === undefined || target?.kind !== 'variant') return false;
    const isGenerated =
      endpoint !== undefined && endpoint.resource.reader.isAbsent(endpoint.resource.properties['EndpointName']);
    if (measured !== undefined && endpoint !== undefined) {
      if (measured !== endpoint) return true;
    } else if (isGenerated && isLiteral(endpointName)) {
      // CloudFormation generates the name.
      return !endpointName.startsWith('arn:');
    } else if (isLiteral(endpointName) && isLiteral(target.endpointName)) {
      if (endpointName.toLowerCase() !== target.endpointName.toLowerCase()) return !endpointName.startsWith('arn:');
    } else return false;
    const areKnown = variantName !== undefined && isLiteral(variantName) && isLiteral(target.variantName);
    return areKnown && variantName !== target.variantName;
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

function* arnForName(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    if (!HOSTING_NAMESPACES.includes(use.namespace ?? '')) continue;
    for (const { name, value } of use.dimensions) {
      if (name === undefined || !NAMES.test(name) || value === undefined) continue;
      if (/^(undefined|null|None|\[object Object\])?$/.test(value)) {
        yield {
          at: use.resource,
          property: within(use, 'Dimensions'),
          message: `dimension ${name} is '${value}': the program that generated the template did not have the name yet`,
        };
      }
      if (!value.startsWith('arn:')) continue;
      yield {
        at: use.resource,
        property: within(use, 'Dimensions'),
        message: `the value of dimension ${name} is an ARN, but datapoints have names: Ref of a SageMaker resource is its ARN`,
      };
    }
  }
}

/** Properties that accept the name of another resource, but not its ARN. */
function* namesGivenByArn(model: TemplateModel): Iterable<RuleViolation> {
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
      message: `${name} must be a name, and this is an ARN: Ref of a SageMaker resource is its ARN`,
      remedy: `use Fn::GetAtt with ${name}`,
    };
  }
}

/** Dimension of each predefined metric, and the kinds of endpoint that publish its metric. */
const PREDEFINED: {
  readonly [type: string]: { readonly dimension: DeclaredTarget['dimension']; readonly kinds: readonly EndpointKind[] };
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

function* predefinedMismatch(model: TemplateModel): Iterable<RuleViolation> {
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
          message: `Application Auto Scaling has no predefined metric '${type}' for SageMaker`,
          remedy: `use ${either(usable)} (nearest names: ${nearest})`,
        };
      } else if (known.dimension !== target.dimension) {
        yield {
          at: resource,
          property,
          message: `${type} does not measure ${target.scalableDimension}, so the service rejects the policy`,
          remedy: `use ${either(usable)}`,
        };
      } else if (target.kind !== undefined && !known.kinds.includes(target.kind)) {
        yield {
          at: resource,
          property,
          message: `${target.kind} endpoints do not publish the metric of ${type}, so the policy never acts`,
          remedy: REPLACEMENT[target.kind],
        };
      }
    }
  }
}

/** Metrics of the whole endpoint: they do not fall when replicas are added. */
const OF_THE_WHOLE: { readonly [metricName: string]: { readonly better: string; readonly why: string } } = lookup({
  Invocations: {
    better: 'InvocationsPerInstance',
    why: 'counts for the whole endpoint and does not fall when instances are added, so the fleet grows to its maximum',
  },
  ApproximateBacklogSize: {
    better: 'ApproximateBacklogSizePerInstance',
    why: 'counts for the whole endpoint and does not fall when instances are added, so the fleet grows to its maximum',
  },
  HasBacklogWithoutCapacity: {
    better: 'ApproximateBacklogSizePerInstance, and add a step policy that scales from zero',
    why: 'is 0 as soon as there is an instance, so it does not follow the load',
  },
});

function* notPerReplica(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource, tracking } of model.targets.flatMap(({ policies }) => policies)) {
    const { reader } = resource;
    const custom = reader.object(tracking?.['CustomizedMetricSpecification']);
    if (custom === undefined || !reader.isAbsent(custom['Metrics'])) continue;
    const metricName = reader.text(custom['MetricName']);
    const better = OF_THE_WHOLE[metricName ?? ''];
    if (better === undefined || reader.text(custom['Namespace']) !== SAGEMAKER_NAMESPACE) continue;
    yield {
      at: resource,
      property: 'TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.MetricName',
      message: `${metricName} ${better.why}`,
      remedy: `follow ${better.better}`,
    };
  }
}

/** True for a period of an alarm, in seconds. Source: CloudWatch API reference, PutMetricAlarm. */
function isPeriod(seconds: number): boolean {
  return [10, 20, 30].includes(seconds) || (seconds > 0 && seconds % 60 === 0);
}

function* periodNotPublished(model: TemplateModel): Iterable<RuleViolation> {
  for (const use of model.metrics) {
    const { periodSeconds, resource } = use;
    if (periodSeconds === undefined || !(use.namespace ?? '').match(/sagemaker/i)) continue;
    const property = use.property === '' ? 'Period' : use.property.replace(/\.Metric$/, '.Period');
    if (!isPeriod(periodSeconds)) {
      yield {
        at: resource,
        property,
        message: `CloudWatch does not accept a period of ${periodSeconds} s`,
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
      message: `${use.metricName} is published every ${finest} s, so most periods of ${periodSeconds} s are empty and the alarm goes to INSUFFICIENT_DATA`,
      severity: 'warning',
      remedy:
        `use a period of ${Math.max(60, finest)} s, or a metric of 10 s such as ConcurrentRequestsPerModel, ` +
        'or publish this one more often with MetricsConfig (EnableEnhancedMetrics, MetricPublishFrequencyInSeconds)',
    };
  }
}

/** Interval in which an endpoint publishes a metric, in seconds; undefined where it is unknown. */
function finestPeriod({ endpoint, kind }: Subject, metric: PublishedMetric): number | undefined {
  // Backlogs and serverless metrics have no setting for it.
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
  if (metric.namespace === ENDPOINT_INSTANCES_NAMESPACE) return frequency;
  const enhanced = config.reader.flag(settings['EnableEnhancedMetrics']);
  if (enhanced === undefined) return undefined;
  return enhanced ? frequency : 60;
}

/** Rules about the metrics of policies and alarms. */
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
    reason:
      'CloudWatch matches dimensions exactly: with other dimensions than the published ones it finds no datapoint',
    remedy: 'name the published dimensions of the metric',
    source: 'SageMaker developer guide: metrics in CloudWatch; CloudWatch user guide: dimensions',
    check: wrongDimensions,
  },
  {
    id: 'metric-of-nothing',
    severity: 'error',
    reason: 'a metric of a variant that does not exist never has data',
    remedy: 'name a variant of the endpoint',
    source: 'SageMaker developer guide: metrics in CloudWatch',
    check: metricOfNothing,
  },
  {
    id: 'arn-for-name',
    severity: 'error',
    reason: 'metrics and resources are found by name: an ARN or an empty value matches none',
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
    reason:
      'CloudWatch rejects other periods, and an alarm with a shorter period than that of the metric evaluates empty periods',
    remedy: 'use a period in which the metric is published',
    source: 'SageMaker API reference: MetricsConfig; CloudWatch API reference: PutMetricAlarm',
    check: periodNotPublished,
  },
  {
    id: 'metric-not-per-replica',
    severity: 'warning',
    reason: 'target tracking needs a metric that falls when capacity grows',
    remedy: 'follow a metric of one replica',
    source: 'Application Auto Scaling user guide: target tracking, choose metrics',
    check: notPerReplica,
  },
];
