import { createHash } from 'node:crypto';
import type { HttpRequest } from '../../http/server';
import type { Variant } from '../endpoints/variant';

/** Prefix for prefix-aware routing: the first bytes of the body and the caller's `PrefixAwareId`, as a 32-bit hash. Empty for other strategies. */
export function prefixOf({ body, headers }: HttpRequest, { spec }: Variant): { readonly prefix?: number } {
  if (spec.prefixAware === undefined) return {};
  const hash = createHash('sha256').update(String(headers['x-amzn-sagemaker-prefix-aware-id'] ?? ''));
  const prefix = hash.update('\0').update(body.subarray(0, spec.prefixAware.length)).digest().readUInt32BE(0);
  return { prefix };
}
