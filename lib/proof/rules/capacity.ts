import { findInstanceType } from '../../catalog/instance-types';
import { PUBLISHED_METRICS } from '../../catalog/published-metrics';
import type { Accusation } from '../finding';
import { testedConcurrency, type ProofModel } from '../model';
import type { Target } from '../subjects';
import { isLiteral } from '../template-reader';
import { limitsOf } from './limits';
import type { ProofRule } from './rule';

function* zeroWhereImpossible(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    const isRealTime = target.dimension === 'variant' && target.kind === 'real-time';
    if (!isRealTime && target.dimension !== 'provisioned-concurrency') continue;
    for (const { property, min, max } of limitsOf(target)) {
      for (const [name, value] of [
        ['MinCapacity', min],
        ['MaxCapacity', max],
      ] as const) {
        if (value === undefined || value >= 1) continue;
        yield isRealTime
          ? {
              at: target.resource,
              property: property + name,
              message: `${name} is ${value}, but a real-time variant with a model of its own cannot have fewer than 1 instance`,
            }
          : {
              at: target.resource,
              property: property + name,
              message: `${name} is ${value}, but the least concurrency that can be provisioned is 1 (without any, a serverless variant goes to zero by itself)`,
              remedy: 'set it to 1 or more',
              // Application Auto Scaling may register it all the same.
              severity: 'warning',
            };
      }
    }
  }
}

function* managedOnModel(model: ProofModel): Iterable<Accusation> {
  for (const { config, property, properties, kind } of model.variants()) {
    const managed = config.reader.object(properties['ManagedInstanceScaling']);
    if (managed === undefined || (kind !== 'real-time' && kind !== 'async' && kind !== 'serverless')) continue;
    if (config.reader.text(managed['Status']) === 'DISABLED') continue;
    yield {
      at: config,
      property: `${property}.ManagedInstanceScaling`,
      message: `the variant has a model of its own; managed instance scaling is for inference components, so the service rejects the configuration`,
    };
  }
}

function* managedAndTarget(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    if (target.dimension !== 'variant' || target.variant === undefined) continue;
    const { reader } = target.variant.config;
    const managed = reader.object(target.variant.properties['ManagedInstanceScaling']);
    if (managed === undefined || reader.text(managed['Status']) !== 'ENABLED') continue;
    yield {
      at: target.resource,
      property: 'ScalableDimension',
      message:
        'SageMaker scales the instances of this variant by itself (ManagedInstanceScaling); a scalable target changes the same number',
    };
  }
}

function* minAboveMax(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    for (const { property, min, max } of limitsOf(target)) {
      if (min === undefined || max === undefined || min <= max) continue;
      yield {
        at: target.resource,
        property: `${property}MinCapacity`,
        message: `MinCapacity (${min}) is above MaxCapacity (${max})`,
      };
    }
  }
  for (const { config, property, properties } of model.variants()) {
    const managed = config.reader.object(properties['ManagedInstanceScaling']);
    const min = config.reader.number(managed?.['MinInstanceCount']);
    const max = config.reader.number(managed?.['MaxInstanceCount']);
    if (min === undefined || max === undefined || min <= max) continue;
    yield {
      at: config,
      property: `${property}.ManagedInstanceScaling.MinInstanceCount`,
      message: `MinInstanceCount (${min}) is above MaxInstanceCount (${max})`,
      remedy: 'lower MinInstanceCount or raise MaxInstanceCount',
    };
  }
}

function* fixedCapacity(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    const { reader, properties } = target.resource;
    if (target.min === undefined || target.min !== target.max || target.policies.length === 0) continue;
    if (!reader.isAbsent(properties['ScheduledActions'])) continue;
    yield {
      at: target.resource,
      property: 'MaxCapacity',
      message: `MinCapacity and MaxCapacity are both ${target.max}, so its ${target.policies.length} policies change nothing`,
    };
  }
}

