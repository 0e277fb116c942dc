/** What a stage does with the forecast of its demand. */
export enum StageForecast {
  /** Nothing is forecast. */
  OFF = 'off',

  /** Demand is forecast and the forecast scored, and nothing is changed. */
  SHADOW = 'shadow',

  /** The forecast sets the fewest instances, between the stage's limits. */
  ACTIVE = 'active',
}

/** What differs between the stages of the platform; everything else is the same everywhere. */
export interface Stage {
  /** The stage's name; the stack is called `Tidegate-<name>`. */
  readonly name: string;

  /**
   * The region to deploy to, whose prices count.
   *
   * @default us-east-1
   */
  readonly region?: string;

  /** The GPU instance types of the endpoint, the most wanted first. */
  readonly instanceTypes: string[];

  /** The fewest instances of the endpoint. */
  readonly minCapacity: number;

  /** The most instances of the endpoint. */
  readonly maxCapacity: number;

  /**
   * The cost guard never asks for fewer instances than this.
   *
   * @default - minCapacity
   */
  readonly protectedFloor?: number;

  /**
   * The concurrent requests one instance was load-tested with.
   *
   * @default 8
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * The share of the tested concurrency that scaling aims at.
   *
   * @default 0.7
   */
  readonly safetyFactor?: number;

  /**
   * What is done with the forecast of the demand.
   *
   * @default StageForecast.SHADOW
   */
  readonly forecast?: StageForecast;

  /**
   * How long a request keeps its place on an instance, in seconds, on average; the forecast counts with it.
   *
   * @default 4 - two hundred tokens from a mid-sized language model
   */
  readonly serviceTimeSeconds?: number;

  /**
   * Shards of the request stream.
   *
   * @default - an on-demand stream
   */
  readonly shardCount?: number;

  /** The instance types for training, the most wanted first. */
  readonly trainingInstanceTypes: string[];

  /**
   * Train once a day over what has landed.
   *
   * @default false - training is started by hand
   */
  readonly trainDaily?: boolean;

  /** What may be spent in a calendar month, in USD; changed later in the budget parameter, without a deployment. */
  readonly budgetUsd: number;

  /**
   * The cost guard meters, records and tells, and limits nothing.
   *
   * @default false
   */
  readonly guardDryRun?: boolean;

  /**
   * USD per instance-hour by instance type, in place of the package's dated price table.
   *
   * @default - the price table for the region
   */
  readonly pricesPerHourUsd?: { [instanceType: string]: number };

  /**
   * Keep stream, buckets and tables when they leave the stack, and keep access logs of the buckets.
   *
   * @default false
   */
  readonly keepsData?: boolean;
}
