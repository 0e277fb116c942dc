import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';

/** The network that instances reach other things through. */
export interface NetworkProps {
  readonly vpc?: ec2.IVpc;
  readonly vpcSubnets?: ec2.SubnetSelection;
  readonly securityGroups?: ec2.ISecurityGroup[];
}

/** Problems of a network that is told in part. */
export function checkNetwork({ vpc, vpcSubnets, securityGroups }: NetworkProps): string[] {
  if (vpc !== undefined || (vpcSubnets === undefined && securityGroups === undefined)) return [];
  return ['vpcSubnets and securityGroups belong to a network; give vpc too, or leave them out'];
}

/** The network as a model or an endpoint configuration takes it, with a security group of the endpoint's own where none is given. */
export function vpcConfigOf(
  scope: Construct,
  { vpc, vpcSubnets, securityGroups }: NetworkProps,
): sagemaker.CfnModel.VpcConfigProperty | undefined {
  if (vpc === undefined) return undefined;
  const groups = securityGroups ?? [
    new ec2.SecurityGroup(scope, 'SecurityGroup', { vpc, description: 'Instances of a SageMaker endpoint' }),
  ];
  return {
    subnets: vpc.selectSubnets(vpcSubnets).subnetIds,
    securityGroupIds: groups.map((group) => group.securityGroupId),
  };
}
