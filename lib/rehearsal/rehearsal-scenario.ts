import type { Duration } from 'aws-cdk-lib';

/** Traffic as counts of requests in steps of equal length. */
export interface RequestCounts {
  /** Length of each step in seconds, from 0.001 to 86400. */
  readonly stepSeconds: number;

  /** Requests that arrive in each step; they are spread evenly at random inside it. */
  readonly requests: number[];
}

/** Further attempts of callers whose requests time out or are rejected, as AWS SDKs make them. */
export enum CallerRetryMode {
  /** No caller tries again. */
  NONE = 'none',
  /** Three attempts with short pauses: the default of AWS SDKs since November 2026. */
  STANDARD = 'standard',
  /** Five attempts with pauses of up to 1, 2, 4 and 8 seconds: that of Boto3 and the AWS CLI before. */
  LEGACY = 'legacy',
}

/** Traffic for the fleets of an app, and the conditions under which they fail it. */
export interface RehearsalScenario {
  /** Name of the scenario in reports, unique in the check. */
  readonly name: string;

  /**
   * File of recorded traffic: requests, counts per step or a CloudWatch export; plain or gzipped. A relative path starts at the working
   * directory of the app. Give either `trace` or `counts`.
   *
   * @default - the traffic is in `counts`
   */
  readonly trace?: string;

  /**
   * Traffic as counts of requests. Give either `trace` or `counts`.
   *
   * @default - the traffic is in `trace`
   */
  readonly counts?: RequestCounts;

  /** Conditions under which the scenario fails, such as `slo<99`, `cost>1200/month`, `wait-p99>1` or `drops>0.1`. */
  readonly failIf: string[];

  /**
   * Part of the resource id (`endpoint/NAME/variant/NAME`) of the fleets to rehearse.
   *
   * @default - every fleet of the app, each with all of the traffic
   */
  readonly fleet?: string;

  /**
   * Median time from launch to in service of an instance.
   *
   * @default Duration.seconds(258) - with container and model caching
   */
  readonly provisioning?: Duration;

  /**
   * Maximum wait for a slot of a request that is served well.
   *
   * @default Duration.seconds(1)
   */
  readonly sloWait?: Duration;

  /**
   * Further attempts of callers whose requests fail.
   *
   * @default CallerRetryMode.STANDARD - CallerRetryMode.NONE on asynchronous endpoints and behind streams, and where the trace is a metric, whose counts contain retries
   */
  readonly callerRetries?: CallerRetryMode;

  /**
   * Seed of everything random, a whole number; the same app and seed give the same result.
   *
   * @default 1
   */
  readonly seed?: number;
}
