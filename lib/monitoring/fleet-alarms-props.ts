import type { Duration } from 'aws-cdk-lib';

/** When the alarms of an asynchronous endpoint go off. */
export interface AsyncEndpointAlarmsProps {
  /**
   * How long work may wait without any instance. Longer than a start from zero takes; whole minutes.
   *
   * @default Duration.minutes(20)
   */
  readonly maxTimeWithoutCapacity?: Duration;

  /**
   * How long the oldest request may wait; by itself it expires after 6 hours.
   *
   * @default Duration.minutes(30)
   */
  readonly maxWait?: Duration;

  /**
   * Requests that may fail in 5 minutes; each leaves its error below the prefix of failures.
   *
   * @default 5
   */
  readonly maxFailures?: number;
}

/** When the alarms of a model on a shared endpoint go off. */
export interface ModelComponentAlarmsProps {
  /**
   * The share of requests that fail as the server's fault, above 0 and at most 1.
   *
   * @default 0.05
   */
  readonly maxErrorRate?: number;

  /**
   * The time the model takes for a request, on average.
   *
   * @default Duration.seconds(20)
   */
  readonly maxModelLatency?: Duration;

  /**
   * How long a copy may have more requests than it was tested with; whole minutes.
   *
   * @default Duration.minutes(15)
   */
  readonly maxOverload?: Duration;

  /**
   * How long requests may meet no copy. Longer than a start from zero takes; a multiple of 5 minutes.
   *
   * @default Duration.minutes(20)
   */
  readonly maxTimeWithoutCapacity?: Duration;
}

/** When the alarms of a serverless endpoint go off. */
export interface ServerlessEndpointAlarmsProps {
  /**
   * The share of requests that fail as the server's fault, above 0 and at most 1.
   *
   * @default 0.05
   */
  readonly maxErrorRate?: number;

  /**
   * The time the model takes for a request, on average.
   *
   * @default Duration.seconds(20)
   */
  readonly maxModelLatency?: Duration;
}
