import { Resource, Stack, Token } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Region and account; either may be known at deploy time only. */
export interface FleetEnvironment {
  readonly region: string;
  readonly account: string;
}

/** Returns the environment of a fleet: the one in the ARN of an imported fleet, otherwise its stack's. */
export function environmentOf(fleet: IConstruct): FleetEnvironment {
  const { region, account } = Resource.isResource(fleet) ? fleet.env : Stack.of(fleet);
  return { region, account };
}

/** Returns 'region' and 'account' where both environments are known and differ. */
export function differences(one: Partial<FleetEnvironment>, other: FleetEnvironment): ('region' | 'account')[] {
  return (['region', 'account'] as const).filter((property) => {
    const value = one[property];
    if (value === undefined || Token.isUnresolved(value) || Token.isUnresolved(other[property])) return false;
    return value !== other[property];
  });
}
