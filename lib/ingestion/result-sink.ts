import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import { HandlerFunction } from '../runtime/handler-function';
import { sendObjectEvents } from '../runtime/object-events';
import { RESULTS_PREFIX, RESULT_SINK_ENVIRONMENT } from './contract';

/** Properties of {@link ResultSink}: exactly one of `stream` and `eventBus`. */
export interface ResultSinkProps {
  /** Bucket of the results: `resultsBucket` of an ingestion. An imported one has to send its events to EventBridge already. */
  readonly resultsBucket: s3.IBucket;

  /**
   * Stream that gets a record for every result, with the record's key as partition key.
   *
   * @default - `eventBus` gets them
   */
  readonly stream?: kinesis.IStream;

  /**
   * Event bus that gets an event for every result: source `tidegate.ingestion`, detail type `Inference Result`.
   *
   * @default - `stream` gets them
   */
  readonly eventBus?: events.IEventBus;

  /**
   * Maximum number of result objects that are delivered at once, 2 to 1,000.
   *
   * @default 10
   */
  readonly maxConcurrency?: number;
}

/** Deliveries of an event before it is a dead letter: with a visibility timeout of six minutes, for half a day. */
const MAX_DELIVERIES = 120;
const TIMEOUT = Duration.minutes(1);

/**
 * Sends every result of an ingestion to a Kinesis stream or an event bus, at least once and in no guaranteed order, after it is in S3. A sink that fails holds
 * nothing back: the events of undelivered objects wait in a queue.
 *
 * @example
 * new ingestion.ResultSink(this, 'Answers', { resultsBucket: requests.resultsBucket, eventBus });
 */
export class ResultSink extends Construct {
  /** Function that delivers the results. */
  public readonly deliverer: lambda.Function;

  /** Queue of the events of result objects that wait for delivery. */
  public readonly queue: sqs.Queue;

  /** Queue of the events of result objects that could not be delivered for half a day; move them back with `StartMessageMoveTask`. */
  public readonly deadLetterQueue: sqs.Queue;

  public constructor(scope: Construct, id: string, props: ResultSinkProps) {
    super(scope, id);
    const { resultsBucket, stream, eventBus, maxConcurrency = 10 } = props;
    throwProblems(this.node.path, checkProps(props));
    sendObjectEvents(resultsBucket);
    this.deadLetterQueue = deadLetterQueue(
      this,
      'DeadLetters',
      'a queue of result objects and of the rule that fills it',
      true,
    );
    this.queue = new sqs.Queue(this, 'Queue', {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // Six times the timeout: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
      visibilityTimeout: Duration.seconds(6 * TIMEOUT.toSeconds()),
      retentionPeriod: Duration.days(14),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: MAX_DELIVERIES },
    });
    new events.Rule(this, 'Written', {
      description: 'Collects the events of result objects',
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: { bucket: { name: [resultsBucket.bucketName] }, object: { key: [{ prefix: RESULTS_PREFIX }] } },
      },
      targets: [new targets.SqsQueue(this.queue, { deadLetterQueue: this.deadLetterQueue })],
    });
    this.deliverer = new HandlerFunction(this, 'Deliverer', {
      handlerName: 'result-sink',
      description: `Delivers results to ${stream === undefined ? 'an event bus' : 'a stream'}`,
      timeout: TIMEOUT,
      environment: {
        [RESULT_SINK_ENVIRONMENT.resultsBucketName]: resultsBucket.bucketName,
        [RESULT_SINK_ENVIRONMENT.targetArn]: stream?.streamArn ?? eventBus!.eventBusArn,
      },
    });
    acknowledgeControl(
      this.deliverer,
      'LambdaDLQ',
      'The event source mapping calls the function synchronously; the queue has a dead-letter queue.',
    );
    const policy = this.grantDeliverer(props);
    const mapping = new lambda.EventSourceMapping(this, 'Mapping', {
      target: this.deliverer,
      eventSourceArn: this.queue.queueArn,
      batchSize: 1,
      reportBatchItemFailures: true,
      maxConcurrency,
    });
    mapping.node.addDependency(policy);
    acknowledgeControl(
      mapping,
      'LambdaEventSourceMappingDestination',
      'The source is a queue, whose dead-letter queue keeps what is not delivered; Lambda takes a destination for streams only.',
    );
  }

  /**
   * Age of the oldest event that waits for delivery, seconds: the lag of the sink.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricLag(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.queue.metricApproximateAgeOfOldestMessage({
      statistic: cloudwatch.Stats.MAXIMUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  /** Grants the deliverer least privilege: read results, take events from the queue, send to the one target. */
  private grantDeliverer({ resultsBucket, stream, eventBus }: ResultSinkProps): iam.Policy {
    const results = resultsBucket.arnForObjects(`${RESULTS_PREFIX}*`);
    const policy = new iam.Policy(this, 'DelivererPolicy', {
      statements: [
        ...dependentStatements(this, [
          { call: 'lambda:CreateEventSourceMapping', arns: { SourceQueueArn: [this.queue.queueArn] } },
          { call: 's3:GetObject', cases: ['missing-object'], arns: { BucketArn: [resultsBucket.bucketArn] } },
        ]),
        new iam.PolicyStatement({ sid: 'ReadResults', actions: ['s3:GetObject'], resources: [results] }),
        stream === undefined
          ? new iam.PolicyStatement({
              sid: 'PutEvents',
              actions: ['events:PutEvents'],
              resources: [eventBus!.eventBusArn],
            })
          : new iam.PolicyStatement({
              sid: 'PutRecords',
              actions: ['kinesis:PutRecords'],
              resources: [stream.streamArn],
            }),
      ],
    });
    policy.attachToRole(this.deliverer.role!);
    grantKeyUse(resultsBucket.encryptionKey, this.deliverer, 's3:GetObject')?.applyBefore(policy);
    grantKeyUse(stream?.encryptionKey, this.deliverer, 'kinesis:PutRecords')?.applyBefore(policy);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, [results], 'The keys of the objects are not known before they are written.');
    return policy;
  }
}

function checkProps({ stream, eventBus, maxConcurrency = 10 }: ResultSinkProps): readonly string[] {
  const problems: string[] = [];
  if ((stream === undefined) === (eventBus === undefined)) {
    problems.push(
      `${stream === undefined ? 'neither' : 'both'} of stream and eventBus given; give one of them, and another ResultSink for a second target, ` +
        'so that one that fails does not hold the other back',
    );
  }
  if (!Number.isInteger(maxConcurrency) || maxConcurrency < 2 || maxConcurrency > 1000)
    problems.push(`maxConcurrency (${maxConcurrency}) must be a whole number from 2 to 1,000`);
  return problems;
}
