import { Duration, Resource, type IResource } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { IDependable } from 'constructs';
import { endpointMetric, type EndpointKind } from '../../catalog/hosting-metrics';
import { SAGEMAKER_SERVICE_NAMESPACE, variantResourceId } from '../../catalog/scalable-resource';
import { InputError } from '../../core/errors';
import type { ISageMakerEndpoint } from '../../runtime/invocable-endpoint';
import {
  FleetScaling,
  type AutoScaleProps,
  type FleetInstances,
  type FleetPredefinedMetrics,
  type FleetServerMetrics,
  type FleetSignals,
  type FleetStateSource,
  type IScalableFleet,
} from '../../scaling';

/** Model on a fleet of its own behind a SageMaker endpoint: a variant, or an inference component. */
export interface IHostedModel extends IResource, IScalableFleet, ISageMakerEndpoint {
  /** Name of the variant. */
  readonly variantName: string;

  /** Registers the fleet with Application Auto Scaling. Returns its scaling, which takes the policies; call it once. */
  autoScale(props: AutoScaleProps): FleetScaling;

  /** Returns a metric by its name in SageMaker; throws for names that this kind of endpoint does not publish. */
  metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time in the model, in microseconds. */
  metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that were refused because of the caller. */
  metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that failed because of the server. */
  metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** Base of models that are created here and of imported ones: metrics by the catalog, and scaling in one call. */
export abstract class HostedModelBase extends Resource implements IHostedModel {
  public abstract readonly endpointName: string;
  public abstract readonly endpointArn: string;
  public abstract readonly variantName: string;
  public abstract readonly scalableDimension: string;
  public abstract readonly minAllowedCapacity: number;
  public readonly minAllowedCapacityReason?: string;
  public readonly maxAllowedCapacity?: number;
  public abstract readonly initialCapacity: number;
  public abstract readonly maxConcurrencyPerInstance: number;
  public abstract readonly predefinedMetrics: FleetPredefinedMetrics;
  public readonly serverMetrics?: FleetServerMetrics;
  public abstract readonly scalingDependency: IDependable;

  /** Service namespace in Application Auto Scaling. */
  public readonly serviceNamespace: string = SAGEMAKER_SERVICE_NAMESPACE;

  /** True if responses arrive later, in S3. */
  public readonly isAsynchronous?: boolean = false;

  /**
   * Kind of endpoint, which decides what it publishes.
   *
   * @internal
   */
  protected abstract readonly _kind: EndpointKind;

  private scaling?: FleetScaling;

  /** Resource id of the scalable target. */
  public get resourceId(): string {
    return variantResourceId(this.endpointName, this.variantName);
  }

  /** Name of the endpoint. */
  public get fleetName(): string {
    return this.endpointName;
  }

  /** ARN of the endpoint. */
  public get scaledResourceArn(): string | undefined {
    return this.endpointArn;
  }

  /** Metrics of the load on the fleet. */
  public abstract get signals(): FleetSignals | undefined;

  /** Instances of the fleet, for a cost guard to meter; undefined where its capacity counts none. */
  public get instances(): FleetInstances | undefined {
    return undefined;
  }

  /** Source of the fleet's state. */
  public get stateSource(): FleetStateSource | undefined {
    const declaredConfigName = this._declaredConfigName;
    const rolloutConfigPrefix = this._rolloutConfigPrefix;
    return {
      arn: this.endpointArn,
      ...(declaredConfigName !== undefined && { declaredConfigName }),
      ...(rolloutConfigPrefix !== undefined && { rolloutConfigPrefix }),
    };
  }

  /**
   * Endpoint configuration that the stack deploys, where it deploys the endpoint.
   *
   * @internal
   */
  protected get _declaredConfigName(): string | undefined {
    return undefined;
  }

  /**
   * Beginning of the names of configurations that rollouts of models put in the place of the declared one.
   *
   * @internal
   */
  protected get _rolloutConfigPrefix(): string | undefined {
    return undefined;
  }

  /**
   * Values of the dimensions that metrics are published under.
   *
   * @internal
   */
  protected get _dimensions(): { readonly [name: string]: string } {
    return { EndpointName: this.endpointName, VariantName: this.variantName };
  }

  /**
   * Registers the fleet with Application Auto Scaling. Returns its scaling, which takes the policies; a forecaster and a cost guard take it.
   *
   * @throws InputError on a second call: a fleet has one pair of limits
   */
  public autoScale(props: AutoScaleProps): FleetScaling {
    if (this.scaling !== undefined) {
      throw new InputError(
        `${this.node.path}: autoScale was called before (${this.scaling.minCapacity} to ${this.scaling.maxCapacity}); ` +
          'a fleet has one pair of limits, so call it once (scaleOnSchedule changes limits at a time)',
      );
    }
    this.scaling = new FleetScaling(this, 'Scaling', { fleet: this, ...props });
    return this.scaling;
  }

  public abstract grantInvoke(grantee: iam.IGrantable): iam.Grant;

  public metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    const metric = endpointMetric(metricName, this._kind);
    return new cloudwatch.Metric({
      namespace: metric.namespace,
      metricName,
      dimensionsMap: Object.fromEntries(metric.dimensions.map((name) => [name, this._dimensions[name]!])),
      statistic: metric.statistic,
      period: Duration.minutes(1),
      ...options,
    }).attachTo(this);
  }

  public metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ModelLatency', options);
  }

  public metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocation4XXErrors', options);
  }

  public metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocation5XXErrors', options);
  }
}
