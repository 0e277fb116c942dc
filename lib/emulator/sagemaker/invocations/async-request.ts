import type { S3Location } from '../../account/s3-location';

/** Concurrent invocations of an instance unless the configuration sets them; SageMaker chooses a number that it does not publish. An assumption. */
export const DEFAULT_CONCURRENT_INVOCATIONS = 4;

/** Destinations of an asynchronous endpoint's responses and notifications, from its `AsyncInferenceConfig`. */
export interface AsyncOutput {
  readonly responses: S3Location;
  readonly failures: S3Location;
  readonly successTopicArn: string | undefined;
  readonly errorTopicArn: string | undefined;
  readonly responseInSuccess: boolean;
  readonly responseInError: boolean;
}

/** A request accepted by InvokeEndpointAsync. */
export interface AsyncRequest {
  readonly inferenceId: string;
  /** Location of the object with the body, or the body itself. */
  readonly input: S3Location | string;
  readonly inputUri: string | undefined;
  /** Location of the response. */
  readonly response: S3Location;
  /** Location of the failure's description. */
  readonly failure: S3Location;
  /** Maximum seconds in the queue. */
  readonly ttlSeconds: number;
  /** Maximum seconds of the model's work. */
  readonly invocationTimeoutSeconds: number;
}

/** End of an asynchronous request: the response's body, or the reason of its failure. */
export type AsyncResult = { readonly response: string } | { readonly failure: string };
