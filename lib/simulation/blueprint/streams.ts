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
import type { BlueprintStream } from './fleet-blueprint';

/** Stream or topic whose consumer follows the capacity of a fleet; undefined for a fleet that is not fed by one. */
export function streamOf(
  model: TemplateModel,
  target: DeclaredTarget,
  remedy: ParameterRemedy,
): BlueprintStream | undefined {
  const consumer = model.ofType('AWS::Lambda::Function').find((handler) => follows(handler, target));
  if (consumer === undefined) return undefined;
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
  const scaling = stream && scalingOf(model, stream);
  const spillAfterSeconds = numberOf(INGESTION_ENVIRONMENT.spillAfterSeconds);
  const age =
    mapping === undefined ? undefined : KnownProperties.of(mapping, remedy).number('MaximumRecordAgeInSeconds');
  return {
    consumer: consumer.logicalId,
    shards: shards ?? Infinity,
    maxInFlight:
      (shards ?? Infinity) *
      numberOf(INGESTION_ENVIRONMENT.parallelizationFactor) *
      numberOf(INGESTION_ENVIRONMENT.concurrency),
    ...(scaling !== undefined && { scaling }),
    ...(spillAfterSeconds > 0 && { spillAfterSeconds }),
    maxRecordAgeSeconds: age === undefined || age <= 0 ? SECONDS_PER_DAY : age,
  };
}

function follows({ reader, properties }: Resource, { resourceId }: DeclaredTarget): boolean {
  const variables = reader.object(reader.object(properties['Environment'])?.['Variables']) ?? {};
  const text = reader.text(variables[INGESTION_ENVIRONMENT.fleets]);
  return text !== undefined && parseFollowedFleets(text).some((fleet) => fleet.resourceId === resourceId);
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
  for (const { reader, properties } of model.ofType('AWS::Lambda::Function')) {
    const variables = reader.object(reader.object(properties['Environment'])?.['Variables']) ?? {};
    const plan = reader.text(variables[SHARD_SCALING_ENVIRONMENT.plan]);
    if (plan !== undefined && reader.referenced(variables[SHARD_SCALING_ENVIRONMENT.streamName]) === stream)
      return parseShardPlan(plan);
  }
  return undefined;
}
