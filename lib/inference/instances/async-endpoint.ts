import { Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../contract';
import { capacityGapAlarm } from '../endpoint/capacity';
import { endpointArn, importedVariantName } from '../endpoint/endpoint-names';
import { problemsOf } from '../value-checks';
import { AsyncEndpointBase, type IAsyncEndpoint } from './async-endpoint-base';
import type { AsyncEndpointAttributes, AsyncEndpointProps } from './async-endpoint-props';
import { notificationConfig, notificationGrants, resolveNotifications } from './async-notifications';
import {
  asyncOutputConfig,
  asyncStorageGrants,
  resolveAsyncStorage,
  withPrefixes,
  type AsyncStorage,
} from './async-storage';
import { declareInstanceEndpoint } from './instance-endpoint';

/** Limit of the API reference, AsyncInferenceClientConfig. */
const MAX_CONCURRENT_INVOCATIONS = 1000;

/**
 * Asynchronous SageMaker endpoint on GPU instances: requests wait in a queue, of up to 1 GB and an hour each, and the fleet may have no
 * instance at all while the queue is empty.
 *
 * Creates what `GpuEndpoint` creates, and a bucket for requests and responses unless one is given.
 *
 * @example
 * const films = new inference.AsyncEndpoint(this, 'Films', {
 *   modelServer: inference.ModelServer.triton(),
 *   modelArtifact: inference.ModelArtifact.fromBucket(bucket, 'films/model.tar.gz'),
 *   capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }] },
 * });
 * const filmsScaling = films.autoScale({ minCapacity: 0, maxCapacity: 4 });
 * filmsScaling.scaleOnBacklog('backlog');
 * filmsScaling.scaleToZero('from-zero');
 */
export class AsyncEndpoint extends AsyncEndpointBase {
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
  ): IAsyncEndpoint {
    return AsyncEndpoint.fromAsyncEndpointAttributes(scope, id, { endpointName, variantName });
  }

  /** Imports an existing endpoint in the stack's account and region. */
  public static fromAsyncEndpointAttributes(
    scope: Construct,
    id: string,
    attrs: AsyncEndpointAttributes,
  ): IAsyncEndpoint {
    class Import extends AsyncEndpointBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = importedVariantName(this, attrs);
      public readonly instanceTypes = attrs.instanceTypes ?? [];
      public readonly maxConcurrencyPerInstance =
        attrs.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
      protected readonly _storage = attrs.storage === undefined ? undefined : withPrefixes(attrs.storage);
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

  /** Alarm of `capacity.gapAlarm`, where it is configured. */
  public readonly capacityGapAlarm?: cloudwatch.Alarm;

  /** Name of the endpoint configuration in use; every change of the endpoint's settings creates a new one. */
  public readonly endpointConfigName: string;

  /** Role that SageMaker runs the model with. */
  public readonly executionRole: iam.IRole;

  /** The endpoint's own alarms, which roll a deployment back. */
  public readonly rollbackAlarms: cloudwatch.Alarm[];

  /** Bucket of requests and responses. */
  public readonly bucket: s3.IBucket;

  /** Prefix that callers put requests below. */
  public readonly requestPrefix: string;

  /** Prefix that SageMaker writes responses below. */
  public readonly responsePrefix: string;

  /** Prefix that SageMaker writes failures below. */
  public readonly failurePrefix: string;

  /** @internal */
  protected readonly _storage: AsyncStorage;

  public constructor(scope: Construct, id: string, props: AsyncEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    const maxConcurrency = props.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
    const storage = resolveAsyncStorage(this, props);
    const notifications = resolveNotifications(props.notifications);

    const { variant, ...declared } = declareInstanceEndpoint(this, props, {
      asyncInferenceConfig: {
        clientConfig: { maxConcurrentInvocationsPerInstance: maxConcurrency },
        outputConfig: {
          ...asyncOutputConfig(storage.value),
          notificationConfig: notificationConfig(notifications.value),
        },
      },
      grants: [...asyncStorageGrants(storage.value), ...notificationGrants(notifications.value)],
      problems: [...problemsOf(storage, notifications), ...checkMaxConcurrency(maxConcurrency)],
    });
    this._storage = storage.value;
    this.bucket = storage.value.bucket;
    this.requestPrefix = storage.value.requestPrefix;
    this.responsePrefix = storage.value.responsePrefix;
    this.failurePrefix = storage.value.failurePrefix;
    this.bucket.encryptionKey?.grantEncryptDecrypt(declared.executionRole);
    props.responseEncryptionKey?.grantEncrypt(declared.executionRole);
    this.variantName = variant.variantName;
    this.instanceTypes = variant.capacity.instanceTypes;
    this.maxConcurrencyPerInstance = variant.maxConcurrencyPerInstance;
    this.initialCapacity = variant.initialInstanceCount;
    this.maxAllowedCapacity = variant.capacity.quota;
    this.executionRole = declared.executionRole;
    this.endpointConfigName = declared.endpointConfigName;
    this.rollbackAlarms = declared.rollbackAlarms;
    this.scalingDependency = declared.endpoint;
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
}

function checkMaxConcurrency(maxConcurrency: number): string[] {
  if (maxConcurrency <= MAX_CONCURRENT_INVOCATIONS) return [];
  return [
    `maxConcurrencyPerInstance (${maxConcurrency}) is above ${MAX_CONCURRENT_INVOCATIONS}, the maximum of an asynchronous endpoint; lower it`,
  ];
}
