import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { FleetSignals } from '../../scaling';
import { HostedModelBase, type IHostedModel } from './hosted-model';

/** Model that responds at once, or with a stream: a variant of a real-time endpoint, or an inference component. */
export interface IRealTimeModel extends IHostedModel {
  /** Allows a principal to invoke the model with a streamed response. */
  grantInvokeWithResponseStream(grantee: iam.IGrantable): iam.Grant;

  /** Requests sent to the model, in a minute. */
  metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests in flight and queued on the busiest instance or copy. */
  metricConcurrentRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time that SageMaker adds, in microseconds. */
  metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time in the container alone, in microseconds. */
  metricContainerLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests with an error response of the container. */
  metricModelErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time to the first chunk of a streamed response, in microseconds. */
  metricFirstChunkLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Part of the time to the first chunk in the model, in microseconds. */
  metricFirstChunkModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Part of the time to the first chunk that SageMaker adds, in microseconds. */
  metricFirstChunkOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Streamed responses that failed after their first chunk. */
  metricMidStreamErrors(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** Base of models that respond at once. */
export abstract class RealTimeModelBase extends HostedModelBase implements IRealTimeModel {
  public abstract grantInvokeWithResponseStream(grantee: iam.IGrantable): iam.Grant;

  /** Metrics of the load on the fleet. */
  public get signals(): FleetSignals | undefined {
    return { invocations: this.metricInvocations(), concurrencyPerInstance: this.metricConcurrentRequests() };
  }

  public abstract metricConcurrentRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  public metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocations', options);
  }

  public metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('OverheadLatency', options);
  }

  public metricContainerLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ContainerLatency', options);
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
}
