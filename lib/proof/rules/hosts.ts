import { findInstanceType } from '../../catalog/instance-types';
import { INFERENCE_AMIS } from '../../catalog/serving-images';
import type { Json } from '../../core/parse';
import type { RuleViolation } from '../finding';
import type { Resource, DeclaredTarget, TemplateModel, DeclaredVariant } from '../../template';
import { limitsOf } from '../rule-support/limits';
import type { ProofRule } from '../rule-support/rule';

function variantOf({ component }: DeclaredTarget): DeclaredVariant | undefined {
  if (component?.endpoint?.hasAllVariants !== true) return undefined;
  const { resource, endpoint } = component;
  const name = resource.reader.text(resource.properties['VariantName']);
  const { variants } = endpoint;
  return name === undefined
    ? variants.length === 1
      ? variants[0]
      : undefined
    : variants.find((one) => one.name === name);
}

/** Maximum number of instances of a variant; undefined where it is unknown. */
function maxInstances(model: TemplateModel, variant: DeclaredVariant): number | undefined {
  const { reader } = variant.config;
  const scaled = model.targets.find((target) => target.dimension === 'variant' && target.variant === variant);
  if (scaled !== undefined) return scaled.max;
  const managed = variant.properties['ManagedInstanceScaling'];
  if (reader.isAbsent(managed)) return reader.number(variant.properties['InitialInstanceCount']);
  const settings = reader.object(managed);
  if (settings === undefined) return undefined;
  return reader.text(settings['Status']) === 'DISABLED'
    ? reader.number(variant.properties['InitialInstanceCount'])
    : reader.number(settings['MaxInstanceCount']);
}

function* copiesAboveHost(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    const variant = target.dimension === 'component' ? variantOf(target) : undefined;
    if (variant === undefined || target.component === undefined) continue;
    const { reader, properties } = target.component.resource;
    const specification = reader.object(properties['Specification']);
    const requirements = reader.object(specification?.['ComputeResourceRequirements']);
    const each = reader.number(requirements?.['NumberOfAcceleratorDevicesRequired']);
    const instances = maxInstances(model, variant);
    const devices = variant.instanceTypes.map((name) => findInstanceType(name)?.accelerator?.count);
    const wanted = Math.max(...limitsOf(target).map(({ max }) => max ?? 0));
    if (each === undefined || each <= 0 || instances === undefined || devices.length === 0) continue;
    if (devices.some((count) => count === undefined)) continue;
    const perInstance = Math.max(...devices.map((count) => Math.floor((count ?? 0) / each)));
    if (wanted <= instances * perInstance) continue;
    yield {
      at: target.resource,
      property: 'MaxCapacity',
      message:
        `${wanted} copies of ${each} accelerator${each === 1 ? '' : 's'} each do not fit: ${instances} instances of ` +
        `${variant.instanceTypes.join(' or ')} hold ${instances * perInstance}`,
    };
  }
}

function* aboveConcurrency(model: TemplateModel): Iterable<RuleViolation> {
  for (const variant of model.variants()) {
    const { config, property, properties } = variant;
    const { reader } = config;
    const serverless = reader.object(properties['ServerlessConfig']);
    const most = reader.number(serverless?.['MaxConcurrency']);
    const provisioned = reader.number(serverless?.['ProvisionedConcurrency']);
    if (most === undefined) continue;
    if (provisioned !== undefined && provisioned > most) {
      yield {
        at: config,
        property: `${property}.ServerlessConfig.ProvisionedConcurrency`,
        message: `ProvisionedConcurrency (${provisioned}) is above MaxConcurrency (${most})`,
      };
    }
    for (const target of model.targets) {
      if (target.dimension !== 'provisioned-concurrency' || target.variant !== variant) continue;
      for (const { property: where, max } of limitsOf(target)) {
        if (max === undefined || max <= most) continue;
        yield {
          at: target.resource,
          property: `${where}MaxCapacity`,
          message: `MaxCapacity (${max}) is above MaxConcurrency (${most}) of the variant, so the service rejects the last steps`,
          severity: 'warning',
        };
      }
    }
  }
}

function* instancesAmbiguous(model: TemplateModel): Iterable<RuleViolation> {
  for (const { config, property, properties } of model.variants()) {
    const { reader } = config;
    const isGiven = (name: string): boolean => !reader.isAbsent(properties[name]);
    const isKnown = (name: string): boolean => !isGiven(name) || isCertain(config, properties[name]);
    if (!['InstanceType', 'InstancePools', 'ServerlessConfig'].every(isKnown)) continue;
    if (isGiven('InstanceType') && isGiven('InstancePools')) {
      yield {
        at: config,
        property: `${property}.InstancePools`,
        message: 'the variant has both InstanceType and InstancePools; the service accepts one',
      };
    }
    if (isGiven('ServerlessConfig') && (isGiven('InstanceType') || isGiven('InstancePools'))) {
      yield {
        at: config,
        property: `${property}.ServerlessConfig`,
        message: 'the variant is serverless and names instances; the service accepts one of the two',
      };
    }
  }
}

/** True if a value does not depend on an undecided condition. */
function isCertain({ reader }: Resource, value: unknown): boolean {
  return reader.text(value) !== undefined || reader.object(value) !== undefined || Array.isArray(value);
}

/** CUDA 13 in the tag of a container image. */
const CUDA_13 = /[:\-_.]cu(da)?-?13\d?(?![\d])/i;

