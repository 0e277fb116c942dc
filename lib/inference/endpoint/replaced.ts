import { CfnDeletionPolicy, Tags, type CfnResource } from 'aws-cdk-lib';
import { HOSTED_BY_TAG, hostedBy, type SweptHost } from '../contract';

/**
 * Keeps a model or configuration that an update replaces. SageMaker rolls a bad version back without CloudFormation, which may report a
 * success and then delete what the endpoint runs on; afterwards SageMaker refuses every update of the endpoint
 * (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpointConfig.html). The replaced one costs nothing and carries its
 * host's name, by which a sweeper finds it. The one that is declared goes with the stack.
 *
 * @internal
 */
export function keepReplaced(resource: CfnResource, host: SweptHost): void {
  resource.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
  resource.cfnOptions.deletionPolicy = CfnDeletionPolicy.DELETE;
  Tags.of(resource).add(HOSTED_BY_TAG, hostedBy(host));
}
