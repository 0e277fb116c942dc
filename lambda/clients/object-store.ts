import { PutObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

/** A bucket to write to. */
export interface ObjectStore {
  /** Writes an object, in place of one of the same name; throws when the bucket stays unreachable. */
  put(key: string, body: string, contentType: string): Promise<void>;
}

/** A real bucket. The client's own retries (three attempts with backoff) are on. */
export function s3ObjectStore(bucketName: string, config: S3ClientConfig = {}): ObjectStore {
  const client = new S3Client({ maxAttempts: 3, ...config });
  return {
    async put(key, body, contentType) {
      await client.send(new PutObjectCommand({ Bucket: bucketName, Key: key, Body: body, ContentType: contentType }));
    },
  };
}
