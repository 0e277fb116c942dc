import { Annotations, Aspects, Duration, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { CheckedCall } from '../catalog/dependent-permissions';
import { throwProblems } from '../core/errors';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import {
  acknowledgeControl,
  acknowledgeInlinePolicy,
  acknowledgeRule,
  acknowledgeWildcards,
} from '../runtime/acknowledge';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import { HandlerFunction } from '../runtime/handler-function';
import { hardenedBucket } from '../runtime/hardened-bucket';
import {
  CONTROL_REQUESTS_PREFIX,
  DEAD_LETTERS_METRIC,
  DEAD_LETTERS_PREFIX,
  FAILED_BATCHES_PREFIX,
  INGESTION_ENVIRONMENT,
  MEASUREMENTS_PREFIX,
  REDRIVEN_PREFIX,
  REDRIVE_ENVIRONMENT,
  RESPONSES_PREFIX,
  RESULTS_PREFIX,
  STREAM_NAME_DIMENSION,
  UNANSWERED_BATCHES_METRIC,
} from './contract';
import { fleetsAtMaximum, isServerless } from './endpoint-fleets';
import {
  checkExpectations,
  checkFleetConcurrency,
  checkIngestionEndpoint,
  checkIngestionProps,
  checkOrderKey,
  checkRecordSize,
  consumerConcurrency,
  ingestionSettings,
  type StreamIngestionProps,
} from './stream-ingestion-props';

/**
 * Kinesis stream of requests with the model's responses in S3: each record is sent to the endpoint as it is, records of one key strictly in
 * order, and every record ends as one result line: an answer, or a dead letter with its payload. Records older than `maxRecordAge` end in
 * the failure destination. No record is lost.
 *
 * Creates an encrypted stream that keeps records for seven days, a consumer function with a hardened event source mapping (partial batch
 * responses, bisection, retries bounded by the age of records, payloads kept on failure), and an encrypted, versioned bucket.
 *
 * @example
 * const requests = new ingestion.StreamIngestion(this, 'Requests', { endpoint });
 */
export class StreamIngestion extends Construct {
  /** Stream for the requests of producers. */
  public readonly stream: kinesis.Stream;

  /** Bucket of results, dead letters and failed batches. */
  public readonly resultsBucket: s3.IBucket;

  /** Key prefix of the results in the bucket. */
  public readonly resultsPrefix: string = RESULTS_PREFIX;

  /** Key prefix of the measurements of answered requests, from which service times are learned. */
  public readonly measurementsPrefix: string = MEASUREMENTS_PREFIX;

  /** Key prefix of the dead letters in the bucket. */
  public readonly deadLettersPrefix: string = DEAD_LETTERS_PREFIX;

  /** Function that sends records to the endpoint. */
  public readonly consumer: lambda.Function;

  /** Event source mapping between stream and consumer. */
  public readonly eventSourceMapping: lambda.EventSourceMapping;

  /** Function that puts dead letters and failed batches into the stream again, for `tidegate redrive`. */
  public readonly redriver: lambda.Function;

  public constructor(scope: Construct, id: string, props: StreamIngestionProps) {
    super(scope, id);
    const settings = ingestionSettings(props);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

    const drainProblems = checkExpectations(props, settings);
    const isProvisioned = props.shardCount !== undefined;
    throwProblems(this.node.path, [
      ...checkIngestionEndpoint(props),
      ...checkIngestionProps(props, settings),
      ...checkRecordSize(settings, isServerless(props.endpoint)),
      ...(isProvisioned ? drainProblems : []),
    ]);
    for (const problem of checkOrderKey(props, settings))
      Annotations.of(this).addWarningV2('tidegate:ingestionOrderKey', problem);
    if (!isProvisioned) {
      for (const problem of drainProblems) Annotations.of(this).addWarningV2('tidegate:ingestionDrainRate', problem);
    }

    this.stream = new kinesis.Stream(this, 'Stream', {
      streamMode: isProvisioned ? kinesis.StreamMode.PROVISIONED : kinesis.StreamMode.ON_DEMAND,
      shardCount: props.shardCount,
      retentionPeriod: settings.retention,
      encryption: kinesis.StreamEncryption.MANAGED,
      removalPolicy,
    });
    // The construct of the CDK has no property for it.
    const resource = this.stream.node.defaultChild as kinesis.CfnStream;
    if (props.maxRecordSize !== undefined) resource.maxRecordSizeInKiB = settings.maxRecordSize.toKibibytes();
    this.resultsBucket =
      props.resultsBucket ??
      hardenedBucket(this, 'Results', {
        accessLogsBucket: props.accessLogsBucket,
        accessLogsPrefix: `${this.node.id}/`,
        removalPolicy,
        noncurrentVersionExpiration: Duration.days(7),
      });
    this.consumer = new HandlerFunction(this, 'Consumer', {
      handlerName: 'stream-consumer',
      description: 'Sends the records of the stream to the endpoint and writes the results',
      timeout: settings.timeout,
      memorySize: settings.memorySize.toMebibytes(),
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      environment: {
        [INGESTION_ENVIRONMENT.endpointName]: props.endpoint.endpointName,
        [INGESTION_ENVIRONMENT.resultsBucketName]: this.resultsBucket.bucketName,
        // The scaling of the endpoint may be declared after its stream.
        [INGESTION_ENVIRONMENT.concurrency]: Lazy.string({
          produce: () => String(consumerConcurrency(props, settings, fleetsAtMaximum(props.endpoint))),
        }),
        [INGESTION_ENVIRONMENT.maxModelFailures]: String(settings.maxModelFailures),
        [INGESTION_ENVIRONMENT.contentType]: settings.contentType,
        [INGESTION_ENVIRONMENT.accept]: settings.accept,
        [INGESTION_ENVIRONMENT.orderKey]: settings.orderKey.expression,
        [INGESTION_ENVIRONMENT.recordId]: settings.recordId.expression,
        [INGESTION_ENVIRONMENT.maxRecordBytes]: String(settings.maxRecordSize.toBytes()),
        [INGESTION_ENVIRONMENT.readsAhead]: String(settings.parallelizationFactor === 1),
      },
    });
    acknowledgeControl(
      this.consumer,
      'LambdaDLQ',
      'The event source mapping calls the function synchronously; failed batches go to the results bucket.',
    );
    Aspects.of(this).add({
      visit: (node) => {
        if (node !== this) return;
        for (const problem of checkFleetConcurrency(props, settings, fleetsAtMaximum(props.endpoint)))
          Annotations.of(this).addWarningV2('tidegate:ingestionRequestsInFlight', problem);
      },
    });
    const policy = this.grantConsumer(props);

    this.eventSourceMapping = new lambda.EventSourceMapping(this, 'Mapping', {
      target: this.consumer,
      eventSourceArn: this.stream.streamArn,
      startingPosition: lambda.StartingPosition.TRIM_HORIZON,
      batchSize: settings.batchSize,
      maxBatchingWindow: settings.maxBatchingWindow,
      parallelizationFactor: settings.parallelizationFactor,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      retryAttempts: settings.retryAttempts,
      maxRecordAge: settings.maxRecordAge,
      onFailure: { bind: () => ({ destination: this.resultsBucket.bucketArn }) },
      supportS3OnFailureDestination: true,
    });
    // Lambda checks the role when the mapping is created.
    this.eventSourceMapping.node.addDependency(policy);

    this.redriver = new HandlerFunction(this, 'Redrive', {
      handlerName: 'redrive',
      description: 'Puts dead letters and failed batches into the stream again, on request',
      timeout: Duration.minutes(5),
      // A failed batch has up to 6 MB, and several may have failed in one second.
      memorySize: 512,
      environment: {
        [REDRIVE_ENVIRONMENT.streamName]: this.stream.streamName,
        [REDRIVE_ENVIRONMENT.resultsBucketName]: this.resultsBucket.bucketName,
        [REDRIVE_ENVIRONMENT.maxRecordBytes]: String(settings.maxRecordSize.toBytes()),
        [REDRIVE_ENVIRONMENT.retentionSeconds]: String(settings.retention.toSeconds()),
      },
    });
    acknowledgeControl(this.redriver, 'LambdaDLQ', 'The function is called synchronously; its caller gets the error.');
    this.grantRedriver();
  }

  /**
   * Allows a principal to redrive: to find the function in the stack and to invoke it.
   *
   * @param grantee principal of an operator
   */
  public grantRedrive(grantee: iam.IGrantable): iam.Grant {
    const stack = iam.Grant.addToPrincipal({
      grantee,
      actions: ['cloudformation:ListStackResources'],
      resourceArns: [Stack.of(this).stackId],
    });
    const invoke = iam.Grant.addToPrincipal({
      grantee,
      actions: ['lambda:InvokeFunction'],
      resourceArns: [this.redriver.functionArn],
    });
    return stack.combine(invoke);
  }

  /**
   * Allows a producer to put records into the stream.
   *
   * @param grantee principal of the producer
   */
  public grantPut(grantee: iam.IGrantable): iam.Grant {
    return this.stream.grant(grantee, 'kinesis:PutRecord', 'kinesis:PutRecords');
  }

  /**
   * Age of the oldest record when it reaches the consumer, milliseconds: the lag of the ingestion.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricIteratorAge(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.consumer.metric('IteratorAge', {
      statistic: cloudwatch.Stats.MAXIMUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  /**
   * Number of dead letters: records that no retry can help.
   *
   * @param options other statistics or periods
   * @default - sum over one minute
   */
  public metricDeadLetters(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.ownMetric(DEAD_LETTERS_METRIC, options);
  }

  /**
   * Number of deliveries of a batch in which the endpoint answered nothing; the batch is retried.
   *
   * @param options other statistics or periods
   * @default - sum over one minute
   */
  public metricUnansweredBatches(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.ownMetric(UNANSWERED_BATCHES_METRIC, options);
  }

  /**
   * Records of producers that Kinesis throttled because the stream has too few shards.
   *
   * @param options other statistics or periods
   * @default - sum over one minute
   */
  public metricThrottledPuts(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.stream.metric('WriteProvisionedThroughputExceeded', {
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  private ownMetric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { [STREAM_NAME_DIMENSION]: this.stream.streamName },
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  /** Grants the redrive function least privilege: read what was set aside and the results, write markers, put into the stream. */
  private grantRedriver(): void {
    const below = (prefix: string): string => this.resultsBucket.arnForObjects(`${prefix}*`);
    const markers = below(REDRIVEN_PREFIX);
    const read = [...[RESULTS_PREFIX, DEAD_LETTERS_PREFIX, FAILED_BATCHES_PREFIX].map(below), markers];
    const policy = new iam.Policy(this, 'RedrivePolicy', {
      statements: [
        new iam.PolicyStatement({
          sid: 'ListObjects',
          actions: ['s3:ListBucket'],
          resources: [this.resultsBucket.bucketArn],
        }),
        new iam.PolicyStatement({ sid: 'ReadObjects', actions: ['s3:GetObject'], resources: read }),
        new iam.PolicyStatement({ sid: 'WriteMarkers', actions: ['s3:PutObject'], resources: [markers] }),
        new iam.PolicyStatement({
          sid: 'PutAndLook',
          actions: ['kinesis:PutRecord', 'kinesis:ListShards', 'kinesis:GetShardIterator', 'kinesis:GetRecords'],
          resources: [this.stream.streamArn],
        }),
      ],
    });
    policy.attachToRole(this.redriver.role!);
    grantKeyUse(this.resultsBucket.encryptionKey, this.redriver, 's3:PutObject', 's3:GetObject')?.applyBefore(policy);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, read, 'The keys of the objects are not known before they are written.');
  }

  /** Grants the consumer least privilege: read the stream, invoke the endpoint, read and write below prefixes, publish metrics. */
  private grantConsumer(props: StreamIngestionProps): iam.Policy {
    const below = (prefix: string): string => this.resultsBucket.arnForObjects(`${prefix}*`);
    const read = [RESULTS_PREFIX, CONTROL_REQUESTS_PREFIX].map(below);
    const objects = [...read, ...[RESPONSES_PREFIX, MEASUREMENTS_PREFIX, DEAD_LETTERS_PREFIX].map(below)];
    const failedBatches = below(FAILED_BATCHES_PREFIX);
    const mapping: CheckedCall = {
      call: 'lambda:CreateEventSourceMapping',
      arns: {
        StreamArn: [this.stream.streamArn],
        FailedBatchArns: [failedBatches],
        FailureBucketArn: [this.resultsBucket.bucketArn],
      },
    };
    const policy = new iam.Policy(this, 'ConsumerPolicy', {
      statements: [
        // Among them s3:ListBucket, which the consumer needs too: it looks for the results of an earlier delivery.
        ...dependentStatements(this, [mapping]),
        new iam.PolicyStatement({ sid: 'ReadObjects', actions: ['s3:GetObject'], resources: read }),
        new iam.PolicyStatement({ sid: 'WriteObjects', actions: ['s3:PutObject'], resources: objects }),
        new iam.PolicyStatement({
          sid: 'PublishCounts',
          actions: ['cloudwatch:PutMetricData'],
          resources: ['*'],
          conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
        }),
      ],
    });
    policy.attachToRole(this.consumer.role!);
    grantKeyUse(this.resultsBucket.encryptionKey, this.consumer, 's3:PutObject', 's3:GetObject')?.applyBefore(policy);
    props.endpoint.grantInvoke(this.consumer);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      [...objects, failedBatches],
      'The keys of the objects are not known before they are written.',
    );
    acknowledgeRule(
      policy,
      'IAM5[Resource::*]',
      'PutMetricData does not support resource-level permissions; a condition limits it to one namespace.',
    );
    return policy;
  }
}