function* targetAboveCapacity(model: ProofModel): Iterable<Accusation> {
  for (const target of model.targets) {
    for (const { resource, tracking } of target.policies) {
      const { reader } = resource;
      const value = reader.number(tracking?.['TargetValue']);
      if (tracking === undefined || value === undefined) continue;
      if (value <= 0) {
        yield {
          at: resource,
          property: 'TargetTrackingScalingPolicyConfiguration.TargetValue',
          message: `the target is ${value}: any load is above it and none is below, so the fleet only ever grows`,
          remedy: 'set a target above 0',
        };
        continue;
      }
      const most = mostOf(target, resource, tracking);
      if (most === undefined || value <= most.value) continue;
      yield {
        at: resource,
        property: 'TargetTrackingScalingPolicyConfiguration.TargetValue',
        message: `the target (${value}) is above ${most.value}, ${most.why}: the policy never adds capacity in time`,
        remedy: `set a target below ${most.value}`,
        severity: most.severity,
      };
    }
  }
}

interface Most {
  readonly value: number;
  readonly why: string;
  readonly severity: 'error' | 'warning';
}

/** The most that a metric of one replica can show, where that is known. */
function mostOf(
  target: Target,
  policy: Target['resource'],
  tracking: NonNullable<Target['policies'][0]['tracking']>,
): Most | undefined {
  const { reader } = policy;
  const predefined = reader.text(reader.object(tracking['PredefinedMetricSpecification'])?.['PredefinedMetricType']);
  const custom = reader.object(tracking['CustomizedMetricSpecification']);
  const isPlain = custom !== undefined && reader.isAbsent(custom['Metrics']);
  const metric = isPlain ? reader.text(custom['MetricName']) : undefined;
  if (predefined === 'SageMakerVariantProvisionedConcurrencyUtilization') {
    return { value: 1, why: 'the most that a share of the provisioned concurrency can be', severity: 'error' };
  }
  if (PUBLISHED_METRICS.some((one) => one.metricName === metric && one.isShare)) {
    return { value: 1, why: 'the most that a share can be', severity: 'error' };
  }
  if (metric === 'ApproximateBacklogSizePerInstance') {
    const atOnce = concurrentInvocations(target);
    return atOnce === undefined
      ? undefined
      : {
          value: atOnce * LONGEST_QUEUE,
          why: `${LONGEST_QUEUE} times the ${atOnce} invocations that an instance handles at once`,
          severity: 'warning',
        };
  }
  if (/ConcurrentRequestsPer(Model|Copy)/.test(predefined ?? metric ?? '')) {
    const tested = testedConcurrency(target);
    return tested === undefined
      ? undefined
      : { value: tested, why: 'the concurrency that one replica was tested with', severity: 'warning' };
  }
  if (metric !== undefined && /^(CPU|GPU|GPUMemory|Memory|Disk)Utilization(Normalized)?$/.test(metric)) {
    const value = mostUtilization(target, metric);
    return value === undefined
      ? undefined
      : { value, why: 'the most percent that the metric can show', severity: 'error' };
  }
  return undefined;
}

/** So many times its concurrency may wait for each instance before the wait is the better part of an answer. */
const LONGEST_QUEUE = 10;

/** How many invocations an asynchronous instance handles at once, where it is declared. */
function concurrentInvocations({ endpoint }: Target): number | undefined {
  const config = endpoint?.config;
  const settings = config?.reader.object(config.properties['AsyncInferenceConfig']);
  const client = config?.reader.object(settings?.['ClientConfig']);
  return config?.reader.number(client?.['MaxConcurrentInvocationsPerInstance']);
}

function mostUtilization(target: Target, metric: string): number | undefined {
  if (/^(Memory|Disk)|Normalized$/.test(metric)) return 100;
  const types = target.variant?.instanceTypes ?? [];
  const units = types.map((name) => {
    const type = findInstanceType(name);
    return metric.startsWith('CPU') ? type?.vcpus : type?.accelerator?.count;
  });
  if (units.length === 0 || units.some((count) => count === undefined)) return undefined;
  return 100 * Math.max(...units.map((count) => count ?? 0));
}

