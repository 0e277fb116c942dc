import type { RuleViolation } from '../finding';
import type { TemplateModel, DeclaredVariant } from '../../template';
import type { ProofRule } from '../rule-support/rule';

/** Ranges of CreateEndpointConfig. Source: SageMaker API reference, ProductionVariant, ProductionVariantServerlessConfig. */
const RANGES: readonly (readonly [path: string, least: number, most: number])[] = [
  ['ContainerStartupHealthCheckTimeoutInSeconds', 60, 3600],
  ['ModelDataDownloadTimeoutInSeconds', 60, 3600],
  ['VariantInstanceProvisionTimeoutInSeconds', 300, 3600],
  ['VolumeSizeInGB', 1, 512],
  ['ServerlessConfig.MaxConcurrency', 1, 200],
  ['ServerlessConfig.ProvisionedConcurrency', 1, 200],
  ['ServerlessConfig.MemorySizeInMB', 1024, 6144],
];

function* outOfRange({ config, property, properties, kind }: DeclaredVariant): Iterable<RuleViolation> {
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
      message: `${path.split('.').pop()} is ${value}; the service accepts ${least} to ${most}${isMemory ? ' in steps of 1024' : ''}`,
      remedy: `set it to a value from ${least} to ${most}`,
    };
  }
  const count = reader.number(properties['InitialInstanceCount']);
  if (count !== undefined && count < 1 && (kind === 'real-time' || kind === 'async')) {
    yield {
      at: config,
      property: `${property}.InitialInstanceCount`,
      message: `InitialInstanceCount is ${count}; a variant is created with 1 instance or more`,
      remedy: 'set it to 1 or more; a scalable target scales an asynchronous fleet to zero afterwards',
    };
  }
}

function* withoutHost({ config, property, properties, kind }: DeclaredVariant): Iterable<RuleViolation> {
  const { reader } = config;
  const isGiven = (name: string): boolean => !reader.isAbsent(properties[name]);
  if (kind === undefined || ['InstanceType', 'InstancePools', 'ServerlessConfig'].some(isGiven)) return;
  yield {
    at: config,
    property: `${property}.InstanceType`,
    message: 'the variant has neither instances nor a serverless configuration',
    remedy: 'give InstanceType, InstancePools or ServerlessConfig',
  };
}

function* invalid(model: TemplateModel): Iterable<RuleViolation> {
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
          message: `two variants have the name '${name}'`,
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
      message: `${bare.property} has no model with a role, and the configuration has no ExecutionRoleArn`,
      remedy: 'set ExecutionRoleArn, or give the variant a ModelName',
    };
  }
}

/** Rules about the parts of a variant. */
export const VARIANT_RULES: readonly ProofRule[] = [
  {
    id: 'variant-invalid',
    severity: 'error',
    reason: 'the service rejects an endpoint configuration with values out of range, or with a missing part',
    remedy: 'use values that the service accepts',
    source: 'SageMaker API reference: CreateEndpointConfig, ProductionVariant, ProductionVariantServerlessConfig',
    check: invalid,
  },
];
