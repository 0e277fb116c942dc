import { ArnFormat, Duration, Names, Stack, Tags, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { throwProblems } from '../core/errors';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, MAX_CONCURRENCY_TAG } from './contract';
import { checkEndpoint } from './endpoint-checks';
import { executionPolicy } from './execution-policy';
import { GpuEndpointBase, type IGpuEndpoint } from './gpu-endpoint-base';
import { RoutingStrategy, type GpuEndpointAttributes, type GpuEndpointProps } from './gpu-endpoint-props';
import type { ModelArtifactConfig } from './model-artifact';
import type { ModelServerConfig } from './model-server';
import { rollbackAlarms, rollbackPolicy } from './rollback-alarms';

const DEFAULT_VARIANT_NAME = 'main';

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

  /** The name of the endpoint configuration in use; every change of the endpoint's settings makes a new one. */
  public readonly endpointConfigName: string;

  /** The role that SageMaker runs the model with. */
  public readonly executionRole: iam.IRole;

  /** The endpoint's own alarms that take a rollout back. */
  public readonly rollbackAlarms: cloudwatch.Alarm[];

  public constructor(scope: Construct, id: string, props: GpuEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    const rollout = props.rollout ?? {};
    this.variantName = props.variantName ?? DEFAULT_VARIANT_NAME;
    this.instanceTypes = props.pools.map((pool) => pool.instanceType);
    this.maxConcurrencyPerInstance = props.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
    this.initialCapacity = props.initialInstanceCount ?? 1;
    const batchPercent = rollout.batchPercent ?? 25;
    const waitInterval = rollout.waitInterval ?? Duration.minutes(5);
    const maxErrorRate = rollout.maxErrorRate ?? 0.05;
    const maxModelLatency = rollout.maxModelLatency ?? Duration.seconds(30);
    const timing = timingOf(props);

    const server = props.modelServer.bind(this);
    throwProblems(
      this.node.path,
      checkEndpoint({
        ...(props.endpointName === undefined || Token.isUnresolved(props.endpointName)
          ? {}
          : { endpointName: props.endpointName }),
        ...(Token.isUnresolved(this.variantName) ? {} : { variantName: this.variantName }),
        instanceTypes: this.instanceTypes,
        initialInstanceCount: this.initialCapacity,
        maxConcurrencyPerInstance: this.maxConcurrencyPerInstance,
        ...timing,
        batchPercent,
        waitIntervalSeconds: waitInterval.toSeconds({ integral: false }),
        maxErrorRate,
        maxModelLatencySeconds: maxModelLatency.toSeconds({ integral: false }),
        rollbackAlarms: rollout.alarms?.length ?? 0,
        inferenceAmi: server.inferenceAmi,
        hasEncryptionKey: props.encryptionKey !== undefined,
        volumeSizeGb: props.volumeSizeGb,
      }),
    );

    // The alarms name the endpoint and must exist before it: its name has to be known before it is made.
    const endpointName =
      props.endpointName ?? Names.uniqueResourceName(this, { maxLength: 63, separator: '-' }).toLowerCase();
    this.executionRole =
      props.executionRole ??
      new iam.Role(this, 'ExecutionRole', {
        assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
        description: `Runs the model of endpoint ${endpointName}`,
      });
    const artifact = props.modelArtifact?.bind(this);
    const permissions = executionPolicy(this, {
      role: this.executionRole,
      endpointName,
      repositoryArn: server.repositoryArn,
      artifact,
      encryptionKey: props.encryptionKey,
    });
    const model = new sagemaker.CfnModel(this, 'Model', {
      executionRoleArn: this.executionRole.roleArn,
      enableNetworkIsolation: props.networkIsolation ?? true,
      primaryContainer: container(server, artifact),
    });
    model.node.addDependency(permissions);

    const config = new sagemaker.CfnEndpointConfig(this, 'Config', {
      productionVariants: [
        {
          variantName: this.variantName,
          modelName: model.attrModelName,
          initialInstanceCount: this.initialCapacity,
          initialVariantWeight: 1,
          instancePools: this.instanceTypes.map((instanceType, index) => ({ instanceType, priority: index + 1 })),
          variantInstanceProvisionTimeoutInSeconds: timing.provisionTimeoutSeconds,
          containerStartupHealthCheckTimeoutInSeconds: timing.startupTimeoutSeconds,
          modelDataDownloadTimeoutInSeconds: timing.modelDownloadTimeoutSeconds,
          inferenceAmiVersion: server.inferenceAmi,
          routingConfig: { routingStrategy: props.routing ?? RoutingStrategy.LEAST_OUTSTANDING_REQUESTS },
          volumeSizeInGb: props.volumeSizeGb,
        },
      ],
      metricsConfig: {
        enableEnhancedMetrics: true,
        enableDetailedObservability: props.detailedObservability ?? false,
        metricPublishFrequencyInSeconds: timing.metricsFrequencySeconds,
      },
      kmsKeyId: props.encryptionKey?.keyArn,
    });
    Tags.of(config).add(MAX_CONCURRENCY_TAG, String(this.maxConcurrencyPerInstance));
    this.endpointConfigName = config.attrEndpointConfigName;

    this.rollbackAlarms = rollbackAlarms(this, {
      endpointName,
      variantName: this.variantName,
      endpointConfigName: this.endpointConfigName,
      maxErrorRate,
      maxModelLatency,
    });
    const alarms = [...this.rollbackAlarms, ...(rollout.alarms ?? [])];
    const endpoint = new sagemaker.CfnEndpoint(this, 'Endpoint', {
      endpointName,
      endpointConfigName: this.endpointConfigName,
      retainAllVariantProperties: true,
      deploymentConfig: {
        rollingUpdatePolicy: {
          maximumBatchSize: { type: 'CAPACITY_PERCENT', value: batchPercent },
          rollbackMaximumBatchSize: { type: 'CAPACITY_PERCENT', value: 100 },
          waitIntervalInSeconds: waitInterval.toSeconds(),
        },
        autoRollbackConfiguration: { alarms: alarms.map(({ alarmName }) => ({ alarmName })) },
      },
    });
    endpoint.node.addDependency(rollbackPolicy(this, this.executionRole, alarms));

    this.scalingDependency = endpoint;
    this.endpointName = this.getResourceNameAttribute(endpoint.attrEndpointName);
    this.endpointArn = this.getResourceArnAttribute(endpoint.ref, {
      service: 'sagemaker',
      resource: 'endpoint',
      resourceName: this.physicalName,
    });
  }
}

