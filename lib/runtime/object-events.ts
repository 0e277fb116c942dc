import { CfnResource } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';

/**
 * Makes a bucket of this app send its events to EventBridge, without the function that aws-cdk-lib would create for it. An imported bucket has to
 * send them already.
 */
export function sendObjectEvents(bucket: s3.IBucket): void {
  const resource = bucket.node.defaultChild;
  if (resource === undefined || !CfnResource.isCfnResource(resource)) return;
  if (resource.cfnResourceType !== 'AWS::S3::Bucket') return;
  resource.addPropertyOverride('NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled', true);
}
