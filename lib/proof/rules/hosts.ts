import { findInstanceType, type InstanceType } from '../../catalog/instance-types';
import { INFERENCE_AMIS } from '../../catalog/serving-images';
import type { RuleViolation } from '../finding';
import type { DeclaredComponent, Resource, TemplateModel, DeclaredVariant } from '../../template';
import { imagesOf } from '../rule-support/containers';
import { limitsOf } from '../rule-support/limits';
import type { ProofRule } from '../rule-support/rule';

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

/** Resources of a host that one copy of a component takes. Source: SageMaker API reference, InferenceComponentComputeResourceRequirements. */
const NEEDS: readonly {
  readonly property: string;
  readonly of: (type: InstanceType) => number;
  readonly text: (amount: number) => string;
}[] = [
  {
    property: 'NumberOfAcceleratorDevicesRequired',
    of: ({ accelerator }) => accelerator?.count ?? 0,
    text: (amount) => `${amount} accelerator${amount === 1 ? '' : 's'}`,
  },
  { property: 'NumberOfCpuCoresRequired', of: ({ vcpus }) => vcpus, text: (amount) => `${amount} vCPUs` },
  {
    property: 'MinMemoryRequiredInMb',
    of: ({ memoryGib }) => memoryGib * 1024,
    text: (amount) => `${amount} MiB of memory`,
  },
];

/** Copies of a component that fit on one instance, and the resource that limits them; undefined where it is unknown. */
function copiesPerInstance(
  { resource: { reader, properties } }: DeclaredComponent,
  typeName: string,
): { readonly copies: number; readonly each: string; readonly has: string; readonly property: string } | undefined {
  const type = findInstanceType(typeName);
  const specification = reader.object(properties['Specification']);
  const requirements = reader.object(specification?.['ComputeResourceRequirements']);
  if (type === undefined || requirements === undefined) return undefined;
  const fits = NEEDS.flatMap(({ property, of, text }) => {
    const each = reader.number(requirements[property]);
    const all = of(type);
    if (each === undefined || each <= 0) return [];
    return [{ copies: Math.floor(all / each), each: text(each), has: text(all), property }];
  });
  return fits.sort((one, other) => one.copies - other.copies)[0];
}

function* componentAboveHost(model: TemplateModel): Iterable<RuleViolation> {
  for (const component of model.components) {
    const types = component.variant?.instanceTypes ?? [];
    const fits = types.map((name) => copiesPerInstance(component, name));
    const tight = fits.findIndex((fit) => fit?.copies === 0);
    const fit = fits[tight];
    if (fit === undefined) continue;
    const isNever = fits.every((one) => one?.copies === 0);
    yield {
      at: component.resource,
      property: `Specification.ComputeResourceRequirements.${fit.property}`,
      message: `a copy needs ${fit.each}, and ${types[tight]} has ${fit.has}: it is never placed there`,
      remedy: 'lower the requirement, or choose larger instances',
      severity: isNever ? 'error' : 'warning',
    };
  }
}

function* copiesAboveHost(model: TemplateModel): Iterable<RuleViolation> {
  for (const target of model.targets) {
    const { component } = target;
    const variant = target.dimension === 'component' ? component?.variant : undefined;
    if (variant === undefined || component === undefined || component.endpoint?.hasAllVariants !== true) continue;
    const instances = maxInstances(model, variant);
    const fits = variant.instanceTypes.map((name) => copiesPerInstance(component, name));
    const wanted = Math.max(...limitsOf(target).map(({ max }) => max ?? 0));
    if (instances === undefined || fits.length === 0 || fits.includes(undefined)) continue;
    const best = fits.reduce((most, one) => (one!.copies > most!.copies ? one : most))!;
    // A copy that fits nowhere has a finding of its own.
    if (best.copies === 0 || wanted <= instances * best.copies) continue;
    yield {
      at: target.resource,
      property: 'MaxCapacity',
      message:
        `${wanted} copies of ${best.each} each do not fit: ${instances} instances of ` +
        `${variant.instanceTypes.join(' or ')} hold ${instances * best.copies}`,
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

/** Processor in the tag or repository of an image of AWS. */
const PROCESSORS: readonly (readonly [image: RegExp, processor: 'gpu' | 'neuron' | 'cpu' | 'graviton'])[] = [
  [/neuronx?/i, 'neuron'],
  [/graviton|arm64/i, 'graviton'],
  [/[-_.:]gpu[-_.]|[-_.]cu1[0-3]\d(?!\d)|[-_.]gpu$/i, 'gpu'],
  [/[-_.:]cpu([-_.]|$)/i, 'cpu'],
];

/** Images of AWS: others may carry such words by chance. */
const OF_AWS = /^\d{12}\.dkr\.ecr\.[^/]+\/(.+)$/;

function* imageOfOther(model: TemplateModel): Iterable<RuleViolation> {
  for (const variant of model.variants()) {
    if (variant.instanceTypes.length === 0) continue;
    const processors = variant.instanceTypes.map(processorOf);
    for (const image of imagesOf(model, variant)) {
      const [, name = ''] = OF_AWS.exec(image) ?? [];
      const built = PROCESSORS.find(([pattern]) => pattern.test(name))?.[1];
      if (built === undefined || processors.some((one) => one === undefined || one === built)) continue;
      yield {
        at: variant.config,
        property: `${variant.property}.InstanceType`,
        message: `the image ${name} is built for ${LABELS[built]}, and ${variant.instanceTypes.join(', ')} ${variant.instanceTypes.length === 1 ? 'has' : 'have'} ${LABELS[processors[0]!]}`,
      };
    }
  }
}

const LABELS = { gpu: 'GPUs', neuron: 'Neuron devices', cpu: 'CPUs alone', graviton: 'Graviton processors' } as const;

type Processor = keyof typeof LABELS;

function processorOf(typeName: string): Processor | undefined {
  const family = typeName.split('.')[1] ?? '';
  const kind = findInstanceType(typeName)?.accelerator?.kind;
  if (kind !== undefined) return kind;
  if (/^[cmr]\d+g[a-z]*$/.test(family)) return 'graviton';
  if (/^(g|gr|p)\d/.test(family)) return 'gpu';
  if (/^(inf|trn)\d/.test(family)) return 'neuron';
  return /^[cmrtz]\d/.test(family) ? 'cpu' : undefined;
}

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
    id: 'component-above-host',
    severity: 'error',
    reason: 'a copy takes its accelerators, cores and memory from one instance',
    remedy: 'lower the requirement, or choose larger instances',
    source: 'SageMaker API reference: InferenceComponentComputeResourceRequirements; EC2 instance types (memory)',
    check: componentAboveHost,
  },
  {
    id: 'image-of-other-processor',
    severity: 'warning',
    reason: 'an image is built for one kind of processor, and fails or leaves the accelerator idle on another',
    remedy: 'choose the image for the instances, or the instances for the image',
    source: 'AWS Deep Learning Containers: available images (tags cpu, gpu, neuronx, graviton)',
    check: imageOfOther,
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
];