function* quotaExceeded(model: ProofModel): Iterable<Accusation> {
  for (const [instanceType, quota] of Object.entries(model.options.quotas ?? {})) {
    const users = model.targets.filter(
      (target) =>
        target.dimension === 'variant' &&
        highestOf(target) !== undefined &&
        target.variant?.instanceTypes.includes(instanceType) === true,
    );
    const scaled = new Set(users.map(({ variant }) => variant));
    const fixed = model.variants().flatMap((variant) => {
      if (scaled.has(variant) || !variant.instanceTypes.includes(instanceType)) return [];
      const { reader } = variant.config;
      const managed = reader.object(variant.properties['ManagedInstanceScaling']);
      const count =
        reader.number(managed?.['MaxInstanceCount']) ?? reader.number(variant.properties['InitialInstanceCount']);
      return count === undefined ? [] : [{ at: variant.config, count }];
    });
    const total = [...users.map((target) => highestOf(target) ?? 0), ...fixed.map(({ count }) => count)].reduce(
      (a, b) => a + b,
      0,
    );
    const first = users[0]?.resource ?? fixed[0]?.at;
    if (total <= quota || first === undefined) continue;
    yield {
      at: first,
      property: users.length > 0 ? 'MaxCapacity' : 'ProductionVariants',
      message: `all fleets together may want ${total} × ${instanceType}, above the quota of ${quota}`,
      remedy: `lower the maxima to ${quota} together, or ask for a higher quota (a blue/green deployment needs up to twice as many)`,
    };
  }
}

/** The most that a target or one of its schedules allows. */
function highestOf(target: Target): number | undefined {
  const highest = Math.max(...limitsOf(target).map(({ max }) => max ?? -Infinity));
  return Number.isFinite(highest) ? highest : undefined;
}

/** What CloudFormation requires of a scalable target. */
const REQUIRED = ['ServiceNamespace', 'ScalableDimension', 'ResourceId', 'MinCapacity', 'MaxCapacity'];

function* malformedTarget(model: ProofModel): Iterable<Accusation> {
  for (const { resource, scalableDimension } of model.targets) {
    const { reader, properties } = resource;
    const absent = REQUIRED.filter((name) => reader.isAbsent(properties[name]));
    if (absent.length > 0) {
      yield {
        at: resource,
        property: absent[0]!,
        message: `the target lacks ${absent.join(' and ')}`,
        remedy: `set ${absent.join(' and ')}`,
      };
    }
    const namespace = reader.text(properties['ServiceNamespace']);
    if (namespace === undefined || namespace === 'sagemaker' || !isLiteral(namespace)) continue;
    if (scalableDimension?.startsWith('sagemaker:') !== true) continue;
    yield {
      at: resource,
      property: 'ServiceNamespace',
      message: `${scalableDimension} is no dimension of service '${namespace}'`,
      remedy: "set ServiceNamespace to 'sagemaker'",
    };
  }
  for (const { resource, resourceId, scalableDimension, dimension, endpoint, kind } of model.targets) {
    if (dimension === 'variant' && kind === 'serverless') {
      yield {
        at: resource,
        property: 'ScalableDimension',
        message: 'a serverless variant has no instances to scale',
        remedy: 'use sagemaker:variant:DesiredProvisionedConcurrency',
      };
    }
    if (dimension === 'provisioned-concurrency' && kind !== undefined && kind !== 'serverless') {
      yield {
        at: resource,
        property: 'ScalableDimension',
        message: `only serverless variants have provisioned concurrency; this one is ${kind}`,
        remedy: 'use sagemaker:variant:DesiredInstanceCount',
      };
    }
    if (scalableDimension !== undefined && isLiteral(scalableDimension) && dimension === undefined) {
      yield {
        at: resource,
        property: 'ScalableDimension',
        message: `SageMaker has no scalable dimension '${scalableDimension}'`,
        remedy:
          'use sagemaker:variant:DesiredInstanceCount, sagemaker:inference-component:DesiredCopyCount or ' +
          'sagemaker:variant:DesiredProvisionedConcurrency',
      };
    }
    if (resourceId === undefined) continue;
    if (/\/(undefined|null|None)(\/|$)/.test(resourceId) || /\[object Object\]|Token\[/.test(resourceId)) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `'${resourceId}' names nothing: the program that wrote the template did not have the name yet`,
        remedy: 'use the attribute of the resource (attrEndpointName in the CDK, Fn::GetAtt with EndpointName)',
      };
      continue;
    }
    if (/(^|\/)arn:aws/.test(resourceId)) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `the resource id contains an ARN (${resourceId}): Ref of a SageMaker resource is its ARN, not its name`,
        remedy: 'use Fn::GetAtt with EndpointName (or InferenceComponentName), or the name itself',
      };
      continue;
    }
    const isComponent = resourceId.startsWith('inference-component/');
    const isVariant = /^endpoint\/[^/]+\/variant\/[^/]+$/.test(resourceId);
    const isUnknown = resourceId.startsWith('<');
    const wanted = dimension === 'component' ? isComponent : isVariant;
    if (dimension !== undefined && !wanted && !isUnknown) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `'${resourceId}' is no resource of ${scalableDimension}`,
        remedy: `write ${dimension === 'component' ? 'inference-component/NAME' : 'endpoint/NAME/variant/NAME'}`,
      };
      continue;
    }
    const variantName = /\/variant\/([^/]+)$/.exec(resourceId)?.[1];
    const known = endpoint?.variants.map(({ name }) => name) ?? [];
    if (
      isVariant &&
      endpoint?.hasAllVariants === true &&
      variantName !== undefined &&
      isLiteral(variantName) &&
      known.length > 0 &&
      known.every((name) => name !== undefined && isLiteral(name)) &&
      !known.includes(variantName) &&
      !endpoint.shadowNames.includes(variantName)
    ) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `endpoint ${endpoint.resource.logicalId} has no variant '${variantName}'; it has ${known.join(', ')}`,
        remedy: 'name a variant of the endpoint',
      };
    }
  }
}

