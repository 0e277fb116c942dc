import { HOSTING_TYPES_AS_OF, hostingTypeNames, isHostingType } from '../../catalog/hosting-types';
import { findInstanceType } from '../../catalog/instance-types';
import { nearestNames } from '../../core/nearest';
import type { RuleViolation } from '../finding';
import { isLiteral, type TemplateModel, type DeclaredVariant } from '../../template';
import type { ProofRule } from '../rule-support/rule';

/** Instance sizes of EC2. */
const SIZE = /^(nano|micro|small|medium|large|xlarge|\d+xlarge|metal(-\d+xl)?)$/;

function typesOf(variant: DeclaredVariant): { readonly property: string; readonly name: string }[] {
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

function* burstable(model: TemplateModel): Iterable<RuleViolation> {
  for (const variant of model.variants()) {
    const isScaled = model.targets.some((target) => target.variant === variant);
    for (const { property, name } of typesOf(variant)) {
      if (!isBurstable(name)) continue;
      const isOffered = isHostingType(name);
      yield {
        at: variant.config,
        property,
        message: !isOffered
          ? `SageMaker does not offer ${name} for hosting, and autoscaling does not support burstable types`
          : isScaled
            ? `${name} is burstable, and endpoint autoscaling does not support burstable types`
            : `${name} is burstable: it slows down when its CPU credits are spent, and it cannot be scaled`,
        severity: isScaled || !isOffered ? 'error' : 'warning',
      };
    }
  }
}

function* unknownType(model: TemplateModel): Iterable<RuleViolation> {
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
            : `'${name}' is not an instance type; nearest: ${nearest}`,
        remedy: isHostingType(`ml.${name}`) ? `write 'ml.${name}'` : 'choose a type of the SageMaker API',
        // The type may be newer than the list.
        severity: isWellFormed ? 'warning' : 'error',
      };
    }
  }
}

function* singleType(model: TemplateModel): Iterable<RuleViolation> {
  const reported = new Set<DeclaredVariant>();
  for (const { variant, max, scaledBy } of [...scaledVariants(model), ...managedVariants(model)]) {
    if (max < 2 || reported.has(variant)) continue;
    const names = new Set(variant.instanceTypes);
    const [name] = names;
    if (names.size !== 1 || name === undefined || findInstanceType(name)?.accelerator === undefined) continue;
    const { reader } = variant.config;
    if (!reader.isAbsent(variant.properties['CapacityReservationConfig'])) continue;
    if (!reader.isCertainList(variant.properties['InstancePools'])) continue;
    reported.add(variant);
    yield {
      at: variant.config,
      property: `${variant.property}.${reader.isAbsent(variant.properties['InstancePools']) ? 'InstanceType' : 'InstancePools'}`,
      message: `the fleet of ${scaledBy} may grow to ${max} instances of ${name} alone: without capacity of this type it cannot grow`,
    };
  }
}

interface GrowingVariant {
  readonly variant: DeclaredVariant;
  readonly max: number;
  /** Scalable target or setting that lets it grow. */
  readonly scaledBy: string;
}

function scaledVariants(model: TemplateModel): GrowingVariant[] {
  return model.targets.flatMap(({ variant, max, resource }) =>
    variant === undefined || max === undefined ? [] : [{ variant, max, scaledBy: resource.logicalId }],
  );
}

/** Variants whose instances SageMaker scales for their components. */
function managedVariants(model: TemplateModel): GrowingVariant[] {
  return model.variants().flatMap((variant) => {
    const { config, kind, properties } = variant;
    const managed = config.reader.object(properties['ManagedInstanceScaling']);
    const max = config.reader.number(managed?.['MaxInstanceCount']);
    const isOn = kind === 'inference-component' && config.reader.text(managed?.['Status']) !== 'DISABLED';
    return max === undefined || !isOn ? [] : [{ variant, max, scaledBy: 'ManagedInstanceScaling' }];
  });
}

function* nvmeEncryption(model: TemplateModel): Iterable<RuleViolation> {
  for (const variant of model.variants()) {
    const { config, properties } = variant;
    const { reader } = config;
    const nvme = typesOf(variant).find(({ name }) => findInstanceType(name)?.localNvme === true);
    if (nvme === undefined) continue;
    if (!reader.isAbsent(config.properties['KmsKeyId']) && reader.text(config.properties['KmsKeyId']) !== undefined) {
      yield {
        at: config,
        property: 'KmsKeyId',
        message: `${nvme.name} has local NVMe disks, which the hardware encrypts; SageMaker rejects a key for such a type`,
        remedy: 'remove KmsKeyId, or choose a type without local disks',
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

/** Rules about instance types. */
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
    reason: 'a misspelt instance type fails the deployment after minutes',
    remedy: 'choose a type of the SageMaker API',
    source: 'SageMaker API reference: ProductionVariant, InstanceType',
    check: unknownType,
  },
  {
    id: 'single-instance-type',
    severity: 'warning',
    reason: 'GPU capacity runs out by type: a fleet of one type cannot grow when its type is exhausted',
    remedy: 'list further types in InstancePools, or reserve capacity',
    source: 'SageMaker developer guide: heterogeneous real-time endpoints (instance pools)',
    check: singleType,
  },
  {
    id: 'nvme-encryption-key',
    severity: 'error',
    reason: 'SageMaker rejects a volume key for types with local NVMe disks',
    remedy: 'remove the key: the hardware encrypts these disks',
    source: 'SageMaker API reference: CreateEndpointConfig, KmsKeyId',
    check: nvmeEncryption,
  },
];
