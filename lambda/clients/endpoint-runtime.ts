import {
  InvokeEndpointCommand,
  SageMakerRuntimeClient,
  type SageMakerRuntimeClientConfig,
} from '@aws-sdk/client-sagemaker-runtime';
import { PermanentError, RetryableError } from '../../lib/core/errors';
import { awsClient } from './aws-client';

/** SageMaker responds within 60 s or times out (developer guide, hosting container contract); the rest is for the network. */
const REQUEST_TIMEOUT_MS = 65_000;

/**
 * The container or the service refused one request (4xx), failed on it (5xx) or did not answer it in time. The record may cause it, or the
 * model that is deployed: the error does not tell which.
 */
export class RequestFailedError extends RetryableError {
  public constructor(
    message: string,
    /** HTTP status of the container or the service; 0 when the container did not answer in time. */
    public readonly status: number,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = 'RequestFailedError';
  }
}

/** The endpoint, or a container, takes no more requests at the moment. */
export class EndpointBusyError extends RetryableError {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'EndpointBusyError';
  }
}

/** Response of the endpoint, its bytes as they came. */
export interface EndpointAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  readonly contentType?: string;
  /** Production variant that answered. */
  readonly variant?: string;
  /** Text that the response mapping made of the body. */
  readonly mapped?: string;
  /** Reason why the response could not be mapped. */
  readonly mappingError?: string;
}

/** Endpoint that takes any bytes. */
export interface EndpointRuntime {
  /**
   * Sends the bytes of one request, unchanged.
   *
   * Throws {@link RequestFailedError} when the request was refused or failed, another {@link RetryableError} when the endpoint is busy or
   * missing, and {@link PermanentError} when the call is not allowed.
   */
  invoke(body: Uint8Array, signal?: AbortSignal): Promise<EndpointAnswer>;
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

/** Statuses with which a container, or SageMaker, refuses a request for lack of places. */
const REFUSED_STATUS: ReadonlySet<number> = new Set([429, 503]);

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
  if (REFUSED_STATUS.has(status)) return new EndpointBusyError(message, options);
  if (BUSY_STATUS.has(status)) return new RetryableError(message, options);
  return new RequestFailedError(message, status, options);
}

/** Classifies an error of `InvokeEndpoint`: the request or its model, a transient condition, or the caller. */
export function classifyInvocationError(thrown: unknown): Error {
  const error = thrown as ServiceError;
  const options = { cause: thrown };
  const name = error.name ?? 'Error';
  const message = `${name}: ${error.message ?? String(thrown)}`;
  if (name === 'ModelError') return classifyModelError(error, options);
  if (DENIED.has(name)) return new PermanentError(message, options);
  const status = error.$metadata?.httpStatusCode;
  const isClientError = status !== undefined && status >= 400 && status < 500 && !BUSY_STATUS.has(status);
  if (!/NotReady/.test(name) && (/Throttl|TooManyRequests/i.test(name) || status === 429))
    return new EndpointBusyError(message, options);
  const isTransient = /NotReady|LimitExceeded|Timeout/i.test(name);
  if (!isClientError || isTransient || ENDPOINT_MISSING.test(message)) return new RetryableError(message, options);
  return status === 401 || status === 403
    ? new PermanentError(message, options)
    : new RequestFailedError(message, status, options);
}

/** {@link EndpointRuntime} of SageMaker. Retries of the SDK are off: the handler decides by the time that is left. */
export function createEndpointRuntime(
  endpointName: string,
  options: {
    readonly maxConnections: number;
    /** Inference component, where the endpoint has components. */
    readonly componentName?: string;
    /** Media type of the requests. */
    readonly contentType: string;
    /** Media type of the responses that the container is asked for. */
    readonly accept: string;
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
        ContentType: options.contentType,
        Accept: options.accept,
        Body: body,
      });
      try {
        const response = await client.send(command, { abortSignal: signal });
        return {
          status: response.$metadata?.httpStatusCode ?? 200,
          body: response.Body ?? new Uint8Array(),
          contentType: response.ContentType,
          variant: response.InvokedProductionVariant,
        };
      } catch (error) {
        throw classifyInvocationError(error);
      }
    },
  };
}
