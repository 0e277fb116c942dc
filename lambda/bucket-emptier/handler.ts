import { EMPTIED_BUCKET_TAG, parseEmptiedBucket, type EmptiedBucket } from '../../lib/runtime/contract';
import type { BucketContents } from '../clients/bucket-contents';
import type { WallClock } from '../support/clock';
import { readProperties, type CustomResourceRequest, type CustomResourceResponse } from '../support/custom-resource';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';

/** Everything outside the handler. */
export interface EmptierDependencies {
  readonly contentsOf: (bucketName: string) => BucketContents;
  readonly respond: (url: string, response: CustomResourceResponse) => Promise<void>;
  readonly clock: WallClock;
  readonly sleep: Sleep;
  readonly logger: Logger;
}

/** Time for deletions, which leaves the function two of its 15 minutes to end a call and to send its response. */
const DELETION_SECONDS = 13 * 60;

/** Time for writes that S3 had accepted before the policy refused them; the bucket is empty before and after. */
const SETTLING_SECONDS = 5;

/** Id of the statement that refuses new objects. */
const REFUSAL_SID = 'RefuseObjectsWhileEmptied';

/**
 * Handler of the custom resource that stands for the objects of one bucket. Its deletion deletes them, with all their versions, so that
 * CloudFormation can delete the bucket next.
 *
 * The bucket has to carry the tag {@link EMPTIED_BUCKET_TAG}: where a deployment decides to keep the data, the tag is gone before the custom
 * resource is, and the objects stay. Objects that cannot be deleted fail the deletion, with the reason and the way out.
 */
export function createHandler(dependencies: EmptierDependencies): (request: CustomResourceRequest) => Promise<void> {
  const { respond, logger } = dependencies;
  return async (request) => {
    const { RequestType, RequestId, StackId, LogicalResourceId, ResponseURL } = request;
    const read = readProperties(request, parseEmptiedBucket);
    if ('problem' in read) {
      const ids = { PhysicalResourceId: LogicalResourceId, RequestId, StackId, LogicalResourceId };
      return respond(ResponseURL, { ...ids, Status: 'FAILED', Reason: read.problem });
    }
    const bucket = read.value;
    // The id changes with the bucket: CloudFormation then deletes the resource of the former one.
    const ids = { PhysicalResourceId: bucket.bucketName, RequestId, StackId, LogicalResourceId };
    const problem = RequestType === 'Delete' ? await empty(dependencies, bucket) : undefined;
    if (problem !== undefined) logger.error(`cannot empty ${bucket.bucketName}`, { problem });
    await respond(
      ResponseURL,
      problem === undefined ? { ...ids, Status: 'SUCCESS' } : { ...ids, Status: 'FAILED', Reason: problem },
    );
  };
}

/** Deletes the objects of a bucket that may be emptied; returns the problem that remains. */
async function empty(dependencies: EmptierDependencies, bucket: EmptiedBucket): Promise<string | undefined> {
  const { clock, sleep, logger } = dependencies;
  const { bucketName } = bucket;
  const contents = dependencies.contentsOf(bucketName);
  const endSeconds = clock.now() + DELETION_SECONDS;
  let deleted = 0;
  try {
    const tags = await contents.tags();
    if (tags?.[EMPTIED_BUCKET_TAG] === undefined) {
      logger.info(`${bucketName} is not emptied`, { exists: tags !== undefined });
      return undefined;
    }
    await refuseObjects(contents, bucket, logger);
    for (let isSettled = false; ;) {
      const count = await contents.deleteVersions();
      deleted += count;
      if (count === 0 && isSettled) {
        logger.info(`${bucketName} is empty`, { deleted });
        return undefined;
      }
      if (clock.now() >= endSeconds) return problemOf(bucketName, deleted, 'the time of one attempt is over');
      isSettled = count === 0;
      if (isSettled) await sleep(SETTLING_SECONDS * 1000);
    }
  } catch (error) {
    return problemOf(bucketName, deleted, String(error).slice(0, 500));
  }
}

/** Refuses new objects, so that what still writes does not keep the bucket from being deleted. */
async function refuseObjects(contents: BucketContents, bucket: EmptiedBucket, logger: Logger): Promise<void> {
  try {
    await contents.putPolicy(refusing(await contents.policy(), bucket.objectsArn));
  } catch (error) {
    // A deletion without it works too, unless something still writes.
    logger.warn(`new objects of ${bucket.bucketName} are not refused`, { error });
  }
}

interface Statement {
  readonly Sid?: string;
}

interface PolicyDocument {
  readonly Version: string;
  /** One statement, or a list of them. */
  readonly Statement: Statement | readonly Statement[];
}

/** Adds the statement that refuses new objects to a bucket policy. */
function refusing(policy: string | undefined, objectsArn: string): string {
  const document: PolicyDocument =
    policy === undefined ? { Version: '2012-10-17', Statement: [] } : (JSON.parse(policy) as PolicyDocument);
  const refusal = { Sid: REFUSAL_SID, Effect: 'Deny', Principal: '*', Action: 's3:PutObject', Resource: objectsArn };
  const others = [document.Statement].flat().filter(({ Sid }) => Sid !== REFUSAL_SID);
  return JSON.stringify({ ...document, Statement: [...others, refusal] });
}

function problemOf(bucketName: string, deleted: number, reason: string): string {
  return (
    `The objects of ${bucketName} cannot all be deleted: ${reason}; ${deleted} versions are deleted. Delete again, which goes on, or empty ` +
    'the bucket yourself first (aws s3api delete-objects, with VersionId).'
  );
}
