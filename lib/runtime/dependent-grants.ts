import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { IConstruct } from 'constructs';
import {
  dependentPermissions,
  namedArns,
  type CheckedCall,
  type DependentPermission,
} from '../catalog/dependent-permissions';
import { acknowledgeWildcards } from './acknowledge';

/** Returns the statements that some calls need beside their own actions, one for each resource and condition. */
export function dependentStatements(scope: IConstruct, calls: readonly CheckedCall[]): iam.PolicyStatement[] {
  const merged = new Map<string, { actions: Set<string>; resources: string[]; row: DependentPermission }>();
  for (const checked of calls) {
    for (const row of dependentPermissions(checked)) {
      const resources = resourcesOf(scope, row, checked);
      const key = JSON.stringify([resources, row.context ?? {}]);
      const entry = merged.get(key) ?? { actions: new Set(), resources, row };
      for (const action of row.actions) entry.actions.add(action);
      merged.set(key, entry);
    }
  }
  return [...merged.values()].map(
    ({ actions, resources, row }) =>
      new iam.PolicyStatement({
        actions: [...actions].sort(),
        resources,
        conditions: row.context && { StringEquals: row.context },
      }),
  );
}

/**
 * Accepts the wildcards of the statements that {@link dependentStatements} returns, below a construct. Returns the actions on every
 * resource, which the caller acknowledges together with its own.
 */
export function acknowledgeDependentWildcards(scope: IConstruct, calls: readonly CheckedCall[]): string[] {
  const everywhere: string[] = [];
  for (const checked of calls) {
    for (const row of dependentPermissions(checked)) {
      if (row.resource === '*') everywhere.push(...row.actions);
      else if (row.wildcardReason !== undefined)
        acknowledgeWildcards(scope, resourcesOf(scope, row, checked), row.wildcardReason);
    }
  }
  return [...new Set(everywhere)];
}

/** Grants the use of a resource's customer managed key, by the calls on the resource; nothing without a key. */
export function grantKeyUse(
  key: kms.IKey | undefined,
  grantee: iam.IGrantable,
  ...calls: readonly string[]
): iam.Grant | undefined {
  if (key === undefined) return undefined;
  const actions = calls.flatMap((call) => dependentPermissions({ call, arns: { KeyArn: [key.keyArn] } }));
  return key.grant(grantee, ...new Set(actions.flatMap((row) => row.actions)));
}

function resourcesOf(scope: IConstruct, { resource }: DependentPermission, checked: CheckedCall): string[] {
  if (resource === '*') return ['*'];
  const named = namedArns(resource, checked);
  if (named !== undefined) return [...new Set(named)];
  const { partition, region, account } = Stack.of(scope);
  const [service, ...name] = resource.split(':');
  return [`arn:${partition}:${service}:${service === 'iam' ? '' : region}:${account}:${name.join(':')}`];
}
