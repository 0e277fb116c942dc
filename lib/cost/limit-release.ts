import { CustomResource, Duration } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledgeControl, acknowledgeWildcards } from '../runtime/acknowledge';
import { HandlerFunction } from '../runtime/handler-function';
import { grantLimits } from '../scaling/limit-permissions';
import type { IScalableFleet } from '../scaling/scalable-fleet';
import { GUARD_ENVIRONMENT } from './contract';

/** Properties of {@link LimitRelease}. */
export interface LimitReleaseProps {
  /** Table of the guard's state. */
  readonly table: dynamodb.ITable;
}

/**
 * Restores the limits of fleets that leave the guard, and of all of them when the guard is removed: a custom resource for each fleet, whose
 * deletion does so.
 *
 * Each custom resource has a policy of its own. CloudFormation deletes resources that left a template after it has changed the others,
 * and the dependent ones first: the policy of a fleet that left is still there when its limits are restored.
 */
export class LimitRelease extends Construct {
  private readonly handler: HandlerFunction;
  private readonly table: dynamodb.ITable;

  public constructor(scope: Construct, id: string, { table }: LimitReleaseProps) {
    super(scope, id);
    const handler = new HandlerFunction(this, 'Handler', {
      handlerName: 'cost-guard-release',
      description: 'Restores the limits of fleets that a cost guard no longer limits',
      timeout: Duration.minutes(5),
      environment: { [GUARD_ENVIRONMENT.tableName]: table.tableName },
    });
    acknowledgeControl(
      handler,
      'LambdaDLQ',
      'CloudFormation waits for the response and fails the deletion without one; a dead letter would have no reader.',
    );
    this.handler = handler;
    this.table = table;
  }

  /** Adds a guarded fleet. */
  public add(fleet: IScalableFleet): void {
    const { handler, table } = this;
    const role = handler.role!;
    // The policy is below the role, as are the acknowledgements.
    const policy = new iam.Policy(role as iam.Role, `Fleet${fleet.node.addr}`, { roles: [role] });
    policy.addStatements(
      new iam.PolicyStatement({ sid: 'HeldLimits', actions: ['dynamodb:GetItem'], resources: [table.tableArn] }),
    );
    const everywhere = grantLimits({ role, addToRolePolicy: (statement) => policy.addStatements(statement) }, [fleet]);
    acknowledgeWildcards(
      role,
      ['*'],
      `Services do not check these actions on a resource that a policy could name: ${everywhere.join(', ')}.`,
    );
    const resource = new CustomResource(this, `Fleet${fleet.node.addr}`, {
      resourceType: 'Custom::TidegateGuardedFleet',
      serviceToken: handler.functionArn,
      // The time-out of the handler, and a minute.
      serviceTimeout: Duration.minutes(6),
      properties: { ResourceId: fleet.resourceId },
      pascalCaseProperties: false,
    });
    resource.node.addDependency(policy, table);
  }
}
