import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { InvokeEndpointAsyncCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { InputError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import { awsClient } from './aws-client';

/** Request for an asynchronous endpoint, whose payload is an object in S3. */
export interface AsyncInvocation {
  /** Place of the payload, `s3://bucket/key`. */
  readonly inputUri: string;
  /** At most 64 characters; the same for every repetition of a request. */
  readonly inferenceId: string;
}

/** Places that the endpoint will write to, `s3://bucket/key`; no failure where it is configured without them. */
export interface AsyncPlaces {
  readonly responseUri: string;
  readonly failureUri: string | null;
}

/** Asynchronous endpoint. */
export interface AsyncEndpointRuntime {
  /** Hands a request over; the endpoint has it once the promise is fulfilled. */
  invoke(request: AsyncInvocation, signal?: AbortSignal): Promise<AsyncPlaces>;
}

/** {@link AsyncEndpointRuntime} of SageMaker. */
export function createAsyncEndpointRuntime(
  endpointName: string,
  settings: {
    readonly contentType: string;
    readonly accept: string;
    /** Maximum time of a request in the queue, and of the model for it, seconds. */
    readonly ttlSeconds: number;
    readonly timeoutSeconds: number;
  },
  client = awsClient(SageMakerRuntimeClient),
): AsyncEndpointRuntime {
  return {
    async invoke({ inputUri, inferenceId }, signal) {
      const command = new InvokeEndpointAsyncCommand({
        EndpointName: endpointName,
        InputLocation: inputUri,
        InferenceId: inferenceId,
        ContentType: settings.contentType,
        Accept: settings.accept,
        RequestTTLSeconds: settings.ttlSeconds,
        InvocationTimeoutSeconds: settings.timeoutSeconds,
      });
      const { OutputLocation, FailureLocation } = await client.send(command, { abortSignal: signal });
      if (OutputLocation === undefined) throw new InputError('InvokeEndpointAsync names no place of its response');
      return { responseUri: OutputLocation, failureUri: FailureLocation ?? null };
    },
  };
}

/** Object that an asynchronous endpoint wrote. */
export interface AsyncObject {
  readonly body: Uint8Array;
  readonly contentType?: string;
  readonly writtenAt: EpochSeconds | undefined;
}

/** Reads what asynchronous endpoints write. */
export interface AsyncObjects {
  /** Returns an object by its `s3://bucket/key`; undefined where there is none. */
  read(uri: string, signal?: AbortSignal): Promise<AsyncObject | undefined>;
}

/** {@link AsyncObjects} in S3. */
export function createAsyncObjects(s3 = awsClient(S3Client)): AsyncObjects {
  return {
    async read(uri, signal) {
      const place = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri);
      if (place === null) throw new InputError(`'${uri}' is no place in S3; s3://bucket/key is expected`);
      const [, Bucket, Key] = place;
      try {
        const object = await s3.send(new GetObjectCommand({ Bucket, Key }), { abortSignal: signal });
        return {
          body: (await object.Body?.transformToByteArray()) ?? new Uint8Array(),
          contentType: object.ContentType,
          writtenAt: object.LastModified === undefined ? undefined : object.LastModified.getTime() / 1000,
        };
      } catch (error) {
        const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
        if (name === 'NoSuchKey' || $metadata?.httpStatusCode === 404) return undefined;
        throw error;
      }
    },
  };
}
