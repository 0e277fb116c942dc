import type { Duration } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { GpuEndpointProps } from './gpu-endpoint-props';

/** Where requests and answers of an asynchronous endpoint lie. */
export interface AsyncStorageProps {
  /** The bucket. */
  readonly bucket: s3.IBucket;

  /**
   * The prefix below which callers put requests.
   *
   * @default requests/
   */
  readonly requestPrefix?: string;

  /**
   * The prefix below which answers are written.
   *
   * @default answers/
   */
  readonly answerPrefix?: string;

  /**
   * The prefix below which failures are written.
   *
   * @default failures/
   */
  readonly failurePrefix?: string;
}

/** Who is told of answers and failures. */
export interface AsyncNotificationProps {
  /**
   * The topic that hears of each answer.
   *
   * @default - nobody
   */
  readonly successTopic?: sns.ITopic;

  /**
   * The topic that hears of each failure.
   *
   * @default - nobody
   */
  readonly errorTopic?: sns.ITopic;

  /**
   * Put the answer itself into the message, where it has at most 128 KB.
   *
   * @default false
   */
  readonly includeAnswer?: boolean;
}

/** Properties of AsyncEndpoint. */
export interface AsyncEndpointProps extends GpuEndpointProps {
  /**
   * Where requests and answers lie.
   *
   * @default - a bucket of the endpoint's own, encrypted and closed to the public, that forgets its objects after `keepObjects`
   */
  readonly storage?: AsyncStorageProps;

  /**
   * How long the endpoint's own bucket keeps requests, answers and failures, in whole days.
   *
   * @default Duration.days(7)
   */
  readonly keepObjects?: Duration;

  /**
   * Who is told of answers and failures.
   *
   * @default - nobody; callers look for the object
   */
  readonly notifications?: AsyncNotificationProps;

  /**
   * A key that answers are encrypted with.
   *
   * @default - the bucket's own encryption
   */
  readonly answerEncryptionKey?: kms.IKey;
}

/** What identifies an asynchronous endpoint that exists already. */
export interface AsyncEndpointAttributes {
  /** The endpoint's name. */
  readonly endpointName: string;

  /**
   * The variant's name.
   *
   * @default main
   */
  readonly variantName?: string;

  /**
   * The requests one instance works on at once.
   *
   * @default 8
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * The instance types of its pools.
   *
   * @default - unknown
   */
  readonly instanceTypes?: string[];

  /**
   * Where callers put requests and find answers; without it `grantInvoke` gives no access to objects.
   *
   * @default - unknown
   */
  readonly storage?: AsyncStorageProps;
}
