import type { IResource } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { IDependable } from 'constructs';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { FleetPredefinedMetrics, FleetSignals, FleetStateSource } from '../scaling';
import { grantComponentInvoke } from './component-grant';
import { ScalableFleetBase, type IScaledFleet } from './scalable-fleet-base';

/** A model on a shared endpoint, whose copies are scaled; made here or elsewhere. */
export interface IModelComponent extends IResource, IScaledFleet, IInvocableEndpoint {
  /** The component's name, which callers give as `InferenceComponentName`. */
  readonly componentName: string;

  /** The component's ARN. */
  readonly componentArn: string;

  /** Any metric of the component, by its name in SageMaker; names that components do not publish are refused. */
  metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests sent to one copy, in a minute. */
  metricInvocationsPerCopy(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests in flight and queued on the busiest copy. */
  metricConcurrentRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that were refused because there was no copy. */
  metricNoCapacity(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests sent to the component, in a minute. */
  metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time the model took, in microseconds. */
  metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time SageMaker added, in microseconds. */
  metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests refused as the caller's fault. */
  metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that failed as the server's fault. */
  metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that the container answered with an error. */
  metricModelErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time until the first part of a streamed answer, in microseconds. */
  metricFirstChunkLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** The model's share of it, in microseconds. */
  metricFirstChunkModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** SageMaker's share of it, in microseconds. */
  metricFirstChunkOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Streamed answers that broke off after their first part. */
  metricMidStreamErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time in the container alone, in microseconds. */
  metricContainerLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the CPU cores that the copies were given, in percent of all of them. */
  metricCpuUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the memory that the copies were given, in percent of all of it. */
  metricMemoryUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the GPUs that the copies were given, in percent of all of them. */
  metricGpuUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the memory of the GPUs that the copies were given, in percent of all of it. */
  metricGpuMemoryUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** What components made here and imported ones have in common. */
export abstract class ModelComponentBase extends ScalableFleetBase implements IModelComponent {
  public abstract readonly endpointName: string;
  public abstract readonly variantName: string;
  public abstract readonly componentName: string;
  public abstract readonly componentArn: string;
  public abstract readonly endpointArn: string;
  public abstract readonly maxConcurrencyPerInstance: number;
  public abstract readonly initialCapacity: number;
  public abstract readonly scalingDependency: IDependable;

  /** It answers its callers. */
  public readonly isAsynchronous?: boolean = false;

  public abstract readonly lowestCapacity: number;

  /** The replica count's name. */
  public readonly scalableDimension: string = 'sagemaker:inference-component:DesiredCopyCount';

  /** The metrics that Application Auto Scaling knows by name. */
  public readonly predefinedMetrics: FleetPredefinedMetrics = {
    concurrencyHighResolution: 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
    invocations: 'SageMakerInferenceComponentInvocationsPerCopy',
  };

  /** The resource of the scalable target. */
  public get resourceId(): string {
    return `inference-component/${this.componentName}`;
  }

  /** The component's name. */
  public get fleetName(): string {
    return this.componentName;
  }

  /** What it tells of work that waits: requests that were refused without a copy, the first of them included. */
  public get signals(): FleetSignals | undefined {
    return { workWithoutCapacity: this.metricNoCapacity() };
  }

  /** Where its state is read. */
  public get stateSource(): FleetStateSource | undefined {
    return { arn: this.componentArn };
  }

  /**
   * Lets someone invoke the model, synchronously and with a streamed answer. A Lambda function is told the endpoint and the component,
   * in `TIDEGATE_ENDPOINT_NAME` and `TIDEGATE_INFERENCE_COMPONENT_NAME`.
   */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    const { endpointName, componentName, endpointArn } = this;
    return grantComponentInvoke(grantee, {
      endpointName,
      componentName,
      resourceArns: [endpointArn, this.componentArn],
    });
  }

  public metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    const dimensions = {
      InferenceComponentName: this.componentName,
      EndpointName: this.endpointName,
      VariantName: this.variantName,
    };
    return this._metricOf('inference-component', metricName, dimensions, options);
  }

  public metricInvocationsPerCopy(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('InvocationsPerCopy', options);
  }

  public metricConcurrentRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ConcurrentRequestsPerCopy', options);
  }

  public metricNoCapacity(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('NoCapacityInvocationFailures', options);
  }

  public metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocations', options);
  }

  public metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ModelLatency', options);
  }

  public metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('OverheadLatency', options);
  }

  public metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocation4XXErrors', options);
  }

  public metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocation5XXErrors', options);
  }

  public metricModelErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('InvocationModelErrors', options);
  }

  public metricFirstChunkLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('FirstChunkLatency', options);
  }

  public metricFirstChunkModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('FirstChunkModelLatency', options);
  }

  public metricFirstChunkOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('FirstChunkOverheadLatency', options);
  }

  public metricMidStreamErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('MidStreamErrors', options);
  }

  public metricContainerLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ContainerLatency', options);
  }

  public metricCpuUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('CPUUtilizationNormalized', options);
  }

  public metricMemoryUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('MemoryUtilizationNormalized', options);
  }

  public metricGpuUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('GPUUtilizationNormalized', options);
  }

  public metricGpuMemoryUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('GPUMemoryUtilizationNormalized', options);
  }

  public metricConcurrencyPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metricConcurrentRequests(options);
  }
}
