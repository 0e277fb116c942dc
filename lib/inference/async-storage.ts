import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { hardenedBucket } from '../runtime/hardened-bucket';
import type { AsyncStorageProps } from './async-endpoint-props';

/** The three prefixes of one bucket, each ending with `/`. */
export interface AsyncStorage {
  readonly bucket: s3.IBucket;
  readonly requestPrefix: string;
  readonly answerPrefix: string;
  readonly failurePrefix: string;
  /** Encrypts answers, where they have a key of their own. */
  readonly answerEncryptionKey?: kms.IKey;
}

/** Fills in the prefixes. */
export function asyncStorage(props: AsyncStorageProps): AsyncStorage {
  const folder = (prefix: string): string => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`);
  return {
    bucket: props.bucket,
    requestPrefix: folder(props.requestPrefix ?? 'requests/'),
    answerPrefix: folder(props.answerPrefix ?? 'answers/'),
    failurePrefix: folder(props.failurePrefix ?? 'failures/'),
  };
}

/** A bucket that holds requests and answers for a while. */
export function ownStorage(scope: Construct, keepObjects: Duration): AsyncStorage {
  const bucket = hardenedBucket(scope, 'Storage', {
    accessLogsPrefix: 'async-endpoint/',
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    keepOldVersions: Duration.days(1),
  });
  bucket.addLifecycleRule({ id: 'Expire', expiration: keepObjects });
  return asyncStorage({ bucket });
}

/** Every problem of the prefixes. */
export function checkAsyncStorage(storage: AsyncStorage): string[] {
  const { requestPrefix, answerPrefix, failurePrefix } = storage;
  const names = { requestPrefix, answerPrefix, failurePrefix };
  const problems = Object.entries(names)
    .filter(([, prefix]) => prefix === '')
    .map(([name]) => `storage.${name} is empty, which is the whole bucket; name a folder, for example requests/`);
  if (new Set(Object.values(names)).size < 3 && problems.length === 0) {
    problems.push(
      `storage uses one prefix twice (${Object.values(names).join(', ')}); keep requests, answers and failures apart`,
    );
  }
  return problems;
}
