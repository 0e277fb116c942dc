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
import { clientStatements, connectionText, networkOf } from './kafka-client-function';
import { KafkaIngestion } from './kafka-ingestion';
import type { KafkaSource, TopicCreation } from './kafka-source';
import { checkTopic, createTopic } from './kafka-topic';

/** Settings with which a topic of results is created. */
export interface ResultTopicCreation extends TopicCreation {
  /** Number of partitions. */
  readonly partitions: number;
}

/** Kafka topic of results. */
export interface ResultTopic {
  /**
   * Cluster of the topic, and the way in which the function proves who it is. The function is a client of the cluster: an MSK cluster needs its `vpc` and
   * `securityGroups`, as `MskCluster` and `MskServerlessCluster` have them.
   */
  readonly cluster: KafkaSource;

  /** Name: up to 249 letters, digits, points, underscores and hyphens. */
  readonly topicName: string;

  /**
   * Creates the topic with the stack: on a provisioned MSK cluster with Kafka 3.6 or later.
   *
   * @default - the topic exists
   */
  readonly create?: ResultTopicCreation;
}

/** Properties of {@link ResultSink}: exactly one of `stream`, `eventBus` and `topic`. */
export interface ResultSinkProps {
  /** Bucket of the results: `resultsBucket` of an ingestion. An imported one has to send its events to EventBridge already. */
  readonly resultsBucket: s3.IBucket;

  /**
   * Stream that gets a record for every result, with the record's key as partition key.
   *
   * @default - `eventBus` or `topic` gets them
   */
  readonly stream?: kinesis.IStream;

  /**
   * Event bus that gets an event for every result: source `tidegate.ingestion`, detail type `Inference Result`.
   *
   * @default - `stream` or `topic` gets them
   */
  readonly eventBus?: events.IEventBus;

  /**
   * Kafka topic that gets a message for every result, with the record's key as key: the first 4,096 characters of it, `-` for an empty one.
   *
   * @default - `stream` or `eventBus` gets them
   */
  readonly topic?: ResultTopic;

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
 * Sends every result of an ingestion to a Kinesis stream, an event bus or a Kafka topic, at least once and in no guaranteed order, after it is in S3. A sink that
 * fails holds nothing back: the events of undelivered objects wait in a queue.
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
    const { resultsBucket, topic, maxConcurrency = 10 } = props;
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
    this.deliverer = this.createDeliverer(props);
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
    if (topic?.create !== undefined) {
      const { cluster, topicName, create } = topic;
      mapping.node.addDependency(
        createTopic(this, 'Topic', { cluster, topicName, partitions: create.partitions, create }),
      );
    }
    if (topic !== undefined) this.node.addValidation({ validate: () => this.loops(resultsBucket, topic) });
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

  /** Creates the function that delivers: for a topic in the network of the cluster, as its client. */
  private createDeliverer({ resultsBucket, stream, eventBus, topic }: ResultSinkProps): HandlerFunction {
    const target = stream === undefined ? 'an event bus' : 'a stream';
    return new HandlerFunction(this, 'Deliverer', {
      handlerName: 'result-sink',
      description: `Delivers results to ${topic === undefined ? target : 'a topic'}`,
      timeout: TIMEOUT,
      network: topic && networkOf(topic.cluster),
      environment: {
        [RESULT_SINK_ENVIRONMENT.resultsBucketName]: resultsBucket.bucketName,
        ...(topic === undefined
          ? { [RESULT_SINK_ENVIRONMENT.targetArn]: stream?.streamArn ?? eventBus!.eventBusArn }
          : {
              [RESULT_SINK_ENVIRONMENT.topicName]: topic.topicName,
              [RESULT_SINK_ENVIRONMENT.connection]: connectionText(this, topic.cluster),
            }),
      },
    });
  }

