import { InputError } from '../core/errors';

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

/**
 * Returns a property of a custom resource that is text.
 *
 * @throws InputError for anything else
 */
export function textProperty(properties: { readonly [name: string]: unknown }, name: string): string {
  const value = properties[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new InputError(
    `the property ${name} of the custom resource is not text; deploy the stack again, which writes it`,
  );
}

/**
 * Reads the properties of the custom resource.
 *
 * @throws InputError for a property that is not text
 */
export function parseEmptiedBucket(properties: { readonly [name: string]: unknown }): EmptiedBucket {
  return { bucketName: textProperty(properties, 'BucketName'), objectsArn: textProperty(properties, 'ObjectsArn') };
}
