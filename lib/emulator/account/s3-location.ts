import { validationError } from '../http/service-error';

export interface S3Location {
  readonly bucket: string;
  /** Without a leading slash; may be empty or end with a slash. */
  readonly key: string;
}

/** Parses `s3://bucket/key` and the path-style `https://host/bucket/key`. */
export function parseS3Location(uri: string): S3Location {
  const s3 = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(uri);
  if (s3) return { bucket: s3[1]!, key: s3[2] ?? '' };
  const https = /^https:\/\/s3[.a-z0-9-]*\.amazonaws\.com\/([^/]+)(?:\/(.*))?$/.exec(uri);
  if (https) return { bucket: https[1]!, key: https[2] ?? '' };
  throw validationError(`${uri} is not an S3 URI; give s3://bucket/key`);
}

/** A location below another one. */
export const under = (base: S3Location, ...parts: readonly string[]): S3Location => ({
  bucket: base.bucket,
  key: [base.key.replace(/\/+$/, ''), ...parts].filter((part) => part !== '').join('/'),
});

export const s3UriOf = ({ bucket, key }: S3Location): string => `s3://${bucket}/${key}`;
