import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { IResource } from 'aws-cdk-lib';
import type { IDependable } from 'constructs';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { FleetPredefinedMetrics, FleetStateSource } from '../scaling';
import { ENDPOINT_NAME_VARIABLE } from './contract';
import { ScalableFleetBase, type IScaledFleet } from './scalable-fleet-base';

/** A real-time endpoint on GPU instances, made here or elsewhere. */
export interface IGpuEndpoint extends IResource, IScaledFleet, IInvocableEndpoint {
  /** The endpoint's ARN. */
  readonly endpointArn: string;

  /** The variant's name. */
  readonly variantName: string;

  /** The instance types of the pools, the most wanted first; empty where they are not known. */
  readonly instanceTypes: string[];

  /** Any metric of the endpoint, by its name in SageMaker; names that real-time endpoints do not publish are refused. */
  metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests sent to the endpoint, in a minute. */
  metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests sent to one instance, in a minute. */
  metricInvocationsPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests in flight and queued on the busiest instance. */
  metricConcurrentRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time the model took, in microseconds. */
  metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time SageMaker added, in microseconds. */
  metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests refused as the caller's fault. */
  metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that failed as the server's fault. */
  metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the GPUs in percent, up to 100 times their number on one instance. */
  metricGpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the GPUs' memory in percent, up to 100 times their number on one instance. */
  metricGpuMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the CPU cores in percent, up to 100 times their number on one instance. */
  metricCpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the main memory in percent. */
  metricMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the disks in percent. */
  metricDiskUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

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
}

/** What endpoints made here and imported ones have in common. */
export abstract class GpuEndpointBase extends ScalableFleetBase implements IGpuEndpoint {
  public abstract readonly endpointArn: string;
  public abstract readonly endpointName: string;
  public abstract readonly variantName: string;
  public abstract readonly instanceTypes: string[];
  public abstract readonly maxConcurrencyPerInstance: number;
  public abstract readonly initialCapacity: number;
  public abstract readonly scalingDependency: IDependable;

  /** It answers its callers. */
  public readonly isAsynchronous?: boolean = false;

  /** The lowest capacity: a variant with a model of its own does not scale to zero. */
  public readonly lowestCapacity: number = 1;

  /** The replica count's name. */
  public readonly scalableDimension: string = 'sagemaker:variant:DesiredInstanceCount';

  /** The metrics that Application Auto Scaling knows by name. */
  public readonly predefinedMetrics: FleetPredefinedMetrics = {
    concurrencyHighResolution: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
    invocations: 'SageMakerVariantInvocationsPerInstance',
  };

  /** The resource of the scalable target. */
  public get resourceId(): string {
    return `endpoint/${this.endpointName}/variant/${this.variantName}`;
  }

  /** The endpoint's name. */
  public get fleetName(): string {
    return this.endpointName;
  }

  /** Where its state is read. */
  public get stateSource(): FleetStateSource | undefined {
    const declaredConfigName = this._declaredConfigName;
    return { arn: this.endpointArn, ...(declaredConfigName !== undefined && { declaredConfigName }) };
  }

  /**
   * The configuration that the stack deploys, where it deploys the endpoint.
   *
   * @internal
   */
  protected get _declaredConfigName(): string | undefined {
    return undefined;
  }

  /**
   * Lets someone invoke the endpoint: synchronously, asynchronously and with a streamed answer. A Lambda function is told the
   * endpoint's name too, in the environment variable `TIDEGATE_ENDPOINT_NAME`.
   */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    if (grantee instanceof lambda.Function) grantee.addEnvironment(ENDPOINT_NAME_VARIABLE, this.endpointName);
    return iam.Grant.addToPrincipal({
      grantee,
      actions: [
        'sagemaker:InvokeEndpoint',
        'sagemaker:InvokeEndpointAsync',
        'sagemaker:InvokeEndpointWithResponseStream',
      ],
      resourceArns: [this.endpointArn],
    });
  }

  public metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    const dimensions = { EndpointName: this.endpointName, VariantName: this.variantName };
    return this._metricOf('real-time', metricName, dimensions, options);
  }

  public metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocations', options);
  }

  public metricInvocationsPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('InvocationsPerInstance', options);
  }

  public metricConcurrentRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ConcurrentRequestsPerModel', options);
  }

  public metricConcurrencyPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metricConcurrentRequests(options);
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

  public metricGpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('GPUUtilization', options);
  }

  public metricGpuMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('GPUMemoryUtilization', options);
  }

  public metricCpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('CPUUtilization', options);
  }

  public metricMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('MemoryUtilization', options);
  }

  public metricDiskUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('DiskUtilization', options);
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
}
