import type { RuleViolation } from '../finding';
import {
  type DeclaredEndpoint,
  type Resource,
  type DeclaredTarget,
  type TemplateModel,
  testedConcurrency,
  type DeclaredVariant,
} from '../../template';
import { calledBy, eventSources, maximumConcurrency } from '../rule-support/event-sources';
import type { ProofRule } from '../rule-support/rule';

/** A function that reads a Kinesis stream, or a queue with a limit of its own. */
interface Consumption {
  readonly at: Resource;
  /** Property that sets the concurrency. */
  readonly property: string;
  /** Name of that setting. */
  readonly lever: string;
  readonly consumer: Resource;
  /** Concurrent batches. */
  readonly atOnce: number;
  readonly sum: string;
  /** Ratio of concurrent batches to that of the fleet up to which they are accepted. */
  readonly slack: number;
}

/** Ratio for queues, whose consumers may spend half of their time elsewhere. */
const QUEUE_SLACK = 2;

function consumptionsOf(model: TemplateModel): Consumption[] {
  return eventSources(model).flatMap((one): Consumption[] => {
    const { at, where, settings, source, consumer, isEnabled } = one;
    if (consumer === undefined || isEnabled !== true) return [];
    const most = maximumConcurrency(one);
    if (most !== undefined) {
      const reserved = consumer.reader.number(consumer.properties['ReservedConcurrentExecutions']) ?? Infinity;
      return [
        {
          at,
          property: `${where}ScalingConfig.MaximumConcurrency`,
          lever: 'MaximumConcurrency',
          consumer,
          atOnce: Math.min(most, reserved),
          sum: reserved < most ? `${reserved} executions of MaximumConcurrency ${most}` : `MaximumConcurrency ${most}`,
          slack: QUEUE_SLACK,
        },
      ];
    }
    if (source?.type !== 'AWS::Kinesis::Stream') return [];
    const shards = source.reader.number(source.properties['ShardCount']);
    const declared = settings['ParallelizationFactor'];
    const perShard = at.reader.isAbsent(declared) ? 1 : at.reader.number(declared);
    if (shards === undefined || perShard === undefined) return [];
    const reserved = consumer.reader.number(consumer.properties['ReservedConcurrentExecutions']) ?? Infinity;
    const sum = `${shards} shards × ${perShard} batches`;
    const atOnce = Math.min(shards * perShard, reserved);
    return [
      {
        at,
        property: `${where}ParallelizationFactor`,
        lever: 'ParallelizationFactor',
        consumer,
        atOnce,
        sum: reserved < shards * perShard ? `${reserved} executions of ${sum}` : sum,
        slack: 1,
      },
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
  /** Setting that raises it. */
  readonly raised: string;
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
          raised: 'MaxConcurrency',
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
    raised: 'MaxCapacity',
  };
}

function* streamOutpaces(model: TemplateModel): Iterable<RuleViolation> {
  for (const { at, property, lever, consumer, atOnce, sum, slack } of consumptionsOf(model)) {
    for (const endpoint of calledBy(model, consumer)) {
      const rooms = endpoint.variants.map((variant) => concurrencyOf(model, variant, endpoint));
      const known = rooms.filter((room) => room !== undefined);
      if (known.length === 0 || known.length < rooms.length || !endpoint.hasAllVariants) continue;
      const total = known.reduce((requests, room) => requests + room.requests, 0);
      if (atOnce <= slack * total) continue;
      yield {
        at,
        property,
        message:
          `${sum} are ${atOnce} concurrent requests, above the ${known.map((room) => room.sum).join(' + ')} = ` +
          `${total} of the largest fleet (Little's law)`,
        remedy: `raise ${known[0]!.raised}, or lower ${lever}`,
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
    source: "Lambda developer guide: Kinesis event source mappings, scaling of SQS event source mappings; Little's law",
    check: streamOutpaces,
  },
];
