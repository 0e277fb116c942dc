import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';

/** The shared endpoint as its components see it. */
export interface ComponentHost {
  readonly endpoint: sagemaker.CfnEndpoint;
  readonly endpointName: string;
  readonly endpointArn: string;
  readonly variantName: string;
  readonly instanceTypes: readonly string[];
  readonly executionRole: iam.IRole;
  readonly networkIsolation: boolean;
  readonly inferenceAmi?: string;
}
