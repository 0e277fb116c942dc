import type { Duration } from 'aws-cdk-lib';

/** Thresholds of the alarms of a real-time endpoint. */
export interface EndpointAlarmsProps {
  /**
   * Maximum share of requests with a server error (5xx), above 0 and at most 1.
   *
   * @default 0.05
   */
  readonly maxErrorRatio?: number;

  /**
   * Maximum mean latency of the model.
   *
   * @default Duration.seconds(20)
   */
  readonly maxModelLatency?: Duration;

  /**
   * Maximum time with more concurrent requests on an instance than `maxConcurrencyPerInstance`; whole minutes, longer than a scale-out takes.
   *
   * @default Duration.minutes(15)
   */
  readonly maxOverload?: Duration;
}

/** Thresholds of the alarms of an asynchronous endpoint. */
export interface AsyncEndpointAlarmsProps {
  /**
   * Maximum time with a backlog and without an instance; whole minutes, longer than a start from zero takes.
   *
   * @default Duration.minutes(20)
   */
  readonly maxTimeWithoutCapacity?: Duration;

  /**
   * Maximum age of the oldest request; requests expire after 6 hours by default.
   *
   * @default Duration.minutes(30)
   */
  readonly maxWait?: Duration;

  /**
   * Number of failed requests in 5 minutes; the errors are objects below the prefix of failures.
   *
   * @default 5
   */
  readonly maxFailures?: number;
}

/** Thresholds of the alarms of an inference component. */
export interface InferenceComponentAlarmsProps {
  /**
   * Maximum share of requests with a server error (5xx), above 0 and at most 1.
   *
   * @default 0.05
   */
  readonly maxErrorRatio?: number;

  /**
   * Maximum mean latency of the model.
   *
   * @default Duration.seconds(20)
   */
  readonly maxModelLatency?: Duration;

  /**
   * Maximum time with more concurrent requests on a copy than `maxConcurrencyPerCopy`; whole minutes.
   *
   * @default Duration.minutes(15)
   */
  readonly maxOverload?: Duration;

  /**
   * Maximum time with requests and without a copy; a multiple of 5 minutes, longer than a start from zero takes.
   *
   * @default Duration.minutes(20)
   */
  readonly maxTimeWithoutCapacity?: Duration;
}

/** Thresholds of the alarms of a serverless endpoint. */
export interface ServerlessEndpointAlarmsProps {
  /**
   * Maximum share of requests with a server error (5xx), above 0 and at most 1.
   *
   * @default 0.05
   */
  readonly maxErrorRatio?: number;

  /**
   * Maximum mean latency of the model.
   *
   * @default Duration.seconds(20)
   */
  readonly maxModelLatency?: Duration;
}
