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

  /**
   * The share of the provisioned concurrency in use, 0 to 1.
   *
   * @default - the fleet has none
   */
  readonly provisionedConcurrencyUtilization?: string;
}

/** What a fleet tells of work that waits. */
export interface FleetSignals {
  /**
   * Requests in the queue, waiting or being worked on, for one instance.
   *
   * @default - the fleet has no queue
   */
  readonly backlogPerInstance?: cloudwatch.IMetric;

  /**
   * 1 or more while work waits and no replica exists: what wakes a fleet that scaled to zero.
   *
   * @default - the fleet does not scale to zero
   */
  readonly workWithoutCapacity?: cloudwatch.IMetric;
}

/** What the model servers of a fleet publish themselves, collected by SageMaker's detailed observability. */
export interface FleetServerMetrics {
  /** The labels that tell the fleet's series from those of others, by name. */
  readonly labels: { [label: string]: string };

  /**
   * The metrics that the server writes.
   *
   * @default - not known; any name is taken
   */
  readonly metricNames?: string[];

  /**
   * How often they are collected, in seconds.
   *
   * @default 60
   */
  readonly frequencySeconds?: number;

  /**
   * Why none of them arrives, with the way out.
   *
   * @default - they arrive
   */
  readonly missingBecause?: string;
}

/** Where the state of a fleet is read: how many replicas it has, and which configuration it runs. */
export interface FleetStateSource {
  /** The ARN of the endpoint, or of the inference component. */
  readonly arn: string;

  /**
   * The endpoint configuration that the stack deploys; another one in use means that a rollout was taken back.
   *
   * @default - the endpoint is not deployed by the stack
   */
  readonly declaredConfigName?: string;
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

  /**
   * Why it is not lower, where the kind of fleet alone does not tell.
   *
   * @default - the kind of fleet tells
   */
  readonly lowestCapacityReason?: string;

  /**
   * The highest capacity that the account's quotas allow.
   *
   * @default - not known
   */
  readonly highestCapacity?: number;

  /** The capacity the fleet is created with. */
  readonly initialCapacity: number;

  /** The concurrent requests one instance has been tested with. */
  readonly maxConcurrencyPerInstance: number;

  /** The metrics that Application Auto Scaling knows by name. */
  readonly predefinedMetrics: FleetPredefinedMetrics;

  /**
   * What it tells of work that waits.
   *
   * @default - nothing
   */
  readonly signals?: FleetSignals;

  /**
   * What its model servers publish themselves.
   *
   * @default - nothing that arrives in CloudWatch
   */
  readonly serverMetrics?: FleetServerMetrics;

  /**
   * Where its state is read.
   *
   * @default - its state is not watched
   */
  readonly stateSource?: FleetStateSource;

  /** What must exist before the fleet can be registered with Application Auto Scaling. */
  readonly scalingDependency: IDependable;

  /** Requests in flight and queued on the busiest instance; for fleets behind one queue, their backlog for one instance. */
  metricConcurrencyPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}
