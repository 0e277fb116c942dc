import { Duration, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { capacityGapAlarm } from './capacity-ladder';
import { AsyncEndpointBase, type IAsyncEndpoint } from './async-endpoint-base';
import type { AsyncEndpointAttributes, AsyncEndpointProps } from './async-endpoint-props';
import { asyncStorage, checkAsyncStorage, ownStorage, type AsyncStorage } from './async-storage';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from './contract';
import { DEFAULT_VARIANT_NAME, endpointArn } from './endpoint-names';
import { encryptionGrants, type ExecutionGrant } from './execution-policy';
import { declareInstanceEndpoint } from './instance-endpoint';

/**
 * An asynchronous SageMaker endpoint on GPU instances: requests wait in a queue, of up to 1 GB and an hour each, and the fleet may have
 * no instance at all while nothing waits.
 *
 * Creates what `GpuEndpoint` creates, and a bucket for requests and answers unless one is given.
 *
 * @example
 * const endpoint = new inference.AsyncEndpoint(this, 'Films', {
 *   modelServer: inference.ModelServer.triton(),
 *   pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }],
 * });
 * endpoint.boundedBy({ minCapacity: 0, maxCapacity: 4 });
 * endpoint.scaleOnBacklog();
 * endpoint.scaleToZero();
 */
export class AsyncEndpoint extends AsyncEndpointBase {
  /** An endpoint that exists already, by its name; its variant is called `main`. */
  public static fromEndpointName(scope: Construct, id: string, endpointName: string): IAsyncEndpoint {
    return AsyncEndpoint.fromAsyncEndpointAttributes(scope, id, { endpointName });
  }

  /** An endpoint that exists already, in the stack's account and region. */
  public static fromAsyncEndpointAttributes(
    scope: Construct,
    id: string,
    attrs: AsyncEndpointAttributes,
  ): IAsyncEndpoint {
    class Import extends AsyncEndpointBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = attrs.variantName ?? DEFAULT_VARIANT_NAME;
      public readonly instanceTypes = attrs.instanceTypes ?? [];
      public readonly maxConcurrencyPerInstance =
        attrs.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
      protected readonly _storage = attrs.storage === undefined ? undefined : asyncStorage(attrs.storage);
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

  /** The alarm of the capacity ladder, where it has one. */
  public readonly capacityGapAlarm?: cloudwatch.Alarm;

  /** The name of the endpoint configuration in use; every change of the endpoint's settings makes a new one. */
  public readonly endpointConfigName: string;

  /** The role that SageMaker runs the model with. */
  public readonly executionRole: iam.IRole;

  /** The endpoint's own alarms that take a rollout back. */
  public readonly rollbackAlarms: cloudwatch.Alarm[];

  /** The bucket of requests and answers. */
  public readonly bucket: s3.IBucket;

  /** The prefix below which callers put requests. */
  public readonly requestPrefix: string;

  /** The prefix below which answers are written. */
  public readonly answerPrefix: string;

  /** The prefix below which failures are written. */
  public readonly failurePrefix: string;

  /** @internal */
  protected readonly _storage: AsyncStorage;

  public constructor(scope: Construct, id: string, props: AsyncEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    const storage =
      props.storage === undefined
        ? ownStorage(this, props.keepObjects ?? Duration.days(7))
        : asyncStorage(props.storage);
    this._storage = {
      ...storage,
      ...(props.answerEncryptionKey === undefined ? {} : { answerEncryptionKey: props.answerEncryptionKey }),
    };
    this.bucket = storage.bucket;
    this.requestPrefix = storage.requestPrefix;
    this.answerPrefix = storage.answerPrefix;
    this.failurePrefix = storage.failurePrefix;
    const { successTopic, errorTopic, includeAnswer } = props.notifications ?? {};
    const maxConcurrency = props.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;

    const declared = declareInstanceEndpoint(this, props, {
      asyncInferenceConfig: {
        clientConfig: { maxConcurrentInvocationsPerInstance: maxConcurrency },
        outputConfig: {
          s3OutputPath: storage.bucket.s3UrlForObject(storage.answerPrefix),
          s3FailurePath: storage.bucket.s3UrlForObject(storage.failurePrefix),
          kmsKeyId: props.answerEncryptionKey?.keyArn,
          notificationConfig:
            successTopic === undefined && errorTopic === undefined
              ? undefined
              : {
                  successTopic: successTopic?.topicArn,
                  errorTopic: errorTopic?.topicArn,
                  includeInferenceResponseIn:
                    includeAnswer === true
                      ? [
                          ...(successTopic === undefined ? [] : ['SUCCESS_NOTIFICATION_TOPIC']),
                          ...(errorTopic === undefined ? [] : ['ERROR_NOTIFICATION_TOPIC']),
                        ]
                      : undefined,
                },
        },
      },
      grants: [...storageGrants(storage), ...topicGrants([successTopic, errorTopic])],
      problems: [...checkAsyncStorage(storage), ...checkAsyncProps(props, maxConcurrency)],
    });
    storage.bucket.encryptionKey?.grantEncryptDecrypt(declared.executionRole);
    props.answerEncryptionKey?.grantEncrypt(declared.executionRole);
    this.variantName = declared.variantName;
    this.instanceTypes = declared.instanceTypes;
    this.maxConcurrencyPerInstance = declared.maxConcurrencyPerInstance;
    this.initialCapacity = declared.initialCapacity;
    this.highestCapacity = declared.capacity.quota;
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
    this.capacityGapAlarm = capacityGapAlarm(this, declared.capacity);
  }

  /** @internal */
  protected get _declaredConfigName(): string | undefined {
    return this.endpointConfigName;
  }
}

/** The limit of the API reference, AsyncInferenceClientConfig. */
const MAX_CONCURRENT_INVOCATIONS = 1000;

function checkAsyncProps(props: AsyncEndpointProps, maxConcurrency: number): string[] {
  const problems: string[] = [];
  if (maxConcurrency > MAX_CONCURRENT_INVOCATIONS) {
    problems.push(
      `maxConcurrencyPerInstance (${maxConcurrency}) is above ${MAX_CONCURRENT_INVOCATIONS}, the most of an asynchronous endpoint`,
    );
  }
  if (props.storage !== undefined && props.keepObjects !== undefined) {
    problems.push(
      'keepObjects is for the bucket of the endpoint itself, but storage names one; set its lifecycle there',
    );
  }
  if (props.variantWeight !== undefined) {
    problems.push(
      'variantWeight is a share beside further variants, which asynchronous endpoints do not get; leave it out',
    );
  }
  if (props.shadow !== undefined) {
    problems.push('shadow needs an endpoint that answers at once; leave it out');
  }
  const { successTopic, errorTopic, includeAnswer } = props.notifications ?? {};
  if (includeAnswer === true && successTopic === undefined && errorTopic === undefined) {
    problems.push('notifications.includeAnswer needs a topic; give successTopic or errorTopic');
  }
  return problems;
}

/** Source: "Asynchronous inference, prerequisites" in the developer guide. */
function storageGrants({ bucket, requestPrefix, answerPrefix, failurePrefix }: AsyncStorage): ExecutionGrant[] {
  const wildcardReason = 'Requests and answers are objects below these prefixes only.';
  return [
    { actions: ['s3:GetObject'], resources: [bucket.arnForObjects(`${requestPrefix}*`)], wildcardReason },
    {
      actions: ['s3:PutObject', 's3:AbortMultipartUpload'],
      resources: [answerPrefix, failurePrefix].map((prefix) => bucket.arnForObjects(`${prefix}*`)),
      wildcardReason,
    },
    { actions: ['s3:ListBucket'], resources: [bucket.bucketArn] },
  ];
}

function topicGrants(topics: readonly (sns.ITopic | undefined)[]): ExecutionGrant[] {
  const given = [...new Set(topics.filter((topic) => topic !== undefined))];
  if (given.length === 0) return [];
  const keys = new Set(given.flatMap(({ masterKey }) => masterKey ?? []));
  return [
    { actions: ['sns:Publish'], resources: [...new Set(given.map(({ topicArn }) => topicArn))] },
    ...[...keys].flatMap((key) => encryptionGrants(key)),
  ];
}
