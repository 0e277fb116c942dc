import { ArnFormat, Stack } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as ssm from 'aws-cdk-lib/aws-ssm';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import { acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { grantKeyUse } from '../runtime/dependent-grants';
import { grantLimits } from '../scaling/limit-permissions';
import type { IScalableFleet } from '../scaling/scalable-fleet';
import type { CostGuardProps } from './cost-guard-props';

/** Resources of the guard's handler. */
export interface GuardResources {
  readonly handler: lambda.IFunction;
  readonly table: dynamodb.ITable;
  readonly budgetParameter: ssm.IStringParameter;
  readonly topic: sns.ITopic;
}

/**
 * Grants the guard's handler its permissions: by resource where the service supports resource-level permissions, narrowed by condition
 * where it does not.
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
  grantKeyUse(topic.masterKey, handler, 'sns:Publish');
  allow('Metrics', ['cloudwatch:PutMetricData'], ['*'], {
    StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE },
  });

  const everywhere = ['cloudwatch:PutMetricData (limited to one namespace by a condition)'];
  const fleets = (props.fleets ?? []).map(({ scaling }) => scaling.fleet);
  if (fleets.length > 0) everywhere.push(...grantFleets(handler, fleets));
  if (props.training !== undefined) {
    // Names in ARNs of SageMaker are in lower case.
    const jobs = arn('sagemaker', `training-job/${props.training.jobNamePrefix.toLowerCase()}*`);
    allow('SeeTraining', ['sagemaker:DescribeTrainingJob'], [jobs]);
    allow('StopTraining', ['sagemaker:StopTrainingJob'], [jobs]);
    acknowledgeWildcards(
      role,
      [jobs],
      'Every run of a training job has a new name; the statement is limited to the prefix of the metered ones.',
    );
    allow('ListTraining', ['sagemaker:ListTrainingJobs'], ['*']);
    everywhere.push('sagemaker:ListTrainingJobs');
  }
  acknowledgeWildcards(
    role,
    ['*'],
    `Services do not check these actions on a resource that a policy could name: ${everywhere.join(', ')}.`,
  );
}

/** Grants the guard's handler what it needs of one fleet, in a policy of its own. */
export function grantProtected(handler: lambda.IFunction, fleet: IScalableFleet): void {
  const role = handler.role! as iam.Role;
  const policy = new iam.Policy(role, `Protect${fleet.node.addr}`, { roles: [role] });
  const everywhere = grantFleets({ role, addToRolePolicy: (statement) => policy.addStatements(statement) }, [fleet]);
  acknowledgeWildcards(
    role,
    ['*'],
    `Services do not check these actions on a resource that a policy could name: ${everywhere.join(', ')}.`,
  );
}

/** Grants the guard's handler to see and stop the executions of one state machine, in a policy of its own. */
export function grantExecutions(handler: lambda.IFunction, stateMachine: sfn.IStateMachine): void {
  const role = handler.role! as iam.Role;
  const { stateMachineArn } = stateMachine;
  const stack = Stack.of(stateMachine);
  const stateMachineName =
    stateMachine instanceof sfn.StateMachine
      ? stateMachine.stateMachineName
      : stack.splitArn(stateMachineArn, ArnFormat.COLON_RESOURCE_NAME).resourceName;
  const runs = stack.formatArn({
    service: 'states',
    resource: 'execution',
    resourceName: `${stateMachineName}:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  const policy = new iam.Policy(role, `Meter${stateMachine.node.addr}`, {
    roles: [role],
    statements: [
      new iam.PolicyStatement({
        sid: 'ListExecutions',
        actions: ['states:ListExecutions'],
        resources: [stateMachineArn],
      }),
      new iam.PolicyStatement({
        sid: 'SeeAndStop',
        actions: ['states:DescribeExecution', 'states:StopExecution'],
        resources: [runs],
      }),
    ],
  });
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(
    policy,
    [runs],
    'Every execution has a new name; the statement is limited to one state machine.',
  );
}

/** Allows to observe fleets and to set their limits; returns the actions on every resource. */
function grantFleets(
  handler: Pick<lambda.IFunction, 'role' | 'addToRolePolicy'>,
  fleets: readonly IScalableFleet[],
): string[] {
  const endpointArns = fleets.flatMap(({ instances }) => instances?.endpointArn ?? []);
  handler.addToRolePolicy(
    new iam.PolicyStatement({ sid: 'See', actions: ['sagemaker:DescribeEndpoint'], resources: unique(endpointArns) }),
  );
  return grantLimits(handler, fleets);
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
