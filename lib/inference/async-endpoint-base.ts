import type { IResource } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { IDependable } from 'constructs';
import { acknowledgeWildcards } from '../runtime/acknowledge';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { FleetPredefinedMetrics, FleetSignals, FleetStateSource } from '../scaling';
import type { AsyncStorage } from './async-storage';
import { ASYNC_REQUESTS_VARIABLE, ENDPOINT_NAME_VARIABLE } from './contract';
import { ScalableFleetBase, type IScaledFleet } from './scalable-fleet-base';

/** An asynchronous endpoint on GPU instances, made here or elsewhere. */
export interface IAsyncEndpoint extends IResource, IScaledFleet, IInvocableEndpoint {
  /** The endpoint's ARN. */
  readonly endpointArn: string;

  /** The variant's name. */
  readonly variantName: string;

  /** The instance types of the pools, the most wanted first; empty where they are not known. */
  readonly instanceTypes: string[];

  /** Any metric of the endpoint, by its name in SageMaker; names that asynchronous endpoints do not publish are refused. */
  metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests in the queue, waiting or being worked on. */
  metricBacklog(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** The same for one instance; not published while there is none. */
  metricBacklogPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** 1 while requests wait and there is no instance, else 0. */
  metricHasBacklogWithoutCapacity(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** The age of the oldest request in the queue, in seconds. */
  metricAgeOfOldestRequest(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time the model took, in microseconds. */
  metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that were answered. The developer guide also writes it `InvocationsProcesssed`: look at the console before an alarm depends on it. */
  metricInvocationsProcessed(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that failed, by the model, the files or the time-out. */
  metricInvocationFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that waited longer than they wanted to. */
  metricExpiredRequests(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** How long requests waited in the queue, in milliseconds. */
  metricTimeInBacklog(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** From the request to its answer, in milliseconds. */
  metricTotalProcessingTime(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time to fetch a request from S3, in microseconds. */
  metricRequestDownloadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that could not be fetched from S3. */
  metricRequestDownloadFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time to write an answer to S3, in microseconds. */
  metricResponseUploadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Answers that could not be written to S3. */
  metricResponseUploadFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Notices that could not be published. */
  metricNotificationFailures(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests refused as the caller's fault. */
  metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that failed as the server's fault. */
  metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the CPU cores in percent, up to 100 times their number on one instance. */
  metricCpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the main memory in percent. */
  metricMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the disks in percent. */
  metricDiskUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the GPUs in percent, up to 100 times their number on one instance. */
  metricGpuUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the GPUs' memory in percent, up to 100 times their number on one instance. */
  metricGpuMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;
}

/** What asynchronous endpoints made here and imported ones have in common. */
export abstract class AsyncEndpointBase extends ScalableFleetBase implements IAsyncEndpoint {
  public abstract readonly endpointArn: string;
  public abstract readonly endpointName: string;
  public abstract readonly variantName: string;
  public abstract readonly instanceTypes: string[];
  public abstract readonly maxConcurrencyPerInstance: number;
  public abstract readonly initialCapacity: number;
  public abstract readonly scalingDependency: IDependable;

  /** Its answers come later, in S3. */
  public readonly isAsynchronous?: boolean = true;

  /** The lowest capacity: requests wait in the queue until an instance is there. */
  public readonly lowestCapacity: number = 0;

  /** The replica count's name. */
  public readonly scalableDimension: string = 'sagemaker:variant:DesiredInstanceCount';

  /** None: asynchronous endpoints publish neither invocations nor concurrency. */
  public readonly predefinedMetrics: FleetPredefinedMetrics = {};

  /**
   * Where requests and answers lie, where it is known.
   *
   * @internal
   */
  protected abstract readonly _storage: AsyncStorage | undefined;

  /** The resource of the scalable target. */
  public get resourceId(): string {
    return `endpoint/${this.endpointName}/variant/${this.variantName}`;
  }

  /** The endpoint's name. */
  public get fleetName(): string {
    return this.endpointName;
  }

  /** What it tells of work that waits. */
  public get signals(): FleetSignals | undefined {
    return {
      backlogPerInstance: this.metricBacklogPerInstance(),
      workWithoutCapacity: this.metricHasBacklogWithoutCapacity({ statistic: 'Maximum' }),
    };
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
   * Lets someone send requests and fetch answers: `InvokeEndpointAsync`, putting requests into the bucket, reading answers and failures.
   * A Lambda function is told the endpoint's name and where requests go, in `TIDEGATE_ENDPOINT_NAME` and `TIDEGATE_ASYNC_REQUESTS`.
   */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    if (grantee instanceof lambda.Function) grantee.addEnvironment(ENDPOINT_NAME_VARIABLE, this.endpointName);
    const grant = iam.Grant.addToPrincipal({
      grantee,
      actions: ['sagemaker:InvokeEndpointAsync'],
      resourceArns: [this.endpointArn],
    });
    const storage = this._storage;
    if (storage === undefined) return grant;
    const { bucket, requestPrefix, answerPrefix, failurePrefix } = storage;
    if (grantee instanceof lambda.Function) {
      grantee.addEnvironment(ASYNC_REQUESTS_VARIABLE, bucket.s3UrlForObject(requestPrefix));
    }
    const written = [bucket.arnForObjects(`${requestPrefix}*`)];
    const read = [answerPrefix, failurePrefix].map((prefix) => bucket.arnForObjects(`${prefix}*`));
    if (grantee instanceof lambda.Function && grantee.role !== undefined) {
      acknowledgeWildcards(
        grantee,
        [...written, ...read],
        'Requests and answers are objects below these prefixes only.',
      );
    }
    bucket.encryptionKey?.grantEncryptDecrypt(grantee);
    storage.answerEncryptionKey?.grantDecrypt(grantee);
    return grant
      .combine(iam.Grant.addToPrincipal({ grantee, actions: ['s3:PutObject'], resourceArns: written }))
      .combine(iam.Grant.addToPrincipal({ grantee, actions: ['s3:GetObject'], resourceArns: read }));
  }

  public metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    const dimensions = { EndpointName: this.endpointName, VariantName: this.variantName };
    return this._metricOf('async', metricName, dimensions, options);
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

  public metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ModelLatency', options);
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

  public metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocation4XXErrors', options);
  }

  public metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocation5XXErrors', options);
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

  /** The backlog of one instance: asynchronous endpoints publish no concurrency. */
  public metricConcurrencyPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metricBacklogPerInstance(options);
  }
}
