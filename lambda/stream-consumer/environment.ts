import { METRIC_NAMESPACE } from '../../lib/core/metric-namespace';
import {
  BACKLOG_PER_INSTANCE_METRIC,
  DEAD_LETTERS_METRIC,
  DEFAULT_MEDIA_TYPE,
  INGESTION_ENVIRONMENT as names,
  parseFollowedFleets,
  SPILLED_RECORDS_METRIC,
  STREAM_NAME_DIMENSION,
  UNANSWERED_BATCHES_METRIC,
  WAITING_RECORD_AGE_METRIC,
} from '../../lib/ingestion/contract';
import { parsePayloadMapping } from '../../lib/ingestion/decide/payload-mapping';
import { parseRecordField } from '../../lib/ingestion/decide/record-field';
import { createAsyncEndpointRuntime } from '../clients/async-endpoint';
import { createEndpointRuntime, type EndpointAnswer, type EndpointRuntime } from '../clients/endpoint-runtime';
import { createEndpointStates } from '../clients/endpoint-state';
import { createMappingFunction } from '../clients/mapping-function';
import { createMetrics } from '../clients/metrics';
import { createObjectStore } from '../clients/object-store';
import { createOpenShards, type OpenShards } from '../clients/open-shards';
import { systemClock } from '../support/clock';
import { optionalEnv, requiredEnv, requiredNumberEnv } from '../support/env';
import { compileExpression } from '../support/json-expression';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { CapacityFollower } from './capacity-follower';
import { MAX_SECOND_REQUESTS } from './endpoint-invoker';
import type { ConsumerDependencies } from './consumer';
import { SPILLS_AT_ONCE, type SpillerOptions } from './spiller';
import { expressionMapper, functionMapper, mappedEndpoint, type PayloadMapper } from './mapped-endpoint';

/**
 * Returns the real clients and the settings of a consumer, from its environment.
 *
 * @param shards shards or partitions that share the capacity of the endpoint
 */
export function consumerDependencies(shards?: OpenShards): ConsumerDependencies {
  const metrics = createMetrics(METRIC_NAMESPACE);
  const concurrency = requiredNumberEnv(names.concurrency);
  return {
    endpoint: endpointOf(concurrency + MAX_SECOND_REQUESTS),
    results: createObjectStore(requiredEnv(names.resultsBucketName)),
    clock: systemClock,
    sleep: systemSleep,
    random: Math.random,
    logger,
    concurrency,
    capacity: capacityOf(concurrency, shards),
    maxModelFailures: requiredNumberEnv(names.maxModelFailures),
    recordFields: {
      id: parseRecordField(optionalEnv(names.recordId) ?? 'sequence-number'),
      key: parseRecordField(optionalEnv(names.orderKey) ?? 'partition-key'),
    },
    maxRecordBytes: requiredNumberEnv(names.maxRecordBytes),
    spill: spillOf(),
    publish: (streamName, { deadLetters, unanswered, spilled = 0 }, signal) =>
      metrics.put(
        [
          { metricName: DEAD_LETTERS_METRIC, value: deadLetters },
          { metricName: UNANSWERED_BATCHES_METRIC, value: unanswered },
          { metricName: SPILLED_RECORDS_METRIC, value: spilled },
        ]
          .filter(({ value }) => value > 0)
          .map(({ metricName, value }) => ({
            metricName,
            value,
            unit: 'Count' as const,
            atSeconds: systemClock.now(),
            dimensions: { [STREAM_NAME_DIMENSION]: streamName },
          })),
        signal,
      ),
    publishBacklog: (streamName, { atSeconds, perInstance, ageSeconds }, signal) =>
      metrics.put(
        [
          { metricName: BACKLOG_PER_INSTANCE_METRIC, value: perInstance, unit: 'Count' },
          { metricName: WAITING_RECORD_AGE_METRIC, value: ageSeconds, unit: 'Seconds' },
        ].map((one) => ({
          ...one,
          atSeconds,
          isHighResolution: true,
          dimensions: { [STREAM_NAME_DIMENSION]: streamName },
        })),
        signal,
      ),
  };
}