/** How many there may be. */
export const CAPACITY_RULES: readonly ProofRule[] = [
  {
    id: 'scalable-target-invalid',
    severity: 'error',
    reason: 'Application Auto Scaling finds nothing under a resource id or dimension that does not exist',
    remedy: 'name an existing variant or component',
    source:
      'Application Auto Scaling API reference: RegisterScalableTarget; CloudFormation: return values of AWS::SageMaker::Endpoint',
    check: malformedTarget,
  },
  {
    id: 'zero-where-impossible',
    severity: 'error',
    reason: 'only asynchronous endpoints and inference components scale to zero',
    remedy: 'set it to 1 or more, or serve the model asynchronously or as an inference component',
    source: 'SageMaker developer guide: scale an endpoint to zero instances; autoscale an asynchronous endpoint',
    check: zeroWhereImpossible,
  },
  {
    id: 'managed-scaling-on-model-variant',
    severity: 'error',
    reason: 'managed instance scaling belongs to endpoints with inference components',
    remedy:
      'remove ManagedInstanceScaling and register a scalable target, or move the model into an inference component',
    source: 'SageMaker API reference: ProductionVariantManagedInstanceScaling',
    check: managedOnModel,
  },
  {
    id: 'instances-scaled-twice',
    severity: 'warning',
    reason: 'two controllers of one number undo each other',
    remedy: 'scale the copies of the components, and leave the instances to ManagedInstanceScaling',
    source: 'SageMaker developer guide: autoscale inference components',
    check: managedAndTarget,
  },
  {
    id: 'min-above-max',
    severity: 'error',
    reason: 'the service refuses limits that exclude every capacity',
    remedy: 'lower MinCapacity or raise MaxCapacity',
    source: 'Application Auto Scaling API reference: RegisterScalableTarget',
    check: minAboveMax,
  },
  {
    id: 'fixed-capacity',
    severity: 'warning',
    reason: 'policies between equal limits cost alarms and change nothing',
    remedy: 'raise MaxCapacity, or remove the policies',
    source: 'Application Auto Scaling user guide: scalable targets',
    check: fixedCapacity,
  },
  {
    id: 'target-above-capacity',
    severity: 'error',
    reason: 'a target that one replica cannot reach never adds another, one of 0 always does',
    remedy: 'set the target below what one replica serves',
    source: 'SageMaker developer guide: load testing your auto scaling configuration; metrics in CloudWatch',
    check: targetAboveCapacity,
  },
  {
    id: 'quota-exceeded',
    severity: 'error',
    reason: 'a fleet cannot grow past the quota of its instance type, and the endpoint does not tell',
    remedy: 'lower the maxima or raise the quota',
    source: 'Service Quotas: instances for endpoint usage',
    check: quotaExceeded,
  },
];
