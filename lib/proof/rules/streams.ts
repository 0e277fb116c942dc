import { isObject } from '../../core/parse';
import type { RuleViolation } from '../finding';
import {
  type DeclaredEndpoint,
  type Resource,
  type DeclaredTarget,
  type TemplateModel,
  type TemplateReader,
  testedConcurrency,
  type DeclaredVariant,
} from '../../template';
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

const FUNCTIONS = ['AWS::Lambda::Function', 'AWS::Serverless::Function'];

/** Function that a mapping names by reference, alias, ARN or name. */
function functionNamed(model: TemplateModel, reader: TemplateReader, value: unknown): Resource | undefined {
  const named = reader.referenced(value);
  if (named !== undefined && FUNCTIONS.includes(named.type)) return named;
  if (named?.type === 'AWS::Lambda::Alias' || named?.type === 'AWS::Lambda::Version') {
    return functionNamed(model, named.reader, named.properties['FunctionName']);
  }
  const written = reader.text(value);
  if (written === undefined) return undefined;
  const wanted = written.replace(/^arn:.*?:function:/, '');
  return FUNCTIONS.flatMap((type) => model.ofType(type)).find((one) => {
    const declared = one.properties['FunctionName'];
    const names = [
      one.reader.text({ Ref: one.logicalId }),
      one.reader.text({ 'Fn::GetAtt': [one.logicalId, 'Arn'] }),
      one.reader.isAbsent(declared) ? undefined : one.reader.text(declared),
    ];
    return names.some((name) => name !== undefined && (wanted === name || wanted.startsWith(`${name}:`)));
  });
}

/** Stream that an event source names, directly or through an enhanced fan-out consumer. */
function streamNamed({ reader }: Resource, value: unknown): Resource | undefined {
  const named = reader.referenced(value);
  return named?.type === 'AWS::Kinesis::StreamConsumer' ? streamNamed(named, named.properties['StreamARN']) : named;
}

function consumption(
  at: Resource,
  where: string,
  consumer: Resource | undefined,
  source: unknown,
  settings: { readonly [name: string]: unknown },
): Consumption[] {
  const { reader } = at;
  const stream = streamNamed(at, source);
  if (consumer === undefined || stream?.type !== 'AWS::Kinesis::Stream') return [];
  if (!reader.isAbsent(settings['Enabled']) && reader.flag(settings['Enabled']) !== true) return [];
  const shards = stream.reader.number(stream.properties['ShardCount']);
  const declared = settings['ParallelizationFactor'];
  const perShard = reader.isAbsent(declared) ? 1 : reader.number(declared);
  if (shards === undefined || perShard === undefined) return [];
  const reserved = consumer.reader.number(consumer.properties['ReservedConcurrentExecutions']) ?? Infinity;
  const sum = `${shards} shards × ${perShard} batches`;
  const atOnce = Math.min(shards * perShard, reserved);
  return [
    { at, where, consumer, atOnce, sum: reserved < shards * perShard ? `${reserved} executions of ${sum}` : sum },
  ];
}

function consumptionsOf(model: TemplateModel): Consumption[] {
  const mappings = model.ofType('AWS::Lambda::EventSourceMapping').flatMap((mapping) => {
    const { properties, reader } = mapping;
    const consumer = functionNamed(model, reader, properties['FunctionName']);
    return consumption(mapping, '', consumer, properties['EventSourceArn'], properties);
  });
  // Functions of the Serverless Application Model list their event sources.
  const events = model.ofType('AWS::Serverless::Function').flatMap((consumer) => {
    const { reader, properties } = consumer;
    return Object.entries(reader.object(properties['Events']) ?? {}).flatMap(([name, event]) => {
      const written = reader.object(event);
      const settings = reader.object(written?.['Properties']);
      if (settings === undefined || reader.text(written?.['Type']) !== 'Kinesis') return [];
      return consumption(consumer, `Events.${name}.Properties.`, consumer, settings['Stream'], settings);
    });
  });
  return [...mappings, ...events];
}

/** Endpoints whose names a function has in its environment. */
function calledBy(model: TemplateModel, consumer: Resource): DeclaredEndpoint[] {
  const { reader, properties } = consumer;
  const variablesOf = (environment: unknown): unknown[] =>
    Object.values(reader.object(reader.object(environment)?.['Variables']) ?? {});
  const globals = consumer.type === 'AWS::Serverless::Function' ? reader.globals['Function'] : undefined;
  const values = [
    ...variablesOf(properties['Environment']),
    ...variablesOf(isObject(globals) ? globals['Environment'] : undefined),
  ];
  const called = values.map((value) => model.endpointNamed(reader.text(value)));
  return [...new Set(called.filter((endpoint) => endpoint !== undefined))];
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
