import { InputError } from '../core/errors';
import { nearestNames } from '../core/nearest';

/** Kind of accelerator, by its programming interface. */
export type AcceleratorKind = 'gpu' | 'neuron';

/** The accelerators of an instance type. */
export interface Accelerator {
  readonly kind: AcceleratorKind;
  /** Product name, for example `A10G`. */
  readonly name: string;
  readonly count: number;
  /** Memory of one accelerator in GB. */
  readonly memoryGb: number;
}

/** A SageMaker instance type, with its properties for hosting and training. */
export interface InstanceType {
  /** Name with the prefix, for example `ml.g5.xlarge`. */
  readonly name: string;
  /** Family, for example `g5`. */
  readonly family: string;
  /** Left out on types without one. */
  readonly accelerator?: Accelerator;
  readonly vcpus: number;
  /** Memory of the host in GiB. */
  readonly memoryGib: number;
  /**
   * True for types with local NVMe disks, which the hardware encrypts. SageMaker refuses a KMS key on an endpoint configuration with
   * such a type, and its volume size is fixed.
   */
  readonly localNvme: boolean;
  /** True for types with CPU credits, which endpoint autoscaling refuses. */
  readonly burstable: boolean;
}

interface Family {
  readonly name: string;
  readonly accelerator?: Omit<Accelerator, 'count'>;
  readonly localNvme: boolean;
  readonly burstable?: boolean;
  /** Memory of the host in GiB for each vCPU; sizes that differ have it in {@link memoryGib}. */
  readonly gibPerVcpu: number;
  readonly memoryGib?: { readonly [size: string]: number };
  /** size → [vCPUs, accelerators] */
  readonly sizes: { readonly [size: string]: readonly [vcpus: number, accelerators: number] };
}

const gpu = (name: string, memoryGb: number): Family['accelerator'] => ({ kind: 'gpu', name, memoryGb });
const neuron = (name: string, memoryGb: number): Family['accelerator'] => ({ kind: 'neuron', name, memoryGb });

/** Sizes of the G5, G6 and G6e families. */
const G_SIZES: Family['sizes'] = {
  xlarge: [4, 1],
  '2xlarge': [8, 1],
  '4xlarge': [16, 1],
  '8xlarge': [32, 1],
  '12xlarge': [48, 4],
  '16xlarge': [64, 1],
  '24xlarge': [96, 4],
  '48xlarge': [192, 8],
};

const CPU_SIZES: Family['sizes'] = {
  large: [2, 0],
  xlarge: [4, 0],
  '2xlarge': [8, 0],
  '4xlarge': [16, 0],
  '12xlarge': [48, 0],
  '24xlarge': [96, 0],
};

/**
 * Families with an accelerator for hosting and training, and common CPU families.
 *
 * Sources: the values of `ProductionVariantInstanceType` in the SageMaker API, and the accelerated-computing pages of Amazon EC2 for
 * vCPUs, memory and accelerator memory; compared on 2026-11-23.
 */
