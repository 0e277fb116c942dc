import { Resource, Stack, Token } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Where something lives; may be known at deploy time only. */
export interface Home {
  readonly region: string;
  readonly account: string;
}

/** Where a fleet lives: for an imported one what its ARN says, otherwise its stack. */
export function homeOf(fleet: IConstruct): Home {
  const { region, account } = Resource.isResource(fleet) ? fleet.env : Stack.of(fleet);
  return { region, account };
}

/** What differs for certain between two homes, in the order region, account. */
export function differences(one: Partial<Home>, other: Home): ('region' | 'account')[] {
  return (['region', 'account'] as const).filter((what) => {
    const value = one[what];
    if (value === undefined || Token.isUnresolved(value) || Token.isUnresolved(other[what])) return false;
    return value !== other[what];
  });
}