function timingOf(props: GpuEndpointProps): {
  provisionTimeoutSeconds: number;
  startupTimeoutSeconds: number;
  modelDownloadTimeoutSeconds: number;
  metricsFrequencySeconds: number;
} {
  const seconds = (duration: Duration | undefined, fallback: Duration): number =>
    (duration ?? fallback).toSeconds({ integral: false });
  return {
    provisionTimeoutSeconds: seconds(props.provisionTimeout, Duration.minutes(10)),
    startupTimeoutSeconds: seconds(props.startupTimeout, Duration.minutes(10)),
    modelDownloadTimeoutSeconds: seconds(props.modelDownloadTimeout, Duration.minutes(10)),
    metricsFrequencySeconds: seconds(props.metricsFrequency, Duration.seconds(10)),
  };
}

function container(
  server: ModelServerConfig,
  artifact: ModelArtifactConfig | undefined,
): sagemaker.CfnModel.ContainerDefinitionProperty {
  const hasEnvironment = Object.keys(server.environment).length > 0;
  const base = { image: server.imageUri, ...(hasEnvironment ? { environment: server.environment } : {}) };
  if (artifact === undefined) return base;
  // Assets keep no `.tar.gz` in their key, which `ModelDataUrl` insists on; the data source says what the object is.
  const s3DataSource = {
    s3Uri: artifact.bucket.s3UrlForObject(artifact.key),
    s3DataType: artifact.isPrefix ? 'S3Prefix' : 'S3Object',
    compressionType: artifact.isPrefix ? 'None' : 'Gzip',
  };
  return { ...base, modelDataSource: { s3DataSource } };
}

/** The name is lower-case in the ARN whatever its case elsewhere. */
function endpointArn(stack: Stack, endpointName: string): string {
  return stack.formatArn({
    service: 'sagemaker',
    resource: 'endpoint',
    resourceName: Token.isUnresolved(endpointName) ? endpointName : endpointName.toLowerCase(),
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
  });
}
