import type { S3Location } from '../s3-location';

/** How many invocations an instance works on at once unless the configuration says; SageMaker chooses it and does not tell. */
export const DEFAULT_CONCURRENT_INVOCATIONS = 4;

/** Where an asynchronous endpoint puts what comes out, from its `AsyncInferenceConfig`. */
export interface AsyncOutput {
  readonly answers: S3Location;
  readonly failures: S3Location;
  readonly successTopicArn: string | undefined;
  readonly errorTopicArn: string | undefined;
  readonly answerInSuccess: boolean;
  readonly answerInError: boolean;
}

/** A request as InvokeEndpointAsync took it. */
export interface AsyncRequest {
  readonly inferenceId: string;
  /** The object with the body, or the body itself. */
  readonly input: S3Location | string;
  readonly inputUri: string | undefined;
  readonly answer: S3Location;
  readonly failure: S3Location;
  /** Seconds it may wait. */
  readonly ttlSeconds: number;
  /** Seconds the model may work on it. */
  readonly invocationTimeoutSeconds: number;
}
