import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { Variant } from '../subjects';
import type { ProofRule } from './rule';

/** What CreateEndpointConfig takes (API reference: ProductionVariant, ProductionVariantServerlessConfig). */
const RANGES: readonly (readonly [path: string, least: number, most: number])[] = [
  ['ContainerStartupHealthCheckTimeoutInSeconds', 60, 3600],
  ['ModelDataDownloadTimeoutInSeconds', 60, 3600],
  ['VariantInstanceProvisionTimeoutInSeconds', 300, 3600],
  ['VolumeSizeInGB', 1, 512],
  ['ServerlessConfig.MaxConcurrency', 1, 200],
  ['ServerlessConfig.ProvisionedConcurrency', 1, 200],
  ['ServerlessConfig.MemorySizeInMB', 1024, 6144],
];

function* outOfRange({ config, property, properties, kind }: Variant): Iterable<Accusation> {
  const { reader } = config;
  for (const [path, least, most] of RANGES) {
    const value = reader.number(
      path.split('.').reduce<unknown>((at, name) => reader.object(at)?.[name], properties as unknown),
    );
    if (value === undefined) continue;
    const isMemory = path.endsWith('MemorySizeInMB');
    if (value >= least && value <= most && !(isMemory && value % 1024 !== 0)) continue;
    yield {
      at: config,
      property: `${property}.${path}`,
      message: `${path.split('.').pop()} is ${value}; the service takes ${least} to ${most}${isMemory ? ' in steps of 1024' : ''}`,
      remedy: `set it to a value from ${least} to ${most}`,
    };
  }
  const count = reader.number(properties['InitialInstanceCount']);
  if (count !== undefined && count < 1 && (kind === 'real-time' || kind === 'async')) {
    yield {
      at: config,
      property: `${property}.InitialInstanceCount`,
      message: `InitialInstanceCount is ${count}; a variant is made with 1 instance or more`,
      remedy: 'set it to 1 or more; a scalable target takes an asynchronous fleet to zero afterwards',
    };
  }
}

function* withoutHost({ config, property, properties, kind }: Variant): Iterable<Accusation> {
  const { reader } = config;
  const isGiven = (name: string): boolean => !reader.isAbsent(properties[name]);
  if (kind === undefined || ['InstanceType', 'InstancePools', 'ServerlessConfig'].some(isGiven)) return;
  yield {
    at: config,
    property: `${property}.InstanceType`,
    message: 'the variant names nothing that it could run on',
    remedy: 'give InstanceType, InstancePools or ServerlessConfig',
  };
}

function* invalid(model: ProofModel): Iterable<Accusation> {
  for (const config of model.ofType('AWS::SageMaker::EndpointConfig')) {
    const names = new Set<string>();
    for (const variant of model.variantsOf(config)) {
      yield* outOfRange(variant);
      yield* withoutHost(variant);
      const { name, property } = variant;
      if (name !== undefined && names.has(name)) {
        yield {
          at: config,
          property: `${property}.VariantName`,
          message: `two variants are called '${name}'`,
          remedy: 'give each variant a name of its own',
        };
      }
      if (name !== undefined) names.add(name);
    }
    const { reader, properties } = config;
    const bare = model.variantsOf(config).find(({ kind }) => kind === 'inference-component');
    if (bare === undefined || !reader.isAbsent(properties['ExecutionRoleArn'])) continue;
    yield {
      at: config,
      property: 'ExecutionRoleArn',
      message: `${bare.property} has no model whose role it could take, and the configuration has no ExecutionRoleArn`,
      remedy: 'set ExecutionRoleArn, or give the variant a ModelName',
    };
  }
}

/** What a variant is made of. */
export const VARIANT_RULES: readonly ProofRule[] = [
  {
    id: 'variant-invalid',
    severity: 'error',
    reason: 'the service refuses an endpoint configuration with values outside their ranges, and one that lacks a part',
    remedy: 'write what the service takes',
    source: 'SageMaker API reference: CreateEndpointConfig, ProductionVariant, ProductionVariantServerlessConfig',
    check: invalid,
  },
];
