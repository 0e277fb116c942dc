import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { FleetScaling } from './fleet-scaling';

/** Effect of the forecast on the fleet. */
export enum ForecastMode {
  /** The forecast is published and scored against the actual demand; capacity is not changed. */
  SHADOW = 'shadow',

  /** The forecast also sets the fleet's minimum capacity. */
  ACTIVE = 'active',
}

/** Properties of CapacityForecaster. */
export interface CapacityForecasterProps {
  /** Scaling of the fleet. The forecast keeps the minimum between its `minCapacity` and the maximum in force. */
  readonly scaling: FleetScaling;

  /** Mean time that a request occupies an instance: the mean latency of the model at the tested concurrency. */
  readonly serviceTime: Duration;

  /**
   * Time from the launch of an instance until it serves; demand is forecast this far ahead.
   *
   * @default Duration.seconds(258) - the slowest published launch with container and model caching
   */
  readonly provisioning?: Duration;

  /**
   * Effect of the forecast on the fleet.
   *
   * @default ForecastMode.SHADOW
   */
  readonly mode?: ForecastMode;

  /**
   * Metric whose sum over a minute is the number of requests in that minute.
   *
   * @default - the fleet's `Invocations`; required for asynchronous endpoints, which publish none
   */
  readonly requestsMetric?: cloudwatch.Metric;

  /**
   * Removal policy of the table.
   *
   * @default RemovalPolicy.DESTROY - its content can be learned again from the metrics
   */
  readonly removalPolicy?: RemovalPolicy;
}
