import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../credentials';
import type { HttpReply } from '../../http/server';
import { ServiceError } from '../../http/service-error';

/** Error of a component at zero copies: HTTP 400 with the words "has no capacity". */
export const noCapacity = (component: string): ServiceError =>
  new ServiceError(
    'ValidationError',
    `Inference component ${component} has no capacity to process this request: it has no copy in service. Try again once it scaled out.`,
  );

export const unavailable = (message: string): ServiceError => new ServiceError('ServiceUnavailable', message, 503);

export const throttled = (message: string): ServiceError => new ServiceError('ThrottlingException', message, 429);

/** SageMaker's message when a container does not respond in time. */
export const TIMED_OUT =
  'Your invocation timed out while waiting for a response from container primary. Review the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again.';

/** Error for a container that responded with an error, or not at all (status 0). */
export function modelError(originalStatus: number, message: string, endpointName: string): ServiceError {
  const side = originalStatus >= 400 && originalStatus < 500 ? 'client' : 'server';
  const text = `Received ${side} error (${originalStatus}) from primary with message "${message}"`;
  const group = `/aws/sagemaker/Endpoints/${endpointName}`;
  return new ServiceError('ModelError', text, 424, {
    ErrorCode: `${side.toUpperCase()}_ERROR_FROM_MODEL`,
    OriginalStatusCode: originalStatus,
    OriginalMessage: message,
    LogStreamArn: `arn:aws:logs:${LOCAL_REGION}:${LOCAL_ACCOUNT}:log-group:${group}`,
  });
}

/** An error of the runtime service in AWS's REST JSON shape. */
export const errorReply = ({ code, message, statusCode, details }: ServiceError): HttpReply => ({
  statusCode,
  headers: { 'content-type': 'application/json', 'x-amzn-errortype': code },
  body: JSON.stringify({ ...details, Message: message, message }),
});
