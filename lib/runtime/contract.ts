/** Tag of buckets whose objects are deleted with them; a bucket without it keeps its objects, whatever else is deleted. */
export const EMPTIED_BUCKET_TAG = 'tidegate:empty-on-deletion';

/** Properties of the custom resource that stands for the objects of a bucket. */
export interface EmptiedBucket {
  readonly bucketName: string;
  /** ARN of all objects, as bucket policies name them. */
  readonly objectsArn: string;
}

/** Writes the properties of the custom resource. */
export function formatEmptiedBucket({ bucketName, objectsArn }: EmptiedBucket): { readonly [name: string]: string } {
  return { BucketName: bucketName, ObjectsArn: objectsArn };
}

/** Reads the properties of the custom resource. */
export function parseEmptiedBucket(properties: { readonly [name: string]: unknown }): EmptiedBucket {
  return { bucketName: String(properties['BucketName']), objectsArn: String(properties['ObjectsArn']) };
}
