import { z } from 'zod';
import { ServiceError } from './service-error';

/** Numbers and booleans come as text from CloudFormation and as themselves from the SDKs; both are taken. */
const fromText = (value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  if (value === 'true') return true;
  if (value === 'false') return false;
  return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
};

export const wholeNumber = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  z.preprocess(fromText, z.number().int().min(minimum).max(maximum));

export const decimal = (minimum: number, maximum = Number.MAX_VALUE) =>
  z.preprocess(fromText, z.number().min(minimum).max(maximum));

export const flag = () => z.preprocess(fromText, z.boolean());

/** A resource name as SageMaker allows it. */
export const resourceName = () =>
  z.string().regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/, 'must match [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}');

export const s3Uri = () => z.string().regex(/^(https|s3):\/\/([^/]+)\/?(.*)$/, 'must be an S3 URI (s3://bucket/key)');

export const tags = () => z.array(z.strictObject({ Key: z.string().min(1).max(128), Value: z.string().max(256) }));

/** Text values by name; numbers and booleans become text, as CloudFormation does it. */
export const textMap = () =>
  z.record(z.string(), z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]));

/** A part that is kept and told back as it came; it does not change what the local services do. */
export const keptAsIs = () => z.record(z.string(), z.unknown());

/** A part that would change what the service does and that the local services do not have: refused, never ignored. */
export const notAvailable = (what: string) =>
  z
    .custom<undefined>((value) => value === undefined, { message: `${what} is not available in the local engine` })
    .optional();

function describeIssue(issue: z.core.$ZodIssue): string {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return `${where === '' ? '#' : `#/${where.replaceAll('.', '/')}`}: extraneous key [${issue.keys.join(', ')}] is not permitted`;
  }
  return where === '' ? issue.message : `${where}: ${issue.message}`;
}

/** Reads something that came from outside, or throws one ValidationException with every problem. */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(describeIssue);
  const count = problems.length === 1 ? '1 validation error' : `${problems.length} validation errors`;
  throw new ServiceError('ValidationException', `${count} detected: ${problems.join('; ')}`);
}

/** Reads a JSON object, or throws a SerializationException as the services do. */
export function parseJsonObject(body: Buffer): { readonly [member: string]: unknown } {
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString('utf8'));
  } catch {
    throw new ServiceError('SerializationException', 'the request body is not valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ServiceError('SerializationException', 'the request body is not a JSON object');
  }
  return value as { readonly [member: string]: unknown };
}
