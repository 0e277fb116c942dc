import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct, IDependable } from 'constructs';

/** The metrics that Application Auto Scaling knows by name for a kind of fleet. */
export interface FleetPredefinedMetrics {
  /**
   * Requests in flight and queued on one instance, every 10 seconds.
   *
   * @default - the fleet has none
   */
  readonly concurrencyHighResolution?: string;

  /**
   * Invocations of one instance in one minute.
   *
   * @default - the fleet has none
   */
  readonly invocations?: string;
}

/**
 * Anything with a replica count that Application Auto Scaling can change: a real-time endpoint's instances, the copies of an
 * inference component.
 */
export interface IScalableFleet extends IConstruct {
  /** The resource of the scalable target, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;

  /** The replica count's name, for example `sagemaker:variant:DesiredInstanceCount`. */
  readonly scalableDimension: string;

  /** The namespace in Application Auto Scaling, for example `sagemaker`. */
  readonly serviceNamespace: string;

  /** The service's own name of what owns the fleet; for an endpoint's variant the endpoint's name. */
  readonly fleetName: string;

  /** The lowest capacity the service accepts: 1 for real-time endpoints, 0 where scaling to zero exists. */
  readonly lowestCapacity: number;

  /** The capacity the fleet is created with. */
  readonly initialCapacity: number;

  /** The concurrent requests one instance has been tested with. */
  readonly maxConcurrencyPerInstance: number;

  /** The metrics that Application Auto Scaling knows by name. */
  readonly predefinedMetrics: FleetPredefinedMetrics;

  /** What must exist before the fleet can be registered with Application Auto Scaling. */
  readonly scalingDependency: IDependable;

  /** Requests in flight and queued on the busiest instance. */
  metricConcurrencyPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}
