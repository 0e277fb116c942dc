import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { awsClient } from './aws-client';

/** Client of a bucket. */
export interface ObjectStore {
  /** Writes an object, overwriting one with the same key; throws when the bucket stays unreachable. */
  put(key: string, body: string, contentType: string, signal?: AbortSignal): Promise<void>;
}

/** {@link ObjectStore} in S3. */
export function createObjectStore(bucketName: string, s3 = awsClient(S3Client)): ObjectStore {
  return {
    async put(key, body, contentType, signal) {
      const command = new PutObjectCommand({ Bucket: bucketName, Key: key, Body: body, ContentType: contentType });
      await s3.send(command, { abortSignal: signal });
    },
  };
}
