import {
  INGESTION_ENVIRONMENT,
  parseFollowedFleets,
  parseShardPlan,
  SHARD_SCALING_ENVIRONMENT,
} from '../../ingestion/contract';
import { ON_DEMAND_SHARDS_AT_START } from '../../ingestion/decide/drain-rate';
import type { ShardPlan } from '../../ingestion/decide/shard-count';
import { SECONDS_PER_DAY } from '../../core/time';
import {
  KnownProperties,
  type DeclaredTarget,
  type ParameterRemedy,
  type Resource,
  type TemplateModel,
} from '../../template';
import type { BlueprintStream, FleetBlueprint } from './fleet-blueprint';

/** Fleet in front of which a stream may be. */
interface StreamedFleet {
  readonly target: DeclaredTarget;
  /** Requests that the fleet holds at its minimum; 0 for one whose endpoint has other fleets too. */
  readonly leastSlots: number;
  /** Blueprint of another target; undefined where it cannot be rehearsed. */
  readonly blueprintOf: (target: DeclaredTarget) => FleetBlueprint | undefined;
}

/**
 * Stream or topic in front of a fleet, or a reason why the time of its records in it is not known; neither for a fleet that is not fed by one. A
 * consumer that follows the capacity of the fleet leaves in the stream what the fleet does not hold; so does one from which records may spill and whose
 * requests in flight fit into the fleet's minimum. With any other the records wait in the instances, for a time that no age limits.
 */
export function streamOf(
  model: TemplateModel,
  fleet: StreamedFleet,
  remedy: ParameterRemedy,
): BlueprintStream | string | undefined {
  const { target, leastSlots } = fleet;
  const handlers = model.ofType('AWS::Lambda::Function');
  const following = handlers.find((handler) => follows(handler, target));
  if (following !== undefined) return readConsumer(model, following, fleet, remedy);
  const sending = handlers.find((handler) => spills(handler, target));
  if (sending === undefined) return undefined;
  const stream = readConsumer(model, sending, fleet, remedy);
  const { maxInFlight, shards, scaling } = stream;
  const most = scaling === undefined ? maxInFlight : (maxInFlight / shards) * scaling.maxShards;
  if (most <= leastSlots) return stream;
  const sent = Number.isFinite(most) ? `up to ${most}` : 'any number of';
  return (
    `records that ${sending.logicalId} spills are not rehearsed: it sends ${sent} requests at once, and the fleet has ${leastSlots} slots at its ` +
    'minimum, so the records wait in its instances and their age in the stream is not known; set followsCapacity, or lower concurrency'
  );
}

function readConsumer(
  model: TemplateModel,
  consumer: Resource,
  { blueprintOf }: StreamedFleet,
  remedy: ParameterRemedy,
): BlueprintStream {
  const variables = KnownProperties.of(consumer, remedy).object('Environment')?.object('Variables');
  const numberOf = (name: string): number => Number(variables?.text(name));
  const mapping = model
    .ofType('AWS::Lambda::EventSourceMapping')
    .find(({ reader, properties }) => reader.referenced(properties['FunctionName']) === consumer);
  const stream = mapping === undefined ? undefined : readStream(mapping);
  const partitions = numberOf(INGESTION_ENVIRONMENT.topicPartitions);
  const shards =
    stream === undefined
      ? partitions > 0
        ? partitions
        : undefined
      : (KnownProperties.of(stream, remedy).number('ShardCount') ?? ON_DEMAND_SHARDS_AT_START);
  const read = mapping && KnownProperties.of(mapping, remedy);
  // A consumer that does not follow its fleet has no such variable.
  const batches = numberOf(INGESTION_ENVIRONMENT.parallelizationFactor) || read?.number('ParallelizationFactor') || 1;
  const scaling = stream && scalingOf(model, stream);
  const spillAfterSeconds = numberOf(INGESTION_ENVIRONMENT.spillAfterSeconds);
  const spillTtlSeconds = numberOf(INGESTION_ENVIRONMENT.spillTtlSeconds);
  const later = spillAfterSeconds > 0 ? spillTargetOf(model, consumer) : undefined;
  const spillTo = later && blueprintOf(later);
  const age = read?.number('MaximumRecordAgeInSeconds');
  return {
    consumer: consumer.logicalId,
    shards: shards ?? Infinity,
    maxInFlight: (shards ?? Infinity) * batches * numberOf(INGESTION_ENVIRONMENT.concurrency),
    ...(scaling !== undefined && { scaling }),
    ...(spillAfterSeconds > 0 && { spillAfterSeconds }),
    ...(spillTtlSeconds > 0 && { spillTtlSeconds }),
    ...(spillTo?.kind === 'async' && { spillTo }),
    maxRecordAgeSeconds: age === undefined || age <= 0 ? SECONDS_PER_DAY : age,
  };
}

function follows(handler: Resource, { resourceId }: DeclaredTarget): boolean {
  const text = handler.reader.text(variablesOf(handler)[INGESTION_ENVIRONMENT.fleets]);
  return text !== undefined && parseFollowedFleets(text).some((fleet) => fleet.resourceId === resourceId);
}

/** True for a consumer whose records may spill from the endpoint of a target. */
function spills(handler: Resource, { endpoint, dimension }: DeclaredTarget): boolean {
  return (
    dimension === 'variant' &&
    handler.reader.text(variablesOf(handler)[INGESTION_ENVIRONMENT.spillAfterSeconds]) !== undefined &&
    namesEndpoint(handler, INGESTION_ENVIRONMENT.endpointName, endpoint)
  );
}

/** Target of the asynchronous endpoint to which the records of a consumer spill. */
function spillTargetOf(model: TemplateModel, consumer: Resource): DeclaredTarget | undefined {
  return model.targets.find(
    ({ dimension, endpoint }) =>
      dimension === 'variant' && namesEndpoint(consumer, INGESTION_ENVIRONMENT.spillEndpointName, endpoint),
  );
}

/** True if a variable of a function is the name of an endpoint. */
function namesEndpoint(handler: Resource, variable: string, endpoint: DeclaredTarget['endpoint']): boolean {
  if (endpoint === undefined) return false;
  const value = variablesOf(handler)[variable];
  const referenced = handler.reader.referenced(value);
  if (referenced !== undefined) return referenced === endpoint.resource;
  const text = handler.reader.text(value);
  return text !== undefined && text === endpoint.name;
}

function variablesOf({ reader, properties }: Resource): Readonly<Record<string, unknown>> {
  return reader.object(reader.object(properties['Environment'])?.['Variables']) ?? {};
}

/** Stream that a mapping reads; undefined for another source. */
function readStream({ reader, properties }: Resource): Resource | undefined {
  const named = reader.referenced(properties['EventSourceArn']);
  const stream =
    named?.type === 'AWS::Kinesis::StreamConsumer' ? named.reader.referenced(named.properties['StreamARN']) : named;
  return stream?.type === 'AWS::Kinesis::Stream' ? stream : undefined;
}

/** Plan of the function that changes the shards of a stream. */
function scalingOf(model: TemplateModel, stream: Resource): ShardPlan | undefined {
  for (const handler of model.ofType('AWS::Lambda::Function')) {
    const { reader } = handler;
    const variables = variablesOf(handler);
    const plan = reader.text(variables[SHARD_SCALING_ENVIRONMENT.plan]);
    if (plan !== undefined && reader.referenced(variables[SHARD_SCALING_ENVIRONMENT.streamName]) === stream)
      return parseShardPlan(plan);
  }
  return undefined;
}
