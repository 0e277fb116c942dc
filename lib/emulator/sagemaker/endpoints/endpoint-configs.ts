import { findInstanceType, unknownInstanceType } from '../../../catalog/instance-types';
import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { MAX_CONCURRENCY_TAG } from '../../../inference/contract';
import { sageMakerArn } from '../../account/arns';
import type { PricePerHour } from '../../account/billing';
import { parseWith } from '../../http/schema-parts';
import { validationError } from '../../http/service-error';
import { parseS3Location } from '../../account/s3-location';
import type { AsyncOutput } from '../invocations/async-request';
import type { Models } from '../models';
import { type EndpointConfigRequest, endpointConfigSchema, type ProductionVariant } from '../schemas';
import { faultOf, type ModelFault, variantSpec, type VariantSpec } from './variant-spec';

export interface StoredEndpointConfig {
  readonly request: EndpointConfigRequest;
  readonly arn: string;
  readonly createdAt: EpochSeconds;
  /** Production variants first, then the shadow variant. */
  readonly specs: readonly VariantSpec[];
  /** Destinations of an asynchronous endpoint. */
  readonly asyncOutput: AsyncOutput | undefined;
}

/** The endpoint configurations of the account. */
export class EndpointConfigs {
  private readonly stored = new Map<string, StoredEndpointConfig>();

  public constructor(
    private readonly models: Models,
    private readonly priceOf: PricePerHour,
  ) {}

  public create(input: unknown, at: EpochSeconds): StoredEndpointConfig {
    const request = parseWith(endpointConfigSchema, input);
    const arn = sageMakerArn('endpoint-config', request.EndpointConfigName);
    if (this.stored.has(request.EndpointConfigName)) {
      throw validationError(`Cannot create already existing endpoint configuration "${arn}".`);
    }
    this.check(request);
    const specs = variantsOf(request).map((variant) => variantSpec(request, variant, this.faultOf(variant)));
    const config = { request, arn, createdAt: at, specs, asyncOutput: asyncOutput(request) };
    this.stored.set(request.EndpointConfigName, config);
    return config;
  }

  public describe(name: string): StoredEndpointConfig {
    const config = this.stored.get(name);
    if (!config)
      throw validationError(`Could not find endpoint configuration "${sageMakerArn('endpoint-config', name)}".`);
    return config;
  }

  public delete(name: string): void {
    this.describe(name);
    this.stored.delete(name);
  }

  public list(): StoredEndpointConfig[] {
    return [...this.stored.values()];
  }

  private faultOf({ ModelName }: ProductionVariant): ModelFault | undefined {
    if (ModelName === undefined) return undefined;
    const { PrimaryContainer, Containers } = this.models.describe(ModelName).request;
    return faultOf((PrimaryContainer ?? Containers?.[0])?.Environment);
  }

  private check(request: EndpointConfigRequest): void {
    const problems: string[] = [];
    for (const { Key, Value } of request.Tags ?? []) {
      const tagged = Key === MAX_CONCURRENCY_TAG || Key.startsWith(`${MAX_CONCURRENCY_TAG}:`);
      if (!tagged || (Number.isInteger(Number(Value)) && Number(Value) >= 1)) continue;
      problems.push(`the tag ${Key} ('${Value}') must be a whole number of at least 1`);
    }
    const names = variantsOf(request).map((variant) => variant.VariantName);
    if (new Set(names).size !== names.length) problems.push('two variants have the same name');
    if (request.AsyncInferenceConfig !== undefined && request.ProductionVariants.length > 1) {
      problems.push('an asynchronous endpoint of the local engine takes one production variant');
    }
    problems.push(...shadowProblems(request));
    for (const variant of variantsOf(request)) problems.push(...this.variantProblems(request, variant));
    if (problems.length > 0) throw validationError(problems.join('; '));
  }

