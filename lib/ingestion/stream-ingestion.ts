import { Annotations, Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import {
  acknowledgeControl,
  acknowledgeInlinePolicy,
  acknowledgeRule,
  acknowledgeWildcards,
} from '../runtime/acknowledge';
import { HandlerFunction } from '../runtime/handler-function';
import { hardenedBucket } from '../runtime/hardened-bucket';
import {
  DEAD_LETTERS_METRIC,
  DEAD_LETTERS_PREFIX,
  FAILED_BATCHES_PREFIX,
  ingestionEnvironment,
  METRIC_NAMESPACE,
  RESULTS_PREFIX,
  STREAM_NAME_DIMENSION,
} from './contract';
import {
  checkEndpoint,
  checkExpectations,
  checkProps,
  type StreamIngestionProps,
  withDefaults,
} from './stream-ingestion-props';

/**
 * Requests in through a Kinesis stream, answers out in S3: each record is sent to the endpoint, records of one partition key strictly in
 * order, and every record ends as a result, as a dead letter with its payload, or in the failure destination. Nothing is dropped.
 *
 * Creates an encrypted stream that keeps records for seven days, a consumer function with a hardened event source mapping (partial
 * failures reported, bisection, bounded retries and record age, payloads kept on failure), and an encrypted, versioned bucket.
 *
 * @example
 * const requests = new ingestion.StreamIngestion(this, 'Requests', { endpoint });
 */
export class StreamIngestion extends Construct {
  /** Where producers put requests. */
  public readonly stream: kinesis.Stream;

  /** Where results, dead letters and failed batches land. */
  public readonly resultsBucket: s3.IBucket;

  /** The key prefix of the results in the bucket. */
  public readonly resultsPrefix: string = RESULTS_PREFIX;

  /** The key prefix of the dead letters in the bucket. */
  public readonly deadLettersPrefix: string = DEAD_LETTERS_PREFIX;

  /** The function that sends records to the endpoint. */
  public readonly consumer: HandlerFunction;

  /** The event source mapping between stream and consumer. */
  public readonly eventSourceMapping: lambda.EventSourceMapping;

  public constructor(scope: Construct, id: string, props: StreamIngestionProps) {
    super(scope, id);
    const settings = withDefaults(props);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;

    const tooSlow = checkExpectations(props, settings);
    const isProvisioned = props.shardCount !== undefined;
    throwProblems(this.node.path, [
      ...checkEndpoint(props),
      ...checkProps(props, settings),
      ...(isProvisioned ? tooSlow : []),
    ]);
    if (!isProvisioned) {
      for (const problem of tooSlow) Annotations.of(this).addWarningV2('tidegate:ingestionDrainRate', problem);
    }

    this.stream = new kinesis.Stream(this, 'Stream', {
      streamMode: isProvisioned ? kinesis.StreamMode.PROVISIONED : kinesis.StreamMode.ON_DEMAND,
      shardCount: props.shardCount,
      retentionPeriod: settings.retention,
      encryption: kinesis.StreamEncryption.MANAGED,
      removalPolicy,
    });
    this.resultsBucket =
      props.resultsBucket ??
      hardenedBucket(this, 'Results', {
        accessLogsBucket: props.accessLogsBucket,
        accessLogsPrefix: `${this.node.id}/`,
        removalPolicy,
        keepOldVersions: Duration.days(7),
      });
    this.consumer = new HandlerFunction(this, 'Consumer', {
      handlerName: 'stream-consumer',
      description: 'Sends the records of the stream to the endpoint and lands the answers',
      timeout: settings.timeout,
      memorySize: settings.memorySize,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      environment: {
        [ingestionEnvironment.endpointName]: props.endpoint.endpointName,
        [ingestionEnvironment.resultsBucketName]: this.resultsBucket.bucketName,
        [ingestionEnvironment.concurrency]: String(settings.concurrency),
        [ingestionEnvironment.maxModelFailures]: String(settings.maxModelFailures),
      },
    });
    acknowledgeControl(
      this.consumer,
      'LambdaDLQ',
      'A stream calls the function and waits for it; batches that fail go to the bucket of the results, and no call waits in a queue.',
    );
    const policy = this.allowConsumer(props);

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
    // Lambda checks the role when the mapping is made.
    this.eventSourceMapping.node.addDependency(policy);
  }

  /**
   * Allows a producer to put records into the stream.
   *
   * @param grantee who may put
   */
  public grantPut(grantee: iam.IGrantable): iam.Grant {
    return this.stream.grant(grantee, 'kinesis:PutRecord', 'kinesis:PutRecords');
  }

  /**
   * How old the oldest record is when it reaches the consumer, milliseconds: the lag of the whole ingestion.
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
   * Records set aside because they can never be answered.
   *
   * @param options other statistics or periods
   * @default - sum over one minute
   */
  public metricDeadLetters(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      metricName: DEAD_LETTERS_METRIC,
      dimensionsMap: { [STREAM_NAME_DIMENSION]: this.stream.streamName },
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  /**
   * Records that Kinesis refused to take from producers because the stream is too small for them.
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

  /** What the consumer may do, no more: read the stream, call the endpoint, write below three prefixes, count. */
  private allowConsumer(props: StreamIngestionProps): iam.Policy {
    const objects = [RESULTS_PREFIX, DEAD_LETTERS_PREFIX, FAILED_BATCHES_PREFIX].map((prefix) =>
      this.resultsBucket.arnForObjects(`${prefix}*`),
    );
    const policy = new iam.Policy(this, 'ConsumerPolicy', {
      statements: [
        new iam.PolicyStatement({
          sid: 'ReadStream',
          actions: [
            'kinesis:DescribeStream',
            'kinesis:DescribeStreamSummary',
            'kinesis:GetRecords',
            'kinesis:GetShardIterator',
            'kinesis:ListShards',
          ],
          resources: [this.stream.streamArn],
        }),
        new iam.PolicyStatement({ sid: 'WriteObjects', actions: ['s3:PutObject'], resources: objects }),
        // Lambda wants it of the role that writes failed batches.
        new iam.PolicyStatement({
          sid: 'FindBucket',
          actions: ['s3:ListBucket'],
          resources: [this.resultsBucket.bucketArn],
        }),
        new iam.PolicyStatement({
          sid: 'CountDeadLetters',
          actions: ['cloudwatch:PutMetricData'],
          resources: ['*'],
          conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
        }),
      ],
    });
    policy.attachToRole(this.consumer.role!);
    props.endpoint.grantInvoke(this.consumer);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, objects, 'The names of the objects are not known before they are written.');
    acknowledgeRule(
      policy,
      'IAM5[Resource::*]',
      'PutMetricData knows no resources; a condition holds it to one namespace.',
    );
    return policy;
  }
}
