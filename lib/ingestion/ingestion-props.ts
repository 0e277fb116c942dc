import type { Duration, Size } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { PayloadMapping } from './payload-mapping';
import type { SpillProps } from './spill-props';

/** Settings that every source of requests has. */
export interface IngestionProps {
  /** Endpoint that serves the requests. */
  readonly endpoint: IInvocableEndpoint;

  /**
   * Media type of the requests. Without `requestMapping` the endpoint receives the bytes of a record unchanged.
   *
   * @default 'application/json'
   */
  readonly contentType?: string;

  /**
   * Media type of the responses that the container is asked for.
   *
   * @default 'application/json'
   */
  readonly accept?: string;

  /**
   * Change of the payload of each record on its way to the endpoint, which gets the result instead. A record on which it fails is set aside with the
   * reason, as one that the endpoint refuses; `maxRecordSize` limits the result too.
   *
   * @default - the endpoint receives the bytes of a record unchanged
   */
  readonly requestMapping?: PayloadMapping;

  /**
   * Change of the response, for the member `mapped` of a result line, at most 64 KiB of text. `response` is the model's own in any case; where the
   * mapping fails, `mapping_error` tells why.
   *
   * @default - the results have the response alone
   */
  readonly responseMapping?: PayloadMapping;

  /**
   * Maximum number of keys of an invocation with a concurrent request to the endpoint, 1 to 1000. More requests in flight, over all
   * shards and batches, than the endpoint serves at its maximum get a warning.
   *
   * @default - 64, or fewer where the app scales the endpoint and its maximum serves fewer
   */
  readonly concurrency?: number;

  /**
   * Maximum number of failures of one record (any error of the container, or no response in time), each of them followed by a response to
   * another request, before it becomes a dead letter; 1 to 100. A record that fails while nothing else is answered is retried.
   *
   * @default 5
   */
  readonly maxModelFailures?: number;

  /**
   * Asynchronous endpoint that takes the records which the endpoint is too late for. Records of one key are handed over in their order, but the
   * responses of the two endpoints come in any order: `spilled_at` in a result line says that a record left the order of its key.
   *
   * @default - records wait in the stream until the endpoint takes them, or they are older than `maxRecordAge`
   */
  readonly spillTo?: SpillProps;

  /**
   * Memory of the consumer.
   *
   * @default Size.mebibytes(512)
   */
  readonly memorySize?: Size;

  /**
   * Expected time of the endpoint for one record.
   *
   * @default - not checked
   */
  readonly expectedServiceTime?: Duration;

  /**
   * Bucket for results, dead letters and failed batches.
   *
   * @default - a new bucket: encrypted, versioned, TLS only, closed to the public
   */
  readonly resultsBucket?: s3.IBucket;

  /**
   * Bucket for the server access logs of the new results bucket.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * Time after which results, responses and measurements in the new bucket expire, in whole days. Dead letters and failed batches stay until they are
   * redriven and deleted. Training reads measurements: an expiration shorter than a `window` given to it is refused at synthesis.
   *
   * @default Duration.days(400)
   */
  readonly expiration?: Duration;

  /**
   * Delete the objects of the new results bucket, with all versions, when the bucket is deleted; CloudFormation deletes empty buckets only. Needs
   * `removalPolicy: RemovalPolicy.DESTROY`.
   *
   * @default false
   */
  readonly autoDeleteObjects?: boolean;
}
