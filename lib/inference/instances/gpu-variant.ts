import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IDependable } from 'constructs';
import type { FleetServerMetrics } from '../../scaling';
import { capacityGapAlarm } from '../endpoint/capacity';
import type { EndpointVariants } from './endpoint-variants';
import { GpuEndpointBase } from './gpu-endpoint-base';
import type { GpuVariantProps } from './gpu-variant-props';

/**
 * Further variant of an endpoint: a model with instances, scaling and metrics of its own, behind the same name. Created with
 * `GpuEndpoint.addVariant`.
 *
 * Creates a model, and the permissions that the endpoint's role needs for it.
 */
export class GpuVariant extends GpuEndpointBase {
  /**
   * Creates a variant of an endpoint, for `GpuEndpoint.addVariant`.
   *
   * @internal
   */
  public static _of(
    endpoint: GpuEndpointBase,
    variants: EndpointVariants,
    variantName: string,
    props: GpuVariantProps,
  ): GpuVariant {
    return new GpuVariant(endpoint, variants, variantName, props);
  }

  public readonly endpointArn: string;
  public readonly endpointName: string;
  public readonly variantName: string;
  public readonly instanceTypes: string[];
  public readonly maxConcurrencyPerInstance: number;
  public readonly initialCapacity: number;
  public readonly scalingDependency: IDependable;

  /** Maximum number of instances that `capacity.quotas` allow; undefined where they are not given. */
  public readonly maxAllowedCapacity?: number;

  /** Metrics that its model servers publish, and whether CloudWatch receives them. */
  public readonly serverMetrics?: FleetServerMetrics;

  /** Alarm of `capacity.gapAlarm`, where it is configured. */
  public readonly capacityGapAlarm?: cloudwatch.Alarm;

  private readonly host: GpuEndpointBase;

  private constructor(
    endpoint: GpuEndpointBase,
    variants: EndpointVariants,
    variantName: string,
    props: GpuVariantProps,
  ) {
    super(endpoint, `Variant-${variantName}`);
    const variant = variants.add(this, variantName, props);
    this.variantName = variantName;
    this.endpointName = endpoint.endpointName;
    this.endpointArn = endpoint.endpointArn;
    this.scalingDependency = endpoint.scalingDependency;
    this.host = endpoint;
    this.instanceTypes = variant.capacity.instanceTypes;
    this.maxConcurrencyPerInstance = variant.maxConcurrencyPerInstance;
    this.initialCapacity = variant.initialInstanceCount;
    this.serverMetrics = variants.serverMetricsOf(variant);
    this.maxAllowedCapacity = variant.capacity.quota;
    this.capacityGapAlarm = capacityGapAlarm(this, variant.capacity);
  }

  /** @internal */
  protected get _declaredConfigName(): string | undefined {
    return this.host.stateSource?.declaredConfigName;
  }

  /** @internal */
  protected get _rolloutConfigPrefix(): string | undefined {
    return this.host.stateSource?.rolloutConfigPrefix;
  }
}
