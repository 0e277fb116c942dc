import { isObject, parseJson, parseValue, type Json, type JsonNode } from '../core/parse';
import type { EpochSeconds } from '../core/time';
import type { ShardPlan } from './decide/shard-count';
import type { ShardNotice } from './decide/shard-notices';

/**
 * Formats of the records in the stream and of the consumer's objects, and the names that construct and handler share: the construct
 * sets the environment that the handler reads, producers write the requests that the handler parses.
 */

/** Environment variables of the stream consumer. */
export const INGESTION_ENVIRONMENT = {
  /** Name of the endpoint to invoke. */
  endpointName: 'TIDEGATE_ENDPOINT_NAME',
  /** Name of the inference component to invoke; unset for endpoints without components. */
  componentName: 'TIDEGATE_INFERENCE_COMPONENT_NAME',
  /** Name of the bucket for results and dead letters. */
  resultsBucketName: 'TIDEGATE_RESULTS_BUCKET',
  /** Maximum number of keys of an invocation in flight at once. */
  concurrency: 'TIDEGATE_CONCURRENCY',
  /** Maximum number of failures of one record, while other records are answered, before it becomes a dead letter. */
  maxModelFailures: 'TIDEGATE_MAX_MODEL_FAILURES',
  /** Media type of the payloads. */
  contentType: 'TIDEGATE_CONTENT_TYPE',
  /** Media type of the response that the endpoint is asked for. */
  accept: 'TIDEGATE_ACCEPT',
  /** Field whose value orders the records; a text of `parseRecordField`. */
  orderKey: 'TIDEGATE_ORDER_KEY',
  /** Field whose value identifies a record; a text of `parseRecordField`. */
  recordId: 'TIDEGATE_RECORD_ID',
  /** Maximum size of a payload, bytes. */
  maxRecordBytes: 'TIDEGATE_MAX_RECORD_BYTES',
  /** Change of payloads on their way to the endpoint, a text of `parsePayloadMapping`; unset where they go unchanged. */
  requestMapping: 'TIDEGATE_REQUEST_MAPPING',
  /** Change of responses for the results, a text of `parsePayloadMapping`; unset where the results have the responses alone. */
  responseMapping: 'TIDEGATE_RESPONSE_MAPPING',
  /** `true` where one invocation at a time has a shard, so that it may read the shard ahead. */
  readsAhead: 'TIDEGATE_READS_AHEAD',
  /** Consumer group of a Kafka consumer: name of its results, whose progress in the topic is that of the group. */
  consumerGroupId: 'TIDEGATE_CONSUMER_GROUP_ID',
  /** Name of the topic of a Kafka consumer, and the number of its partitions. */
  topicName: 'TIDEGATE_TOPIC_NAME',
  topicPartitions: 'TIDEGATE_TOPIC_PARTITIONS',
  /** Fleets whose capacity the requests in flight follow, a text of `parseFollowedFleets`; unset where they follow none. */
  fleets: 'TIDEGATE_FLEETS',
  /** Concurrent batches of one shard. */
  parallelizationFactor: 'TIDEGATE_PARALLELIZATION_FACTOR',
  /** Name of the asynchronous endpoint that old records go to; unset where all wait for the endpoint. */
  spillEndpointName: 'TIDEGATE_SPILL_ENDPOINT_NAME',
  /** Age from which on a record goes to it, seconds. */
  spillAfterSeconds: 'TIDEGATE_SPILL_AFTER_SECONDS',
  /** Bucket and key prefix of the requests to it. */
  spillBucketName: 'TIDEGATE_SPILL_BUCKET',
  spillRequestPrefix: 'TIDEGATE_SPILL_REQUEST_PREFIX',
  /** Maximum time of a request in its queue, and of the model for it, seconds. */
  spillTtlSeconds: 'TIDEGATE_SPILL_TTL_SECONDS',
  spillTimeoutSeconds: 'TIDEGATE_SPILL_TIMEOUT_SECONDS',
} as const;

