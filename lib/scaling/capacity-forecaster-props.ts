import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { FleetScaling } from './fleet-scaling';

/** What a forecaster does with what it forecasts. */
export enum ForecastMode {
  /** It forecasts, scores itself against what came, publishes both, and changes nothing. */
  SHADOW = 'shadow',

  /** It writes the fleet's minimum too. */
  ACTIVE = 'active',
}

/** Properties of CapacityForecaster. */
export interface CapacityForecasterProps {
  /** The fleet with its limits: the minimum never falls below `minCapacity` and never exceeds the maximum in force. */
  readonly scaling: FleetScaling;

  /** How long a request keeps its place on an instance, on average: the mean latency of the model at the tested concurrency. */
  readonly serviceTime: Duration;

  /**
   * How long a new instance takes from launch until it serves: how far ahead demand is forecast.
   *
   * @default Duration.seconds(258) - the slowest published launch with container and model caching
   */
  readonly provisioning?: Duration;

  /**
   * Whether the forecast changes anything.
   *
   * @default ForecastMode.SHADOW
   */
  readonly mode?: ForecastMode;

  /**
   * The metric whose sum over a minute is the number of requests in it.
   *
   * @default - `Invocations`, under the dimensions of the fleet's concurrency metric
   */
  readonly requestsMetric?: cloudwatch.Metric;

  /**
   * What happens to the table when the construct is removed from the stack.
   *
   * @default RemovalPolicy.DESTROY - what it holds is learned again from the metrics
   */
  readonly removalPolicy?: RemovalPolicy;
}