/** Returns the endpoint, behind mappings where they are declared. */
function endpointOf(maxConnections: number): EndpointRuntime {
  const contentType = optionalEnv(names.contentType) ?? DEFAULT_MEDIA_TYPE;
  const accept = optionalEnv(names.accept) ?? DEFAULT_MEDIA_TYPE;
  const componentName = optionalEnv(names.componentName);
  const settings = { maxConnections, componentName, contentType, accept };
  const endpoint = createEndpointRuntime(requiredEnv(names.endpointName), settings);
  const request = mapperOf(optionalEnv(names.requestMapping), contentType, maxConnections);
  const response = mapperOf(optionalEnv(names.responseMapping), accept, maxConnections);
  if (request === undefined && response === undefined) return endpoint;
  return mappedEndpoint(endpoint, {
    request,
    response,
    maxRequestBytes: requiredNumberEnv(names.maxRecordBytes),
    sleep: systemSleep,
    random: Math.random,
  });
}

/** Returns the asynchronous endpoint that old records go to, where one is declared. */
function spillOf(): SpillerOptions | undefined {
  const endpointName = optionalEnv(names.spillEndpointName);
  if (endpointName === undefined) return undefined;
  const contentType = optionalEnv(names.contentType) ?? DEFAULT_MEDIA_TYPE;
  const accept = optionalEnv(names.accept) ?? DEFAULT_MEDIA_TYPE;
  const bucketName = requiredEnv(names.spillBucketName);
  const ttlSeconds = requiredNumberEnv(names.spillTtlSeconds);
  const timeoutSeconds = requiredNumberEnv(names.spillTimeoutSeconds);
  return {
    endpoint: createAsyncEndpointRuntime(endpointName, { contentType, accept, ttlSeconds, timeoutSeconds }),
    requests: createObjectStore(bucketName),
    bucketName,
    requestPrefix: requiredEnv(names.spillRequestPrefix),
    contentType,
    afterSeconds: requiredNumberEnv(names.spillAfterSeconds),
    ttlSeconds,
    timeoutSeconds,
    requestMapping: mapperOf(optionalEnv(names.requestMapping), contentType, SPILLS_AT_ONCE),
    maxRequestBytes: requiredNumberEnv(names.maxRecordBytes),
  };
}

/**
 * Returns a function that adds to an answer what a response mapping makes of it.
 *
 * @param text a text of `parsePayloadMapping`; undefined where there is none
 */
export function responseMapping(
  text: string | undefined,
  accept: string,
): (answer: EndpointAnswer) => Promise<EndpointAnswer> {
  const response = mapperOf(text, accept, SPILLS_AT_ONCE);
  return (answer) =>
    mappedEndpoint(
      { invoke: () => Promise.resolve(answer) },
      { response, maxRequestBytes: 0, sleep: systemSleep, random: Math.random },
    ).invoke(new Uint8Array());
}

function mapperOf(text: string | undefined, contentType: string, maxConnections: number): PayloadMapper | undefined {
  if (text === undefined) return undefined;
  const mapping = parsePayloadMapping(text);
  return mapping.kind === 'jmespath'
    ? expressionMapper(compileExpression(mapping.expression))
    : functionMapper(createMappingFunction(mapping.functionArn, { maxConnections }), contentType);
}

function capacityOf(concurrency: number, shards: OpenShards | undefined): CapacityFollower | undefined {
  const fleets = optionalEnv(names.fleets);
  if (fleets === undefined) return undefined;
  return new CapacityFollower({
    fleets: parseFollowedFleets(fleets),
    states: createEndpointStates(),
    shards: shards ?? createOpenShards(),
    parallelizationFactor: requiredNumberEnv(names.parallelizationFactor),
    concurrency,
    clock: systemClock,
    logger,
  });
}
