import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import type { Resolved } from '../value-checks';

/** Network of the model containers. Invocations go through the SageMaker runtime in any case. */
export interface NetworkProps {
  /**
   * VPC that the model containers attach to.
   *
   * @default - not attached to a VPC
   */
  readonly vpc?: ec2.IVpc;

  /**
   * Subnets of the VPC.
   *
   * @default - the private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * Security groups of the instances in the VPC.
   *
   * @default - a group of the endpoint's own that allows all outbound and no inbound traffic
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * Network isolation of the containers. Disable it only for images that fetch their model themselves.
   *
   * @default true
   */
  readonly isolation?: boolean;
}

/**
 * Network with its defaults.
 *
 * @internal
 */
export interface Network {
  readonly vpc: ec2.IVpc | undefined;
  readonly vpcSubnets: ec2.SubnetSelection | undefined;
  readonly securityGroups: readonly ec2.ISecurityGroup[] | undefined;
  readonly isolation: boolean;
}

/**
 * Resolves the network of an endpoint.
 *
 * @internal
 */
export function resolveNetwork(props: NetworkProps = {}): Resolved<Network> {
  const { vpc, vpcSubnets, securityGroups, isolation = true } = props;
  return {
    value: { vpc, vpcSubnets, securityGroups, isolation },
    problems:
      vpc === undefined && (vpcSubnets !== undefined || securityGroups !== undefined)
        ? ['network.vpcSubnets and network.securityGroups belong to a VPC; give network.vpc too, or omit them']
        : [],
  };
}

/**
 * Renders the VPC for a model or an endpoint configuration; creates a security group where none is given.
 *
 * @internal
 */
export function vpcConfig(
  scope: Construct,
  { vpc, vpcSubnets, securityGroups }: Network,
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
