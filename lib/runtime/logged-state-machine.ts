import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct, IDependable } from 'constructs';
import { acknowledgeInlinePolicy, acknowledgeLogEncryption, acknowledgeRule } from './acknowledge';

/** State machine, and what there is before its first execution. */
export interface LoggedStateMachine {
  readonly role: iam.Role;
  readonly definitionBody: sfn.DefinitionBody;
  /** Longest execution; without an end by default. */
  readonly timeout?: Duration;
  /** Constructs that are there before it, such as the policy of its role. */
  readonly after: readonly IDependable[];
}

/** Creates the role of a state machine. */
export function stateMachineRole(scope: Construct, description: string): iam.Role {
  return new iam.Role(scope, 'MachineRole', {
    assumedBy: new iam.ServicePrincipal('states.amazonaws.com'),
    description,
  });
}

/** Creates a standard state machine that is traced, and logs every state for a month. */
export function loggedStateMachine(scope: Construct, parts: LoggedStateMachine): sfn.StateMachine {
  const { role } = parts;
  const logGroup = new logs.LogGroup(scope, 'MachineLogs', {
    logGroupName: logGroupName(scope),
    retention: logs.RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  acknowledgeLogEncryption(logGroup);
  const machine = new sfn.StateMachine(scope, 'Machine', {
    definitionBody: parts.definitionBody,
    stateMachineType: sfn.StateMachineType.STANDARD,
    role,
    timeout: parts.timeout,
    tracingEnabled: true,
    logs: { destination: logGroup, level: sfn.LogLevel.ALL, includeExecutionData: true },
  });
  machine.node.addDependency(...parts.after);
  acknowledgeInlinePolicy(role);
  acknowledgeRule(
    role,
    'IAM5[Resource::*]',
    "Step Functions' log delivery and X-Ray do not support resource-level permissions; both are in the documentation of the service.",
  );
  return machine;
}

/**
 * Name of the log group, unique in the account and region: the name of the stack and the path in it.
 *
 * Step Functions adds every log group to a resource policy of at most 5,120 characters, unless its name begins with `/aws/vendedlogs/`:
 * https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
 */
function logGroupName(scope: Construct): string {
  const stack = Stack.of(scope);
  const path = scope.node.path.slice(stack.node.path.length).replace(/[^A-Za-z0-9_/.-]/g, '-');
  return `/aws/vendedlogs/states/${stack.stackName}${path}`;
}
