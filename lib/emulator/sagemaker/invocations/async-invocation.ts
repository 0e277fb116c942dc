import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { EpochSeconds } from '../../../core/time';
import type { HttpReply, HttpRequest } from '../../http/server';
import { parseWith, s3Uri, wholeNumber } from '../../http/schema-parts';
import { parseS3Location, s3UriOf, under } from '../../account/s3-location';
import { ServiceError } from '../../http/service-error';
import type { AsyncQueue } from './async-queue';

/** Limits and defaults: API reference, InvokeEndpointAsync. */
const headersSchema = z.object({
  'x-amzn-sagemaker-inputlocation': s3Uri().optional(),
  'x-amzn-sagemaker-inference-id': z.string().min(1).max(64).optional(),
  'x-amzn-sagemaker-requestttlseconds': wholeNumber(60, 21_600).default(21_600),
  'x-amzn-sagemaker-invocationtimeoutseconds': wholeNumber(1, 3600).default(900),
});

/** InvokeEndpointAsync: accepts the request at once; its response is written to S3. */
export function acceptAsync(queue: AsyncQueue, request: HttpRequest, at: EpochSeconds): HttpReply {
  const headers = parseWith(headersSchema, request.headers);
  const inputUri = headers['x-amzn-sagemaker-inputlocation'];
  const inline = request.body.toString('utf8');
  if ((inputUri === undefined) === (inline === '')) {
    throw new ServiceError('ValidationError', 'exactly one of InputLocation and Body must be given');
  }
  const inferenceId = headers['x-amzn-sagemaker-inference-id'] ?? randomUUID();
  const file = randomUUID();
  const response = under(queue.output.responses, `${file}.out`);
  const failure = under(queue.output.failures, `${file}-error.out`);
  queue.accept(
    {
      inferenceId,
      input: inputUri === undefined ? inline : parseS3Location(inputUri),
      inputUri,
      response,
      failure,
      ttlSeconds: headers['x-amzn-sagemaker-requestttlseconds'],
      invocationTimeoutSeconds: headers['x-amzn-sagemaker-invocationtimeoutseconds'],
    },
    at,
  );
  return {
    statusCode: 202,
    headers: {
      'content-type': 'application/json',
      'x-amzn-sagemaker-outputlocation': s3UriOf(response),
      'x-amzn-sagemaker-failurelocation': s3UriOf(failure),
    },
    body: JSON.stringify({ InferenceId: inferenceId }),
  };
}
