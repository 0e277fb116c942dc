import {
  InvokeEndpointCommand,
  SageMakerRuntimeClient,
  type SageMakerRuntimeClientConfig,
} from '@aws-sdk/client-sagemaker-runtime';
import { PermanentError, RetryableError } from '../../lib/core/errors';
import { awsClient } from './aws-client';

/** SageMaker responds within 60 s or times out (developer guide, hosting container contract); the rest is for the network. */
const REQUEST_TIMEOUT_MS = 65_000;

/** The record causes the error: the endpoint will never accept it. */
export class RecordRejectedError extends PermanentError {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'RecordRejectedError';
  }
}

/** The model failed on the request (a 5xx of its container): a retry may help, but not for every record. */
export class ModelFailedError extends RetryableError {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ModelFailedError';
  }
}

/** Endpoint that receives and returns JSON. */
export interface EndpointRuntime {
  /**
   * Sends one request and returns the body of the response.
   *
   * Throws {@link RecordRejectedError} when the record causes the error, {@link ModelFailedError} when the model failed on it, another
   * {@link RetryableError} when the endpoint is busy or missing, and {@link PermanentError} when the call is not allowed.
   */
  invoke(body: string, signal?: AbortSignal): Promise<string>;
}

interface ServiceError {
  readonly name?: string;
  readonly message?: string;
  readonly OriginalStatusCode?: number;
  readonly OriginalMessage?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Messages of a 400 that the endpoint causes and not the request: it is missing for now, or scaled to zero. */
const ENDPOINT_MISSING = /not found|no capacity|not in service/i;

/** Statuses of a busy model container, which do not depend on the record. */
const BUSY_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

const DENIED: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'UnrecognizedClientException',
  'ExpiredTokenException',
  'InvalidSignatureException',
]);

function classifyModelError(error: ServiceError, options: { readonly cause: unknown }): Error {
  const status = error.OriginalStatusCode ?? 500;
  const message = `the model returned ${status}: ${error.OriginalMessage ?? error.message ?? 'no message'}`;
  // Status 0: the container timed out, which load explains better than the record.
  if (BUSY_STATUS.has(status) || status < 400) return new RetryableError(message, options);
  return status < 500 ? new RecordRejectedError(message, options) : new ModelFailedError(message, options);
}

/** Classifies an error of `InvokeEndpoint` by its cause: the record, the model, a transient condition or the caller. */
export function classifyInvocationError(thrown: unknown): Error {
  const error = thrown as ServiceError;
  const options = { cause: thrown };
  const name = error.name ?? 'Error';
  const message = `${name}: ${error.message ?? String(thrown)}`;
  if (name === 'ModelError') return classifyModelError(error, options);
  if (DENIED.has(name)) return new PermanentError(message, options);
  const status = error.$metadata?.httpStatusCode;
  const isClientError = status !== undefined && status >= 400 && status < 500 && !BUSY_STATUS.has(status);
  const isThrottled = /Throttl|TooManyRequests|NotReady|LimitExceeded|Timeout/i.test(name);
  if (!isClientError || isThrottled || ENDPOINT_MISSING.test(message)) return new RetryableError(message, options);
  return status === 401 || status === 403
    ? new PermanentError(message, options)
    : new RecordRejectedError(message, options);
}

/** {@link EndpointRuntime} of SageMaker. Retries of the SDK are off: the handler decides by the time that is left. */
export function createEndpointRuntime(
  endpointName: string,
  options: {
    readonly maxConnections: number;
    /** Inference component, where the endpoint has components. */
    readonly componentName?: string;
    readonly client?: SageMakerRuntimeClientConfig;
  },
): EndpointRuntime {
  const limits = { maxAttempts: 1, requestTimeoutMs: REQUEST_TIMEOUT_MS, maxSockets: options.maxConnections };
  const client = awsClient(SageMakerRuntimeClient, limits, options.client);
  return {
    async invoke(body, signal) {
      const command = new InvokeEndpointCommand({
        EndpointName: endpointName,
        InferenceComponentName: options.componentName,
        ContentType: 'application/json',
        Accept: 'application/json',
        Body: body,
      });
      try {
        const response = await client.send(command, { abortSignal: signal });
        return new TextDecoder().decode(response.Body);
      } catch (error) {
        throw classifyInvocationError(error);
      }
    },
  };
}
