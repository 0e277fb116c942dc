import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IDependable } from 'constructs';
import type { FleetServerMetrics } from '../scaling';
import { capacityGapAlarm } from './capacity-ladder';
import type { EndpointVariants } from './endpoint-variants';
import { GpuEndpointBase } from './gpu-endpoint-base';
import type { GpuVariantProps } from './gpu-variant-props';

/**
 * A further variant of an endpoint: a model with instances, scaling and metrics of its own, behind the same name. Made with
 * `GpuEndpoint.addVariant`.
 *
 * Creates a model, and what the endpoint's role needs for it.
 */
export class GpuVariant extends GpuEndpointBase {
  /**
   * A variant of an endpoint; `GpuEndpoint.addVariant` calls it.
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

  /** The most instances that the quotas of the capacity ladder allow; undefined where they are not given. */
  public readonly highestCapacity?: number;

  /** What its model servers publish themselves, and whether it arrives. */
  public readonly serverMetrics?: FleetServerMetrics;

  /** The alarm of the capacity ladder, where it has one. */
  public readonly capacityGapAlarm?: cloudwatch.Alarm;

  private readonly configName: string | undefined;

  private constructor(
    endpoint: GpuEndpointBase,
    variants: EndpointVariants,
    variantName: string,
    props: GpuVariantProps,
  ) {
    super(endpoint, `Variant-${variantName}`);
    const declared = variants.add(this, variantName, props);
    this.variantName = variantName;
    this.endpointName = endpoint.endpointName;
    this.endpointArn = endpoint.endpointArn;
    this.scalingDependency = endpoint.scalingDependency;
    this.configName = endpoint.stateSource?.declaredConfigName;
    this.instanceTypes = declared.instanceTypes;
    this.maxConcurrencyPerInstance = declared.maxConcurrencyPerInstance;
    this.initialCapacity = declared.initialCapacity;
    this.serverMetrics = declared.serverMetrics;
    this.highestCapacity = declared.capacity.quota;
    this.capacityGapAlarm = capacityGapAlarm(this, declared.capacity);
  }

  /** @internal */
  protected get _declaredConfigName(): string | undefined {
    return this.configName;
  }
}