const FAMILIES: readonly Family[] = [
  {
    name: 'g4dn',
    gibPerVcpu: 4,
    accelerator: gpu('T4', 16),
    localNvme: true,
    sizes: {
      xlarge: [4, 1],
      '2xlarge': [8, 1],
      '4xlarge': [16, 1],
      '8xlarge': [32, 1],
      '12xlarge': [48, 4],
      '16xlarge': [64, 1],
    },
  },
  { name: 'g5', gibPerVcpu: 4, accelerator: gpu('A10G', 24), localNvme: true, sizes: G_SIZES },
  { name: 'g6', gibPerVcpu: 4, accelerator: gpu('L4', 24), localNvme: true, sizes: G_SIZES },
  { name: 'g6e', gibPerVcpu: 8, accelerator: gpu('L40S', 48), localNvme: true, sizes: G_SIZES },
  {
    name: 'g7e',
    gibPerVcpu: 8,
    memoryGib: { '12xlarge': 512, '24xlarge': 1024, '48xlarge': 2048 },
    accelerator: gpu('RTX PRO 6000', 96),
    localNvme: true,
    sizes: {
      '2xlarge': [8, 1],
      '4xlarge': [16, 1],
      '8xlarge': [32, 1],
      '12xlarge': [48, 2],
      '24xlarge': [96, 4],
      '48xlarge': [192, 8],
    },
  },
  { name: 'p4d', gibPerVcpu: 12, accelerator: gpu('A100', 40), localNvme: true, sizes: { '24xlarge': [96, 8] } },
  { name: 'p4de', gibPerVcpu: 12, accelerator: gpu('A100', 80), localNvme: true, sizes: { '24xlarge': [96, 8] } },
  {
    name: 'p5',
    gibPerVcpu: 16,
    memoryGib: { '48xlarge': 2048 },
    accelerator: gpu('H100', 80),
    localNvme: true,
    sizes: { '4xlarge': [16, 1], '48xlarge': [192, 8] },
  },
  { name: 'p5e', gibPerVcpu: 32 / 3, accelerator: gpu('H200', 141), localNvme: true, sizes: { '48xlarge': [192, 8] } },
  { name: 'p5en', gibPerVcpu: 32 / 3, accelerator: gpu('H200', 141), localNvme: true, sizes: { '48xlarge': [192, 8] } },
  {
    name: 'p6-b200',
    gibPerVcpu: 32 / 3,
    accelerator: gpu('B200', 180),
    localNvme: true,
    sizes: { '48xlarge': [192, 8] },
  },
  {
    name: 'inf1',
    gibPerVcpu: 2,
    accelerator: neuron('Inferentia', 8),
    localNvme: false,
    sizes: { xlarge: [4, 1], '2xlarge': [8, 1], '6xlarge': [24, 4], '24xlarge': [96, 16] },
  },
  {
    name: 'inf2',
    gibPerVcpu: 4,
    accelerator: neuron('Inferentia2', 32),
    localNvme: false,
    sizes: { xlarge: [4, 1], '8xlarge': [32, 1], '24xlarge': [96, 6], '48xlarge': [192, 12] },
  },
  {
    name: 'trn1',
    gibPerVcpu: 4,
    accelerator: neuron('Trainium', 32),
    localNvme: true,
    sizes: { '2xlarge': [8, 1], '32xlarge': [128, 16] },
  },
  {
    name: 'trn1n',
    gibPerVcpu: 4,
    accelerator: neuron('Trainium', 32),
    localNvme: true,
    sizes: { '32xlarge': [128, 16] },
  },
  {
    name: 'trn2',
    gibPerVcpu: 32 / 3,
    accelerator: neuron('Trainium2', 96),
    localNvme: true,
    sizes: { '48xlarge': [192, 16] },
  },
  { name: 'm5', gibPerVcpu: 4, localNvme: false, sizes: CPU_SIZES },
  {
    name: 'c5',
    gibPerVcpu: 2,
    localNvme: false,
    sizes: {
      large: [2, 0],
      xlarge: [4, 0],
      '2xlarge': [8, 0],
      '4xlarge': [16, 0],
      '9xlarge': [36, 0],
      '18xlarge': [72, 0],
    },
  },
  {
    name: 't2',
    gibPerVcpu: 2,
    memoryGib: { large: 8, xlarge: 16, '2xlarge': 32 },
    localNvme: false,
    burstable: true,
    sizes: { medium: [2, 0], large: [2, 0], xlarge: [4, 0], '2xlarge': [8, 0] },
  },
];

const TYPES: ReadonlyMap<string, InstanceType> = new Map(
  FAMILIES.flatMap((family) =>
    Object.entries(family.sizes).map(([size, [vcpus, count]]): [string, InstanceType] => {
      const name = `ml.${family.name}.${size}`;
      return [
        name,
        {
          name,
          family: family.name,
          ...(family.accelerator === undefined ? {} : { accelerator: { ...family.accelerator, count } }),
          vcpus,
          memoryGib: Math.round(family.memoryGib?.[size] ?? vcpus * family.gibPerVcpu),
          localNvme: family.localNvme,
          burstable: family.burstable ?? false,
        },
      ];
    }),
  ),
);

/** Returns the names of all types in the catalog, family by family. */
export function instanceTypeNames(): string[] {
  return [...TYPES.keys()];
}

/** Returns the type of a name; undefined when it is not in the catalog. */
export function findInstanceType(name: string): InstanceType | undefined {
  return TYPES.get(name);
}

/** Returns the message for an unknown name, with the nearest known ones. */
export function unknownInstanceType(name: string): string {
  return `unknown instance type '${name}'; nearest known: ${nearestNames(String(name), TYPES.keys()).join(', ')}`;
}

/** Returns the type of a name; throws an {@link InputError} with the nearest names when it is not in the catalog. */
export function instanceType(name: string): InstanceType {
  const found = TYPES.get(name);
  if (found === undefined) throw new InputError(unknownInstanceType(name));
  return found;
}
