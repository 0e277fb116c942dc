import { Duration, Resource } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IDependable } from 'constructs';
import { endpointMetric } from '../catalog/endpoint-metric';
import type { EndpointKind } from '../catalog/metrics';
import { InputError } from '../core/errors';
import {
  FleetScaling,
  type BacklogScalingProps,
  type ConcurrencyScalingProps,
  type FleetPredefinedMetrics,
  type FleetServerMetrics,
  type FleetSignals,
  type FleetStateSource,
  type InvocationsScalingProps,
  type IScalableFleet,
  type MetricScalingProps,
  type ScaleToZeroProps,
  type ScheduledScalingProps,
  type ServerSignalScalingProps,
  type StepScalingProps,
  type SuspendedScalingProps,
} from '../scaling';

/** The limits of a fleet. */
export interface CapacityBounds {
  /** The fewest replicas, at any time. */
  readonly minCapacity: number;

  /** The most replicas, at any time. */
  readonly maxCapacity: number;

  /**
   * Brakes, for example while an incident is looked into.
   *
   * @default - nothing is suspended
   */
  readonly suspended?: SuspendedScalingProps;
}

/** A fleet that is scaled by what is asked of it: first `boundedBy`, then what it follows. */
export interface IScaledFleet extends IScalableFleet {
  /** Sets the limits; everything below needs them. Returns the scaling, which a forecaster or a cost guard takes. */
  boundedBy(bounds: CapacityBounds): FleetScaling;

  /** Keeps the concurrent requests of a replica at a share of what it was tested with. */
  scaleOnConcurrency(props?: ConcurrencyScalingProps): void;

  /** Keeps the invocations of a replica in a minute at a share of what it answered in a load test. */
  scaleOnInvocations(props: InvocationsScalingProps): void;

  /** Keeps the queue of an instance at a length. */
  scaleOnBacklog(props?: BacklogScalingProps): void;

  /** Keeps a metric of your choice at a value. */
  scaleOnMetric(id: string, props: MetricScalingProps): void;

  /** Adds or removes capacity by how far a metric is past a threshold. */
  scaleOnStep(id: string, props: StepScalingProps): cloudwatch.Alarm;

  /** Adds and removes capacity by a number that the model servers publish themselves, for example the use of their KV cache. */
  scaleOnServerSignal(id: string, props: ServerSignalScalingProps): cloudwatch.IAlarm[];

  /** Changes the limits at a time. */
  scaleOnSchedule(id: string, props: ScheduledScalingProps): void;

  /** Wakes the fleet when work arrives while it has no replica; `minCapacity` must be 0. */
  scaleToZero(props?: ScaleToZeroProps): cloudwatch.Alarm;
}

/** What every fleet of this room has in common: metrics by the catalog, and scaling in one call. */
export abstract class ScalableFleetBase extends Resource implements IScaledFleet {
  public abstract readonly resourceId: string;
  public abstract readonly scalableDimension: string;
  public abstract readonly fleetName: string;
  public abstract readonly lowestCapacity: number;
  public readonly lowestCapacityReason?: string;
  public readonly highestCapacity?: number;
  public readonly serverMetrics?: FleetServerMetrics;
  public abstract readonly initialCapacity: number;
  public abstract readonly maxConcurrencyPerInstance: number;
  public abstract readonly predefinedMetrics: FleetPredefinedMetrics;
  public abstract readonly scalingDependency: IDependable;

  /** The namespace in Application Auto Scaling. */
  public readonly serviceNamespace: string = 'sagemaker';

  /** What it tells of work that waits. */
  public get signals(): FleetSignals | undefined {
    return undefined;
  }

  /** Where its state is read. */
  public get stateSource(): FleetStateSource | undefined {
    return undefined;
  }

  private scaling?: FleetScaling;

  public abstract metricConcurrencyPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  public boundedBy(bounds: CapacityBounds): FleetScaling {
    if (this.scaling !== undefined) {
      throw new InputError(
        `${this.node.path}: boundedBy was called before (${this.scaling.minCapacity} to ${this.scaling.maxCapacity}); ` +
          'a fleet has one pair of limits, so call it once (scaleOnSchedule changes limits at a time)',
      );
    }
    this.scaling = new FleetScaling(this, 'Scaling', { fleet: this, ...bounds });
    return this.scaling;
  }

  public scaleOnConcurrency(props?: ConcurrencyScalingProps): void {
    this.bounded('scaleOnConcurrency').scaleOnConcurrency(props);
  }

  public scaleOnInvocations(props: InvocationsScalingProps): void {
    this.bounded('scaleOnInvocations').scaleOnInvocations(props);
  }

  public scaleOnBacklog(props?: BacklogScalingProps): void {
    this.bounded('scaleOnBacklog').scaleOnBacklog(props);
  }

  public scaleOnMetric(id: string, props: MetricScalingProps): void {
    this.bounded('scaleOnMetric').scaleOnMetric(id, props);
  }

  public scaleOnStep(id: string, props: StepScalingProps): cloudwatch.Alarm {
    return this.bounded('scaleOnStep').scaleOnStep(id, props);
  }

  public scaleOnServerSignal(id: string, props: ServerSignalScalingProps): cloudwatch.IAlarm[] {
    return this.bounded('scaleOnServerSignal').scaleOnServerSignal(id, props);
  }

  public scaleOnSchedule(id: string, props: ScheduledScalingProps): void {
    this.bounded('scaleOnSchedule').scaleOnSchedule(id, props);
  }

  public scaleToZero(props?: ScaleToZeroProps): cloudwatch.Alarm {
    return this.bounded('scaleToZero').scaleToZero(props);
  }

  /**
   * A metric by its name, checked against what this kind of endpoint publishes and under which dimensions.
   *
   * @internal
   */
  protected _metricOf(
    kind: EndpointKind,
    metricName: string,
    dimensions: { readonly [name: string]: string },
    options?: cloudwatch.MetricOptions,
  ): cloudwatch.Metric {
    const metric = endpointMetric(metricName, kind);
    return new cloudwatch.Metric({
      namespace: metric.namespace,
      metricName,
      dimensionsMap: Object.fromEntries(metric.dimensions.map((name) => [name, dimensions[name]!])),
      statistic: metric.statistic,
      period: Duration.minutes(1),
      ...options,
    }).attachTo(this);
  }

  /**
   * The scaling inside the limits.
   *
   * @internal
   */
  protected _scalingWithin(verb: string): FleetScaling {
    return this.bounded(verb);
  }

  private bounded(verb: string): FleetScaling {
    if (this.scaling !== undefined) return this.scaling;
    throw new InputError(`${this.node.path}: ${verb} needs limits; call boundedBy({ minCapacity, maxCapacity }) first`);
  }
}