/** Environment variables of the redrive function. */
export const REDRIVE_ENVIRONMENT = {
  /** Name of the stream that the records came from and go to. */
  streamName: 'TIDEGATE_STREAM_NAME',
  /** Name of the bucket with dead letters and failed batches. */
  resultsBucketName: 'TIDEGATE_RESULTS_BUCKET',
  /** Maximum size of a record of the stream, its partition key included, bytes. */
  maxRecordBytes: 'TIDEGATE_MAX_RECORD_BYTES',
  /** Time for which the stream keeps records, seconds. */
  retentionSeconds: 'TIDEGATE_RETENTION_SECONDS',
} as const;

/** Environment variables of the redrive function of a Kafka topic. */
export const KAFKA_REDRIVE_ENVIRONMENT = {
  /** Consumer group of the ingestion: name of its results. */
  consumerGroupId: 'TIDEGATE_CONSUMER_GROUP_ID',
  /** Name of the topic that the records came from and go to. */
  topicName: 'TIDEGATE_TOPIC_NAME',
  /** Connection to the cluster, a text of `parseKafkaConnection`. */
  connection: 'TIDEGATE_KAFKA_CONNECTION',
  /** Name of the consumer function, which failed batches name. */
  consumerName: 'TIDEGATE_CONSUMER_NAME',
  /** Name of the bucket with dead letters and failed batches. */
  resultsBucketName: 'TIDEGATE_RESULTS_BUCKET',
  /** Time for which the topic keeps records, seconds. */
  retentionSeconds: 'TIDEGATE_RETENTION_SECONDS',
  /** Failure destination of the event source mapping: an ARN, or `kafka://TOPIC`; unset for the bucket of the results. */
  failureDestination: 'TIDEGATE_FAILURE_DESTINATION',
} as const;

/** Connection of a client to a Kafka cluster: to the brokers of an MSK cluster, or to those that are named. */
export interface KafkaConnection {
  readonly clusterArn?: string;
  /** Brokers as `host:port`. */
  readonly bootstrapServers?: readonly string[];
  /** `IAM`, `NONE`, or the type of Lambda's `SourceAccessConfiguration`. */
  readonly mechanism: string;
  /** Secret with the credentials. */
  readonly secretArn?: string;
  /** Secret with the certificate of the authority that signed those of the brokers. */
  readonly rootCaSecretArn?: string;
}

/** Parses the connection that the construct passes in the environment; throws an {@link InputError} that names the invalid members. */
export function parseKafkaConnection(text: string): KafkaConnection {
  return parseJson(KAFKA_REDRIVE_ENVIRONMENT.connection, text, 'an object', (root) => {
    const member = (name: 'clusterArn' | 'secretArn' | 'rootCaSecretArn') => {
      const value = root.at(name).optional((node) => node.text());
      return value === undefined ? {} : { [name]: value };
    };
    const bootstrapServers = root.at('bootstrapServers').optional((list) => list.items().map((one) => one.text()));
    return {
      ...member('clusterArn'),
      ...(bootstrapServers === undefined ? {} : { bootstrapServers }),
      mechanism: root.at('mechanism').text(),
      ...member('secretArn'),
      ...member('rootCaSecretArn'),
    };
  });
}

/** Environment variables of the function that delivers results: with the ARN of a stream or an event bus, or the name and the cluster of a topic. */
export const RESULT_SINK_ENVIRONMENT = {
  /** Name of the bucket of the results. */
  resultsBucketName: 'TIDEGATE_RESULTS_BUCKET',
  /** ARN of the stream or the event bus that gets the results; unset for a topic. */
  targetArn: 'TIDEGATE_RESULT_TARGET_ARN',
  /** Name of the topic that gets the results. */
  topicName: 'TIDEGATE_TOPIC_NAME',
  /** Connection to the cluster, a text of `parseKafkaConnection`. */
  connection: 'TIDEGATE_KAFKA_CONNECTION',
} as const;

