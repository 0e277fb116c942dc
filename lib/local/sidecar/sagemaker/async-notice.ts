import type { EpochSeconds } from '../../../core/time';
import { LOCAL_REGION } from '../../engine/credentials';
import { s3UriOf } from '../s3-location';
import type { AsyncOutput, AsyncRequest } from './async-request';

/** The longest answer that comes along in a notice: 128 KB (SageMaker developer guide, checking asynchronous predictions). */
const LONGEST_ANSWER_BYTES = 128 * 1024;

/** The JSON that SNS carries when a request is done (SageMaker developer guide, checking asynchronous predictions). */
export type AsyncNotice = { readonly [member: string]: unknown };

/** What SageMaker tells of a request that has ended. */
export function asyncNotice(
  endpointName: string,
  output: AsyncOutput,
  request: AsyncRequest & { readonly receivedAt: EpochSeconds },
  at: EpochSeconds,
  result: { readonly answer: string } | { readonly failure: string },
): AsyncNotice {
  const isAnswer = 'answer' in result;
  const content = isAnswer ? result.answer : result.failure;
  const comesAlong =
    (isAnswer ? output.answerInSuccess : output.answerInError) && Buffer.byteLength(content) <= LONGEST_ANSWER_BYTES;
  return {
    awsRegion: LOCAL_REGION,
    eventTime: new Date(at * 1000).toISOString(),
    receivedTime: new Date(request.receivedAt * 1000).toISOString(),
    invocationStatus: isAnswer ? 'Completed' : 'Failed',
    ...(isAnswer ? {} : { failureReason: result.failure }),
    requestParameters: { endpointName, inputLocation: request.inputUri },
    responseParameters: {
      contentType: 'application/json',
      outputLocation: s3UriOf(isAnswer ? request.answer : request.failure),
    },
    ...(comesAlong ? { responseBody: { content: Buffer.from(content).toString('base64'), encoding: 'BASE64' } } : {}),
    inferenceId: request.inferenceId,
    eventVersion: '1.0',
    eventSource: 'aws:sagemaker',
    eventName: 'InferenceResult',
  };
}
