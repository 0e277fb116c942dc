import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledgeControl, acknowledgeRule } from './acknowledge';

export interface HardenedBucketOptions {
  /** Where server access logs go; without it no log is kept and cdk-nag's finding is acknowledged. */
  readonly accessLogsBucket?: s3.IBucket;
  /** The prefix of the access logs. */
  readonly accessLogsPrefix: string;
  readonly removalPolicy: RemovalPolicy;
  /** How long overwritten and deleted versions are kept. */
  readonly keepOldVersions: Duration;
}

/** A bucket with the defaults that the rooms share: encrypted, versioned, TLS only, closed to the public. */
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
        noncurrentVersionExpiration: options.keepOldVersions,
        abortIncompleteMultipartUploadAfter: Duration.days(7),
      },
    ],
  });
  if (options.accessLogsBucket === undefined) {
    const reason =
      'Access logs are the choice of whoever deploys: `accessLogsBucket` turns them on. Only named roles can reach the bucket.';
    acknowledgeRule(bucket, 'S1', reason);
    acknowledgeControl(bucket, 'S3BucketLoggingEnabled', reason);
  }
  acknowledgeControl(
    bucket,
    'S3DefaultEncryptionKMS',
    'S3 encrypts every object with keys of its own (AES-256); a key of the account is paid for by the request. Bring a bucket with a ' +
      'key where a standard asks for one: the roles get what they need of it.',
  );
  acknowledgeStoredOnce(bucket);
  return bucket;
}

/** Accepts that a bucket's objects are kept in one region and may be deleted. */
export function acknowledgeStoredOnce(bucket: s3.IBucket): void {
  acknowledgeControl(
    bucket,
    'S3BucketReplicationEnabled',
    'S3 keeps objects in three zones or more, and nothing here serves from a second region that could read a copy; a copy would ' +
      'double what is paid.',
  );
  acknowledgeControl(
    bucket,
    'S3BucketDefaultLockEnabled',
    'Lifecycle rules delete objects of this bucket, and a stage can be removed with all it holds; a lock would hold both up. Versions ' +
      'undo what was overwritten.',
  );
}
