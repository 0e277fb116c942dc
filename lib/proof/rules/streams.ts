import type { RuleViolation } from '../finding';
import {
  type DeclaredEndpoint,
  type Resource,
  type DeclaredTarget,
  type TemplateModel,
  testedConcurrency,
  type DeclaredVariant,
} from '../../template';
import { calledBy, eventSources } from '../rule-support/event-sources';
import type { ProofRule } from '../rule-support/rule';

/** A function that reads a Kinesis stream. */
interface Consumption {
  readonly at: Resource;
  /** Path of its settings in the resource, with a dot at the end. */
  readonly where: string;
  readonly consumer: Resource;
  /** Concurrent batches. */
  readonly atOnce: number;
  readonly sum: string;
}

function consumptionsOf(model: TemplateModel): Consumption[] {
  return eventSources(model).flatMap(({ at, where, settings, source, consumer, isEnabled }) => {
    if (consumer === undefined || source?.type !== 'AWS::Kinesis::Stream' || isEnabled !== true) return [];
    const shards = source.reader.number(source.properties['ShardCount']);
    const declared = settings['ParallelizationFactor'];
    const perShard = at.reader.isAbsent(declared) ? 1 : at.reader.number(declared);
    if (shards === undefined || perShard === undefined) return [];
    const reserved = consumer.reader.number(consumer.properties['ReservedConcurrentExecutions']) ?? Infinity;
    const sum = `${shards} shards × ${perShard} batches`;
    const atOnce = Math.min(shards * perShard, reserved);
    return [
      { at, where, consumer, atOnce, sum: reserved < shards * perShard ? `${reserved} executions of ${sum}` : sum },
    ];
  });
}

/** Concurrent requests of one instance, from its tested concurrency or the target of a policy; undefined where neither is declared. */
function slotsOf(target: DeclaredTarget): number | undefined {
  const targets = target.policies.flatMap(({ resource: { reader }, tracking }) => {
    const predefined = reader.object(tracking?.['PredefinedMetricSpecification'])?.['PredefinedMetricType'];
    const custom = reader.object(tracking?.['CustomizedMetricSpecification'])?.['MetricName'];
    const value = reader.number(tracking?.['TargetValue']);
    const isConcurrency = /ConcurrentRequestsPerModel/.test(reader.text(predefined) ?? reader.text(custom) ?? '');
    return isConcurrency && value !== undefined ? [value] : [];
  });
  return testedConcurrency(target) ?? (targets.length > 0 ? Math.max(...targets) : undefined);
}

interface FleetConcurrency {
  readonly requests: number;
  readonly sum: string;
  readonly remedy: string;
}

/** Concurrent requests of a variant at its maximum; undefined where they are unknown. */
function concurrencyOf(
  model: TemplateModel,
  { config, kind, properties }: DeclaredVariant,
  endpoint: DeclaredEndpoint,
): FleetConcurrency | undefined {
  const { reader } = config;
  if (kind === 'serverless') {
    const most = reader.number(reader.object(properties['ServerlessConfig'])?.['MaxConcurrency']);
    return most === undefined
      ? undefined
      : {
          requests: most,
          sum: `MaxConcurrency ${most}`,
          remedy: 'raise MaxConcurrency, or lower ParallelizationFactor',
        };
  }
  if (kind !== 'real-time') return undefined;
  const target = model.targets.find(
    (one) => one.dimension === 'variant' && one.endpoint === endpoint && one.variant?.properties === properties,
  );
  const slots = target === undefined ? undefined : slotsOf(target);
  if (target?.max === undefined || slots === undefined) return undefined;
  return {
    requests: target.max * slots,
    sum: `${target.max} × ${slots}`,
    remedy: 'raise MaxCapacity, or lower ParallelizationFactor',
  };
}

function* streamOutpaces(model: TemplateModel): Iterable<RuleViolation> {
  for (const { at, where, consumer, atOnce, sum } of consumptionsOf(model)) {
    for (const endpoint of calledBy(model, consumer)) {
      const rooms = endpoint.variants.map((variant) => concurrencyOf(model, variant, endpoint));
      const known = rooms.filter((room) => room !== undefined);
      if (known.length === 0 || known.length < rooms.length || !endpoint.hasAllVariants) continue;
      const total = known.reduce((requests, room) => requests + room.requests, 0);
      if (atOnce <= total) continue;
      yield {
        at,
        property: `${where}ParallelizationFactor`,
        message:
          `${sum} are ${atOnce} concurrent requests, above the ${known.map((room) => room.sum).join(' + ')} = ` +
          `${total} of the largest fleet (Little's law)`,
        remedy: known[0]!.remedy,
      };
    }
  }
}

/** Rules about the streams that feed endpoints. */
export const STREAM_RULES: readonly ProofRule[] = [
  {
    id: 'stream-outpaces-endpoint',
    severity: 'warning',
    reason: 'more concurrent batches than the largest fleet serves end in throttling and dead letters',
    remedy: 'raise MaxCapacity, or lower ParallelizationFactor',
    source: "Lambda developer guide: Kinesis event source mappings; Little's law",
    check: streamOutpaces,
  },
];
