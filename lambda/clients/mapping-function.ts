import { isUtf8 } from 'node:buffer';
import { InvokeCommand, LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda';
import { PermanentError, RetryableError } from '../../lib/core/errors';
import { isObject } from '../../lib/core/parse';
import { awsClient } from './aws-client';

/** Maximum time of one invocation; the function's own timeout should be shorter. */
const INVOKE_TIMEOUT_MS = 15_000;

/** The function failed on one payload: it threw, ran out of time or memory, or returned something else than a body. */
export class MappingFunctionError extends Error {
  public constructor(message: string) {
    super(message);
    this.name = 'MappingFunctionError';
  }
}

/** Lambda function of the user's that returns another payload for one. */
export interface MappingFunction {
  /**
   * Invokes the function once.
   *
   * Throws {@link MappingFunctionError} where the function failed, {@link PermanentError} where the call is not allowed, and
   * {@link RetryableError} where the function is busy, missing or out of reach.
   */
  map(body: Uint8Array, contentType: string, signal?: AbortSignal): Promise<Uint8Array>;
}

/** {@link MappingFunction} in AWS. */
export function createMappingFunction(
  functionArn: string,
  options: { readonly maxConnections: number; readonly client?: LambdaClientConfig },
): MappingFunction {
  const limits = { maxAttempts: 1, requestTimeoutMs: INVOKE_TIMEOUT_MS, maxSockets: options.maxConnections };
  const client = awsClient(LambdaClient, limits, options.client);
  return {
    async map(body, contentType, signal) {
      const command = new InvokeCommand({
        FunctionName: functionArn,
        Payload: Buffer.from(JSON.stringify(formatMappingEvent(body, contentType))),
      });
      const { FunctionError, Payload } = await client.send(command, { abortSignal: signal }).catch((error: unknown) => {
        throw classify(error);
      });
      const text = Buffer.from(Payload ?? []).toString('utf8');
      if (FunctionError !== undefined) throw new MappingFunctionError(failureOf(text, FunctionError));
      return parseMappingResult(text);
    },
  };
}

function formatMappingEvent(body: Uint8Array, contentType: string): object {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isText = isUtf8(bytes);
  return { body: bytes.toString(isText ? 'utf8' : 'base64'), isBase64Encoded: !isText, contentType };
}

function parseMappingResult(text: string): Uint8Array {
  const result = jsonOf(text);
  const { body, isBase64Encoded = false } = isObject(result) ? result : {};
  if (typeof body !== 'string' || typeof isBase64Encoded !== 'boolean')
    throw new MappingFunctionError('it returned no { "body": "…", "isBase64Encoded": true or false }');
  return Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
}

/** Returns the error that a function reports, with its type. */
function failureOf(text: string, functionError: string): string {
  const report = jsonOf(text);
  const { errorType, errorMessage } = isObject(report) ? report : {};
  const parts = [errorType, errorMessage].filter((part) => typeof part === 'string' && part !== '');
  return parts.length === 0 ? functionError : parts.join(': ');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function classify(thrown: unknown): Error {
  const { name = 'Error', message } = thrown as Error;
  const text = `${name}: ${message}`;
  return /AccessDenied|UnrecognizedClient|ExpiredToken|InvalidSignature/.test(name)
    ? new PermanentError(text, { cause: thrown })
    : new RetryableError(text, { cause: thrown });
}
