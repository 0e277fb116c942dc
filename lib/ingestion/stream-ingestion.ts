import { Annotations, Duration, Names, RemovalPolicy } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { InputError, throwProblems } from '../core/errors';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import type { IBacklogSource } from '../scaling/backlog-source';
import { emptiedObjects } from '../runtime/emptied-bucket';
import type { HandlerFunction } from '../runtime/handler-function';
import {
  BACKLOG_PER_INSTANCE_METRIC,
  BACKLOG_PERIOD_SECONDS,
  DEAD_LETTERS_METRIC,
  DEAD_LETTERS_PREFIX,
  INGESTION_ENVIRONMENT,
  MEASUREMENTS_PREFIX,
  MISSING_SHARDS_METRIC,
  OPEN_SHARDS_METRIC,
  REDRIVE_ENVIRONMENT,
  RESULTS_PREFIX,
  SHARD_CHANGES_LEFT_METRIC,
  STREAM_NAME_DIMENSION,
  OPEN_SPILLED_RECORDS_METRIC,
  SPILL_DELAY_METRIC,
  SPILLED_RECORDS_METRIC,
  UNANSWERED_BATCHES_METRIC,
  WAITING_RECORD_AGE_METRIC,
} from './contract';
import { checkIngestionEndpoint, checkRecordSize } from './consumer-checks';
import { checkScaledBacklog } from './decide/in-flight-limit';
import { consumerFunction, grantConsumer, resultsBucketOf } from './consumer-function';
import { isServerless } from './endpoint-fleets';
import { capacityEnvironment, grantCapacity, readableFleets } from './followed-fleets';
import { grantRedriveFunction, redriveFunction } from './redrive-function';
import { notifyOf, shardScaler } from './shard-scaler';
import { spillCollector } from './spill-collector';
import { checkSpill } from './spill-props';
import { shardPlanOf } from './shard-scaling-props';
import {
  checkExpectations,
  checkFleetConcurrency,
  checkIngestionProps,
  checkOrderKey,
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
export class StreamIngestion extends Construct implements IBacklogSource {
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

  /** Function that collects the responses to spilled records; undefined without `spillTo`. */
  public readonly spillCollector?: lambda.Function;

  /** Function that puts dead letters and failed batches into the stream again, for `tidegate redrive`. */
  public readonly redriver: lambda.Function;

  /** Function that changes the number of shards; undefined without `shardScaling`. */
  public readonly shardScaler?: lambda.Function;

  private readonly scaler?: HandlerFunction;
  private isNotified = false;

  private readonly followsCapacity: boolean;
  /** True once something in the app reads how much waits in the stream. */
  private isBacklogRead = false;

  public constructor(scope: Construct, id: string, props: StreamIngestionProps) {
    super(scope, id);
    const settings = ingestionSettings(props);
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

    const drainProblems = checkExpectations(props, settings);
    const isProvisioned = props.shardCount !== undefined;
    throwProblems(this.node.path, [
      ...checkIngestionEndpoint(props),
      ...checkSpill(props, settings.maxRecordAge),
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
    // The construct of the CDK has no properties for these.
    const resource = this.stream.node.defaultChild as kinesis.CfnStream;
    if (props.warmThroughputMebibytesPerSecond !== undefined)
      resource.warmThroughputMiBps = props.warmThroughputMebibytesPerSecond;
    if (props.maxRecordSize !== undefined) resource.maxRecordSizeInKiB = settings.maxRecordSize.toKibibytes();
    this.resultsBucket = resultsBucketOf(this, props);
    this.followsCapacity = settings.followsCapacity && readableFleets(props.endpoint).length > 0;
    const consumer = consumerFunction(this, {
      handlerName: 'stream-consumer',
      description: 'Sends the records of the stream to the endpoint and writes the results',
      endpoint: props.endpoint,
      bucket: this.resultsBucket,
      settings,
      mappings: props,
      spillTo: props.spillTo,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      concurrency: (fleets) => consumerConcurrency(props, settings, fleets),
      problems: (fleets) => [
        ...checkFleetConcurrency(props, settings, fleets),
        ...(this.followsCapacity && fleets !== undefined ? checkScaledBacklog(this.isBacklogRead) : []),
      ],
      environment: {
        [INGESTION_ENVIRONMENT.readsAhead]: String(settings.parallelizationFactor === 1),
        ...(this.followsCapacity ? capacityEnvironment(this, props.endpoint, settings.parallelizationFactor) : {}),
      },
    });
    this.consumer = consumer;
    const fanOut =
      props.enhancedFanOut === true
        ? new kinesis.CfnStreamConsumer(this, 'FanOut', {
            streamArn: this.stream.streamArn,
            consumerName: Names.uniqueResourceName(this, { maxLength: 64, separator: '-' }),
          })
        : undefined;
    const policy = grantConsumer(this, {
      consumer,
      bucket: this.resultsBucket,
      endpoint: props.endpoint,
      mappings: props,
      spillTo: props.spillTo,
      source: {
        arns: {
          StreamArn: [this.stream.streamArn],
          ...(fanOut === undefined ? {} : { StreamConsumerArn: [fanOut.attrConsumerArn] }),
        },
      },
    });
    if (this.followsCapacity) grantCapacity(this, props.endpoint, policy);

    this.eventSourceMapping = new lambda.EventSourceMapping(this, 'Mapping', {
      target: this.consumer,
      eventSourceArn: fanOut?.attrConsumerArn ?? this.stream.streamArn,
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
    // The results end before the bucket is emptied.
    this.eventSourceMapping.node.addDependency(...emptiedObjects(this.resultsBucket));

    const { spillTo, responseMapping } = props;
    if (spillTo !== undefined) {
      const streamName = this.stream.streamName;
      const { accept } = settings;
      this.spillCollector = spillCollector(this, {
        spillTo,
        bucket: this.resultsBucket,
        streamName,
        accept,
        responseMapping,
      });
    }

    this.redriver = redriveFunction(this, {
      handlerName: 'redrive',
      description: 'Puts dead letters and failed batches into the stream again, on request',
      bucket: this.resultsBucket,
      environment: {
        [REDRIVE_ENVIRONMENT.streamName]: this.stream.streamName,
        [REDRIVE_ENVIRONMENT.resultsBucketName]: this.resultsBucket.bucketName,
        [REDRIVE_ENVIRONMENT.maxRecordBytes]: String(settings.maxRecordSize.toBytes()),
        [REDRIVE_ENVIRONMENT.retentionSeconds]: String(settings.retention.toSeconds()),
      },
      statements: [
        new iam.PolicyStatement({
          sid: 'PutAndLook',
          actions: ['kinesis:PutRecord', 'kinesis:ListShards', 'kinesis:GetShardIterator', 'kinesis:GetRecords'],
          resources: [this.stream.streamArn],
        }),
      ],
    });
    if (props.shardScaling !== undefined && props.shardCount !== undefined) {
      this.scaler = shardScaler(this, {
        stream: this.stream,
        bucket: this.resultsBucket,
        plan: shardPlanOf(props.shardScaling, props.shardCount),
      });
      this.shardScaler = this.scaler;
    }
  }

  /**
   * Tells a topic of each change of the number of shards, and when `maxShards`, the changes that Kinesis allows or a refusal begin and cease to hold the
   * shards back. Needs `shardScaling`.
   *
   * @param topic topic of the operators, such as that of a `CostGuard`
   * @throws InputError without `shardScaling`, and for a second topic
   */
  public notifyShardChanges(topic: sns.ITopic): void {
    if (this.scaler === undefined)
      throw new InputError(
        `${this.node.path}: nothing changes the number of shards; give shardScaling, or leave notifyShardChanges out`,
      );
    if (this.isNotified)
      throw new InputError(
        `${this.node.path}: the changes of the shards go to a topic already; subscribe further recipients to that one`,
      );
    this.isNotified = true;
    notifyOf(this.scaler, topic);
  }

  /**
   * Allows a principal to redrive: to find the function in the stack and to invoke it.
   *
   * @param grantee principal of an operator
   */
  public grantRedrive(grantee: iam.IGrantable): iam.Grant {
    return grantRedriveFunction(grantee, this.redriver);
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

  /**
   * Records that each instance in service has to answer: in flight, or read and waiting for a slot and not for an earlier record of their key.
   * Published while records wait for the fleet, every ten seconds and at the end of an invocation; `FleetScaling.scaleOnStreamBacklog` scales on it.
   * Its period is ten seconds: parts of the shards add up in it.
   */
  public metricBacklogPerInstance(): cloudwatch.Metric {
    if (!this.followsCapacity) {
      throw new InputError(
        `${this.node.path}: no backlog is published, because the consumer does not read the instances of its endpoint; set followsCapacity: ` +
          'true, and give an endpoint whose instances or copies the app scales',
      );
    }
    this.isBacklogRead = true;
    return this.ownMetric(BACKLOG_PER_INSTANCE_METRIC, { period: Duration.seconds(BACKLOG_PERIOD_SECONDS) });
  }

  /**
   * Age of the oldest record that waits for a slot and not for an earlier record of its key, seconds. Published as the backlog is.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricWaitingRecordAge(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    this.isBacklogRead = true;
    return this.ownMetric(WAITING_RECORD_AGE_METRIC, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * Number of shards that the load needs beyond those that the stream may have: `maxShards`, the ten changes of 24 hours, or a limit of the account.
   * Published every minute with `shardScaling`.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricMissingShards(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.ownMetric(MISSING_SHARDS_METRIC, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * Number of shards that take records. Published every minute with `shardScaling`.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricOpenShards(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.ownMetric(OPEN_SHARDS_METRIC, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * Number of changes of the shards that are left of the ten in 24 hours. Published every minute with `shardScaling`.
   *
   * @param options other statistics or periods
   * @default - minimum over one minute
   */
  public metricShardChangesLeft(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.ownMetric(SHARD_CHANGES_LEFT_METRIC, { statistic: cloudwatch.Stats.MINIMUM, ...options });
  }

  /**
   * Number of records that went to the asynchronous endpoint of `spillTo`.
   *
   * @param options other statistics or periods
   * @default - sum over one minute
   */
  public metricSpilledRecords(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.ownMetric(SPILLED_RECORDS_METRIC, options);
  }

  /**
   * Number of spilled records whose response is awaited. Published every minute with `spillTo`.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricOpenSpilledRecords(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.ownMetric(OPEN_SPILLED_RECORDS_METRIC, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
  }

  /**
   * Time from the arrival of a spilled record to its response, seconds.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricSpillDelay(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.ownMetric(SPILL_DELAY_METRIC, { statistic: cloudwatch.Stats.MAXIMUM, ...options });
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
}
