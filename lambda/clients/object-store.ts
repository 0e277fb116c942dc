import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { awsClient } from './aws-client';

/** Client of a bucket. */
export interface ObjectStore {
  /** Writes an object, overwriting one with the same key; throws when the bucket stays unreachable. */
  put(key: string, body: string | Uint8Array, contentType: string, signal?: AbortSignal): Promise<void>;
  /** Writes an object unless there is one with the same key; returns false where there is. */
  putNew(key: string, body: string, contentType: string, signal?: AbortSignal): Promise<boolean>;
  /** Returns an object as text; undefined where there is none. */
  get(key: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Returns the keys below a prefix that come after a key, in order, at most 1,000. */
  keysAfter(prefix: string, after: string, signal?: AbortSignal): Promise<readonly string[]>;
}

/** Client of a bucket whose objects may be deleted. */
export interface DeletingStore extends ObjectStore {
  /** Deletes an object, if it is there. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
}

/** True for an error of S3 with one of these names or statuses. */
function isError(error: unknown, name: string, status: number): boolean {
  const { name: given, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return given === name || $metadata?.httpStatusCode === status;
}

/** {@link DeletingStore} in S3. */
export function createObjectStore(bucketName: string, s3 = awsClient(S3Client)): DeletingStore {
  return {
    async put(key, body, contentType, signal) {
      const command = new PutObjectCommand({ Bucket: bucketName, Key: key, Body: body, ContentType: contentType });
      await s3.send(command, { abortSignal: signal });
    },
    async putNew(key, body, contentType, signal) {
      const command = new PutObjectCommand({
        Bucket: bucketName,
        Key: key,
        Body: body,
        ContentType: contentType,
        IfNoneMatch: '*',
      });
      try {
        await s3.send(command, { abortSignal: signal });
        return true;
      } catch (error) {
        if (isError(error, 'PreconditionFailed', 412)) return false;
        throw error;
      }
    },
    async get(key, signal) {
      try {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucketName, Key: key }), { abortSignal: signal });
        return (await Body?.transformToString('utf8')) ?? '';
      } catch (error) {
        if (isError(error, 'NoSuchKey', 404)) return undefined;
        throw error;
      }
    },
    async delete(key, signal) {
      await s3.send(new DeleteObjectCommand({ Bucket: bucketName, Key: key }), { abortSignal: signal });
    },
    async keysAfter(prefix, after, signal) {
      const command = new ListObjectsV2Command({ Bucket: bucketName, Prefix: prefix, StartAfter: after });
      const { Contents = [] } = await s3.send(command, { abortSignal: signal });
      return Contents.flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
    },
  };
}
