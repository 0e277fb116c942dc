import { instancePrice, type PriceOverride } from '../../lib/catalog/prices';
import { InputError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import type { FleetNeed } from '../../lib/preflight/contract';

/** Time after which a smoke test ends its checks, whatever they wait for. */
export const LIMIT_MINUTES = 75;

/** Time that CloudFormation takes to delete the stack, at most. */
const TEARDOWN_MINUTES = 15;

/** Time of a smoke test in which everything goes well: endpoint, traffic, guard, teardown. */
const EXPECTED_MINUTES = 35;

/** Cost of the stream, functions, tables, logs, alarms and dashboard for these hours, rounded up. */
const OTHER_USD = 1;

/** Cost of a smoke test, known before it begins. */
export interface CostBound {
  readonly minimumUsdPerHour: number;
  readonly maximumUsdPerHour: number;
  /** Cost if everything goes well. */
  readonly expectedUsd: number;
  /** Cost if every fleet is at its maximum from the first minute to the last. */
  readonly boundUsd: number;
}

/**
 * Returns the cost of the fleets of some templates.
 *
 * @throws InputError where a price is unknown, or the limits are decided by the deployment
 */
export function costBound(
  fleets: readonly FleetNeed[],
  region: string,
  overrides: readonly PriceOverride[],
): CostBound {
  let minimumUsdPerHour = 0;
  let maximumUsdPerHour = 0;
  for (const { fleet, instanceTypes, minimum, maximum } of fleets) {
    if (minimum === null || maximum === null)
      throw new InputError(
        `the limits of ${fleet} are decided by the deployment, so its cost has no bound; give numbers`,
      );
    const dearest = dearestUsdPerHour(instanceTypes, region, overrides);
    minimumUsdPerHour += minimum * dearest;
    maximumUsdPerHour += maximum * dearest;
  }
  return {
    minimumUsdPerHour,
    maximumUsdPerHour,
    expectedUsd: (minimumUsdPerHour * EXPECTED_MINUTES) / 60 + OTHER_USD,
    boundUsd: (maximumUsdPerHour * (LIMIT_MINUTES + TEARDOWN_MINUTES)) / 60 + OTHER_USD,
  };
}

/** Returns the highest price of some types. */
export function dearestUsdPerHour(
  instanceTypes: readonly string[],
  region: string,
  overrides: readonly PriceOverride[],
): number {
  return Math.max(
    ...instanceTypes.map((instanceType) => instancePrice({ instanceType, region, overrides }).usdPerHour),
  );
}

/** Adds up the cost of a fleet from its numbers of instances. Between two observations the higher one counts. */
export class InstanceMeter {
  private last: { readonly at: EpochSeconds; readonly instances: number } | undefined;
  private usd = 0;

  public constructor(private readonly usdPerHour: number) {}

  public observe(at: EpochSeconds, instances: number): void {
    if (this.last !== undefined) {
      const hours = Math.max(0, at - this.last.at) / 3600;
      this.usd += Math.max(this.last.instances, instances) * hours * this.usdPerHour;
    }
    this.last = { at, instances };
  }

  /** Cost up to the last observation. */
  public totalUsd(): number {
    return this.usd;
  }
}
