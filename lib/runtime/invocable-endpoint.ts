import type * as iam from 'aws-cdk-lib/aws-iam';

/** An endpoint that answers inference requests and can let others call it. */
export interface IInvocableEndpoint {
  /**
   * The endpoint's name, as `InvokeEndpoint` takes it.
   *
   * @attribute
   */
  readonly endpointName: string;

  /**
   * Its answers come later, in S3: callers hand over where a request lies, and get none back.
   *
   * @default false
   */
  readonly isAsynchronous?: boolean;

  /**
   * Allows a principal to invoke the endpoint.
   *
   * @param grantee who may call
   */
  grantInvoke(grantee: iam.IGrantable): iam.Grant;
}
