import type { Stack } from 'aws-cdk-lib';

/** Actions of a role on resources, with the reason for a wildcard. */
export interface NetworkGrant {
  readonly actions: string[];
  readonly resources: string[];
  /** Reason for the resources whose end is a wildcard; none where the actions support no resource-level permissions. */
  readonly wildcardReason?: string;
}

/**
 * Permissions of the execution role for the network interfaces of SageMaker's instances in a VPC.
 *
 * Source: "CreateTrainingJob API" and "CreateModel API" of the execution roles in the developer guide,
 * https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
 */
export function sageMakerNetworkGrants(stack: Stack): NetworkGrant[] {
  const ec2 = (resource: string): string => stack.formatArn({ service: 'ec2', resource, resourceName: '*' });
  return [
    {
      actions: [
        'ec2:CreateNetworkInterface',
        'ec2:CreateNetworkInterfacePermission',
        'ec2:DeleteNetworkInterface',
        'ec2:DeleteNetworkInterfacePermission',
      ],
      resources: [ec2('network-interface'), ec2('subnet'), ec2('security-group')],
      wildcardReason: 'SageMaker creates the network interfaces of its instances and names them itself.',
    },
    {
      actions: [
        'ec2:DescribeDhcpOptions',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSecurityGroups',
        'ec2:DescribeSubnets',
        'ec2:DescribeVpcs',
      ],
      resources: ['*'],
    },
  ];
}
