import type { Accusation } from '../finding';
import { testedConcurrency, type ProofModel } from '../model';
import type { Endpoint, Target, Variant } from '../subjects';
import { isObject, type Resource, type TemplateReader } from '../template-reader';
import type { ProofRule } from './rule';

/** A function that reads a Kinesis stream. */
interface Consumption {
  readonly at: Resource;
  /** Where its settings lie in the resource, with a dot behind. */
  readonly where: string;
  readonly consumer: Resource;
  /** The batches that it handles at once. */
  readonly atOnce: number;
  readonly sum: string;
}

const FUNCTIONS = ['AWS::Lambda::Function', 'AWS::Serverless::Function'];

/** The function that a mapping names: by reference, alias, ARN or name. */
function functionNamed(model: ProofModel, reader: TemplateReader, value: unknown): Resource | undefined {
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

/** The stream that an event source names, through a consumer of its own too. */
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

function consumptionsOf(model: ProofModel): Consumption[] {
  const mappings = model.ofType('AWS::Lambda::EventSourceMapping').flatMap((mapping) => {
    const { properties, reader } = mapping;
    const consumer = functionNamed(model, reader, properties['FunctionName']);
    return consumption(mapping, '', consumer, properties['EventSourceArn'], properties);
  });
  // Before their transform, functions of the Serverless Application Model list their sources.
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

/** The endpoints that a function is told of. */
function calledBy(model: ProofModel, consumer: Resource): Endpoint[] {
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

/** The requests that one instance is meant for at once, where the templates tell: by a test, or by the target of a policy. */
function slotsOf(target: Target): number | undefined {
  const targets = target.policies.flatMap(({ resource: { reader }, tracking }) => {
    const predefined = reader.object(tracking?.['PredefinedMetricSpecification'])?.['PredefinedMetricType'];
    const custom = reader.object(tracking?.['CustomizedMetricSpecification'])?.['MetricName'];
    const value = reader.number(tracking?.['TargetValue']);
    const isConcurrency = /ConcurrentRequestsPerModel/.test(reader.text(predefined) ?? reader.text(custom) ?? '');
    return isConcurrency && value !== undefined ? [value] : [];
  });
  return testedConcurrency(target) ?? (targets.length > 0 ? Math.max(...targets) : undefined);
}

interface Room {
  readonly requests: number;
  readonly sum: string;
  readonly remedy: string;
}

/** What the largest fleet of a variant answers at once; undefined where the templates do not tell. */
function roomOf(model: ProofModel, { config, kind, properties }: Variant, endpoint: Endpoint): Room | undefined {
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

function* streamOutpaces(model: ProofModel): Iterable<Accusation> {
  for (const { at, where, consumer, atOnce, sum } of consumptionsOf(model)) {
    for (const endpoint of calledBy(model, consumer)) {
      const rooms = endpoint.variants.map((variant) => roomOf(model, variant, endpoint));
      const known = rooms.filter((room) => room !== undefined);
      if (known.length === 0 || known.length < rooms.length || !endpoint.hasAllVariants) continue;
      const total = known.reduce((requests, room) => requests + room.requests, 0);
      if (atOnce <= total) continue;
      yield {
        at,
        property: `${where}ParallelizationFactor`,
        message:
          `${sum} call the endpoint ${atOnce} times at once, above ${known.map((room) => room.sum).join(' + ')} = ` +
          `${total} that its largest fleet answers (Little's law)`,
        remedy: known[0]!.remedy,
      };
    }
  }
}

/** What feeds an endpoint. */
export const STREAM_RULES: readonly ProofRule[] = [
  {
    id: 'stream-outpaces-endpoint',
    severity: 'warning',
    reason: 'more batches at once than the largest fleet answers end in throttling and dead letters',
    remedy: 'raise MaxCapacity, or lower ParallelizationFactor',
    source: "Lambda developer guide: Kinesis event source mappings; Little's law",
    check: streamOutpaces,
  },
];
