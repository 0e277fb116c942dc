import { ArnFormat, Stack } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as ssm from 'aws-cdk-lib/aws-ssm';
import { acknowledgeWildcards } from '../runtime/acknowledge';
import { GUARD_METRICS } from './contract';
import type { CostGuardProps } from './cost-guard-props';

/** What the guard's handler works with. */
export interface GuardResources {
  readonly handler: lambda.IFunction;
  readonly table: dynamodb.ITable;
  readonly budgetParameter: ssm.IStringParameter;
  readonly topic: sns.ITopic;
}

/**
 * Gives the guard's handler what it needs and no more: every resource is named where the service knows names, and narrowed by
 * condition where it does not.
 */
export function grantGuard({ handler, table, budgetParameter, topic }: GuardResources, props: CostGuardProps): void {
  const role = handler.role!;
  const stack = Stack.of(handler);
  const allow = (sid: string, actions: string[], resources: string[], conditions?: { [key: string]: unknown }): void =>
    handler.addToRolePolicy(new iam.PolicyStatement({ sid, actions, resources, conditions }));
  const arn = (service: string, resource: string): string =>
    stack.formatArn({ service, resource, arnFormat: ArnFormat.NO_RESOURCE_NAME });

  allow('State', ['dynamodb:GetItem', 'dynamodb:PutItem'], [table.tableArn]);
  allow('Budget', ['ssm:GetParameter'], [budgetParameter.parameterArn]);
  allow('Notices', ['sns:Publish'], [topic.topicArn]);
  const key = topic.masterKey;
  if (key !== undefined) allow('NoticeKey', ['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn]);
  allow('Metrics', ['cloudwatch:PutMetricData'], ['*'], {
    StringEquals: { 'cloudwatch:namespace': GUARD_METRICS.namespace },
  });

  const everywhere = ['cloudwatch:PutMetricData (held to one namespace by a condition)'];
  const fleets = props.fleets ?? [];
  if (fleets.length > 0) {
    allow('See', ['sagemaker:DescribeEndpoint'], unique(fleets.map(({ endpointArn }) => endpointArn)));
    const targets = arn('application-autoscaling', 'scalable-target/*');
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
    acknowledgeWildcards(
      role,
      [targets],
      'The ARN of a scalable target ends in an id that the service makes up and CloudFormation does not return; ' +
        'conditions hold the statement to the namespace and the dimension of the guarded fleets.',
    );
    allow('SeeLimits', ['application-autoscaling:DescribeScalableTargets'], ['*']);
    everywhere.push('application-autoscaling:DescribeScalableTargets');
  }
  if (props.training !== undefined) {
    // SageMaker writes names in ARNs in lower case.
    const jobs = arn('sagemaker', `training-job/${props.training.jobNamePrefix.toLowerCase()}*`);
    allow('SeeTraining', ['sagemaker:DescribeTrainingJob'], [jobs]);
    acknowledgeWildcards(
      role,
      [jobs],
      'Every run of a training job has a new name; the statement is held to the prefix of the metered ones.',
    );
    allow('ListTraining', ['sagemaker:ListTrainingJobs'], ['*']);
    everywhere.push('sagemaker:ListTrainingJobs');
  }
  acknowledgeWildcards(role, ['*'], `These actions know no resources: ${everywhere.join(', ')}.`);
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
