import type { Duration } from 'aws-cdk-lib';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { RoutingStrategy, type PrefixAwareRoutingProps } from './gpu-endpoint-props';

/** How long SageMaker waits for what. */
export interface VariantTiming {
  readonly provisionTimeoutSeconds: number;
  readonly startupTimeoutSeconds: number;
  readonly modelDownloadTimeoutSeconds: number;
}

/** A production variant with every default filled in. */
export interface VariantSettings {
  readonly variantName: string;
  readonly modelName: string;
  readonly initialInstanceCount: number;
  readonly weight: number;
  readonly instanceTypes: readonly string[];
  readonly timing: VariantTiming;
  readonly routing: RoutingStrategy;
  readonly prefix: Required<PrefixAwareRoutingProps>;
  readonly inferenceAmi: string | undefined;
  readonly volumeSizeGb: number | undefined;
  readonly capacityReservationArn: string | undefined;
}

/** Seconds of the timeouts, with the defaults for those that are left out. */
export function variantTiming(
  props: {
    readonly provisionTimeout?: Duration;
    readonly startupTimeout?: Duration;
    readonly modelDownloadTimeout?: Duration;
  },
  defaults: VariantTiming = {
    provisionTimeoutSeconds: 600,
    startupTimeoutSeconds: 600,
    modelDownloadTimeoutSeconds: 600,
  },
): VariantTiming {
  const seconds = (duration: Duration | undefined, fallback: number): number =>
    duration?.toSeconds({ integral: false }) ?? fallback;
  return {
    provisionTimeoutSeconds: seconds(props.provisionTimeout, defaults.provisionTimeoutSeconds),
    startupTimeoutSeconds: seconds(props.startupTimeout, defaults.startupTimeoutSeconds),
    modelDownloadTimeoutSeconds: seconds(props.modelDownloadTimeout, defaults.modelDownloadTimeoutSeconds),
  };
}

/** What counts as one prefix, where the props leave it out. */
export function prefixOf(
  props: PrefixAwareRoutingProps | undefined,
  maxConcurrencyPerInstance: number,
): Required<PrefixAwareRoutingProps> {
  return {
    prefixLength: props?.prefixLength ?? 4096,
    concurrencyThreshold: props?.concurrencyThreshold ?? Math.min(1024, maxConcurrencyPerInstance),
  };
}

/** The variant as the endpoint configuration takes it. */
export function productionVariant(settings: VariantSettings): sagemaker.CfnEndpointConfig.ProductionVariantProperty {
  return {
    variantName: settings.variantName,
    modelName: settings.modelName,
    initialInstanceCount: settings.initialInstanceCount,
    initialVariantWeight: settings.weight,
    ...startOf(settings.timing, settings.volumeSizeGb),
    ...instancesFrom(settings),
    inferenceAmiVersion: settings.inferenceAmi,
    routingConfig: routingConfigOf(settings),
  };
}

/** Where instances come from: pools in order, or a reservation of one type. */
export function instancesFrom({
  instanceTypes,
  capacityReservationArn,
}: Pick<
  VariantSettings,
  'instanceTypes' | 'capacityReservationArn'
>): Partial<sagemaker.CfnEndpointConfig.ProductionVariantProperty> {
  if (capacityReservationArn === undefined) return { instancePools: poolsOf(instanceTypes) };
  return {
    instanceType: instanceTypes[0],
    variantInstanceProvisionTimeoutInSeconds: undefined,
    capacityReservationConfig: {
      capacityReservationPreference: 'capacity-reservations-only',
      mlReservationArn: capacityReservationArn,
    },
  };
}

/** How requests are spread, as a variant takes it. */
export function routingConfigOf({
  routing,
  prefix,
}: Pick<VariantSettings, 'routing' | 'prefix'>): sagemaker.CfnEndpointConfig.RoutingConfigProperty {
  return {
    routingStrategy: routing,
    ...(routing === RoutingStrategy.PREFIX_AWARE ? { prefixAwareRoutingConfig: prefix } : {}),
  };
}

/** How an instance of a variant starts. */
export function startOf(
  timing: VariantTiming,
  volumeSizeGb: number | undefined,
): Partial<sagemaker.CfnEndpointConfig.ProductionVariantProperty> {
  return {
    variantInstanceProvisionTimeoutInSeconds: timing.provisionTimeoutSeconds,
    containerStartupHealthCheckTimeoutInSeconds: timing.startupTimeoutSeconds,
    modelDataDownloadTimeoutInSeconds: timing.modelDownloadTimeoutSeconds,
    volumeSizeInGb: volumeSizeGb,
  };
}

/** Instance types with their place in the order they are wanted. */
export function poolsOf(instanceTypes: readonly string[]): { instanceType: string; priority: number }[] {
  return instanceTypes.map((instanceType, index) => ({ instanceType, priority: index + 1 }));
}
