import { Token } from 'aws-cdk-lib';

/** Maximum length of a key in S3 is 1,024 bytes; the rest is for what comes below the prefix. */
const MAX_LENGTH = 512;

/** Returns the problem of a prefix of keys in S3 with characters that IAM reads as patterns or variables, or that SageMaker refuses. */
export function checkKeyPrefix(property: string, prefix: string | undefined): string[] {
  if (prefix === undefined || Token.isUnresolved(prefix)) return [];
  if (prefix.startsWith('s3://')) {
    return [`${property} ('${prefix.slice(0, 100)}') is a location; give the part after the bucket, as train/`];
  }
  if (prefix.length <= MAX_LENGTH && /^[\p{L}\p{N}!_.'()=/+@:, -]*$/u.test(prefix) && !prefix.startsWith('/'))
    return [];
  return [
    `${property} ('${prefix.slice(0, 100)}') must be at most ${MAX_LENGTH} letters, digits, spaces and !_.'()=/+@:,- and begin with no slash; ` +
      'permissions name the prefix, and *, ? and $ mean more there',
  ];
}
