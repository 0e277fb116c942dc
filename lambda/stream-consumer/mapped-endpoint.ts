import { isUtf8 } from 'node:buffer';
import { PermanentError } from '../../lib/core/errors';
import { MAX_INLINE_RESPONSE_BYTES } from '../../lib/ingestion/contract';
import { type EndpointAnswer, type EndpointRuntime, RequestFailedError } from '../clients/endpoint-runtime';
import { type MappingFunction, MappingFunctionError } from '../clients/mapping-function';
import { type Evaluate, ExpressionError } from '../support/json-expression';
import type { Sleep } from '../support/sleep';
import { backoffMilliseconds } from './backoff';

/** Change of a payload: throws {@link MappingError} where it fails on this one. */
export type PayloadMapper = (payload: Uint8Array, maxBytes: number, signal?: AbortSignal) => Promise<Uint8Array>;

/** A mapping failed on one payload. */
class MappingError extends Error {
  public constructor(message: string) {
    super(message);
    this.name = 'MappingError';
  }
}

/**
 * The request mapping failed on one record. It counts against the record as a refusal of the endpoint does: when others are answered, so that an
 * expression that suits no record makes no dead letters.
 */
export class RequestMappingError extends RequestFailedError {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, 0, options);
    this.name = 'RequestMappingError';
  }
}

/** Number of invocations of a function for one response. */
const RESPONSE_ATTEMPTS = 3;

/** Returns the mapper of an expression: the payload is JSON, and so is what it becomes. */
export function expressionMapper(evaluate: Evaluate): PayloadMapper {
  // An async function, so that every failure is a rejection.
  return async (payload, maxBytes) => {
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
    } catch {
      throw new MappingError('the payload is not JSON');
    }
    try {
      return Buffer.from(evaluate(value, maxBytes));
    } catch (error) {
      if (error instanceof ExpressionError) throw new MappingError(`the expression failed: ${error.message}`);
      throw error;
    }
  };
}

/** Returns the mapper of a Lambda function. */
export function functionMapper(mapping: MappingFunction, contentType: string): PayloadMapper {
  return async (payload, maxBytes, signal) => {
    try {
      const mapped = await mapping.map(payload, contentType, signal);
      if (mapped.length > maxBytes)
        throw new MappingError(`the function returned ${mapped.length} bytes; at most ${maxBytes} are allowed`);
      return mapped;
    } catch (error) {
      if (error instanceof MappingFunctionError) throw new MappingError(`the function failed: ${error.message}`);
      throw error;
    }
  };
}

/**
 * Endpoint behind mappings: it gets what the request mapping makes of a record, and its answer has beside the response what the response mapping
 * makes of it. A response is never lost: where it cannot be mapped, the answer tells why.
 */
export function mappedEndpoint(
  endpoint: EndpointRuntime,
  options: {
    readonly request?: PayloadMapper;
    readonly response?: PayloadMapper;
    /** Maximum size of a mapped request, bytes. */
    readonly maxRequestBytes: number;
    readonly sleep: Sleep;
    /** Returns a number in [0, 1). */
    readonly random: () => number;
  },
): EndpointRuntime {
  const { request, response, maxRequestBytes, sleep, random } = options;

  async function requestOf(payload: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    if (request === undefined) return payload;
    try {
      return await request(payload, maxRequestBytes, signal);
    } catch (error) {
      if (error instanceof MappingError)
        throw new RequestMappingError(`requestMapping: ${error.message}`, { cause: error });
      throw error;
    }
  }

  async function mappedOf({ body }: EndpointAnswer, signal?: AbortSignal): Promise<Partial<EndpointAnswer>> {
    if (response === undefined) return {};
    for (let attempt = 1; ; attempt++) {
      try {
        const mapped = Buffer.from(await response(body, MAX_INLINE_RESPONSE_BYTES, signal));
        return isUtf8(mapped)
          ? { mapped: mapped.toString('utf8') }
          : { mappingError: 'responseMapping: the result is not UTF-8 text' };
      } catch (error) {
        const isLast = error instanceof MappingError || error instanceof PermanentError || attempt >= RESPONSE_ATTEMPTS;
        if (isLast || signal?.aborted === true) return { mappingError: `responseMapping: ${(error as Error).message}` };
        await sleep(backoffMilliseconds(attempt, random()), signal);
      }
    }
  }

  return {
    async invoke(payload, signal) {
      const answer = await endpoint.invoke(await requestOf(payload, signal), signal);
      return { ...answer, ...(await mappedOf(answer, signal)) };
    },
  };
}