/** Environment variables of the function that changes the number of shards. */
export const SHARD_SCALING_ENVIRONMENT = {
  /** Name of the stream. */
  streamName: 'TIDEGATE_STREAM_NAME',
  /** Name of the bucket that keeps the times of the changes. */
  resultsBucketName: 'TIDEGATE_RESULTS_BUCKET',
  /** Limits and aims, a text of `parseShardPlan`. */
  plan: 'TIDEGATE_SHARD_PLAN',
  /** ARN of the topic that gets notices; unset without one. */
  notificationTopicArn: 'TIDEGATE_NOTIFICATION_TOPIC_ARN',
} as const;

/** Columns of a result in a table, with their types in Hive: the fields of a message for a sink. */
export const RESULT_COLUMNS = {
  id: 'string',
  key: 'string',
  sequence_number: 'string',
  arrived_at: 'double',
  answered_at: 'double',
  request_seconds: 'double',
  status: 'int',
  model: 'string',
  variant: 'string',
  content_type: 'string',
  input_tokens: 'bigint',
  output_tokens: 'bigint',
  response_bytes: 'bigint',
  response: 'string',
  response_object: 'string',
  error: 'string',
  dead_letter: 'string',
  mapped: 'string',
  mapping_error: 'string',
  spilled_at: 'double',
  result_object: 'string',
  is_reference: 'boolean',
} as const;

/** Source of the events of results. */
export const RESULT_EVENT_SOURCE = 'tidegate.ingestion';

/** Detail type of the events of results. */
export const RESULT_DETAIL_TYPE = 'Inference Result';

/** Default of the maximum number of keys of an invocation in flight at once. */
export const DEFAULT_CONCURRENCY = 64;

/** Default of the maximum number of failures of one record while other records are answered. */
export const DEFAULT_MAX_MODEL_FAILURES = 5;

/** Default of the media type of payloads and responses. */
export const DEFAULT_MEDIA_TYPE = 'application/json';

/** Key prefix of results in the results bucket: one line for every record. */
export const RESULTS_PREFIX = 'results/';

/** Key prefix of responses that are too large for a line, or no text. */
export const RESPONSES_PREFIX = 'responses/';

/** Key prefix of the measurements of responses, from which service times are learned. */
export const MEASUREMENTS_PREFIX = 'measurements/';

/** Key prefix of dead letters in the results bucket. */
export const DEAD_LETTERS_PREFIX = 'dead-letters/';

/** Key prefix of requests that the endpoint answered, which tell its faults from those of a record. */
export const CONTROL_REQUESTS_PREFIX = 'control-requests/';

/** Key prefix of Lambda's failure destination: batches that are older than the maximum age, with their payload. */
export const FAILED_BATCHES_PREFIX = 'aws/lambda/';

/** Key prefix of the times at which the number of shards was changed. */
export const SHARD_CHANGES_PREFIX = 'shard-changes/';

/** Key prefix of records that an asynchronous endpoint has and whose responses are awaited. */
export const SPILLED_PREFIX = 'spilled/';

/** Key prefix of the markers of redriven records. */
export const REDRIVEN_PREFIX = 'redriven/';

/** Maximum size of a response within a result line, bytes; a larger one is an object beside the line. */
export const MAX_INLINE_RESPONSE_BYTES = 64 * 1024;

/** Dimension of the consumer's own metrics. */
export const STREAM_NAME_DIMENSION = 'StreamName';

/** Number of dead letters, counted when they are written. */
export const DEAD_LETTERS_METRIC = 'DeadLetters';

/** Number of deliveries of a batch in which the endpoint answered nothing. */
export const UNANSWERED_BATCHES_METRIC = 'UnansweredBatches';

/**
 * Records that an instance in service has to answer, for each instance: in flight, or read and waiting for a slot alone. Published every
 * {@link BACKLOG_PERIOD_SECONDS} by each invocation that has records waiting, so that the sum over such a period is that of the stream.
 */
export const BACKLOG_PER_INSTANCE_METRIC = 'BacklogPerInstance';

/** Age of the oldest record that waits for a slot alone, seconds; published as the backlog is. */
export const WAITING_RECORD_AGE_METRIC = 'WaitingRecordAge';

/** Number of records that went to the asynchronous endpoint. */
export const SPILLED_RECORDS_METRIC = 'SpilledRecords';

