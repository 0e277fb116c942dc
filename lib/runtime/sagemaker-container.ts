import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { PulledImage } from './sagemaker-images';

/** Image, log group and metrics of a container of SageMaker. */
export interface ContainerNeeds {
  readonly image: PulledImage;
  /** Name of the log group below `/aws/sagemaker/`. */
  readonly logGroup: string;
  /** Namespace of its metrics; one that ends with a wildcard is the beginning of several. */
  readonly metricNamespace: string;
}

/** Permissions of every SageMaker container: pull its image, write its logs and metrics. */
export function containerStatements(scope: Construct, needs: ContainerNeeds): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      sid: 'PullImage',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [needs.image.repositoryArn],
    }),
    new iam.PolicyStatement({ sid: 'LogIn', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
    new iam.PolicyStatement({
      sid: 'Log',
      actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      resources: [sageMakerLogGroupArn(scope, needs.logGroup)],
    }),
    new iam.PolicyStatement({
      sid: 'Count',
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: {
        [needs.metricNamespace.endsWith('*') ? 'StringLike' : 'StringEquals']: {
          'cloudwatch:namespace': needs.metricNamespace,
        },
      },
    }),
  ];
}

/** ARN of a log group of SageMaker, with any suffix. */
export function sageMakerLogGroupArn(scope: Construct, name: string): string {
  return Stack.of(scope).formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: `/aws/sagemaker/${name}*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** Reason for the permissions on every resource. */
export const ANY_RESOURCE_REASON =
  'GetAuthorizationToken and PutMetricData do not support resource-level permissions; a condition limits PutMetricData to one namespace.';
