import { Duration, Names, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { InputError, throwProblems } from '../core/errors';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import { acknowledgeWildcards } from '../runtime/acknowledge';
import { emptiedObjects } from '../runtime/emptied-bucket';
import { checkIngestionEndpoint, checkRecordSize } from './consumer-checks';
import { consumerFunction, grantConsumer, resultsBucketOf } from './consumer-function';
import {
  DEAD_LETTERS_METRIC,
  DEAD_LETTERS_PREFIX,
  INGESTION_ENVIRONMENT,
  KAFKA_REDRIVE_ENVIRONMENT,
  MEASUREMENTS_PREFIX,
  RESULTS_PREFIX,
  STREAM_NAME_DIMENSION,
  OPEN_SPILLED_RECORDS_METRIC,
  SPILL_DELAY_METRIC,
  SPILLED_RECORDS_METRIC,
  UNANSWERED_BATCHES_METRIC,
} from './contract';
import { isServerless } from './endpoint-fleets';
import { checkFailureNetwork, failureArns, grantFailureKey } from './failure-path';
import { capacityEnvironment, grantCapacity, readableFleets } from './followed-fleets';
import type { KafkaFailureDestination } from './kafka-failure-destination';
import {
  checkKafkaConcurrency,
  checkKafkaExpectations,
  checkKafkaProps,
  kafkaConcurrency,
  type KafkaIngestionProps,
  kafkaSettings,
} from './kafka-ingestion-props';
import { clientStatements, connectionText, networkOf } from './kafka-client-function';
import type { KafkaSource } from './kafka-source';
import { createTopic, DEFAULT_TOPIC_RETENTION } from './kafka-topic';
import { grantRedriveFunction, redriveFunction } from './redrive-function';
import { spillCollector } from './spill-collector';
import { checkSpill } from './spill-props';

/** Accepts the policy that a schema registry gives the role of the consumer: the schemas of a registry have names that it does not know. */
function acknowledgeSchemas(role: iam.IRole): void {
  const granted = role.node.tryFindChild('DefaultPolicy');
  if (!(granted instanceof iam.Policy)) return;
  const { Statement = [] } = Stack.of(granted).resolve(granted.document) as {
    readonly Statement?: readonly { readonly Action: unknown; readonly Resource: unknown }[];
  };
  const wildcards = Statement.filter(({ Action }) =>
    [Action].flat().every((action) => String(action).startsWith('glue:')),
  )
    .flatMap(({ Resource }) => Resource)
    .filter((resource) => JSON.stringify(resource).includes('/*'));
  acknowledgeWildcards(
    granted,
    wildcards,
    'A record names its schema, one of this registry; the names are not known at synthesis.',
  );
}

/**
 * Kafka topic of requests with the model's responses in S3: each record is sent to the endpoint as it is, records of one key strictly in order, and
 * every record ends as one result line: an answer, or a dead letter with its whole record. Records older than `maxRecordAge` end in the
 * failure destination. No record is lost.
 *
 * Creates a consumer function with a hardened event source mapping in provisioned mode (partial batch responses, bisection, retries bounded by the
 * age of records, payloads kept on failure), an encrypted, versioned bucket and, where asked for, the topic.
 *
 * @example
 * const requests = new ingestion.KafkaIngestion(this, 'Requests', { endpoint, source, topic: { topicName: 'requests', partitions: 12 } });
 */
export class KafkaIngestion extends Construct {
  /** Cluster of the topic. */
  public readonly source: KafkaSource;

  /** Name of the topic. */
  public readonly topicName: string;

  /** Consumer group of the event source mapping: name of the results below their prefixes, and of the metrics. */
  public readonly consumerGroupId: string;

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

  /** Event source mapping between topic and consumer. */
  public readonly eventSourceMapping: lambda.EventSourceMapping;

  /** Function that collects the responses to spilled records; undefined without `spillTo`. */
  public readonly spillCollector?: lambda.Function;

  /**
   * Function that puts dead letters and failed batches into the topic again, for `tidegate redrive`; undefined for a cluster whose network is not known
   * (`KafkaSource.msk` without `vpc`), and with a schema registry.
   */
  public readonly redriver?: lambda.Function;

  private readonly hasSchemaRegistry: boolean;

  public constructor(scope: Construct, id: string, props: KafkaIngestionProps) {
    super(scope, id);
    const settings = kafkaSettings(props);
    throwProblems(this.node.path, [
      ...checkIngestionEndpoint(props),
      ...checkSpill(props, settings.maxRecordAge),
      ...checkKafkaProps(props, settings),
      ...checkRecordSize(settings, isServerless(props.endpoint)),
      ...checkKafkaExpectations(props, settings),
    ]);
    const { source, topic, failureDestination } = props;
    this.source = source;
    this.topicName = topic.topicName;
    this.consumerGroupId =
      props.consumerGroupId ??
      Names.uniqueResourceName(this, { maxLength: 200, separator: '-', allowedSpecialCharacters: '._' });

    this.resultsBucket = resultsBucketOf(this, props);
    const followsCapacity = settings.followsCapacity && readableFleets(props.endpoint).length > 0;
    const consumer = consumerFunction(this, {
      handlerName: 'kafka-consumer',
      description: 'Sends the records of the topic to the endpoint and writes the results',
      endpoint: props.endpoint,
      bucket: this.resultsBucket,
      settings,
      mappings: props,
      spillTo: props.spillTo,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      concurrency: (fleets) => kafkaConcurrency(props, settings, fleets),
      problems: (fleets) => checkKafkaConcurrency(props, settings, fleets),
      environment: {
        [INGESTION_ENVIRONMENT.consumerGroupId]: this.consumerGroupId,
        [INGESTION_ENVIRONMENT.topicName]: topic.topicName,
        [INGESTION_ENVIRONMENT.topicPartitions]: String(topic.partitions),
        ...(followsCapacity ? capacityEnvironment(this, props.endpoint, 1) : {}),
      },
    });
    this.consumer = consumer;
    const policy = grantConsumer(this, {
      consumer,
      bucket: this.resultsBucket,
      endpoint: props.endpoint,
      mappings: props,
      spillTo: props.spillTo,
      source: { cases: source.isInVpc ? ['vpc'] : [], arns: this.sourceArns() },
      failures: failureDestination && failureArns(failureDestination, source),
    });
    if (followsCapacity) grantCapacity(this, props.endpoint, policy);
    const keyGrants = [
      ...source.secrets.flatMap(({ encryptionKey }) => encryptionKey?.grantDecrypt(consumer) ?? []),
      ...(failureDestination === undefined ? [] : grantFailureKey(failureDestination, consumer)),
    ];
    if (failureDestination !== undefined) checkFailureNetwork(this, failureDestination, source);

    this.eventSourceMapping = new lambda.EventSourceMapping(this, 'Mapping', {
      target: this.consumer,
      eventSourceArn: source.clusterArn,
      kafkaBootstrapServers: source.bootstrapServers,
      kafkaTopic: topic.topicName,
      kafkaConsumerGroupId: this.consumerGroupId,
      sourceAccessConfigurations: source.accessConfigurations.length > 0 ? source.accessConfigurations : undefined,
      startingPosition:
        props.startingTimestamp === undefined
          ? lambda.StartingPosition.TRIM_HORIZON
          : lambda.StartingPosition.AT_TIMESTAMP,
      startingPositionTimestamp: props.startingTimestamp,
      schemaRegistryConfig: props.schemaRegistry,
      provisionedPollerConfig: { minimumPollers: settings.minPollers, maximumPollers: settings.maxPollers },
      batchSize: settings.batchSize,
      maxBatchingWindow: settings.maxBatchingWindow,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      retryAttempts: settings.retryAttempts,
      maxRecordAge: settings.maxRecordAge,
      onFailure: { bind: () => ({ destination: failureDestination?.destination ?? this.resultsBucket.bucketArn }) },
      supportS3OnFailureDestination: true,
      metricsConfig: { metrics: [lambda.MetricType.EVENT_COUNT] },
    });
    // Lambda checks the role when the mapping is created.
    this.eventSourceMapping.node.addDependency(policy);
    // The results end before the bucket is emptied.
    this.eventSourceMapping.node.addDependency(...emptiedObjects(this.resultsBucket));
    for (const grant of keyGrants) grant.applyBefore(this.eventSourceMapping);
    // Among its policies are those to read the registry.
    if (props.schemaRegistry !== undefined) {
      this.eventSourceMapping.node.addDependency(consumer.role!);
      acknowledgeSchemas(consumer.role!);
    }

    const { spillTo, responseMapping } = props;
    if (spillTo !== undefined) {
      const streamName = this.consumerGroupId;
      const { accept } = settings;
      this.spillCollector = spillCollector(this, {
        spillTo,
        bucket: this.resultsBucket,
        streamName,
        accept,
        responseMapping,
      });
    }

    this.hasSchemaRegistry = props.schemaRegistry !== undefined;
    if (source.isReachable && !this.hasSchemaRegistry)
      this.redriver = this.createRedriver(settings.topicRetention ?? DEFAULT_TOPIC_RETENTION, failureDestination);

    for (const [name, created] of Object.entries({ Topic: topic, FailureTopic: failureDestination?.failureTopic })) {
      if (created?.create === undefined) continue;
      const { topicName, partitions = topic.partitions, create } = created;
      this.eventSourceMapping.node.addDependency(
        createTopic(this, name, { cluster: source, topicName, partitions, create }),
      );
    }
  }

  /**
   * Allows a principal to redrive: to find the function in the stack and to invoke it.
   *
   * @param grantee principal of an operator
   * @throws InputError where there is no such function
   */
  public grantRedrive(grantee: iam.IGrantable): iam.Grant {
    if (this.redriver !== undefined) return grantRedriveFunction(grantee, this.redriver);
    if (this.hasSchemaRegistry)
      throw new InputError(
        `${this.node.path}: there is no function that redrives, because Lambda takes the id of the schema out of records, and they could not be read ` +
          'again; send them anew by a producer that knows the registry, or leave schemaRegistry out',
      );
    throw new InputError(
      `${this.node.path}: there is no function that redrives, because the network of the cluster is not known; give KafkaSource.msk a vpc and ` +
        'securityGroups that may connect to the brokers',
    );
  }

  /**
   * Allows a producer to send records to the topic of an MSK cluster with IAM.
   *
   * @param grantee principal of the producer
   * @throws InputError where the cluster knows its producers in another way
   */
  public grantProduce(grantee: iam.IGrantable): iam.Grant {
    const { clusterArn, authentication } = this.source;
    if (clusterArn === undefined || authentication.mechanism !== 'IAM') {
      throw new InputError(
        `${this.node.path}: IAM grants nothing on a cluster that authenticates by ${authentication.mechanism}; give the producer ` +
          'credentials of the cluster and an ACL of Kafka',
      );
    }
    const connect = iam.Grant.addToPrincipal({
      grantee,
      actions: ['kafka-cluster:Connect', 'kafka-cluster:WriteDataIdempotently'],
      resourceArns: [clusterArn],
    });
    const write = iam.Grant.addToPrincipal({
      grantee,
      actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
      resourceArns: [this.source.resourceArn('topic', this.topicName)],
    });
    return connect.combine(write);
  }

  /**
   * Records of the topic that the consumer group has not done yet: the lag of the ingestion, and a signal to scale the endpoint by.
   *
   * @param options other statistics or periods
   * @default - maximum over one minute
   */
  public metricOffsetLag(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.consumer.metric('OffsetLag', {
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
   * Number of records that Lambda gave up and sent to the failure destination.
   *
   * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
   *
   * @param options other statistics or periods
   * @default - sum over one minute
   */
  public metricFailedRecords(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: 'AWS/Lambda',
      metricName: 'OnFailureDestinationDeliveredEventCount',
      dimensionsMap: { EventSourceMappingUUID: this.eventSourceMapping.eventSourceMappingId },
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(1),
      ...options,
    });
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
      dimensionsMap: { [STREAM_NAME_DIMENSION]: this.consumerGroupId },
      statistic: cloudwatch.Stats.SUM,
      period: Duration.minutes(1),
      ...options,
    });
  }

  /** Creates the function that redrives, as a client of the cluster. */
  private createRedriver(retention: Duration, failures: KafkaFailureDestination | undefined): lambda.Function {
    const { source, topicName, consumerGroupId } = this;
    const failureTopic = failures?.failureTopic;
    const groups = `${consumerGroupId}-redrive-`;
    const isIam = source.authentication.mechanism === 'IAM';
    const groupArn = isIam ? source.resourceArn('group', `${groups}*`) : undefined;
    const redriver = redriveFunction(this, {
      handlerName: 'kafka-redrive',
      description: 'Puts dead letters and failed batches into the topic again, on request',
      bucket: this.resultsBucket,
      network: networkOf(source),
      environment: {
        [KAFKA_REDRIVE_ENVIRONMENT.consumerGroupId]: consumerGroupId,
        [KAFKA_REDRIVE_ENVIRONMENT.topicName]: topicName,
        [KAFKA_REDRIVE_ENVIRONMENT.connection]: connectionText(this, source),
        [KAFKA_REDRIVE_ENVIRONMENT.consumerName]: this.consumer.functionName,
        [KAFKA_REDRIVE_ENVIRONMENT.resultsBucketName]: this.resultsBucket.bucketName,
        [KAFKA_REDRIVE_ENVIRONMENT.retentionSeconds]: String(retention.toSeconds()),
        ...(failures !== undefined && { [KAFKA_REDRIVE_ENVIRONMENT.failureDestination]: failures.destination }),
      },
      failuresBucket: failures?.failureBucket,
      statements: [
        ...clientStatements(source, topicName, ['kafka-cluster:ReadData', 'kafka-cluster:WriteData']),
        ...(groupArn === undefined || failureTopic === undefined
          ? []
          : [
              new iam.PolicyStatement({
                sid: 'ReadFailures',
                actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
                resources: [source.resourceArn('topic', failureTopic.topicName)],
              }),
            ]),
        ...(groupArn === undefined
          ? []
          : [
              new iam.PolicyStatement({
                sid: 'LookIntoTopic',
                actions: ['kafka-cluster:AlterGroup', 'kafka-cluster:DescribeGroup'],
                resources: [groupArn],
              }),
            ]),
      ],
      ...(groupArn !== undefined && {
        wildcards: { resources: [groupArn], reason: 'Each look into the topic has a consumer group of its own.' },
      }),
    });
    for (const { encryptionKey } of source.secrets) encryptionKey?.grantDecrypt(redriver);
    return redriver;
  }

  /** ARNs by which Lambda, with the consumer's role, reads the topic. */
  private sourceArns(): { readonly [name: string]: readonly string[] } {
    const { source, topicName, consumerGroupId } = this;
    const { clusterArn, authentication } = source;
    const secrets = { SecretArn: source.secrets.map(({ secretArn }) => secretArn) };
    if (clusterArn === undefined) return secrets;
    const cluster = { ...secrets, MskClusterArn: [clusterArn] };
    if (authentication.mechanism !== 'IAM') {
      const isScram = authentication.mechanism === 'SASL_SCRAM_512_AUTH';
      return { ...cluster, ScramClusterArn: isScram ? [clusterArn] : [] };
    }
    return {
      ...cluster,
      IamClusterArn: [clusterArn],
      TopicArn: [source.resourceArn('topic', topicName)],
      ConsumerGroupArn: [source.resourceArn('group', consumerGroupId)],
    };
  }
}