/** Number of records whose response from the asynchronous endpoint is awaited, every minute where records may spill. */
export const OPEN_SPILLED_RECORDS_METRIC = 'OpenSpilledRecords';

/** Time from the arrival of a spilled record to its response, seconds. */
export const SPILL_DELAY_METRIC = 'SpillDelay';

/** Number of shards that take records, every minute where the shards are scaled. */
export const OPEN_SHARDS_METRIC = 'OpenShards';

/** Number of shards that the load needs beyond those that the stream may have, every minute where the shards are scaled. */
export const MISSING_SHARDS_METRIC = 'MissingShards';

/** Number of changes that are left of those that Kinesis allows in 24 hours, every minute where the shards are scaled. */
export const SHARD_CHANGES_LEFT_METRIC = 'ShardChangesLeft';

/** Period of the two metrics of waiting records, seconds: a high-resolution alarm evaluates it. */
export const BACKLOG_PERIOD_SECONDS = 10;

/** Fleet whose capacity the requests in flight follow. */
export interface FollowedFleet {
  /** Resource id of the scalable target: of a variant, or of an inference component. */
  readonly resourceId: string;
  /** Name of the endpoint, or of the component. */
  readonly fleetName: string;
  /** Concurrent requests that one replica was tested with. */
  readonly maxConcurrencyPerReplica: number;
}

/** Parses the fleets that the construct passes in the environment; throws an {@link InputError} that names the invalid fields. */
export function parseFollowedFleets(text: string): FollowedFleet[] {
  return parseJson(INGESTION_ENVIRONMENT.fleets, text, 'a list of fleets', (fleets) =>
    fleets.items().map((fleet) => ({
      resourceId: fleet.at('resourceId').text(),
      fleetName: fleet.at('fleetName').text(),
      maxConcurrencyPerReplica: fleet.at('maxConcurrencyPerReplica').number('a number above 0', (value) => value > 0),
    })),
  );
}

/** Parses the plan of the shards that the construct passes in the environment; throws an {@link InputError} that names the invalid fields. */
export function parseShardPlan(text: string): ShardPlan {
  return parseJson(SHARD_SCALING_ENVIRONMENT.plan, text, 'an object', (plan) => {
    const above = (name: string, least: number): number =>
      plan.at(name).number(`a number of at least ${least}`, (value) => value >= least);
    return {
      minShards: above('minShards', 1),
      maxShards: above('maxShards', 1),
      targetUse: plan.at('targetUse').number('a number above 0', (value) => value > 0),
      scaleInAfterSeconds: above('scaleInAfterSeconds', 0),
    };
  });
}

/** Key of the object with the times at which the number of shards was changed. */
export function shardChangesObjectKey(streamName: string): string {
  return `${SHARD_CHANGES_PREFIX}${streamName}.json`;
}

/** Notes of the function that changes the number of shards. */
export interface ShardChanges {
  /** Times of the changes. */
  readonly changes: readonly EpochSeconds[];
  /** True while a limit or a refusal holds the shards back; the operator has a notice of it. */
  readonly isHeldBack: boolean;
  /** Notices that wait to be sent. */
  readonly notices: readonly ShardNotice[];
}

/** Parses the notes about the number of shards; throws an {@link InputError} for another text. */
export function parseShardChanges(text: string): ShardChanges {
  return parseJson('the changes of the shards', text, 'an object', (root) => ({
    changes: root
      .at('changes')
      .items()
      .map((at) => at.number()),
    isHeldBack: root.at('isHeldBack').optional((node) => node.flag()) ?? false,
    notices:
      root
        .at('notices')
        .optional((list) =>
          list
            .items()
            .map((notice) => ({ subject: notice.at('subject').text(), message: notice.at('message').text() })),
        ) ?? [],
  }));
}

/** Formats the notes about the number of shards. */
export function formatShardChanges({ changes, isHeldBack, notices }: ShardChanges): string {
  return JSON.stringify({ changes, isHeldBack, notices });
}

