import type * as iam from 'aws-cdk-lib/aws-iam';

/** Endpoint that serves inference requests and can grant permission to invoke it. */
export interface IInvocableEndpoint {
  /**
   * Name of the endpoint for `InvokeEndpoint`.
   *
   * @attribute
   */
  readonly endpointName: string;

  /**
   * True for an asynchronous endpoint: requests and responses are objects in S3, and the reply to the caller has no result.
   *
   * @default false
   */
  readonly isAsynchronous?: boolean;

  /**
   * Allows a principal to invoke the endpoint.
   *
   * @param grantee principal that may invoke it
   */
  grantInvoke(grantee: iam.IGrantable): iam.Grant;
}

/** Endpoint of SageMaker that may be invoked. */
export interface ISageMakerEndpoint extends IInvocableEndpoint {
  /**
   * ARN of the endpoint.
   *
   * @attribute
   */
  readonly endpointArn: string;
}
