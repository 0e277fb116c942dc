import {
  DeleteObjectsCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { awsClient } from './aws-client';

/** Client of everything that a bucket contains. */
export interface BucketContents {
  /** Returns the tags of the bucket; undefined where there is no such bucket. */
  tags(): Promise<{ readonly [key: string]: string } | undefined>;
  /** Returns the bucket policy as JSON; undefined where there is none. */
  policy(): Promise<string | undefined>;
  putPolicy(policy: string): Promise<void>;
  /** Deletes up to 1,000 versions of objects and delete markers, for good; returns their number. Throws where one of them stays. */
  deleteVersions(): Promise<number>;
}

/** {@link BucketContents} in S3. */
export function createBucketContents(
  bucketName: string,
  // A deletion of 1,000 versions takes longer than the calls of other handlers.
  s3 = awsClient(S3Client, { requestTimeoutMs: 30_000 }),
): BucketContents {
  const bucket = { Bucket: bucketName };
  return {
    async tags() {
      try {
        const { TagSet = [] } = await s3.send(new GetBucketTaggingCommand(bucket));
        return Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
      } catch (error) {
        if (isNamed(error, 'NoSuchBucket')) return undefined;
        if (isNamed(error, 'NoSuchTagSet')) return {};
        throw error;
      }
    },
    async policy() {
      try {
        return (await s3.send(new GetBucketPolicyCommand(bucket))).Policy;
      } catch (error) {
        if (isNamed(error, 'NoSuchBucketPolicy')) return undefined;
        throw error;
      }
    },
    async putPolicy(policy) {
      await s3.send(new PutBucketPolicyCommand({ ...bucket, Policy: policy }));
    },
    async deleteVersions() {
      const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand(bucket));
      const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
      if (Objects.length === 0) return 0;
      const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ ...bucket, Delete: { Objects, Quiet: true } }));
      const [first] = Errors;
      if (first !== undefined)
        throw new Error(`${Errors.length} versions stay, such as ${first.Key}: ${first.Code} (${first.Message})`);
      return Objects.length;
    },
  };
}

function isNamed(error: unknown, name: string): boolean {
  return (error as { readonly name?: string }).name === name;
}
