import { InputError } from '../../lib/core/errors';
import { systemSleep } from './sleep';

/** Request of CloudFormation (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html). */
export interface CustomResourceRequest {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly RequestId: string;
  readonly ResponseURL: string;
  readonly StackId: string;
  readonly LogicalResourceId: string;
  readonly ResourceProperties: { readonly [name: string]: unknown };
}

/** Response to CloudFormation (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html). */
export interface CustomResourceResponse {
  readonly Status: 'SUCCESS' | 'FAILED';
  readonly Reason?: string;
  readonly PhysicalResourceId: string;
  readonly RequestId: string;
  readonly StackId: string;
  readonly LogicalResourceId: string;
  /** Attributes for `Fn::GetAtt`. */
  readonly Data?: { readonly [name: string]: string };
}

/**
 * Returns what is read from the properties of a request, or its problem: a request without a response keeps CloudFormation waiting for an hour.
 */
export function readProperties<Result>(
  { ResourceProperties: properties }: CustomResourceRequest,
  read: (properties: CustomResourceRequest['ResourceProperties']) => Result,
): { readonly value: Result } | { readonly problem: string } {
  try {
    return { value: read(properties) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { problem: error.message };
  }
}

const ATTEMPTS = 4;

/** Time-out of one attempt, milliseconds. */
const TIMEOUT_MS = 10_000;

/**
 * Sends the response of a custom resource to its presigned URL; tries again, as CloudFormation waits for it until its time-out.
 *
 * @throws Error when the URL does not take the response
 */
export async function respond(url: string, response: CustomResourceResponse): Promise<void> {
  const body = Buffer.from(JSON.stringify(response));
  for (let attempt = 1; ; attempt++) {
    try {
      // The signature of the URL covers an empty content type.
      const request = { method: 'PUT', body, headers: { 'content-type': '' }, signal: AbortSignal.timeout(TIMEOUT_MS) };
      const { ok, status } = await fetch(url, request);
      if (ok) return;
      throw new Error(`the response URL returned status ${status}`);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await systemSleep(1000 * attempt);
    }
  }
}
