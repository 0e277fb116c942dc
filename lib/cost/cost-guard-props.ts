import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { FleetScaling } from '../scaling/fleet-scaling';

/** A fleet for the guard to meter and to limit. */
export interface GuardedFleetProps {
  /** The scaling of the fleet: whose limits the guard lowers, and gives back when it lets go. */
  readonly scaling: FleetScaling;

  /** ARN of the endpoint that the fleet serves; the guard may describe this one and no other. */
  readonly endpointArn: string;

  /** The endpoint's variant that the fleet is. */
  readonly variantName: string;

  /** Every instance type the fleet may use, each of which needs a price. */
  readonly instanceTypes: string[];

  /**
   * The guard never asks for fewer instances than this. With the scaling's maxCapacity the fleet is metered and
   * never limited.
   *
   * @default - the scaling's minCapacity
   */
  readonly protectedFloor?: number;
}

/** Training jobs for the guard to meter. */
export interface GuardedTrainingProps {
  /** Jobs whose name begins with this are metered. */
  readonly jobNamePrefix: string;

  /** Every instance type the jobs may use, each of which needs a price. */
  readonly instanceTypes: string[];
}

/** Where the guard's levels begin. */
export interface GuardThresholdsProps {
  /**
   * From this share of the budget on people are warned, in percent.
   *
   * @default 80
   */
  readonly warnAtPercent?: number;

  /**
   * From this share on fleets may not grow, in percent.
   *
   * @default 90
   */
  readonly freezeAtPercent?: number;

  /**
   * From this share on fleets are held at their protected floor, in percent.
   *
   * @default 100
   */
  readonly shrinkAtPercent?: number;

  /**
   * A level is left when the share falls this many points below where it begins.
   *
   * @default 5
   */
  readonly releasePercent?: number;
}

/** Properties of {@link CostGuard}. */
export interface CostGuardProps {
  /**
   * The guard's name in its metrics and notices.
   *
   * @default - the construct's path
   */
  readonly guardName?: string;

  /** What may be spent in a calendar month (UTC), in USD; changed later in the budget parameter, without a deployment. */
  readonly budgetUsd: number;

  /**
   * The fleets to meter and to limit.
   *
   * @default - none
   */
  readonly fleets?: GuardedFleetProps[];

  /**
   * The training jobs to meter.
   *
   * @default - none
   */
  readonly training?: GuardedTrainingProps;

  /**
   * USD per instance-hour by instance type, in place of the package's dated price table.
   *
   * @default - the price table for the region
   */
  readonly pricesPerHourUsd?: { [instanceType: string]: number };

  /**
   * USD per instance-hour of training by instance type, in place of the package's dated price table.
   *
   * @default - pricesPerHourUsd, then the price table for the region
   */
  readonly trainingPricesPerHourUsd?: { [instanceType: string]: number };

  /**
   * The region whose prices count.
   *
   * @default - the stack's region, which has to be known at synthesis then
   */
  readonly pricingRegion?: string;

  /**
   * Where the levels begin.
   *
   * @default - 80, 90 and 100 percent, released 5 points lower
   */
  readonly thresholds?: GuardThresholdsProps;

  /**
   * How slowly the rate behind the forecast follows the present one: it has taken over 63 percent of a change after this time.
   *
   * @default Duration.hours(1)
   */
  readonly forecastSmoothing?: Duration;

  /**
   * Do everything but set limits: meter, decide, record and tell.
   *
   * @default false
   */
  readonly dryRun?: boolean;

  /**
   * Where notices go.
   *
   * @default - a new encrypted topic that accepts TLS only
   */
  readonly topic?: sns.ITopic;

  /**
   * What happens to the table of records when the guard is removed from the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}
