import { findInstanceType } from '../../catalog/instance-types';
import { PUBLISHED_METRICS } from '../../catalog/hosting-metrics';
import {
  componentResourceId,
  isSageMakerTarget,
  parseResourceId,
  SAGEMAKER_SERVICE_NAMESPACE,
  SCALABLE_DIMENSIONS,
  variantResourceId,
} from '../../catalog/scalable-resource';
import type { ProofOptions, RuleViolation } from '../finding';
import { isLiteral, type DeclaredTarget, type TemplateModel, testedConcurrency } from '../../template';
import { limitsOf } from '../rule-support/limits';
import type { ProofRule } from '../rule-support/rule';

function* zeroWhereImpossible(model: TemplateModel): Iterable<RuleViolation> {
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
              message: `${name} is ${value}, but the minimum of provisioned concurrency is 1 (without it, a serverless variant scales to zero by itself)`,
              remedy: 'set it to 1 or more',
              // Application Auto Scaling may register it nevertheless.
              severity: 'warning',
            };
      }
    }
  }
}

function* managedOnModel(model: TemplateModel): Iterable<RuleViolation> {
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

function* managedAndTarget(model: TemplateModel): Iterable<RuleViolation> {
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

function* minAboveMax(model: TemplateModel): Iterable<RuleViolation> {
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
  yield* scheduleOutsideLimits(model);
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

/** Scheduled actions with one limit, which is beyond the other limit at every time. */
function* scheduleOutsideLimits(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    const { reader, properties } = target.resource;
    const all = limitsOf(target);
    // An action without a limit leaves the one that is in force; an unknown limit may be any.
    if (!reader.isCertainList(properties['ScheduledActions'])) continue;
    if (!areKnown(target, 'MaxCapacity') || !areKnown(target, 'MinCapacity')) continue;
    const highest = Math.max(...all.map(({ max }) => max ?? -Infinity));
    const lowest = Math.min(...all.map(({ min }) => min ?? Infinity));
    for (const { property, min, max } of all.slice(1)) {
      if (min !== undefined && max === undefined && min > highest) {
        yield {
          at: target.resource,
          property: `${property}MinCapacity`,
          message: `MinCapacity (${min}) is above MaxCapacity (${highest}), which no scheduled action raises: the action fails whenever it runs`,
          remedy: 'give the action a MaxCapacity too',
        };
      }
      if (max !== undefined && min === undefined && max < lowest) {
        yield {
          at: target.resource,
          property: `${property}MaxCapacity`,
          message: `MaxCapacity (${max}) is below MinCapacity (${lowest}), which no scheduled action lowers: the action fails whenever it runs`,
          remedy: 'give the action a MinCapacity too',
        };
      }
    }
  }
}

/** True if a limit is known or absent in a target and all its scheduled actions. */
function areKnown({ resource: { reader, properties } }: DeclaredTarget, name: string): boolean {
  const actions = reader
    .objects(properties['ScheduledActions'])
    .map((action) => reader.object(action['ScalableTargetAction'])?.[name]);
  return [properties[name], ...actions].every((one) => reader.isAbsent(one) || reader.number(one) !== undefined);
}

function* initialAboveMax(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    if (target.dimension !== 'variant' || target.variant === undefined) continue;
    const { config, property, properties } = target.variant;
    const initial = config.reader.number(properties['InitialInstanceCount']);
    const highest = maximumOf(target);
    if (initial === undefined || highest === undefined || initial <= highest || !areKnown(target, 'MaxCapacity'))
      continue;
    yield {
      at: config,
      property: `${property}.InitialInstanceCount`,
      message: `InitialInstanceCount is ${initial}, above ${highest}, the MaxCapacity of ${target.resource.logicalId}: the first scaling action removes instances that the endpoint was made with`,
      remedy: `set it to ${highest} or less, or raise MaxCapacity`,
    };
  }
}

function* fixedCapacity(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    const { reader, properties } = target.resource;
    if (target.min === undefined || target.min !== target.max || target.policies.length === 0) continue;
    if (!reader.isAbsent(properties['ScheduledActions'])) continue;
    yield {
      at: target.resource,
      property: 'MaxCapacity',
      message: `MinCapacity and MaxCapacity are both ${target.max}, so its ${target.policies.length} policies have no effect`,
    };
  }
}

