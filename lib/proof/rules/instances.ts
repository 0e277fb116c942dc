import { HOSTING_TYPES_AS_OF, hostingTypeNames, isHostingType } from '../../catalog/hosting-types';
import { findInstanceType } from '../../catalog/instance-types';
import { nearestNames } from '../../core/nearest';
import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { Variant } from '../subjects';
import { isLiteral } from '../template-reader';
import type { ProofRule } from './rule';

/** The sizes of EC2. */
const SIZE = /^(nano|micro|small|medium|large|xlarge|\d+xlarge|metal(-\d+xl)?)$/;

function typesOf(variant: Variant): { readonly property: string; readonly name: string }[] {
  const { reader } = variant.config;
  const pools = reader.objects(variant.properties['InstancePools']).map((pool, index) => ({
    property: `${variant.property}.InstancePools.${index}.InstanceType`,
    name: reader.text(pool['InstanceType']),
  }));
  const single = {
    property: `${variant.property}.InstanceType`,
    name: reader.text(variant.properties['InstanceType']),
  };
  return [single, ...pools].flatMap(({ property, name }) => (name === undefined ? [] : [{ property, name }]));
}

function isBurstable(name: string): boolean {
  return findInstanceType(name)?.burstable ?? /^ml\.t\d/.test(name);
}

function* burstable(model: ProofModel): Iterable<Accusation> {
  for (const variant of model.variants()) {
    const isScaled = model.targets.some((target) => target.variant === variant);
    for (const { property, name } of typesOf(variant)) {
      if (!isBurstable(name)) continue;
      const isOffered = isHostingType(name);
      yield {
        at: variant.config,
        property,
        message: !isOffered
          ? `SageMaker does not offer ${name} for hosting, and autoscaling supports no burstable type`
          : isScaled
            ? `${name} is burstable, and endpoint autoscaling does not support burstable types`
            : `${name} is burstable: it slows down once its CPU credits are spent, and it cannot be scaled`,
        severity: isScaled || !isOffered ? 'error' : 'warning',
      };
    }
  }
}

function* unknownType(model: ProofModel): Iterable<Accusation> {
  for (const variant of model.variants()) {
    for (const { property, name } of typesOf(variant)) {
      if (!isLiteral(name) || isHostingType(name) || isBurstable(name)) continue;
      const [prefix, , size = '', ...rest] = name.split('.');
      const isWellFormed = prefix === 'ml' && rest.length === 0 && SIZE.test(size);
      const nearest = nearestNames(name, hostingTypeNames()).join(', ');
      yield {
        at: variant.config,
        property,
        message: isHostingType(`ml.${name}`)
          ? `'${name}' lacks the prefix of SageMaker's instance types`
          : isWellFormed
            ? `SageMaker did not offer '${name}' for hosting on ${HOSTING_TYPES_AS_OF}; nearest: ${nearest}`
            : `'${name}' is no instance type; nearest: ${nearest}`,
        remedy: isHostingType(`ml.${name}`) ? `write 'ml.${name}'` : 'choose a type of the SageMaker API',
        // The list may be older than the type.
        severity: isWellFormed ? 'warning' : 'error',
      };
    }
  }
}

function* singleType(model: ProofModel): Iterable<Accusation> {
  const told = new Set<Variant>();
  for (const { variant, max, who } of [...scaledVariants(model), ...managedVariants(model)]) {
    if (max < 2 || told.has(variant)) continue;
    const names = new Set(variant.instanceTypes);
    const [name] = names;
    if (names.size !== 1 || name === undefined || findInstanceType(name)?.accelerator === undefined) continue;
    const { reader } = variant.config;
    if (!reader.isAbsent(variant.properties['CapacityReservationConfig'])) continue;
    if (!reader.isCertainList(variant.properties['InstancePools'])) continue;
    told.add(variant);
    yield {
      at: variant.config,
      property: `${variant.property}.${reader.isAbsent(variant.properties['InstancePools']) ? 'InstanceType' : 'InstancePools'}`,
      message: `the fleet of ${who} may grow to ${max} instances of ${name} alone: without capacity for it nothing is launched`,
    };
  }
}

interface GrowingVariant {
  readonly variant: Variant;
  readonly max: number;
  /** What lets it grow. */
  readonly who: string;
}

function scaledVariants(model: ProofModel): GrowingVariant[] {
  return model.targets.flatMap(({ variant, max, resource }) =>
    variant === undefined || max === undefined ? [] : [{ variant, max, who: resource.logicalId }],
  );
}

/** Variants whose instances SageMaker scales for the components on them. */
function managedVariants(model: ProofModel): GrowingVariant[] {
  return model.variants().flatMap((variant) => {
    const { config, kind, properties } = variant;
    const managed = config.reader.object(properties['ManagedInstanceScaling']);
    const max = config.reader.number(managed?.['MaxInstanceCount']);
    const isOn = kind === 'inference-component' && config.reader.text(managed?.['Status']) !== 'DISABLED';
    return max === undefined || !isOn ? [] : [{ variant, max, who: 'ManagedInstanceScaling' }];
  });
}

function* nvmeEncryption(model: ProofModel): Iterable<Accusation> {
  for (const variant of model.variants()) {
    const { config, properties } = variant;
    const { reader } = config;
    const nvme = typesOf(variant).find(({ name }) => findInstanceType(name)?.localNvme === true);
    if (nvme === undefined) continue;
    if (!reader.isAbsent(config.properties['KmsKeyId']) && reader.text(config.properties['KmsKeyId']) !== undefined) {
      yield {
        at: config,
        property: 'KmsKeyId',
        message: `${nvme.name} has local NVMe disks, which the hardware encrypts; SageMaker refuses a key with such a type`,
        remedy: 'remove KmsKeyId, or take a type without local disks',
      };
    }
    if (!reader.isAbsent(properties['VolumeSizeInGB'])) {
      yield {
        at: config,
        property: `${variant.property}.VolumeSizeInGB`,
        message: `${nvme.name} has local disks of a fixed size`,
        remedy: 'remove VolumeSizeInGB',
        severity: 'warning',
      };
    }
  }
}

/** What they run on. */
export const INSTANCE_RULES: readonly ProofRule[] = [
  {
    id: 'burstable-instance-type',
    severity: 'error',
    reason: 'endpoint autoscaling does not support burstable types',
    remedy: 'choose a type without CPU credits, for example ml.m5.large or ml.g5.xlarge',
    source: 'SageMaker developer guide: configure model autoscaling with the console',
    check: burstable,
  },
  {
    id: 'unknown-instance-type',
    severity: 'error',
    reason: 'a mistyped instance type fails the deployment after minutes',
    remedy: 'choose a type of the SageMaker API',
    source: 'SageMaker API reference: ProductionVariant, InstanceType',
    check: unknownType,
  },
  {
    id: 'single-instance-type',
    severity: 'warning',
    reason: 'GPU capacity runs out by type: a fleet of one type cannot grow when it is gone',
    remedy: 'list further types in InstancePools, or reserve capacity',
    source: 'SageMaker developer guide: heterogeneous real-time endpoints (instance pools)',
    check: singleType,
  },
  {
    id: 'nvme-encryption-key',
    severity: 'error',
    reason: 'SageMaker refuses a volume key with types that have local NVMe disks',
    remedy: 'remove the key: the hardware encrypts these disks',
    source: 'SageMaker API reference: CreateEndpointConfig, KmsKeyId',
    check: nvmeEncryption,
  },
];
