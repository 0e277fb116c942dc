import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { SCALABLE_DIMENSIONS } from '../../catalog/scalable-resource';
import { acknowledgeWildcards } from '../../runtime/acknowledge';
import type { AsynchronousStorage, IAsynchronousEndpoint } from '../../runtime/asynchronous-endpoint';
import type { FleetInstances, FleetPredefinedMetrics, FleetSignals } from '../../scaling';
import { ASYNC_REQUESTS_VARIABLE, ENDPOINT_NAME_VARIABLE } from '../contract';
import { HostedModelBase, type IHostedModel } from '../endpoint/hosted-model';
import { grantInvocation } from '../endpoint/invoke-grant';
import { OBJECTS_BELOW_PREFIXES, type AsyncStorage } from './async-storage';
import type { IInstanceFleet } from './instance-fleet';

/** Asynchronous endpoint on GPU instances, created in this app or imported. */
export interface IAsyncEndpoint extends IHostedModel, IInstanceFleet, IAsynchronousEndpoint {
  /** Requests in the queue, waiting or in progress. */
  metricBacklog(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests in the queue for each instance; not published while there is none. */
  metricBacklogPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** 1 while requests wait and there is no instance, else 0. */
  metricHasBacklogWithoutCapacity(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Age of the oldest request in the queue, in seconds. */
  metricAgeOfOldestRequest(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests with a response. The developer guide also writes it `InvocationsProcesssed`: check the console before an alarm depends on it. */
  metricInvocationsProcessed(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that failed, because of the model, the files or the timeout. */
  metricInvocationFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that expired in the queue. */
  metricExpiredRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time in the queue, in milliseconds. */
  metricTimeInBacklog(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time from the request to its response, in milliseconds. */
  metricTotalProcessingTime(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time to download a request from S3, in microseconds. */
  metricRequestDownloadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that could not be downloaded from S3. */
  metricRequestDownloadFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time to upload a response to S3, in microseconds. */
  metricResponseUploadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Responses that could not be uploaded to S3. */
  metricResponseUploadFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Notifications that could not be published. */
  metricNotificationFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** Base of asynchronous endpoints that are created here and of imported ones. */
export abstract class AsyncEndpointBase extends HostedModelBase implements IAsyncEndpoint {
  public abstract readonly instanceTypes: string[];

  /** Always true: responses arrive later, in S3. */
  public readonly isAsynchronous?: boolean = true;

  /** Lowest capacity: requests wait in the queue until an instance is in service. */
  public readonly minAllowedCapacity: number = 0;

  /** Scalable dimension of the instances. */
  public readonly scalableDimension: string = SCALABLE_DIMENSIONS.instanceCount;

  /** None: asynchronous endpoints publish neither invocations nor concurrency. */
  public readonly predefinedMetrics: FleetPredefinedMetrics = {};

  /** @internal */
  protected readonly _kind = 'async';

  /**
   * Location of requests and responses, where it is known.
   *
   * @internal
   */
  protected abstract readonly _storage: AsyncStorage | undefined;

  /** Places of requests and responses; undefined for an imported endpoint without `storage`. */
  public get asynchronousStorage(): AsynchronousStorage | undefined {
    return this._storage;
  }

  /** Metrics of the load on the fleet. */
  public get signals(): FleetSignals | undefined {
    return {
      backlogPerInstance: this.metricBacklogPerInstance(),
      workWithoutCapacity: this.metricHasBacklogWithoutCapacity({ statistic: 'Maximum' }),
    };
  }

  /** Instances of the fleet, for a cost guard to meter. */
  public get instances(): FleetInstances | undefined {
    const { endpointArn, variantName, instanceTypes } = this;
    return { endpointArn, variantName, instanceTypes };
  }

  /**
   * Allows a principal to send requests and fetch responses: `InvokeEndpointAsync`, writing requests to the bucket, reading responses and
   * failures. A Lambda function also receives the endpoint's name and the location of requests in the environment variables
   * `TIDEGATE_ENDPOINT_NAME` and `TIDEGATE_ASYNC_REQUESTS`.
   */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    const storage = this._storage;
    const grant = grantInvocation(grantee, {
      actions: ['sagemaker:InvokeEndpointAsync'],
      resourceArns: [this.endpointArn],
      environment: {
        [ENDPOINT_NAME_VARIABLE]: this.endpointName,
        ...(storage && { [ASYNC_REQUESTS_VARIABLE]: storage.bucket.s3UrlForObject(storage.requestPrefix) }),
      },
    });
    if (storage === undefined) return grant;
    const { bucket, requestPrefix, responsePrefix, failurePrefix } = storage;
    const written = [bucket.arnForObjects(`${requestPrefix}*`)];
    const read = [responsePrefix, failurePrefix].map((prefix) => bucket.arnForObjects(`${prefix}*`));
    if (grantee instanceof lambda.Function && grantee.role !== undefined) {
      acknowledgeWildcards(grantee, [...written, ...read], OBJECTS_BELOW_PREFIXES);
    }
    bucket.encryptionKey?.grantEncryptDecrypt(grantee);
    storage.responseEncryptionKey?.grantDecrypt(grantee);
    return grant
      .combine(iam.Grant.addToPrincipal({ grantee, actions: ['s3:PutObject'], resourceArns: written }))
      .combine(iam.Grant.addToPrincipal({ grantee, actions: ['s3:GetObject'], resourceArns: read }));
  }

  public metricBacklog(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ApproximateBacklogSize', options);
  }

  public metricBacklogPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ApproximateBacklogSizePerInstance', options);
  }

  public metricHasBacklogWithoutCapacity(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('HasBacklogWithoutCapacity', options);
  }

  public metricAgeOfOldestRequest(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ApproximateAgeOfOldestRequest', options);
  }

  public metricInvocationsProcessed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('InvocationsProcessed', options);
  }

  public metricInvocationFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('InvocationFailures', options);
  }

  public metricExpiredRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ExpiredRequests', options);
  }

  public metricTimeInBacklog(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('TimeInBacklog', options);
  }

  public metricTotalProcessingTime(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('TotalProcessingTime', options);
  }

  public metricRequestDownloadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('RequestDownloadLatency', options);
  }

  public metricRequestDownloadFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('RequestDownloadFailures', options);
  }

  public metricResponseUploadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ResponseUploadLatency', options);
  }

  public metricResponseUploadFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ResponseUploadFailures', options);
  }

  public metricNotificationFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('NotificationFailures', options);
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
}
