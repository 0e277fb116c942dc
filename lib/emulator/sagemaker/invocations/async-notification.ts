import type { EpochSeconds } from '../../../core/time';
import { s3UriOf } from '../../account/s3-location';
import { LOCAL_REGION } from '../../credentials';
import type { AsyncOutput, AsyncRequest, AsyncResult } from './async-request';

/** Maximum size of a response that is part of its notification: 128 KB (SageMaker developer guide, checking asynchronous predictions). */
const MAX_RESPONSE_BYTES = 128 * 1024;

/** JSON that SNS carries when a request has ended (SageMaker developer guide, checking asynchronous predictions). */
export type AsyncNotification = { readonly [member: string]: unknown };

/** Notification of a request that has ended. */
export function asyncNotification(
  endpointName: string,
  output: AsyncOutput,
  request: AsyncRequest & { readonly receivedAt: EpochSeconds },
  at: EpochSeconds,
  result: AsyncResult,
): AsyncNotification {
  const succeeded = 'response' in result;
  const content = succeeded ? result.response : result.failure;
  const isIncluded =
    (succeeded ? output.responseInSuccess : output.responseInError) && Buffer.byteLength(content) <= MAX_RESPONSE_BYTES;
  return {
    awsRegion: LOCAL_REGION,
    eventTime: new Date(at * 1000).toISOString(),
    receivedTime: new Date(request.receivedAt * 1000).toISOString(),
    invocationStatus: succeeded ? 'Completed' : 'Failed',
    ...(succeeded ? {} : { failureReason: result.failure }),
    requestParameters: { endpointName, inputLocation: request.inputUri },
    responseParameters: {
      contentType: 'application/json',
      outputLocation: s3UriOf(succeeded ? request.response : request.failure),
    },
    ...(isIncluded ? { responseBody: { content: Buffer.from(content).toString('base64'), encoding: 'BASE64' } } : {}),
    inferenceId: request.inferenceId,
    eventVersion: '1.0',
    eventSource: 'aws:sagemaker',
    eventName: 'InferenceResult',
  };
}
