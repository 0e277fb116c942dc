import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { GUARD_METRICS } from './contract';
import type { CostGuard } from './cost-guard';
import type { CostGuardProps } from './cost-guard-props';

/**
 * Gives the guard's handler what it needs and no more: every resource is named where the service knows names, and narrowed by
 * condition where it does not.
 */
export function grantGuard(guard: CostGuard, props: CostGuardProps): void {
  const role = guard.handler;
  const allow = (sid: string, actions: string[], resources: string[], conditions?: { [key: string]: unknown }): void =>
    role.addToRolePolicy(new iam.PolicyStatement({ sid, actions, resources, conditions }));
  const wildcards: { readonly resource: string; readonly reason: string }[] = [];

  allow('State', ['dynamodb:GetItem', 'dynamodb:PutItem'], [guard.table.tableArn]);
  allow('Budget', ['ssm:GetParameter'], [guard.budgetParameter.parameterArn]);
  allow('Notices', ['sns:Publish'], [guard.topic.topicArn]);
  const key = guard.topic.masterKey;
  if (key !== undefined) allow('NoticeKey', ['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn]);
  allow('Metrics', ['cloudwatch:PutMetricData'], ['*'], {
    StringEquals: { 'cloudwatch:namespace': GUARD_METRICS.namespace },
  });

  const everywhere = ['cloudwatch:PutMetricData (narrowed to its namespace)'];
  const fleets = props.fleets ?? [];
  if (fleets.length > 0) {
    allow('See', ['sagemaker:DescribeEndpoint'], unique(fleets.map(({ endpointArn }) => endpointArn)));
    const targets = arn(guard, 'application-autoscaling', 'scalable-target/*');
    allow('Limit', ['application-autoscaling:RegisterScalableTarget'], [targets], {
      StringEquals: {
        'application-autoscaling:service-namespace': unique(
          fleets.map(({ scaling }) => scaling.fleet.serviceNamespace),
        ),
        'application-autoscaling:scalable-dimension': unique(
          fleets.map(({ scaling }) => scaling.fleet.scalableDimension),
        ),
      },
    });
    allow('SeeLimits', ['application-autoscaling:DescribeScalableTargets'], ['*']);
    everywhere.push('application-autoscaling:DescribeScalableTargets');
    wildcards.push({
      resource: targets,
      reason:
        'The ARN of a scalable target ends in an id that the service makes up and CloudFormation does not return; ' +
        'the statement is narrowed to the namespace and the dimension of the guarded fleets.',
    });
  }
  if (props.training !== undefined) {
    // SageMaker writes names in ARNs in lower case.
    const jobs = arn(guard, 'sagemaker', `training-job/${props.training.jobNamePrefix.toLowerCase()}*`);
    allow('SeeTraining', ['sagemaker:DescribeTrainingJob'], [jobs]);
    allow('ListTraining', ['sagemaker:ListTrainingJobs'], ['*']);
    everywhere.push('sagemaker:ListTrainingJobs');
    wildcards.push({
      resource: jobs,
      reason:
        'Training jobs get a new name for every run; the statement is narrowed to the prefix of the metered ones.',
    });
  }
  wildcards.push({
    resource: '*',
    reason: `These actions have no resource-level permission: ${everywhere.join(', ')}.`,
  });
  Validations.of(guard.handler.role!).acknowledge(
    ...wildcards.map(({ resource, reason }) => ({
      id: `AwsSolutions::AwsSolutions-IAM5[Resource::${asRulePacksWrite(guard, resource)}]`,
      reason,
    })),
  );
}

function arn(guard: CostGuard, service: string, resource: string): string {
  return Stack.of(guard).formatArn({ service, resource, arnFormat: ArnFormat.NO_RESOURCE_NAME });
}

/** A value with its tokens as rule packs write them in the ids of their findings: `<AWS::Region>`, `<LogicalId.Arn>`. */
function asRulePacksWrite(guard: CostGuard, value: string): string {
  const flat = (node: unknown): string => {
    if (typeof node === 'string') return node;
    const [name, argument] = Object.entries(node as { readonly [name: string]: unknown })[0]!;
    if (name === 'Ref') return `<${String(argument)}>`;
    const [first, second] = argument as [unknown, unknown];
    return name === 'Fn::Join'
      ? (second as unknown[]).map(flat).join(String(first))
      : `<${flat(first)}.${flat(second)}>`;
  };
  return flat(Stack.of(guard).resolve(value));
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