  private variantProblems(request: EndpointConfigRequest, variant: ProductionVariant): string[] {
    const problems: string[] = [];
    if (variant.ModelName === undefined) {
      if (request.ExecutionRoleArn === undefined) {
        problems.push(`ExecutionRoleArn must be given, because variant ${variant.VariantName} has no ModelName`);
      }
      if (request.ProductionVariants.length > 1 || request.AsyncInferenceConfig !== undefined) {
        problems.push('a variant without a ModelName has to be the only one of a real-time endpoint');
      }
    } else if (!this.models.has(variant.ModelName)) {
      problems.push(`Could not find model "${sageMakerArn('model', variant.ModelName)}".`);
    }
    if (variant.CapacityReservationConfig !== undefined && variant.InstanceType === undefined) {
      if ((variant.InstancePools ?? []).length !== 1) {
        problems.push(
          'CapacityReservationConfig reserves one instance type; give InstanceType or one of InstancePools',
        );
      }
    }
    if (variant.ServerlessConfig !== undefined) {
      if (request.ProductionVariants.length > 1 || request.AsyncInferenceConfig !== undefined) {
        problems.push('a serverless variant has to be the only one of a real-time endpoint');
      }
      return problems;
    }
    const types = variant.InstancePools?.map((pool) => pool.InstanceType) ?? [variant.InstanceType!];
    if (new Set(types).size !== types.length) problems.push('an instance type appears twice in InstancePools');
    const priorities = variant.InstancePools?.map((pool, index) => pool.Priority ?? index + 1) ?? [];
    if (new Set(priorities).size !== priorities.length) problems.push('two InstancePools have the same Priority');
    for (const name of types) {
      const type = findInstanceType(name);
      if (!type) {
        problems.push(unknownInstanceType(name));
        continue;
      }
      if (request.KmsKeyId !== undefined && type.localNvme) {
        problems.push(`KmsKeyId cannot be used with ${name}: its local NVMe storage is encrypted by the hardware`);
      }
      problems.push(...this.priceProblem(name));
    }
    return problems;
  }

  /** Problem of a type without a price: its costs could not be metered, so it is refused before anything is launched. */
  private priceProblem(instanceType: string): string[] {
    try {
      this.priceOf(instanceType, 'hosting');
      return [];
    } catch (error) {
      if (error instanceof InputError) return [error.message];
      throw error;
    }
  }
}

function asyncOutput({ AsyncInferenceConfig }: EndpointConfigRequest): AsyncOutput | undefined {
  if (AsyncInferenceConfig === undefined) return undefined;
  const { S3OutputPath, S3FailurePath, NotificationConfig } = AsyncInferenceConfig.OutputConfig;
  const included = NotificationConfig?.IncludeInferenceResponseIn ?? [];
  return {
    responses: parseS3Location(S3OutputPath),
    failures: parseS3Location(S3FailurePath ?? S3OutputPath),
    successTopicArn: NotificationConfig?.SuccessTopic,
    errorTopicArn: NotificationConfig?.ErrorTopic,
    responseInSuccess: included.includes('SUCCESS_NOTIFICATION_TOPIC'),
    responseInError: included.includes('ERROR_NOTIFICATION_TOPIC'),
  };
}

const variantsOf = (request: EndpointConfigRequest): ProductionVariant[] => [
  ...request.ProductionVariants,
  ...(request.ShadowProductionVariants ?? []),
];

/** Settings that shadow variants exclude (developer guide, shadow tests; API reference, CreateEndpointConfig). */
function shadowProblems(request: EndpointConfigRequest): string[] {
  const [shadow] = request.ShadowProductionVariants ?? [];
  if (shadow === undefined) return [];
  const problems: string[] = [];
  if (request.ProductionVariants.length > 1) problems.push('a shadow variant needs exactly one production variant');
  if (request.AsyncInferenceConfig !== undefined)
    problems.push('an asynchronous endpoint cannot have a shadow variant');
  if (variantsOf(request).some(({ ServerlessConfig }) => ServerlessConfig !== undefined)) {
    problems.push('a serverless variant cannot have or be a shadow variant');
  }
  if (variantsOf(request).some(({ ModelName }) => ModelName === undefined)) {
    problems.push('an endpoint with inference components cannot have a shadow variant');
  }
  if (request.ProductionVariants[0]!.InitialVariantWeight === 0) {
    problems.push(
      'the InitialVariantWeight of the production variant must be above 0 with a shadow variant, whose share is relative to it',
    );
  }
  return problems;
}