/** Inference AMIs whose drivers run containers of CUDA 13. */
const RUNS_CUDA_13: readonly string[] = [
  'al2023-ami-sagemaker-inference-gpu-4-1',
  // By forward compatibility.
  'al2-ami-sagemaker-inference-gpu-3-1',
];

function* amiTooOld(model: TemplateModel): Iterable<RuleViolation> {
  for (const variant of model.variants()) {
    const { config, property, properties } = variant;
    const { reader } = config;
    const hasGpu = variant.instanceTypes.some((name) => findInstanceType(name)?.accelerator?.kind === 'gpu');
    const image = imagesOf(model, variant).find((one) => CUDA_13.test(one));
    const declared = properties['InferenceAmiVersion'];
    const ami = reader.text(declared);
    if (!hasGpu || image === undefined || (ami === undefined && !reader.isAbsent(declared))) continue;
    if (ami !== undefined && (RUNS_CUDA_13.includes(ami) || !INFERENCE_AMIS.includes(ami))) continue;
    yield {
      at: config,
      property: `${property}.InferenceAmiVersion`,
      message:
        `the image ${image.split('/').pop()} is built for CUDA 13, but ${ami ?? 'the default inference AMI'} has an older driver: ` +
        'the container does not start and writes no log',
    };
  }
}

/** Images of the model of a variant. */
function imagesOf(model: TemplateModel, { config, properties }: DeclaredVariant): string[] {
  const found = model.modelNamed(config, properties['ModelName']);
  if (found === undefined) return [];
  const { reader } = found;
  const containers: Json[] = [
    ...[reader.object(found.properties['PrimaryContainer'])].filter((one) => one !== undefined),
    ...reader.objects(found.properties['Containers']),
  ];
  return containers.map((one) => reader.text(one['Image'])).filter((one) => one !== undefined);
}

function* rolloutInvalid(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource } of model.endpoints) {
    const { reader, properties } = resource;
    const rollout = reader.object(properties['DeploymentConfig']);
    const both = ['BlueGreenUpdatePolicy', 'RollingUpdatePolicy'].every(
      (name) => reader.object(rollout?.[name]) !== undefined,
    );
    if (both) {
      yield {
        at: resource,
        property: 'DeploymentConfig',
        message: 'the deployment is both blue/green and rolling; the service accepts one',
      };
    }
    for (const [path, least, most] of STEP_LIMITS_PERCENT) {
      const size = path.split('.').reduce<Json | undefined>((at, name) => reader.object(at?.[name]), rollout);
      const value = reader.number(size?.['Value']);
      if (reader.text(size?.['Type']) !== 'CAPACITY_PERCENT' || value === undefined) continue;
      if (value >= least && value <= most) continue;
      yield {
        at: resource,
        property: `DeploymentConfig.${path}.Value`,
        message: `${path.split('.').pop()} is ${value} % of the fleet; the service accepts ${least} to ${most} %`,
        remedy: `set it to a value from ${least} to ${most}`,
      };
    }
  }
}

/** Limits of the part of a fleet that is replaced at a time, in percent. Source: SageMaker API reference, RollingUpdatePolicy, TrafficRoutingConfig. */
const STEP_LIMITS_PERCENT: readonly (readonly [path: string, least: number, most: number])[] = [
  ['RollingUpdatePolicy.MaximumBatchSize', 5, 50],
  ['BlueGreenUpdatePolicy.TrafficRoutingConfiguration.CanarySize', 1, 50],
  ['BlueGreenUpdatePolicy.TrafficRoutingConfiguration.LinearStepSize', 10, 50],
];

/** Rules about the instances under replicas. */
export const HOST_RULES: readonly ProofRule[] = [
  {
    id: 'copies-above-host',
    severity: 'warning',
    reason: 'copies of an inference component that fit on no instance are never placed',
    remedy: 'raise the instances (MaxInstanceCount), or lower MaxCapacity',
    source:
      'SageMaker API reference: InferenceComponentComputeResourceRequirements, ProductionVariantManagedInstanceScaling',
    check: copiesAboveHost,
  },
  {
    id: 'provisioned-above-concurrency',
    severity: 'error',
    reason: 'provisioned concurrency is a part of the maximum concurrency',
    remedy: 'raise MaxConcurrency, or provision less',
    source: 'SageMaker API reference: ProductionVariantServerlessConfig',
    check: aboveConcurrency,
  },
  {
    id: 'instances-ambiguous',
    severity: 'error',
    reason: 'a variant runs on one instance type, on pools, or serverless',
    remedy: 'keep one of InstanceType, InstancePools and ServerlessConfig',
    source: 'SageMaker API reference: ProductionVariant',
    check: instancesAmbiguous,
  },
  {
    id: 'inference-ami-too-old',
    severity: 'warning',
    reason: 'a container needs a driver that supports its CUDA version',
    remedy: 'set InferenceAmiVersion to al2023-ami-sagemaker-inference-gpu-4-1',
    source:
      'SageMaker API reference: ProductionVariant, InferenceAmiVersion; AWS Deep Learning Containers, release notes',
    check: amiTooOld,
  },
  {
    id: 'rollout-invalid',
    severity: 'error',
    reason: 'an endpoint is updated either blue/green or rolling, in steps of at most half the fleet',
    remedy: 'keep BlueGreenUpdatePolicy or RollingUpdatePolicy',
    source: 'SageMaker API reference: DeploymentConfig, RollingUpdatePolicy, TrafficRoutingConfig',
    check: rolloutInvalid,
  },
];
