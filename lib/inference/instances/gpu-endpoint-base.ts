import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { SCALABLE_DIMENSIONS } from '../../catalog/scalable-resource';
import type { FleetInstances, FleetPredefinedMetrics } from '../../scaling';
import { ENDPOINT_NAME_VARIABLE } from '../contract';
import { CONVERSATION_ACTION, grantInvocation, INVOKE_ACTION, STREAM_ACTION } from '../endpoint/invoke-grant';
import { RealTimeModelBase, type IRealTimeModel } from '../endpoint/real-time-model';
import type { IInstanceFleet } from './instance-fleet';

/** Real-time endpoint on GPU instances, created in this app or imported. */
export interface IGpuEndpoint extends IRealTimeModel, IInstanceFleet {
  /** Allows a principal to keep a stream open in both directions with the endpoint. */
  grantInvokeWithBidirectionalStream(grantee: iam.IGrantable): iam.Grant;

  /** Requests sent to one instance, in a minute. */
  metricInvocationsPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** Base of real-time endpoints that are created here and of imported ones. */
export abstract class GpuEndpointBase extends RealTimeModelBase implements IGpuEndpoint {
  public abstract readonly instanceTypes: string[];

  /** Lowest capacity: a variant with a model of its own does not scale to zero. */
  public readonly minAllowedCapacity: number = 1;

  /** Scalable dimension of the instances. */
  public readonly scalableDimension: string = SCALABLE_DIMENSIONS.instanceCount;

  /** Predefined metric types of Application Auto Scaling. */
  public readonly predefinedMetrics: FleetPredefinedMetrics = {
    concurrencyHighResolution: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
    invocations: 'SageMakerVariantInvocationsPerInstance',
  };

  /** @internal */
  protected readonly _kind = 'real-time';

  /** Instances of the fleet, for a cost guard to meter. */
  public get instances(): FleetInstances | undefined {
    const { endpointArn, variantName, instanceTypes } = this;
    return { endpointArn, variantName, instanceTypes };
  }

  /**
   * Allows a principal to invoke the endpoint, which responds at once. A Lambda function also receives the endpoint's name in the environment
   * variable `TIDEGATE_ENDPOINT_NAME`.
   */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    return this.grantAction(grantee, INVOKE_ACTION);
  }

  /** Allows a principal to invoke the endpoint with a streamed response; a Lambda function also receives the endpoint's name. */
  public grantInvokeWithResponseStream(grantee: iam.IGrantable): iam.Grant {
    return this.grantAction(grantee, STREAM_ACTION);
  }

  /**
   * Allows a principal to keep a stream open in both directions with the endpoint (`InvokeEndpointWithBidirectionalStream`); a Lambda function
   * also receives the endpoint's name.
   */
  public grantInvokeWithBidirectionalStream(grantee: iam.IGrantable): iam.Grant {
    return this.grantAction(grantee, CONVERSATION_ACTION);
  }

  public metricInvocationsPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('InvocationsPerInstance', options);
  }

  public metricConcurrentRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ConcurrentRequestsPerModel', options);
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

  public metricGpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('GPUUtilization', options);
  }

  public metricGpuMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('GPUMemoryUtilization', options);
  }

  private grantAction(grantee: iam.IGrantable, action: string): iam.Grant {
    return grantInvocation(grantee, {
      actions: [action],
      resourceArns: [this.endpointArn],
      environment: { [ENDPOINT_NAME_VARIABLE]: this.endpointName },
    });
  }
}