  /** Grants the deliverer least privilege: read results, take events from the queue, send to the one target. */
  private grantDeliverer(props: ResultSinkProps): iam.Policy {
    const { resultsBucket, stream, topic } = props;
    const results = resultsBucket.arnForObjects(`${RESULTS_PREFIX}*`);
    const policy = new iam.Policy(this, 'DelivererPolicy', {
      statements: [
        ...dependentStatements(this, [
          { call: 'lambda:CreateEventSourceMapping', arns: { SourceQueueArn: [this.queue.queueArn] } },
          { call: 's3:GetObject', cases: ['missing-object'], arns: { BucketArn: [resultsBucket.bucketArn] } },
        ]),
        new iam.PolicyStatement({ sid: 'ReadResults', actions: ['s3:GetObject'], resources: [results] }),
        ...sendStatements(props),
      ],
    });
    policy.attachToRole(this.deliverer.role!);
    grantKeyUse(resultsBucket.encryptionKey, this.deliverer, 's3:GetObject')?.applyBefore(policy);
    grantKeyUse(stream?.encryptionKey, this.deliverer, 'kinesis:PutRecords')?.applyBefore(policy);
    for (const { encryptionKey } of topic?.cluster.secrets ?? [])
      encryptionKey?.grantDecrypt(this.deliverer).applyBefore(policy);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, [results], 'The keys of the objects are not known before they are written.');
    return policy;
  }

  /** Returns the problem of results that come back as requests of the ingestion that wrote them. */
  private loops(resultsBucket: s3.IBucket, { cluster, topicName }: ResultTopic): string[] {
    const brokers = ({ clusterArn, bootstrapServers }: KafkaSource): string =>
      JSON.stringify([clusterArn, bootstrapServers]);
    const ingestion = this.node.root.node
      .findAll()
      .find(
        (one) =>
          one instanceof KafkaIngestion &&
          one.resultsBucket.bucketName === resultsBucket.bucketName &&
          one.topicName === topicName &&
          brokers(one.source) === brokers(cluster),
      );
    if (ingestion === undefined) return [];
    return [
      `${this.node.path}: topic.topicName is '${topicName}', from which ${ingestion.node.path} takes the requests of these results: each result would become a ` +
        'request; give another topic',
    ];
  }
}

/** Returns the permissions to send to the target. */
function sendStatements({ stream, eventBus, topic }: ResultSinkProps): iam.PolicyStatement[] {
  if (topic !== undefined) return clientStatements(topic.cluster, topic.topicName, ['kafka-cluster:WriteData']);
  if (stream === undefined)
    return [
      new iam.PolicyStatement({
        sid: 'PutEvents',
        actions: ['events:PutEvents'],
        resources: [eventBus!.eventBusArn],
      }),
    ];
  return [
    new iam.PolicyStatement({ sid: 'PutRecords', actions: ['kinesis:PutRecords'], resources: [stream.streamArn] }),
  ];
}

function checkProps({ stream, eventBus, topic, maxConcurrency = 10 }: ResultSinkProps): readonly string[] {
  const problems: string[] = [];
  const given = Object.entries({ stream, eventBus, topic }).flatMap(([name, value]) =>
    value === undefined ? [] : name,
  );
  if (given.length !== 1) {
    problems.push(
      `${given.length === 0 ? 'none' : given.join(' and ')} given of stream, eventBus and topic; give one of them, and another ResultSink for a second target, ` +
        'so that one that fails does not hold the other back',
    );
  }
  if (!Number.isInteger(maxConcurrency) || maxConcurrency < 2 || maxConcurrency > 1000)
    problems.push(`maxConcurrency (${maxConcurrency}) must be a whole number from 2 to 1,000`);
  if (topic !== undefined) problems.push(...checkResultTopic(topic));
  return problems;
}

function checkResultTopic({ cluster, topicName, create }: ResultTopic): readonly string[] {
  const partitionsProperty = 'topic.create.partitions';
  const problems = checkTopic({ cluster, topicName, create, partitions: create?.partitions, partitionsProperty });
  if (!cluster.isReachable)
    problems.push(
      'topic.cluster has no network: the function that delivers is a client of the brokers; give KafkaSource.msk a vpc and securityGroups that may connect to them',
    );
  return problems;
}
