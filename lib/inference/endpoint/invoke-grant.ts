import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';

/** Action of a caller that waits for the whole response. */
export const INVOKE_ACTION = 'sagemaker:InvokeEndpoint';

/** Action of a caller that reads the response as a stream. */
export const STREAM_ACTION = 'sagemaker:InvokeEndpointWithResponseStream';

/** Action of a caller that keeps a stream open in both directions. */
export const CONVERSATION_ACTION = 'sagemaker:InvokeEndpointWithBidirectionalStream';

/** Permission and environment of a caller. */
export interface Invocation {
  readonly actions: string[];
  /** Endpoint, and what else an invocation is authorised on. */
  readonly resourceArns: string[];
  /** Environment variables that a Lambda function receives beside the permission. */
  readonly environment: { readonly [name: string]: string };
}

/** Allows a principal to invoke a model; a Lambda function also receives environment variables that name it. */
export function grantInvocation(grantee: iam.IGrantable, invocation: Invocation): iam.Grant {
  const { actions, resourceArns, environment } = invocation;
  if (grantee instanceof lambda.Function) {
    for (const [name, value] of Object.entries(environment)) grantee.addEnvironment(name, value);
  }
  return iam.Grant.addToPrincipal({ grantee, actions, resourceArns });
}
