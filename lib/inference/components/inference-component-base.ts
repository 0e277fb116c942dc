import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { componentResourceId, SCALABLE_DIMENSIONS } from '../../catalog/scalable-resource';
import type { FleetPredefinedMetrics, FleetSignals, FleetStateSource } from '../../scaling';
import { COMPONENT_NAME_VARIABLE, ENDPOINT_NAME_VARIABLE } from '../contract';
import { grantInvocation, INVOKE_ACTION, STREAM_ACTION } from '../endpoint/invoke-grant';
import { RealTimeModelBase, type IRealTimeModel } from '../endpoint/real-time-model';

/** Model on a shared endpoint, whose copies are scaled; created in this app or imported. */
export interface IInferenceComponent extends IRealTimeModel {
  /** Name of the component, which callers give as `InferenceComponentName`. */
  readonly componentName: string;

  /** ARN of the component. */
  readonly componentArn: string;

  /** Requests sent to one copy, in a minute. */
  metricInvocationsPerCopy(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that were refused because there was no copy. */
  metricNoCapacity(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the CPU cores of the copies, in percent of all of them. */
  metricCpuUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the memory of the copies, in percent of all of it. */
  metricMemoryUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the GPUs of the copies, in percent of all of them. */
  metricGpuUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the GPU memory of the copies, in percent of all of it. */
  metricGpuMemoryUtilizationNormalized(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** Base of inference components that are created here and of imported ones. */
export abstract class InferenceComponentBase extends RealTimeModelBase implements IInferenceComponent {
  public abstract readonly componentName: string;
  public abstract readonly componentArn: string;

  /** Scalable dimension of the copies. */
  public readonly scalableDimension: string = SCALABLE_DIMENSIONS.copyCount;

  /** Predefined metric types of Application Auto Scaling. */
  public readonly predefinedMetrics: FleetPredefinedMetrics = {
    concurrencyHighResolution: 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
    invocations: 'SageMakerInferenceComponentInvocationsPerCopy',
  };

  /** @internal */
  protected readonly _kind = 'inference-component';

  /** Resource id of the scalable target. */
  public get resourceId(): string {
    return componentResourceId(this.componentName);
  }

  /** Name of the component. */
  public get fleetName(): string {
    return this.componentName;
  }

  /** ARN of the component. */
  public get scaledResourceArn(): string | undefined {
    return this.componentArn;
  }

  /** Metrics of the load on the component. Requests that are refused without a copy scale it from zero, from the first one on. */
  public get signals(): FleetSignals | undefined {
    return {
      invocations: this.metricInvocations(),
      concurrencyPerInstance: this.metricConcurrentRequests(),
      workWithoutCapacity: this.metricNoCapacity(),
    };
  }

  /** Source of the component's state. */
  public get stateSource(): FleetStateSource | undefined {
    return { arn: this.componentArn };
  }

  /** @internal */
  protected get _dimensions(): { readonly [name: string]: string } {
    return {
      InferenceComponentName: this.componentName,
      EndpointName: this.endpointName,
      VariantName: this.variantName,
    };
  }

  /**
   * Allows a principal to invoke the model, which responds at once. A Lambda function also receives the names of the endpoint and the
   * component in the environment variables `TIDEGATE_ENDPOINT_NAME` and `TIDEGATE_INFERENCE_COMPONENT_NAME`.
   */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    return this.grantAction(grantee, INVOKE_ACTION);
  }

  /** Allows a principal to invoke the model with a streamed response; a Lambda function also receives both names. */
  public grantInvokeWithResponseStream(grantee: iam.IGrantable): iam.Grant {
    return this.grantAction(grantee, STREAM_ACTION);
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

  private grantAction(grantee: iam.IGrantable, action: string): iam.Grant {
    return grantInvocation(grantee, {
      actions: [action],
      resourceArns: [this.endpointArn, this.componentArn],
      environment: {
        [ENDPOINT_NAME_VARIABLE]: this.endpointName,
        [COMPONENT_NAME_VARIABLE]: this.componentName,
      },
    });
  }
}
