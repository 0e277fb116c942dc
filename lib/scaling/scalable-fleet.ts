import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct, IDependable } from 'constructs';

/** Predefined metric types of Application Auto Scaling for a kind of fleet. */
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
   * Ratio of the provisioned concurrency in use, 0 to 1.
   *
   * @default - the fleet has none
   */
  readonly provisionedConcurrencyUtilization?: string;
}

/** CloudWatch metrics of the load on a fleet. */
export interface FleetSignals {
  /**
   * Requests sent to the fleet; the sum over a minute is their number.
   *
   * @default - not published
   */
  readonly invocations?: cloudwatch.Metric;

  /**
   * Requests in flight and queued on the busiest instance.
   *
   * @default - not published
   */
  readonly concurrencyPerInstance?: cloudwatch.Metric;

  /**
   * Requests in the queue, waiting and in progress, for each instance.
   *
   * @default - the fleet has no queue
   */
  readonly backlogPerInstance?: cloudwatch.Metric;

  /**
   * 1 or more while requests wait and no replica exists; `scaleToZero` scales from zero on it.
   *
   * @default - the fleet does not scale to zero
   */
  readonly workWithoutCapacity?: cloudwatch.IMetric;
}

/** Metrics that the model servers of a fleet publish, collected by SageMaker's detailed observability. */
export interface FleetServerMetrics {
  /** Labels, by name, that select the fleet's series. */
  readonly labels: { [label: string]: string };

  /**
   * Metrics that the server publishes.
   *
   * @default - not known; any name is accepted
   */
  readonly metricNames?: string[];

  /**
   * Collection interval in seconds.
   *
   * @default 60
   */
  readonly frequencySeconds?: number;

  /**
   * Reason why CloudWatch receives none of them, with the remedy.
   *
   * @default - CloudWatch receives them
   */
  readonly unavailableReason?: string;
}

/** Source of a fleet's state: its number of replicas and the configuration in use. */
export interface FleetStateSource {
  /** ARN of the endpoint or of the inference component. */
  readonly arn: string;

  /**
   * Endpoint configuration that the stack deploys; another one in use means that a rollout was rolled back.
   *
   * @default - the endpoint is not deployed by the stack
   */
  readonly declaredConfigName?: string;

  /**
   * Beginning of the names of configurations that rollouts of models put in the place of the declared one.
   *
   * @default - only deployments of the stack change the configuration
   */
  readonly rolloutConfigPrefix?: string;
}

/** Instances that the capacity of a fleet counts. */
export interface FleetInstances {
  /** ARN of the endpoint that the instances serve. */
  readonly endpointArn: string;

  /** Variant of the endpoint that the instances belong to. */
  readonly variantName: string;

  /** Every instance type that the fleet may use; empty where they are not known. */
  readonly instanceTypes: string[];
}

/**
 * Fleet with a replica count that Application Auto Scaling can change: the instances of a real-time endpoint, the copies of an
 * inference component.
 */
export interface IScalableFleet extends IConstruct {
  /** Resource id of the scalable target, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;

  /** Scalable dimension, for example `sagemaker:variant:DesiredInstanceCount`. */
  readonly scalableDimension: string;

  /** Service namespace in Application Auto Scaling, for example `sagemaker`. */
  readonly serviceNamespace: string;

  /** Name of the fleet's owner in its service; for an endpoint's variant the endpoint's name. */
  readonly fleetName: string;

  /**
   * ARN of the endpoint, or of the inference component, whose capacity is scaled. Whoever sets the fleet's limits needs permissions on it.
   *
   * @default - the ARN of its instances or its state source, or one that is formatted from `fleetName`
   */
  readonly scaledResourceArn?: string;

  /** Lowest minimum capacity that the service allows: 1 for real-time endpoints, 0 where the fleet can scale to zero. */
  readonly minAllowedCapacity: number;

  /**
   * Reason for the lowest minimum capacity, where the kind of fleet does not explain it.
   *
   * @default - explained by the kind of fleet
   */
  readonly minAllowedCapacityReason?: string;

  /**
   * Highest maximum capacity that the account's quotas allow.
   *
   * @default - not known
   */
  readonly maxAllowedCapacity?: number;

  /** Capacity that the fleet is created with. */
  readonly initialCapacity: number;

  /** Concurrent requests that one instance handles, as tested. */
  readonly maxConcurrencyPerInstance: number;

  /** Predefined metric types of Application Auto Scaling. */
  readonly predefinedMetrics: FleetPredefinedMetrics;

  /**
   * Metrics of the load on the fleet.
   *
   * @default - none
   */
  readonly signals?: FleetSignals;

  /**
   * Metrics that its model servers publish.
   *
   * @default - none that CloudWatch receives
   */
  readonly serverMetrics?: FleetServerMetrics;

  /**
   * Source of its state.
   *
   * @default - its state is not observed
   */
  readonly stateSource?: FleetStateSource;

  /**
   * Instances of the fleet, for a cost guard to meter.
   *
   * @default - its capacity counts no instances
   */
  readonly instances?: FleetInstances;

  /** Resource that must exist before the fleet can be registered with Application Auto Scaling. */
  readonly scalingDependency: IDependable;
}
