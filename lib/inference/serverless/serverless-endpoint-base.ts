import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import { SCALABLE_DIMENSIONS } from '../../catalog/scalable-resource';
import type { FleetPredefinedMetrics, FleetSignals, FleetStateSource } from '../../scaling';
import { ENDPOINT_NAME_VARIABLE } from '../contract';
import { HostedModelBase, type IHostedModel } from '../endpoint/hosted-model';
import { grantInvocation, INVOKE_ACTION, STREAM_ACTION } from '../endpoint/invoke-grant';

/** Serverless endpoint, created in this app or imported; its fleet is the provisioned concurrency. */
export interface IServerlessEndpoint extends IHostedModel {
  /** Allows a principal to invoke the endpoint with a streamed response. */
  grantInvokeWithResponseStream(grantee: iam.IGrantable): iam.Grant;

  /** Requests sent to the endpoint, in a minute. */
  metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time of cold starts, in microseconds. */
  metricModelSetupTime(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time that SageMaker adds, in microseconds. */
  metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Utilization of the main memory in percent. */
  metricMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Share of the maximum concurrency in use, 0 to 1. */
  metricConcurrencyUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Share of the provisioned concurrency in use, 0 to 1. */
  metricProvisionedConcurrencyUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests in progress on provisioned concurrency. */
  metricProvisionedConcurrencyExecutions(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that provisioned concurrency handled. */
  metricProvisionedConcurrencyInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests beyond the provisioned concurrency. */
  metricProvisionedConcurrencySpillover(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** Base of serverless endpoints that are created here and of imported ones. */
export abstract class ServerlessEndpointBase extends HostedModelBase implements IServerlessEndpoint {
  /** Always 1: a provisioned environment processes one request at a time. */
  public readonly maxConcurrencyPerInstance: number = 1;

  /** Lowest provisioned concurrency; below it the endpoint scales by itself, with cold starts. */
  public readonly minAllowedCapacity: number = 1;

  /** Scalable dimension of the provisioned concurrency. */
  public readonly scalableDimension: string = SCALABLE_DIMENSIONS.provisionedConcurrency;

  /** Predefined metric types of Application Auto Scaling. */
  public readonly predefinedMetrics: FleetPredefinedMetrics = {
    provisionedConcurrencyUtilization: 'SageMakerVariantProvisionedConcurrencyUtilization',
  };

  /** @internal */
  protected readonly _kind = 'serverless';

  /** Metrics of the load on the endpoint; serverless endpoints publish no concurrency of single environments. */
  public get signals(): FleetSignals | undefined {
    return { invocations: this.metricInvocations() };
  }

  /** None: a serverless endpoint has no instances to observe. */
  public get stateSource(): FleetStateSource | undefined {
    return undefined;
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

  public metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocations', options);
  }

  public metricModelSetupTime(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ModelSetupTime', options);
  }

  public metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('OverheadLatency', options);
  }

  public metricMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('MemoryUtilization', options);
  }

  public metricConcurrencyUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessConcurrentExecutionsUtilization', options);
  }

  public metricProvisionedConcurrencyUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessProvisionedConcurrencyUtilization', options);
  }

  public metricProvisionedConcurrencyExecutions(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessProvisionedConcurrencyExecutions', options);
  }

  public metricProvisionedConcurrencyInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessProvisionedConcurrencyInvocations', options);
  }

  public metricProvisionedConcurrencySpillover(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessProvisionedConcurrencySpilloverInvocations', options);
  }

  private grantAction(grantee: iam.IGrantable, action: string): iam.Grant {
    return grantInvocation(grantee, {
      actions: [action],
      resourceArns: [this.endpointArn],
      environment: { [ENDPOINT_NAME_VARIABLE]: this.endpointName },
    });
  }
}