/**
 * Request of the local services and of examples that measure: a JSON body whose fields tell the work in it. The stream consumer needs none
 * of its fields.
 */
export interface InferenceRequest {
  /** Id of the request, unique in the stream; its result has the same id. */
  readonly id: string;
  /** Partition key: requests of one key are processed in the order of the stream. */
  readonly key: string;
  /** Number of tokens of the prompt. */
  readonly contextTokens: number;
  /** Number of tokens to generate. */
  readonly generatedTokens: number;
  /** Time at which the client sent the request; optional. */
  readonly sentAt?: EpochSeconds;
}

/** Response of the model. Every field is optional; other fields are ignored. */
export interface InferenceResponse {
  readonly generatedTokens?: number;
  readonly queueSeconds?: number;
  readonly serviceSeconds?: number;
  readonly instance?: string;
  /** Service time that the model predicted. */
  readonly predictedSeconds?: number;
  /** Response of a model of the user, JSON: it is written as it came, and read without its spacing. */
  readonly output?: string;
}

/** Outcome of a record: a line of a result object. Every record of the stream has exactly one. */
export interface RecordResult {
  /** Identity of the record: its place in the stream, or what the ingestion is configured to take. */
  readonly id: string;
  /** Records of one key are processed in the order of the stream. Empty for the records of a topic whose key is empty. */
  readonly key: string;
  /** Sequence number of the record; within an aggregated record followed by a point and the number of the part. */
  readonly position: string;
  /** Time at which the stream received the record. */
  readonly arrivedAt: EpochSeconds;
  /** Time of the response, or of the decision that the record is a dead letter. */
  readonly answeredAt: EpochSeconds;
  /** Time of the request that was answered, seconds; null for a dead letter. */
  readonly requestSeconds: number | null;
  /** HTTP status of the response; null if there was none. */
  readonly status: number | null;
  /** Model that the response names; null if it names none. */
  readonly model: string | null;
  /** Production variant that answered. */
  readonly variant: string | null;
  readonly contentType: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** Size of the response, bytes; null for a dead letter. */
  readonly responseBytes: number | null;
  /** Text of the response as it came; null if it is an object, or for a dead letter. */
  readonly response: string | null;
  /** Key of the object with the response as it came, in the same bucket. */
  readonly responseObject: string | null;
  /** Reason why the record is a dead letter; null for an answered record. */
  readonly error: string | null;
  /** Key of the dead letter, in the same bucket. */
  readonly deadLetter: string | null;
  /** Text that the response mapping made of the response; null where it failed, absent without a mapping. */
  readonly mapped?: string | null;
  /** Reason why the response could not be mapped; null where it was, absent without a mapping. */
  readonly mappingError?: string | null;
  /** Time at which the record went to the asynchronous endpoint, so that later records of its key may precede it; absent for any other record. */
  readonly spilledAt?: EpochSeconds;
}

/** RequestMeasurement of an answered request whose tokens are known: a line of a measurement object. */
export interface RequestMeasurement {
  readonly id: string;
  readonly key: string;
  readonly contextTokens: number;
  readonly generatedTokens: number;
  readonly sentAt: EpochSeconds | null;
  readonly answeredAt: EpochSeconds;
  readonly serviceSeconds: number;
  readonly queueSeconds: number;
}

/** Record that no retry can help, with its payload, so that it can be corrected and put into the stream again. */
export interface DeadLetter {
  /** Sequence number of a record of Kinesis, offset of one of Kafka. */
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly payloadBase64: string;
  readonly error: string;
  readonly at: EpochSeconds;
  /** Record as Lambda delivered it, of a Kafka topic only: with its key and headers byte for byte. */
  readonly kafkaRecord?: KafkaEventRecord;
}

/** Header of a Kafka record: its name, and its bytes as signed or unsigned numbers. */
export interface KafkaEventHeader {
  readonly [name: string]: readonly number[];
}

