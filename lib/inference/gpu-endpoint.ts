import { Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { throwProblems } from '../core/errors';
import type { FleetServerMetrics } from '../scaling';
import { capacityGapAlarm } from './capacity-ladder';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from './contract';
import { DEFAULT_VARIANT_NAME, endpointArn } from './endpoint-names';
import type { EndpointVariants } from './endpoint-variants';
import { GpuEndpointBase, type IGpuEndpoint } from './gpu-endpoint-base';
import type { GpuEndpointAttributes, GpuEndpointProps } from './gpu-endpoint-props';
import { GpuVariant } from './gpu-variant';
import type { GpuVariantProps } from './gpu-variant-props';
import { declareInstanceEndpoint } from './instance-endpoint';
import { ofVariant } from './metrics-collection';

/**
 * A real-time SageMaker endpoint on GPU instances, made to be scaled.
 *
 * Creates the model, the endpoint configuration and the endpoint, a role that can read the image, the model's files and nothing else,
 * and two alarms that take a bad rollout back. Instances come from an ordered list of types, so that a lack of capacity of one is met
 * with another; requests go to the instance with the fewest in flight; updates roll through the fleet in batches and keep its size.
 *
 * @example
 * const endpoint = new inference.GpuEndpoint(this, 'Chat', {
 *   modelServer: inference.ModelServer.triton(),
 *   modelArtifact: inference.ModelArtifact.fromBucket(bucket, 'chat/model.tar.gz'),
 *   pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }],
 * });
 */
export class GpuEndpoint extends GpuEndpointBase {
  /** An endpoint that exists already, by its name; its variant is called `main`. */
  public static fromEndpointName(scope: Construct, id: string, endpointName: string): IGpuEndpoint {
    return GpuEndpoint.fromGpuEndpointAttributes(scope, id, { endpointName });
  }

  /** An endpoint that exists already, in the stack's account and region. */
  public static fromGpuEndpointAttributes(scope: Construct, id: string, attrs: GpuEndpointAttributes): IGpuEndpoint {
    class Import extends GpuEndpointBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = attrs.variantName ?? DEFAULT_VARIANT_NAME;
      public readonly instanceTypes = attrs.instanceTypes ?? [];
      public readonly maxConcurrencyPerInstance =
        attrs.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
      public readonly serverMetrics = { labels: ofVariant(this.endpointName, this.variantName) };
    }
    return new Import(scope, id);
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

  /** The name of the endpoint configuration in use; every change of the endpoint's settings makes a new one. */
  public readonly endpointConfigName: string;

  /** The role that SageMaker runs the model with. */
  public readonly executionRole: iam.IRole;

  /** The endpoint's own alarms that take a rollout back. */
  public readonly rollbackAlarms: cloudwatch.Alarm[];

  private readonly variants: EndpointVariants;

  public constructor(scope: Construct, id: string, props: GpuEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    const declared = declareInstanceEndpoint(this, props);
    this.variantName = declared.variantName;
    this.instanceTypes = declared.instanceTypes;
    this.maxConcurrencyPerInstance = declared.maxConcurrencyPerInstance;
    this.initialCapacity = declared.initialCapacity;
    this.highestCapacity = declared.capacity.quota;
    this.executionRole = declared.executionRole;
    this.endpointConfigName = declared.endpointConfigName;
    this.rollbackAlarms = declared.rollbackAlarms;
    this.scalingDependency = declared.endpoint;
    this.serverMetrics = declared.serverMetrics;
    this.variants = declared.variants;
    this.endpointName = this.getResourceNameAttribute(declared.endpoint.attrEndpointName);
    this.endpointArn = this.getResourceArnAttribute(declared.endpoint.ref, {
      service: 'sagemaker',
      resource: 'endpoint',
      resourceName: this.physicalName,
    });
    this.capacityGapAlarm = capacityGapAlarm(this, declared.capacity);
  }

  /** @internal */
  protected get _declaredConfigName(): string | undefined {
    return this.endpointConfigName;
  }

  /**
   * Adds a further variant: another model, or another version on other instances, that answers its share of the requests. An endpoint
   * has ten variants at most. With several a new version takes over as a canary, as SageMaker rolls batches through one variant only.
   *
   * @param variantName its name, at most 63 letters, digits and hyphens
   * @returns the variant, whose instances are scaled and watched apart
   */
  public addVariant(variantName: string, props: GpuVariantProps): GpuVariant {
    throwProblems(this.node.path, this.variants.checkRoom(variantName));
    return GpuVariant._of(this, this.variants, variantName, props);
  }
}
