import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { ISageMakerEndpoint } from './invocable-endpoint';

/** Places of the requests and responses of an asynchronous endpoint; each prefix ends with `/`. */
export interface AsynchronousStorage {
  /** Bucket of requests, responses and failures. */
  readonly bucket: s3.IBucket;

  /** Prefix that callers put requests below. */
  readonly requestPrefix: string;

  /** Prefix that SageMaker writes responses below. */
  readonly responsePrefix: string;

  /** Prefix that SageMaker writes failures below. */
  readonly failurePrefix: string;

  /**
   * Key that responses are encrypted with.
   *
   * @default - encryption of the bucket
   */
  readonly responseEncryptionKey?: kms.IKey;
}

/** Asynchronous endpoint: requests and responses are objects in S3. */
export interface IAsynchronousEndpoint extends ISageMakerEndpoint {
  /**
   * Places of requests and responses.
   *
   * @default - unknown, for an imported endpoint without `storage`
   */
  readonly asynchronousStorage?: AsynchronousStorage;
}