/** Record in an event of Lambda's Kafka event source. */
export interface KafkaEventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970, of the producer (`CREATE_TIME`) or the broker (`LOG_APPEND_TIME`). */
  readonly timestamp: number;
  readonly timestampType: string;
  /** Key in base64; absent or null for a record without key. */
  readonly key?: string | null;
  /** Value in base64; absent or null for a record without value (a tombstone). */
  readonly value?: string | null;
  readonly headers?: readonly KafkaEventHeader[];
  /** Number of times that the record was redriven; absent in Lambda's events. */
  readonly redrives?: number;
}

/**
 * Event of Lambda's Kafka event source: the records of one or more partitions, by `topic-partition`, each partition's in the order of offsets.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html
 */
export interface KafkaEvent {
  /** `aws:kafka` for Amazon MSK, `SelfManagedKafka` for another cluster. */
  readonly eventSource: string;
  /** ARN of the MSK cluster; absent for another cluster. */
  readonly eventSourceArn?: string;
  readonly bootstrapServers?: string;
  readonly records: { readonly [topicPartition: string]: readonly KafkaEventRecord[] };
}

/**
 * Partial batch response for Kafka: for each partition that is not done the offset from which Lambda delivers again. A partition or an offset that
 * was not in the event repeats the whole event.
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
 */
export interface KafkaBatchResponse {
  readonly batchItemFailures: readonly {
    readonly itemIdentifier: { readonly partition: string; readonly offset: number };
  }[];
}

/** Digits of an offset, and of a timestamp in milliseconds, in a position. */
const OFFSET_DIGITS = 20;
const TIMESTAMP_DIGITS = 15;

/**
 * Position of a Kafka record within its partition: offset and timestamp, for a redriven record followed by the number of redrives. Sorts as text. The
 * timestamp tells the records of a topic from those of its predecessor of the same name, whose offsets are the same.
 */
export function kafkaPosition({
  offset,
  timestamp,
  redrives = 0,
}: Pick<KafkaEventRecord, 'offset' | 'timestamp' | 'redrives'>): string {
  const at = String(Math.max(0, Math.trunc(timestamp))).padStart(TIMESTAMP_DIGITS, '0');
  const place = `${String(offset).padStart(OFFSET_DIGITS, '0')}.${at}`;
  return redrives === 0 ? place : `${place}.${redrives}`;
}

/** Parses a request; throws an {@link InputError} that names the invalid fields. */
export function parseInferenceRequest(text: string): InferenceRequest {
  return parseJson('the request', text, 'an object with id, key, context_tokens and generated_tokens', (request) => {
    const sentAt = request.at('sent_at').optional((node) => node.number());
    return {
      id: request.at('id').text(),
      key: request.at('key').text(),
      contextTokens: request.at('context_tokens').count(),
      generatedTokens: request.at('generated_tokens').count(),
      ...(sentAt === undefined ? {} : { sentAt }),
    };
  });
}

/** Formats a request as JSON. */
export function formatInferenceRequest(request: InferenceRequest): string {
  return JSON.stringify({
    id: request.id,
    key: request.key,
    context_tokens: request.contextTokens,
    generated_tokens: request.generatedTokens,
    sent_at: request.sentAt,
  });
}

