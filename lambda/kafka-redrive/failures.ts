import { createFailureTopic } from '../clients/failure-topic';
import { createObjectStore } from '../clients/object-store';
import type { RedriveTarget } from '../redrive/target';

/** Beginnings of a failure destination that has whole records. */
const BUCKET = /^arn:[^:]+:s3:::/;
const TOPIC = /^kafka:\/\//;

/**
 * Returns where the failed batches of an event source mapping are.
 *
 * @param destination ARN, or `kafka://TOPIC`; undefined for the bucket of the results
 * @param cluster topic of the requests, and the way to its cluster
 */
export function failuresAt(
  destination: string | undefined,
  cluster: { readonly topicName: string } & Pick<Parameters<typeof createFailureTopic>[0], 'groupPrefix' | 'connect'>,
): Pick<RedriveTarget, 'failures' | 'failuresWithoutRecords'> {
  if (destination === undefined) return {};
  if (BUCKET.test(destination)) return { failures: createObjectStore(destination.replace(BUCKET, '')) };
  const { topicName: requestTopicName, groupPrefix, connect } = cluster;
  if (TOPIC.test(destination)) {
    const topicName = destination.replace(TOPIC, '');
    return { failures: createFailureTopic({ topicName, requestTopicName, groupPrefix, connect }) };
  }
  // A queue or an SNS topic gets the offsets alone.
  return {
    failures: { get: () => Promise.resolve(undefined), keysAfter: () => Promise.resolve([]) },
    failuresWithoutRecords: destination,
  };
}
