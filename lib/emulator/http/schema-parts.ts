import { z } from 'zod';
import { isObject, type Json } from '../../core/parse';
import { ServiceError } from './service-error';

/** Converts numbers and booleans that CloudFormation sends as text; the SDKs send them as they are. */
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

/** A resource name that SageMaker accepts. */
export const resourceName = () =>
  z.string().regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/, 'must match [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}');

export const s3Uri = () => z.string().regex(/^(?:https|s3):\/\/[^/]+(?:\/.*)?$/, 'must be an S3 URI (s3://bucket/key)');

export const tags = () => z.array(z.strictObject({ Key: z.string().min(1).max(128), Value: z.string().max(256) }));

/** Text values by name; numbers and booleans become text, as CloudFormation does it. */
export const textMap = () =>
  z.record(z.string(), z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]));

/** A part that is stored and returned as it came; it does not affect the local services. */
export const keptAsIs = () => z.record(z.string(), z.unknown());

/** A part that would change the service's behaviour and that the local services lack: refused, never ignored. */
export const notAvailable = (name: string) =>
  z
    .custom<undefined>((value) => value === undefined, { message: `${name} is not available in the local engine` })
    .optional();

function describeIssue(issue: z.core.$ZodIssue): string {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return `${where === '' ? '#' : `#/${where.replaceAll('.', '/')}`}: extraneous key [${issue.keys.join(', ')}] is not permitted`;
  }
  return where === '' ? issue.message : `${where}: ${issue.message}`;
}

/** Parses a value from outside, or throws one ValidationException with every problem. */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(describeIssue);
  const count = problems.length === 1 ? '1 validation error' : `${problems.length} validation errors`;
  throw new ServiceError('ValidationException', `${count} detected: ${problems.join('; ')}`);
}

/** Parses a JSON object, or throws a SerializationException as the services do. */
export function parseJsonObject(body: Buffer): Json {
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString('utf8'));
  } catch {
    throw new ServiceError('SerializationException', 'the request body is not valid JSON');
  }
  if (isObject(value)) return value;
  throw new ServiceError('SerializationException', 'the request body is not a JSON object');
}