function* targetAboveCapacity(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    for (const { resource, tracking } of target.policies) {
      const { reader } = resource;
      const value = reader.number(tracking?.['TargetValue']);
      if (tracking === undefined || value === undefined) continue;
      if (value <= 0) {
        yield {
          at: resource,
          property: 'TargetTrackingScalingPolicyConfiguration.TargetValue',
          message: `the target is ${value}: any load is above it and none below, so the fleet only grows`,
          remedy: 'set a target above 0',
        };
        continue;
      }
      const most = metricMaximum(target, resource, tracking);
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

interface MetricMaximum {
  readonly value: number;
  readonly why: string;
  readonly severity: 'error' | 'warning';
}

/** Maximum of the metric of one replica; undefined where it is unknown. */
function metricMaximum(
  target: DeclaredTarget,
  policy: DeclaredTarget['resource'],
  tracking: NonNullable<DeclaredTarget['policies'][0]['tracking']>,
): MetricMaximum | undefined {
  const { reader } = policy;
  const predefined = reader.text(reader.object(tracking['PredefinedMetricSpecification'])?.['PredefinedMetricType']);
  const custom = reader.object(tracking['CustomizedMetricSpecification']);
  const isPlain = custom !== undefined && reader.isAbsent(custom['Metrics']);
  const metric = isPlain ? reader.text(custom['MetricName']) : undefined;
  if (predefined === 'SageMakerVariantProvisionedConcurrencyUtilization') {
    return { value: 1, why: 'the maximum of the utilisation of provisioned concurrency', severity: 'error' };
  }
  if (PUBLISHED_METRICS.some((one) => one.metricName === metric && one.isRatio)) {
    return { value: 1, why: 'the maximum of a ratio', severity: 'error' };
  }
  if (metric === 'ApproximateBacklogSizePerInstance') {
    const atOnce = concurrentInvocations(target);
    return atOnce === undefined
      ? undefined
      : {
          value: atOnce * MAX_QUEUE_FACTOR,
          why: `${MAX_QUEUE_FACTOR} times the ${atOnce} invocations that an instance handles at once`,
          severity: 'warning',
        };
  }
  if (/ConcurrentRequestsPer(Model|Copy)/.test(predefined ?? metric ?? '')) {
    const tested = testedConcurrency(target);
    return tested === undefined
      ? undefined
      : { value: tested, why: 'the concurrency with which one replica was tested', severity: 'warning' };
  }
  if (metric !== undefined && /^(CPU|GPU|GPUMemory|Memory|Disk)Utilization(Normalized)?$/.test(metric)) {
    const value = utilizationMaximum(target, metric);
    return value === undefined ? undefined : { value, why: 'the maximum of the metric in percent', severity: 'error' };
  }
  return undefined;
}

/** Maximum backlog of an instance, in multiples of its concurrency: beyond, most of the response time is waiting. */
const MAX_QUEUE_FACTOR = 10;

/** Concurrent invocations of an asynchronous instance, where they are declared. */
function concurrentInvocations({ endpoint }: DeclaredTarget): number | undefined {
  const config = endpoint?.config;
  const settings = config?.reader.object(config.properties['AsyncInferenceConfig']);
  const client = config?.reader.object(settings?.['ClientConfig']);
  return config?.reader.number(client?.['MaxConcurrentInvocationsPerInstance']);
}

function utilizationMaximum(target: DeclaredTarget, metric: string): number | undefined {
  if (/^(Memory|Disk)|Normalized$/.test(metric)) return 100;
  const types = target.variant?.instanceTypes ?? [];
  const units = types.map((name) => {
    const type = findInstanceType(name);
    return metric.startsWith('CPU') ? type?.vcpus : type?.accelerator?.count;
  });
  if (units.length === 0 || units.some((count) => count === undefined)) return undefined;
  return 100 * Math.max(...units.map((count) => count ?? 0));
}

function* quotaExceeded(model: TemplateModel, { quotas = {} }: ProofOptions): Iterable<RuleViolation> {
  for (const [instanceType, quota] of Object.entries(quotas)) {
    const users = model.targets.filter(
      (target) =>
        target.dimension === 'variant' &&
        maximumOf(target) !== undefined &&
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
    const total = [...users.map((target) => maximumOf(target) ?? 0), ...fixed.map(({ count }) => count)].reduce(
      (a, b) => a + b,
      0,
    );
    const first = users[0]?.resource ?? fixed[0]?.at;
    if (first === undefined) continue;
    if (total <= quota) {
      yield* doublingAboveQuota(model, { instanceType, quota, total, users });
      continue;
    }
    yield {
      at: first,
      property: users.length > 0 ? 'MaxCapacity' : 'ProductionVariants',
      message: `all fleets together may need ${total} × ${instanceType}, above the quota of ${quota}`,
      remedy: `lower the maxima to ${quota} together, or request a higher quota (a blue/green deployment needs up to twice as many)`,
    };
  }
}

/** Fleets of an instance type together, against its quota. */
interface QuotaUse {
  readonly instanceType: string;
  readonly quota: number;
  readonly total: number;
  readonly users: readonly DeclaredTarget[];
}

/** Blue/green updates, which launch a second fleet beside the first. */
function* doublingAboveQuota(
  model: TemplateModel,
  { instanceType, quota, total, users }: QuotaUse,
): Iterable<RuleViolation> {
  for (const endpoint of model.endpoints) {
    const { reader, properties } = endpoint.resource;
    const rollout = reader.object(properties['DeploymentConfig']);
    if (reader.object(rollout?.['BlueGreenUpdatePolicy']) === undefined) continue;
    const again = users
      .filter((target) => target.endpoint === endpoint)
      .reduce((sum, target) => sum + (maximumOf(target) ?? 0), 0);
    if (again === 0 || total + again <= quota) continue;
    yield {
      at: endpoint.resource,
      property: 'DeploymentConfig.BlueGreenUpdatePolicy',
      message: `a blue/green update at the maximum needs ${total + again} × ${instanceType}, above the quota of ${quota}: it launches a second fleet beside the first`,
      remedy: 'use RollingUpdatePolicy, lower the maximum, or request a higher quota',
      severity: 'warning',
    };
  }
}

/** Maximum of a target and its schedules. */
function maximumOf(target: DeclaredTarget): number | undefined {
  const highest = Math.max(...limitsOf(target).map(({ max }) => max ?? -Infinity));
  return Number.isFinite(highest) ? highest : undefined;
}

/** Properties of a scalable target that CloudFormation requires. */
const REQUIRED = ['ServiceNamespace', 'ScalableDimension', 'ResourceId', 'MinCapacity', 'MaxCapacity'];

function* malformedTarget(model: TemplateModel): Iterable<RuleViolation> {
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
    if (namespace === undefined || namespace === SAGEMAKER_SERVICE_NAMESPACE || !isLiteral(namespace)) continue;
    if (!isSageMakerTarget(undefined, scalableDimension)) continue;
    yield {
      at: resource,
      property: 'ServiceNamespace',
      message: `${scalableDimension} is not a dimension of service '${namespace}'`,
      remedy: "set ServiceNamespace to 'sagemaker'",
    };
  }
  for (const { resource, resourceId, scalableDimension, dimension, endpoint, kind } of model.targets) {
    if (dimension === 'variant' && kind === 'serverless') {
      yield {
        at: resource,
        property: 'ScalableDimension',
        message: 'a serverless variant has no instances to scale',
        remedy: `use ${SCALABLE_DIMENSIONS.provisionedConcurrency}`,
      };
    }
    if (dimension === 'provisioned-concurrency' && kind !== undefined && kind !== 'serverless') {
      yield {
        at: resource,
        property: 'ScalableDimension',
        message: `only serverless variants have provisioned concurrency; this one is ${kind}`,
        remedy: `use ${SCALABLE_DIMENSIONS.instanceCount}`,
      };
    }
    if (scalableDimension !== undefined && isLiteral(scalableDimension) && dimension === undefined) {
      yield {
        at: resource,
        property: 'ScalableDimension',
        message: `SageMaker has no scalable dimension '${scalableDimension}'`,
        remedy:
          `use ${SCALABLE_DIMENSIONS.instanceCount}, ${SCALABLE_DIMENSIONS.copyCount} or ` +
          SCALABLE_DIMENSIONS.provisionedConcurrency,
      };
    }
    if (resourceId === undefined) continue;
    if (/\/(undefined|null|None)(\/|$)/.test(resourceId) || /\[object Object\]|Token\[/.test(resourceId)) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `'${resourceId}' has no name in it: the program that generated the template did not have it yet`,
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
    const named = parseResourceId(resourceId);
    const isComponent = named?.kind === 'inference-component';
    const isVariant = named?.kind === 'variant' && !named.endpointName.includes('/');
    const isUnknown = resourceId.startsWith('<');
    const wanted = dimension === 'component' ? isComponent : isVariant;
    if (dimension !== undefined && !wanted && !isUnknown) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `'${resourceId}' is not a resource of ${scalableDimension}`,
        remedy: `write ${dimension === 'component' ? componentResourceId('NAME') : variantResourceId('NAME', 'NAME')}`,
      };
      continue;
    }
    const known = endpoint?.variants.map(({ name }) => name) ?? [];
    if (
      isVariant &&
      endpoint?.hasAllVariants === true &&
      isLiteral(named.variantName) &&
      known.length > 0 &&
      known.every((name) => name !== undefined && isLiteral(name)) &&
      !known.includes(named.variantName) &&
      !endpoint.shadowNames.includes(named.variantName)
    ) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `endpoint ${endpoint.resource.logicalId} has no variant '${named.variantName}'; it has ${known.join(', ')}`,
        remedy: 'name a variant of the endpoint',
      };
    }
  }
}

