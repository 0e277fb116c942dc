import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledgeControl, acknowledgeRule } from './acknowledge';
import { emptyOnDeletion } from './emptied-bucket';

export interface HardenedBucketOptions {
  /** Bucket for server access logs; without it there are no logs and the finding of cdk-nag is acknowledged. */
  readonly accessLogsBucket?: s3.IBucket;
  /** Key prefix of the access logs. */
  readonly accessLogsPrefix: string;
  readonly removalPolicy: RemovalPolicy;
  /** Delete the objects with the bucket; needs `RemovalPolicy.DESTROY`. */
  readonly autoDeleteObjects?: boolean;
  /** Expiration of overwritten and deleted versions. */
  readonly noncurrentVersionExpiration: Duration;
}

/** Creates a bucket with safe defaults: encrypted, versioned, TLS only, closed to the public. */
export function hardenedBucket(scope: Construct, id: string, options: HardenedBucketOptions): s3.Bucket {
  const bucket = new s3.Bucket(scope, id, {
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    removalPolicy: options.removalPolicy,
    serverAccessLogsBucket: options.accessLogsBucket,
    serverAccessLogsPrefix: options.accessLogsBucket === undefined ? undefined : options.accessLogsPrefix,
    lifecycleRules: [
      {
        id: 'OldVersions',
        noncurrentVersionExpiration: options.noncurrentVersionExpiration,
        abortIncompleteMultipartUploadAfter: Duration.days(7),
      },
    ],
  });
  if (options.accessLogsBucket === undefined) {
    const reason =
      'Access logs are optional: `accessLogsBucket` enables them. Only named roles have access to the bucket.';
    acknowledgeRule(bucket, 'S1', reason);
    acknowledgeControl(bucket, 'S3BucketLoggingEnabled', reason);
  }
  acknowledgeControl(
    bucket,
    'S3DefaultEncryptionKMS',
    'S3 encrypts every object with S3-managed keys (AES-256); requests to a customer managed key cost extra. Pass a bucket with a key ' +
      'where a standard requires one: the roles are granted access to it.',
  );
  acknowledgeStoredOnce(bucket);
  if (options.autoDeleteObjects === true) emptyOnDeletion(bucket);
  return bucket;
}

/** Accepts that a bucket's objects are stored in one region and may be deleted. */
export function acknowledgeStoredOnce(bucket: s3.IBucket): void {
  acknowledgeControl(
    bucket,
    'S3BucketReplicationEnabled',
    'S3 stores objects in at least three zones, and no endpoint here is in a second region that could read a replica, which would ' +
      'double the cost.',
  );
  acknowledgeControl(
    bucket,
    'S3BucketDefaultLockEnabled',
    'Lifecycle rules delete objects of this bucket, and a stage can be deleted with its data; a lock would prevent both. Versions ' +
      'restore overwritten objects.',
  );
}
