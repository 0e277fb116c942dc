import { Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { throwProblems } from '../../core/errors';
import type { FleetServerMetrics } from '../../scaling';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../contract';
import { capacityGapAlarm } from '../endpoint/capacity';
import { endpointArn, importedVariantName } from '../endpoint/endpoint-names';
import { variantLabels } from '../endpoint/metrics-collection';
import type { EndpointVariants } from './endpoint-variants';
import { GpuEndpointBase, type IGpuEndpoint } from './gpu-endpoint-base';
import type { GpuEndpointAttributes, GpuEndpointProps } from './gpu-endpoint-props';
import { GpuVariant } from './gpu-variant';
import type { GpuVariantProps } from './gpu-variant-props';
import { declareInstanceEndpoint } from './instance-endpoint';

/**
 * Real-time SageMaker endpoint on GPU instances, made to be scaled.
 *
 * Creates the model, the endpoint configuration and the endpoint, a role that can read the image, the model's files and nothing else,
 * and two alarms that roll back a bad deployment. Instances come from an ordered list of types: where SageMaker finds no capacity of one,
 * it takes the next. Requests go to the instance with the fewest in flight; updates replace the fleet batch by batch and keep its size.
 *
 * @example
 * const endpoint = new inference.GpuEndpoint(this, 'Chat', {
 *   modelServer: inference.ModelServer.triton(),
 *   modelArtifact: inference.ModelArtifact.fromBucket(bucket, 'chat/model.tar.gz'),
 *   capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }] },
 * });
 */
export class GpuEndpoint extends GpuEndpointBase {
  /**
   * Imports an existing endpoint by its name and the name of its variant.
   *
   * @param endpointName name of the endpoint
   * @param variantName name of the variant; `AllTraffic` where the SageMaker Python SDK made the endpoint
   */
  public static fromEndpointName(
    scope: Construct,
    id: string,
    endpointName: string,
    variantName: string,
  ): IGpuEndpoint {
    return GpuEndpoint.fromGpuEndpointAttributes(scope, id, { endpointName, variantName });
  }

  /** Imports an existing endpoint in the stack's account and region. */
  public static fromGpuEndpointAttributes(scope: Construct, id: string, attrs: GpuEndpointAttributes): IGpuEndpoint {
    class Import extends GpuEndpointBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = importedVariantName(this, attrs);
      public readonly instanceTypes = attrs.instanceTypes ?? [];
      public readonly maxConcurrencyPerInstance =
        attrs.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
      public readonly serverMetrics = { labels: variantLabels(this.endpointName, this.variantName) };
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

  /** Maximum number of instances that `capacity.quotas` allow; undefined where they are not given. */
  public readonly maxAllowedCapacity?: number;

  /** Metrics that its model servers publish, and whether CloudWatch receives them. */
  public readonly serverMetrics?: FleetServerMetrics;

  /** Alarm of `capacity.gapAlarm`, where it is configured. */
  public readonly capacityGapAlarm?: cloudwatch.Alarm;

  /** Name of the endpoint configuration in use; every change of the endpoint's settings creates a new one. */
  public readonly endpointConfigName: string;

  /** Role that SageMaker runs the model with. */
  public readonly executionRole: iam.IRole;

  /** The endpoint's own alarms, which roll a deployment back. */
  public readonly rollbackAlarms: cloudwatch.Alarm[];

  private readonly variants: EndpointVariants;

  private rolloutConfigPrefix?: string;

  public constructor(scope: Construct, id: string, props: GpuEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    const { variant, ...declared } = declareInstanceEndpoint(this, props, props);
    this.variantName = variant.variantName;
    this.instanceTypes = variant.capacity.instanceTypes;
    this.maxConcurrencyPerInstance = variant.maxConcurrencyPerInstance;
    this.initialCapacity = variant.initialInstanceCount;
    this.maxAllowedCapacity = variant.capacity.quota;
    this.executionRole = declared.executionRole;
    this.endpointConfigName = declared.endpointConfigName;
    this.rollbackAlarms = declared.rollbackAlarms;
    this.scalingDependency = declared.endpoint;
    this.serverMetrics = declared.variants.serverMetricsOf(variant);
    this.variants = declared.variants;
    this.endpointName = this.getResourceNameAttribute(declared.endpoint.attrEndpointName);
    this.endpointArn = this.getResourceArnAttribute(declared.endpoint.ref, {
      service: 'sagemaker',
      resource: 'endpoint',
      resourceName: this.physicalName,
    });
    this.capacityGapAlarm = capacityGapAlarm(this, variant.capacity);
  }

  /** @internal */
  protected get _declaredConfigName(): string | undefined {
    return this.endpointConfigName;
  }

  /**
   * Notes the beginning of the names of configurations that rollouts put in the place of the declared one.
   *
   * @internal
   */
  public _rolledOutAs(configPrefix: string): void {
    this.rolloutConfigPrefix = configPrefix;
  }

  /** @internal */
  protected get _rolloutConfigPrefix(): string | undefined {
    return this.rolloutConfigPrefix;
  }

  /**
   * Adds a further variant: another model, or another version on other instances, that receives its part of the requests. An endpoint has
   * at most ten variants. With several, a new version takes over as a canary, as SageMaker rolls batches through one variant only.
   *
   * @param variantName name of the variant, at most 63 letters, digits and hyphens
   * @returns the variant, whose instances are scaled and monitored separately
   */
  public addVariant(variantName: string, props: GpuVariantProps): GpuVariant {
    throwProblems(this.node.path, this.variants.checkRoom(variantName));
    return GpuVariant._of(this, this.variants, variantName, props);
  }
}
