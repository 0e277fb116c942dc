import {
  InvokeEndpointCommand,
  SageMakerRuntimeClient,
  type SageMakerRuntimeClientConfig,
} from '@aws-sdk/client-sagemaker-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { PermanentError, RetryableError } from '../../lib/core/errors';

/** SageMaker answers or gives up within 60 s (developer guide, hosting container contract); a little more for the way. */
const REQUEST_TIMEOUT_MS = 65_000;
const CONNECTION_TIMEOUT_MS = 5_000;

/** The record is at fault: the endpoint is well and will never answer this one. */
export class RecordRefusedError extends PermanentError {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'RecordRefusedError';
  }
}

/** The model broke on the request (a 5xx from its container): trying again may help, but not for every record. */
export class ModelFailedError extends RetryableError {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ModelFailedError';
  }
}

/** An endpoint that answers JSON with JSON. */
export interface EndpointRuntime {
  /**
   * Sends one request and returns the body of the answer.
   *
   * Throws {@link RecordRefusedError} when the record is at fault, {@link ModelFailedError} when the model broke on it, another
   * {@link RetryableError} when the endpoint is busy or away, and {@link PermanentError} when the call itself is not allowed.
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

/** Messages of a 400 that speak of the endpoint and not of the request: it is missing for now, or scaled to zero. */
const ENDPOINT_AWAY = /not found|no capacity|not in service/i;

/** Busy model containers answer so; it says nothing about the record. */
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
  const message = `the model answered ${status}: ${error.OriginalMessage ?? error.message ?? 'no message'}`;
  // Status 0: the container did not answer in time, which load explains better than the record.
  if (BUSY_STATUS.has(status) || status < 400) return new RetryableError(message, options);
  return status < 500 ? new RecordRefusedError(message, options) : new ModelFailedError(message, options);
}

/** Says of an error of `InvokeEndpoint` whether the record, the model, the moment or the caller is at fault. */
export function classifyInvocationError(thrown: unknown): Error {
  const error = thrown as ServiceError;
  const options = { cause: thrown };
  const name = error.name ?? 'Error';
  const message = `${name}: ${error.message ?? String(thrown)}`;
  if (name === 'ModelError') return classifyModelError(error, options);
  if (DENIED.has(name)) return new PermanentError(message, options);
  const status = error.$metadata?.httpStatusCode;
  const isCallersFault = status !== undefined && status >= 400 && status < 500 && !BUSY_STATUS.has(status);
  const isThrottled = /Throttl|TooManyRequests|NotReady|LimitExceeded|Timeout/i.test(name);
  if (!isCallersFault || isThrottled || ENDPOINT_AWAY.test(message)) return new RetryableError(message, options);
  return status === 401 || status === 403
    ? new PermanentError(message, options)
    : new RecordRefusedError(message, options);
}

/** The real endpoint. Its own retries are off: the handler knows how much time is left. */
export function sageMakerEndpointRuntime(
  endpointName: string,
  options: {
    readonly maxConnections: number;
    /** The inference component, where the endpoint has some. */
    readonly componentName?: string;
    readonly client?: SageMakerRuntimeClientConfig;
  },
): EndpointRuntime {
  const client = new SageMakerRuntimeClient({
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      httpAgent: { maxSockets: options.maxConnections, keepAlive: true },
      httpsAgent: { maxSockets: options.maxConnections, keepAlive: true },
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    }),
    ...options.client,
  });
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
        const answer = await client.send(command, { abortSignal: signal });
        return new TextDecoder().decode(answer.Body);
      } catch (error) {
        throw classifyInvocationError(error);
      }
    },
  };
}