/** Rules about scalable targets and their limits. */
export const CAPACITY_RULES: readonly ProofRule[] = [
  {
    id: 'scalable-target-invalid',
    severity: 'error',
    reason: 'Application Auto Scaling rejects a resource id or dimension that does not exist',
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
    reason: 'two controllers of one number work against each other',
    remedy: 'scale the copies of the components, and leave the instances to ManagedInstanceScaling',
    source: 'SageMaker developer guide: autoscale inference components',
    check: managedAndTarget,
  },
  {
    id: 'min-above-max',
    severity: 'error',
    reason: 'the service rejects limits that exclude every capacity',
    remedy: 'lower MinCapacity or raise MaxCapacity',
    source: 'Application Auto Scaling API reference: RegisterScalableTarget',
    check: minAboveMax,
  },
  {
    id: 'initial-above-max',
    severity: 'warning',
    reason: 'a scaling action brings a fleet into its limits: instances above the maximum are launched to be removed',
    remedy: 'set InitialInstanceCount within the limits',
    source: 'Application Auto Scaling API reference: RegisterScalableTarget (MinCapacity, MaxCapacity)',
    check: initialAboveMax,
  },
  {
    id: 'fixed-capacity',
    severity: 'warning',
    reason: 'policies between equal limits cost alarms and have no effect',
    remedy: 'raise MaxCapacity, or remove the policies',
    source: 'Application Auto Scaling user guide: scalable targets',
    check: fixedCapacity,
  },
  {
    id: 'target-above-capacity',
    severity: 'error',
    reason: 'a target that one replica cannot reach never adds another; a target of 0 always does',
    remedy: 'set the target below what one replica serves',
    source: 'SageMaker developer guide: load testing your auto scaling configuration; metrics in CloudWatch',
    check: targetAboveCapacity,
  },
  {
    id: 'quota-exceeded',
    severity: 'error',
    reason: 'a fleet cannot grow beyond the quota of its instance type, and the endpoint does not report it',
    remedy: 'lower the maxima or raise the quota',
    source: 'Service Quotas: instances for endpoint usage',
    check: quotaExceeded,
  },
];
