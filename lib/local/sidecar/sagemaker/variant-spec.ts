import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../../../inference/contract';
import type { InstancePool, RoutingStrategy } from '../../../simulation/fleet';
import type { ServerlessLimits } from './environments';
import { DEFAULT_CONCURRENT_INVOCATIONS } from './async-request';
import type { EndpointConfigRequest, ProductionVariant } from './schemas';

/** AWS does not publish its own default; this is the smallest value the property allows. */
const DEFAULT_PROVISION_TIMEOUT_SECONDS = 300;

/** The longest InvocationTimeoutSeconds, and some more for the way (API reference, InvokeEndpointAsync). */
const LONGEST_ASYNC_SECONDS = 3660;

/** Stands where an instance type would. */
export const SERVERLESS_TYPE = 'serverless';

/** Minutes before an idle instance goes, unless the configuration says; SageMaker does not tell its own. */
const DEFAULT_COOLDOWN_MINUTES = 10;

/** The limits of `ManagedInstanceScaling`, and how long an instance stays idle. */
export interface ManagedScaling {
  readonly minimum: number;
  readonly maximum: number;
  readonly cooldownSeconds: number;
}

/**
 * The variable of a model's container that breaks it, for rehearsing rollouts that go wrong: `unhealthy` containers never pass their
 * health check, those with `errors` answer every request with HTTP 500. Containers on AWS ignore it.
 */
export const FAULT_VARIABLE = 'TIDEGATE_LOCAL_FAULT';

export type ModelFault = 'unhealthy' | 'errors';

/** The fault that a model's environment asks for. */
export function faultOf(environment: { readonly [name: string]: string } | undefined): ModelFault | undefined {
  const value = environment?.[FAULT_VARIABLE];
  return value === 'unhealthy' || value === 'errors' ? value : undefined;
}

/** Seconds for the health check, unless the variant says; AWS does not publish its own default. An assumption. */
const DEFAULT_STARTUP_SECONDS = 600;

/** What a variant's instances are made of, read from its endpoint configuration. */
export interface VariantSpec {
  readonly configName: string;
  readonly variantName: string;
  /** It gets copies of the requests, and its answers reach nobody. */
  readonly isShadow: boolean;
  /** Empty where inference components bring the models. */
  readonly modelName: string;
  /** Of a variant whose instances SageMaker adds and removes as the copies of components need them. */
  readonly managed: ManagedScaling | undefined;
  /** By priority; one pool when the variant names an instance type. */
  readonly pools: readonly InstancePool[];
  /** Whether the variant uses instance pools; its metrics then exist per instance type too. */
  readonly pooled: boolean;
  readonly slotsPerInstance: number;
  /** What is wrong with the model on purpose. */
  readonly fault: ModelFault | undefined;
  /** Seconds from launch in which the container must pass its health check. */
  readonly startupSeconds: number;
  /** Of a serverless variant. Its fleet is one instance without a type, with a slot for each environment. */
  readonly serverless: ServerlessLimits | undefined;
  /** Seconds in which a request must be answered; undefined where InvokeEndpoint's own limit counts. */
  readonly maxServiceSeconds: number | undefined;
  readonly routing: RoutingStrategy;
  /** Of prefix-aware routing: the bytes of a body that make its prefix, and the requests an instance may have before others get some. */
  readonly prefixAware: { readonly length: number; readonly concurrencyThreshold: number } | undefined;
  /** The ARN of the ML capacity reservation that its instances are launched in. */
  readonly reservationArn: string | undefined;
  readonly initialInstanceCount: number;
  readonly initialWeight: number;
  readonly provisionTimeoutSeconds: number;
}

/** How many requests an instance works on at a time, from the tags of an endpoint configuration or a component. */
export function slotsPerInstance(tags: EndpointConfigRequest['Tags'], variantName?: string): number {
  const text = concurrencyTag(tags ?? [], ({ Key }) => Key, variantName)?.Value;
  return text === undefined ? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE : Number(text);
}

/** An asynchronous endpoint has a setting of its own. */
function slotsOf({ AsyncInferenceConfig, Tags }: EndpointConfigRequest, variantName: string): number {
  if (AsyncInferenceConfig === undefined) return slotsPerInstance(Tags, variantName);
  return AsyncInferenceConfig.ClientConfig?.MaxConcurrentInvocationsPerInstance ?? DEFAULT_CONCURRENT_INVOCATIONS;
}

export function variantSpec(
  config: EndpointConfigRequest,
  variant: ProductionVariant,
  fault?: ModelFault,
): VariantSpec {
  const pools = variant.InstancePools?.map((pool, index) => ({
    instanceType: pool.InstanceType,
    priority: pool.Priority ?? index + 1,
  }));
  return {
    configName: config.EndpointConfigName,
    variantName: variant.VariantName,
    isShadow: config.ShadowProductionVariants?.includes(variant) ?? false,
    modelName: variant.ModelName ?? '',
    managed: variant.ModelName === undefined ? managedScaling(variant) : undefined,
    pools: pools ?? [{ instanceType: variant.InstanceType ?? SERVERLESS_TYPE, priority: 1 }],
    pooled: pools !== undefined,
    slotsPerInstance: variant.ServerlessConfig?.MaxConcurrency ?? slotsOf(config, variant.VariantName),
    serverless: serverlessLimits(variant),
    fault,
    startupSeconds: variant.ContainerStartupHealthCheckTimeoutInSeconds ?? DEFAULT_STARTUP_SECONDS,
    maxServiceSeconds: config.AsyncInferenceConfig === undefined ? undefined : LONGEST_ASYNC_SECONDS,
    ...routingOf(variant),
    reservationArn: variant.CapacityReservationConfig?.MlReservationArn,
    initialInstanceCount: variant.InitialInstanceCount,
    initialWeight: variant.InitialVariantWeight,
    provisionTimeoutSeconds: variant.VariantInstanceProvisionTimeoutInSeconds ?? DEFAULT_PROVISION_TIMEOUT_SECONDS,
  };
}

/** Without the setting the count stays as it is. */
function managedScaling({ ManagedInstanceScaling: managed, InitialInstanceCount }: ProductionVariant): ManagedScaling {
  if (managed?.Status !== 'ENABLED') {
    return { minimum: InitialInstanceCount, maximum: InitialInstanceCount, cooldownSeconds: 0 };
  }
  return {
    minimum: managed.MinInstanceCount,
    maximum: managed.MaxInstanceCount,
    cooldownSeconds: 60 * (managed.ScaleInPolicy?.CooldownInMinutes ?? DEFAULT_COOLDOWN_MINUTES),
  };
}

function serverlessLimits({ ServerlessConfig: config }: ProductionVariant): ServerlessLimits | undefined {
  if (config === undefined) return undefined;
  return { maxConcurrency: config.MaxConcurrency, provisionedConcurrency: config.ProvisionedConcurrency ?? 0 };
}

/** Beyond the threshold, and for what has no prefix, prefix-aware routing goes by the fewest requests. */
function routingOf({ RoutingConfig: config }: ProductionVariant): Pick<VariantSpec, 'routing' | 'prefixAware'> {
  if (config?.RoutingStrategy !== 'PREFIX_AWARE') {
    return { routing: config?.RoutingStrategy ?? 'RANDOM', prefixAware: undefined };
  }
  const { PrefixLength: length, ConcurrencyThreshold: concurrencyThreshold } = config.PrefixAwareRoutingConfig!;
  return { routing: 'LEAST_OUTSTANDING_REQUESTS', prefixAware: { length, concurrencyThreshold } };
}