function measure(source: Json, name: string): number | undefined {
  const value = source[name];
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Parses a model's response; fields of another format are left out, because any response counts as a result. */
export function parseInferenceResponse(text: string): InferenceResponse {
  let source: unknown;
  try {
    source = JSON.parse(text);
  } catch {
    return {};
  }
  if (!isObject(source)) return {};
  return {
    generatedTokens: measure(source, 'generated_tokens'),
    queueSeconds: measure(source, 'queue_seconds'),
    serviceSeconds: measure(source, 'service_seconds'),
    instance: typeof source.instance === 'string' ? source.instance : undefined,
    predictedSeconds: measure(source, 'predicted_seconds'),
    output: source.output === undefined ? undefined : JSON.stringify(source.output),
  };
}

/** Formats a response as JSON. */
export function formatInferenceResponse(id: string, response: InferenceResponse): string {
  const text = JSON.stringify({
    id,
    generated_tokens: response.generatedTokens,
    queue_seconds: response.queueSeconds,
    service_seconds: response.serviceSeconds,
    instance: response.instance,
    predicted_seconds: response.predictedSeconds,
  });
  return response.output === undefined ? text : `${text.slice(0, -1)},"output":${response.output}}`;
}

/** Formats a line of a result object, without the line break. */
export function formatResultLine(result: RecordResult): string {
  return JSON.stringify({
    id: result.id,
    key: result.key,
    sequence_number: result.position,
    arrived_at: result.arrivedAt,
    answered_at: result.answeredAt,
    request_seconds: result.requestSeconds,
    status: result.status,
    model: result.model,
    variant: result.variant,
    content_type: result.contentType,
    input_tokens: result.inputTokens,
    output_tokens: result.outputTokens,
    response_bytes: result.responseBytes,
    response: result.response,
    response_object: result.responseObject,
    error: result.error,
    dead_letter: result.deadLetter,
    mapped: result.mapped,
    mapping_error: result.mappingError,
    spilled_at: result.spilledAt,
  });
}

/** Parses a line of a result object; throws an {@link InputError} that names the invalid fields. */
export function parseResultLine(line: string): RecordResult {
  return parseJson('the result line', line, 'an object', (result) => {
    const text = (name: string): string | null => result.at(name).optional((node) => node.anyText()) ?? null;
    const count = (name: string): number | null => result.at(name).optional((node) => node.count()) ?? null;
    const spilledAt = result.at('spilled_at').optional((node) => node.number());
    return {
      id: result.at('id').text(),
      key: result.at('key').anyText(),
      position: result.at('sequence_number').text(),
      arrivedAt: result.at('arrived_at').number(),
      answeredAt: result.at('answered_at').number(),
      requestSeconds: result.at('request_seconds').optional((node) => node.number()) ?? null,
      status: count('status'),
      model: text('model'),
      variant: text('variant'),
      contentType: text('content_type'),
      inputTokens: count('input_tokens'),
      outputTokens: count('output_tokens'),
      responseBytes: count('response_bytes'),
      response: text('response'),
      responseObject: text('response_object'),
      error: text('error'),
      deadLetter: text('dead_letter'),
      ...(result.at('mapped').isAbsent && result.at('mapping_error').isAbsent
        ? {}
        : { mapped: text('mapped'), mappingError: text('mapping_error') }),
      ...(spilledAt === undefined ? {} : { spilledAt }),
    };
  });
}

/** Formats a line of a measurement object, without the line break. */
export function formatMeasurementLine(measurement: RequestMeasurement): string {
  return JSON.stringify({
    id: measurement.id,
    key: measurement.key,
    context_tokens: measurement.contextTokens,
    generated_tokens: measurement.generatedTokens,
    sent_at: measurement.sentAt,
    answered_at: measurement.answeredAt,
    service_seconds: measurement.serviceSeconds,
    queue_seconds: measurement.queueSeconds,
  });
}

/** Parses a line of a measurement object; throws an {@link InputError} that names the invalid fields. */
export function parseMeasurementLine(line: string): RequestMeasurement {
  return parseJson('the measurement line', line, 'an object', (measurement) => ({
    id: measurement.at('id').text(),
    key: measurement.at('key').anyText(),
    contextTokens: measurement.at('context_tokens').count(),
    generatedTokens: measurement.at('generated_tokens').count(),
    sentAt: measurement.at('sent_at').optional((node) => node.number()) ?? null,
    answeredAt: measurement.at('answered_at').number(),
    serviceSeconds: measurement.at('service_seconds').number(),
    queueSeconds: measurement.at('queue_seconds').number(),
  }));
}

/** Formats a dead-letter object. */
export function formatDeadLetter(letter: DeadLetter): string {
  const { sequenceNumber, partitionKey, payloadBase64, error, at, kafkaRecord } = letter;
  return JSON.stringify({ sequenceNumber, partitionKey, payloadBase64, error, at, kafkaRecord });
}

/** Parses a dead-letter object; throws an {@link InputError} that names the invalid fields. */
export function parseDeadLetter(text: string): DeadLetter {
  return parseJson('the dead letter', text, 'an object', (letter) => {
    const kafkaRecord = letter.at('kafkaRecord').optional(kafkaRecordOf);
    return {
      sequenceNumber: letter.at('sequenceNumber').text(),
      partitionKey: letter.at('partitionKey').anyText(),
      payloadBase64: letter.at('payloadBase64').base64(),
      error: letter.at('error').text(),
      at: letter.at('at').number(),
      ...(kafkaRecord === undefined ? {} : { kafkaRecord }),
    };
  });
}

/** Parses an event of Lambda's Kafka event source; throws an {@link InputError} that names the invalid members. */
export function parseKafkaEvent(event: unknown): KafkaEvent {
  return parseValue('the event', event, (root) => {
    const eventSourceArn = root.at('eventSourceArn').optional((node) => node.text());
    return {
      eventSource: root.at('eventSource').text(),
      ...(eventSourceArn === undefined ? {} : { eventSourceArn }),
      records: root.at('records').map((records) => records.items().map(kafkaRecordOf)),
    };
  });
}

/** Reads a record of a Kafka event. */
export function kafkaRecordOf(node: JsonNode): KafkaEventRecord {
  const text = (name: 'key' | 'value'): string | null => node.at(name).optional((member) => member.anyText()) ?? null;
  const headers = node
    .at('headers')
    .optional((list) =>
      list.items().map((header) => header.map((bytes) => bytes.items().map((byte) => byte.number()))),
    );
  const redrives = node.at('redrives').optional((member) => member.count());
  return {
    topic: node.at('topic').text(),
    partition: node.at('partition').count(),
    offset: node.at('offset').count(),
    timestamp: node.at('timestamp').number(),
    timestampType: node.at('timestampType').optional((member) => member.text()) ?? 'CREATE_TIME',
    key: text('key'),
    value: text('value'),
    headers: headers ?? [],
    ...(redrives === undefined ? {} : { redrives }),
  };
}

/** Key prefix of the results of a shard. */
export function resultsOfShard(streamName: string, shardId: string): string {
  return `${RESULTS_PREFIX}${streamName}/${shardId}/`;
}

/**
 * Key of the result object of a sequence of records. The last position comes first, so that the objects of a shard that end at or after a
 * record are those that a listing returns after that record's position.
 */
export function resultObjectKey(streamName: string, shardId: string, first: string, last: string): string {
  return `${resultsOfShard(streamName, shardId)}${last}-${first}.jsonl`;
}

/** Positions of the first and the last record of a result object; undefined for the key of another object. */
export function parseResultObjectKey(key: string): { readonly first: string; readonly last: string } | undefined {
  const match = /\/([0-9.]+)-([0-9.]+)\.jsonl$/.exec(key);
  return match === null ? undefined : { first: match[2]!, last: match[1]! };
}

/** Key of the measurements of a result object. */
export function measurementObjectKey(resultKey: string): string {
  return `${MEASUREMENTS_PREFIX}${resultKey.slice(RESULTS_PREFIX.length)}`;
}

/** Key of the response of a record. */
export function responseObjectKey(streamName: string, shardId: string, position: string): string {
  return `${RESPONSES_PREFIX}${streamName}/${shardId}/${position}`;
}

/** Key of the dead letter of a record, so a retry overwrites it. */
export function deadLetterObjectKey(streamName: string, shardId: string, position: string): string {
  return `${DEAD_LETTERS_PREFIX}${streamName}/${shardId}/${position}.json`;
}

/** Key of the control request of a stream. */
export function controlRequestObjectKey(streamName: string): string {
  return `${CONTROL_REQUESTS_PREFIX}${streamName}.json`;
}

/** Key prefix of the dead letters of a stream. */
export function deadLettersOfStream(streamName: string): string {
  return `${DEAD_LETTERS_PREFIX}${streamName}/`;
}

/** Key of a marker of a redriven record; generations count the owners of the record. */
export function redriveMarkerKey(streamName: string, shardId: string, position: string, generation: number): string {
  return `${REDRIVEN_PREFIX}${streamName}/${shardId}/${position}.${generation}.json`;
}
