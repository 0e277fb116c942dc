import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { hardenedBucket } from '../../runtime/hardened-bucket';
import type { ExecutionGrant } from '../endpoint/execution-policy';
import type { Resolved } from '../value-checks';

/** Location of requests and responses of an asynchronous endpoint. */
export interface AsyncStorageProps {
  /** Bucket of requests, responses and failures. */
  readonly bucket: s3.IBucket;

  /**
   * Prefix that callers put requests below.
   *
   * @default requests/
   */
  readonly requestPrefix?: string;

  /**
   * Prefix that SageMaker writes responses below.
   *
   * @default answers/
   */
  readonly responsePrefix?: string;

  /**
   * Prefix that SageMaker writes failures below.
   *
   * @default failures/
   */
  readonly failurePrefix?: string;
}

/** Properties of the storage of an asynchronous endpoint. */
export interface AsyncOutputProps {
  /**
   * Location of requests and responses.
   *
   * @default - a bucket of the endpoint's own, encrypted and closed to the public, whose objects expire after `expiration`
   */
  readonly storage?: AsyncStorageProps;

  /**
   * Time after which requests, responses and failures in the endpoint's own bucket expire, in whole days.
   *
   * @default Duration.days(7)
   */
  readonly expiration?: Duration;

  /**
   * Key that responses are encrypted with.
   *
   * @default - encryption of the bucket
   */
  readonly responseEncryptionKey?: kms.IKey;
}

/**
 * Storage with its defaults; each prefix ends with `/`.
 *
 * @internal
 */
export interface AsyncStorage {
  readonly bucket: s3.IBucket;
  readonly requestPrefix: string;
  readonly responsePrefix: string;
  readonly failurePrefix: string;
  readonly responseEncryptionKey?: kms.IKey;
}

/**
 * Resolves the storage of an endpoint; creates a bucket where none is given.
 *
 * @internal
 */
export function resolveAsyncStorage(scope: Construct, props: AsyncOutputProps): Resolved<AsyncStorage> {
  const { storage, responseEncryptionKey } = props;
  const value = {
    ...withPrefixes(storage ?? { bucket: ownBucket(scope, props.expiration ?? Duration.days(7)) }),
    ...(responseEncryptionKey === undefined ? {} : { responseEncryptionKey }),
  };
  const problems = checkPrefixes(value);
  if (storage !== undefined && props.expiration !== undefined) {
    problems.push(
      'expiration is for the bucket of the endpoint itself, but storage names one; set a lifecycle rule on that bucket',
    );
  }
  return { value, problems };
}

/**
 * Adds the default prefixes.
 *
 * @internal
 */
export function withPrefixes(props: AsyncStorageProps): AsyncStorage {
  const folder = (prefix: string): string => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`);
  return {
    bucket: props.bucket,
    requestPrefix: folder(props.requestPrefix ?? 'requests/'),
    responsePrefix: folder(props.responsePrefix ?? 'answers/'),
    failurePrefix: folder(props.failurePrefix ?? 'failures/'),
  };
}

function ownBucket(scope: Construct, expiration: Duration): s3.IBucket {
  const bucket = hardenedBucket(scope, 'Storage', {
    accessLogsPrefix: 'async-endpoint/',
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    noncurrentVersionExpiration: Duration.days(1),
  });
  bucket.addLifecycleRule({ id: 'Expire', expiration });
  return bucket;
}

function checkPrefixes({ requestPrefix, responsePrefix, failurePrefix }: AsyncStorage): string[] {
  const names = { requestPrefix, responsePrefix, failurePrefix };
  const problems = Object.entries(names)
    .filter(([, prefix]) => prefix === '')
    .map(([name]) => `storage.${name} is empty, which is the whole bucket; name a folder, for example requests/`);
  if (new Set(Object.values(names)).size < 3 && problems.length === 0) {
    problems.push(
      `storage uses one prefix twice (${Object.values(names).join(', ')}); separate requests, responses and failures`,
    );
  }
  return problems;
}

/**
 * Renders the output of an asynchronous endpoint, without its notifications.
 *
 * @internal
 */
export function asyncOutputConfig(
  storage: AsyncStorage,
): sagemaker.CfnEndpointConfig.AsyncInferenceOutputConfigProperty {
  const { bucket, responsePrefix, failurePrefix, responseEncryptionKey } = storage;
  return {
    s3OutputPath: bucket.s3UrlForObject(responsePrefix),
    s3FailurePath: bucket.s3UrlForObject(failurePrefix),
    kmsKeyId: responseEncryptionKey?.keyArn,
  };
}

/**
 * Reason for the wildcards below the prefixes.
 *
 * @internal
 */
export const OBJECTS_BELOW_PREFIXES = 'Requests and responses are objects below these prefixes only.';

/**
 * Permissions of the execution role. Source: "Asynchronous inference, prerequisites" in the developer guide.
 *
 * @internal
 */
export function asyncStorageGrants(storage: AsyncStorage): ExecutionGrant[] {
  const { bucket, requestPrefix, responsePrefix, failurePrefix } = storage;
  const wildcardReason = OBJECTS_BELOW_PREFIXES;
  return [
    { actions: ['s3:GetObject'], resources: [bucket.arnForObjects(`${requestPrefix}*`)], wildcardReason },
    {
      actions: ['s3:PutObject', 's3:AbortMultipartUpload'],
      resources: [responsePrefix, failurePrefix].map((prefix) => bucket.arnForObjects(`${prefix}*`)),
      wildcardReason,
    },
    { actions: ['s3:ListBucket'], resources: [bucket.bucketArn] },
  ];
}
