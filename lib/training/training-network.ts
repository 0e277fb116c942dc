import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';

/** Network of the instances of a training job. */
export interface TrainingNetworkProps {
  /**
   * VPC that the instances attach to. The job reaches S3 from there: give the VPC a gateway endpoint for it.
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
   * Security groups of the instances in the VPC. Those of a distributed job have to allow all traffic among themselves.
   *
   * @default - a group of the pipeline's own that allows traffic among its members, all outbound and no other inbound traffic
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * Isolates the containers: the script has no network but that to the other instances of its job.
   *
   * @default false
   */
  readonly isolation?: boolean;

  /**
   * Encrypts the traffic among the instances of a job, which takes time in distributed training.
   *
   * @default true
   */
  readonly encryptTraffic?: boolean;
}

/**
 * Problems of a network.
 *
 * @internal
 */
export function checkNetwork({ vpc, vpcSubnets, securityGroups }: TrainingNetworkProps): string[] {
  const problems: string[] = [];
  if (vpc === undefined && (vpcSubnets !== undefined || securityGroups !== undefined)) {
    problems.push('network.vpcSubnets and network.securityGroups belong to a VPC; give network.vpc too, or omit them');
  }
  // Limit of VpcConfig in the API reference.
  if (securityGroups !== undefined && (securityGroups.length < 1 || securityGroups.length > 5)) {
    problems.push(
      `network.securityGroups has ${securityGroups.length} groups; 1 to 5 are allowed, or omit it for a group of the pipeline's own`,
    );
  }
  return problems;
}

/**
 * `VpcConfig` of the job; creates a security group where none is given.
 *
 * @internal
 */
export function trainingVpcConfig(
  scope: Construct,
  { vpc, vpcSubnets, securityGroups }: TrainingNetworkProps,
): { readonly Subnets: string[]; readonly SecurityGroupIds: string[] } | undefined {
  if (vpc === undefined) return undefined;
  const groups = securityGroups ?? [memberGroup(scope, vpc)];
  return {
    Subnets: vpc.selectSubnets(vpcSubnets).subnetIds,
    SecurityGroupIds: groups.map((group) => group.securityGroupId),
  };
}

/** Group whose members reach each other on all ports, as distributed training needs. */
function memberGroup(scope: Construct, vpc: ec2.IVpc): ec2.SecurityGroup {
  const group = new ec2.SecurityGroup(scope, 'SecurityGroup', { vpc, description: 'Instances of training jobs' });
  group.addIngressRule(group, ec2.Port.allTraffic(), 'Instances of one job');
  return group;
}
