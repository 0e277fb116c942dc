import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../../../inference/contract';
import type { FleetPool, FleetRouting } from '../../../simulation/fleet';
import type { ServerlessLimits } from './environments';
import { DEFAULT_CONCURRENT_INVOCATIONS } from '../invocations/async-request';
import type { DataCaptureConfig, EndpointConfigRequest, ProductionVariant } from '../schemas';

/** Minimum of the property; AWS does not document its default. */
const DEFAULT_PROVISION_TIMEOUT_SECONDS = 300;

/** Maximum of InvocationTimeoutSeconds and a margin (API reference, InvokeEndpointAsync). */
const MAX_ASYNC_SECONDS = 3660;

/** Instance type that stands for a serverless variant, which has none. */
const SERVERLESS_TYPE = 'serverless';

/** Default cooldown before an idle instance is released, minutes; SageMaker does not document its own. An assumption. */
const DEFAULT_COOLDOWN_MINUTES = 10;

/** Limits of `ManagedInstanceScaling`, and the cooldown of an idle instance. */
export interface ManagedScaling {
  readonly minimum: number;
  readonly maximum: number;
  readonly cooldownSeconds: number;
}

/**
 * Environment variable that breaks a model's container, to rehearse failing rollouts: `unhealthy` containers never pass their health check,
 * those with `errors` respond to every request with HTTP 500. Containers on AWS ignore it.
 */
const FAULT_VARIABLE = 'TIDEGATE_LOCAL_FAULT';

export type ModelFault = 'unhealthy' | 'errors';

/** Fault set in a model's environment. */
export function faultOf(environment: { readonly [name: string]: string } | undefined): ModelFault | undefined {
  const value = environment?.[FAULT_VARIABLE];
  return value === 'unhealthy' || value === 'errors' ? value : undefined;
}

/** Default time-out of the health check, seconds; AWS does not document its own. An assumption. */
const DEFAULT_STARTUP_SECONDS = 600;

/** Settings of a variant's instances, from its endpoint configuration. */
export interface VariantSpec {
  readonly configName: string;
  readonly variantName: string;
  /** True if it receives copies of the requests and its responses are discarded. */
  readonly isShadow: boolean;
  /** Empty where inference components provide the models. */
  readonly modelName: string;
  /** Limits of a variant whose instances SageMaker adds and removes for the copies of components. */
  readonly managed: ManagedScaling | undefined;
  /** In order of priority; one pool when the variant names an instance type. */
  readonly pools: readonly FleetPool[];
  /** True if the variant uses instance pools; its metrics are then published per instance type too. */
  readonly pooled: boolean;
  readonly slotsPerInstance: number;
  /** Copies of requests and responses in S3. */
  readonly dataCapture: DataCaptureConfig | undefined;
  /** Deliberate fault of the model. */
  readonly fault: ModelFault | undefined;
  /** Maximum seconds from launch until the container passes its health check. */
  readonly startupSeconds: number;
  /** Limits of a serverless variant. Its fleet is one instance without a type, with a slot for each environment. */
  readonly serverless: ServerlessLimits | undefined;
  /** Time-out of a request, seconds; undefined where InvokeEndpoint's applies. */
  readonly maxServiceSeconds: number | undefined;
  readonly routing: FleetRouting;
  /** Prefix-aware routing: bytes of a body that form its prefix, and requests on an instance above which others receive some. */
  readonly prefixAware: { readonly length: number; readonly concurrencyThreshold: number } | undefined;
  /** ARN of the ML capacity reservation for its instances. */
  readonly reservationArn: string | undefined;
  readonly initialInstanceCount: number;
  readonly initialWeight: number;
  readonly provisionTimeoutSeconds: number;
}

/** Maximum number of requests in progress on an instance, from the tags of an endpoint configuration or a component. */
export function slotsPerInstance(tags: EndpointConfigRequest['Tags'], variantName?: string): number {
  const text = concurrencyTag(tags ?? [], ({ Key }) => Key, variantName)?.Value;
  return text === undefined ? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE : Number(text);
}

/** Slots per instance; those of an asynchronous endpoint are a setting of its configuration. */
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
    dataCapture: config.DataCaptureConfig,
    fault,
    startupSeconds: variant.ContainerStartupHealthCheckTimeoutInSeconds ?? DEFAULT_STARTUP_SECONDS,
    maxServiceSeconds: config.AsyncInferenceConfig === undefined ? undefined : MAX_ASYNC_SECONDS,
    ...routingOf(variant),
    reservationArn: variant.CapacityReservationConfig?.MlReservationArn,
    initialInstanceCount: variant.InitialInstanceCount,
    initialWeight: variant.InitialVariantWeight,
    provisionTimeoutSeconds: variant.VariantInstanceProvisionTimeoutInSeconds ?? DEFAULT_PROVISION_TIMEOUT_SECONDS,
  };
}

/** Limits of the number of instances; without the setting the number is fixed. */
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

/** Routing strategy; prefix-aware routing uses the fewest outstanding requests above its threshold. */
function routingOf({ RoutingConfig: config }: ProductionVariant): Pick<VariantSpec, 'routing' | 'prefixAware'> {
  if (config?.RoutingStrategy !== 'PREFIX_AWARE') {
    return { routing: config?.RoutingStrategy ?? 'RANDOM', prefixAware: undefined };
  }
  const { PrefixLength: length, ConcurrencyThreshold: concurrencyThreshold } = config.PrefixAwareRoutingConfig!;
  return { routing: 'LEAST_OUTSTANDING_REQUESTS', prefixAware: { length, concurrencyThreshold } };
}
