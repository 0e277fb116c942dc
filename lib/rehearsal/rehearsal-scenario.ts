import type { Duration } from 'aws-cdk-lib';

/** Traffic as counts of requests in steps of equal length. */
export interface RequestCounts {
  /** The length of each step in seconds, from 0.001 to 86400. */
  readonly stepSeconds: number;

  /** The requests that arrive in each step; they are spread evenly at random inside it. */
  readonly requests: number[];
}

/** Traffic that the fleets must stand, and what counts as failing it. */
export interface RehearsalScenario {
  /** What the scenario is called in reports, unique in the check. */
  readonly name: string;

  /**
   * A file of recorded traffic: requests, counts per step or a CloudWatch export; plain or gzipped. A relative path counts from the
   * directory the app runs in. Give either `trace` or `counts`.
   *
   * @default - the traffic is in `counts`
   */
  readonly trace?: string;

  /**
   * The traffic itself. Give either `trace` or `counts`.
   *
   * @default - the traffic is in `trace`
   */
  readonly counts?: RequestCounts;

  /** Conditions under which the scenario fails, such as `slo<99`, `cost>1200/month`, `wait-p99>1` or `drops>0.1`. */
  readonly failIf: string[];

  /**
   * Only the fleets whose resource id (`endpoint/NAME/variant/NAME`) contains this.
   *
   * @default - every fleet of the app, each given all of the traffic
   */
  readonly fleet?: string;

  /**
   * The median time an instance takes from launch to in service.
   *
   * @default Duration.seconds(258) - with container and model caching
   */
  readonly provisioning?: Duration;

  /**
   * A request is served well when it waits at most so long for a slot.
   *
   * @default Duration.seconds(1)
   */
  readonly sloWait?: Duration;

  /**
   * The seed of everything random, a whole number; the same app and seed give the same verdict.
   *
   * @default 1
   */
  readonly seed?: number;
}
