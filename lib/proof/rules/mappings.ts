import { isObject } from '../../core/parse';
import type { RuleViolation } from '../finding';
import { isLiteral, type Resource, type TemplateModel } from '../../template';
import { callsEndpoints, eventSources, type EventSource } from '../rule-support/event-sources';
import type { ProofRule } from '../rule-support/rule';

/** Batch size of a queue up to which it needs no batching window, and of a FIFO queue in any case. Source: Lambda API reference, CreateEventSourceMapping; developer guide, SQS parameters. */
const MAX_BATCH_WITHOUT_WINDOW = 10;

function* batches({ at, where, settings, source, kind }: EventSource): Iterable<RuleViolation> {
  const { reader } = at;
  const size = reader.isAbsent(settings['BatchSize']) ? undefined : reader.number(settings['BatchSize']);
  if (kind !== 'SQS' || size === undefined || size <= MAX_BATCH_WITHOUT_WINDOW) return;
  const property = `${where}BatchSize`;
  if (isFifo(source)) {
    yield {
      at,
      property,
      message: `BatchSize is ${size}, and a FIFO queue gives at most ${MAX_BATCH_WITHOUT_WINDOW} messages: Lambda rejects the mapping`,
      remedy: `set BatchSize to ${MAX_BATCH_WITHOUT_WINDOW} or less`,
    };
    return;
  }
  const written = settings['MaximumBatchingWindowInSeconds'];
  const window = reader.isAbsent(written) ? 0 : reader.number(written);
  if (window === undefined || window >= 1) return;
  yield {
    at,
    property,
    message: `BatchSize is ${size} without a batching window: above ${MAX_BATCH_WITHOUT_WINDOW} messages of a queue Lambda rejects the mapping`,
    remedy: `set MaximumBatchingWindowInSeconds to 1 or more, or BatchSize to ${MAX_BATCH_WITHOUT_WINDOW} or less`,
  };
}

function isFifo(queue: Resource | undefined): boolean {
  if (queue?.type !== 'AWS::SQS::Queue') return false;
  const { reader, properties } = queue;
  return !reader.isAbsent(properties['FifoQueue']) && reader.flag(properties['FifoQueue']) === true;
}

function* filters({ at, where, settings }: EventSource): Iterable<RuleViolation> {
  const { reader } = at;
  const criteria = reader.object(settings['FilterCriteria']);
  for (const [index, filter] of reader.objects(criteria?.['Filters']).entries()) {
    const pattern = reader.isAbsent(filter['Pattern']) ? undefined : reader.text(filter['Pattern']);
    if (pattern === undefined || !isLiteral(pattern)) continue;
    const problem = patternProblem(pattern);
    if (problem === undefined) continue;
    yield { at, property: `${where}FilterCriteria.Filters.${index}.Pattern`, message: `${problem}: Lambda rejects it` };
  }
}

/** Problem of the text of a pattern; undefined without one. Source: Lambda developer guide, event filtering basics. */
function patternProblem(text: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return 'the pattern is not JSON';
  }
  return isObject(parsed) ? formProblem(parsed, '') : 'the pattern is JSON, but not an object';
}

/** Names of the fields of a pattern lead to lists of values, and to objects with further names. */
function formProblem(pattern: { readonly [name: string]: unknown }, path: string): string | undefined {
  for (const [name, rule] of Object.entries(pattern)) {
    const field = path === '' ? name : `${path}.${name}`;
    if (Array.isArray(rule)) {
      if (rule.length === 0) return `the list of values of '${field}' is empty`;
      if (rule.some((one) => Array.isArray(one))) return `the list of values of '${field}' has a list in it`;
      continue;
    }
    if (!isObject(rule)) return `'${field}' has the value ${JSON.stringify(rule)}, and not a list of values`;
    const problem = formProblem(rule, field);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function* invalid(model: TemplateModel): Iterable<RuleViolation> {
  for (const source of eventSources(model)) {
    if (source.consumer === undefined || !callsEndpoints(model, source.consumer)) continue;
    yield* batches(source);
    yield* filters(source);
  }
}

/** Rules about the settings of event source mappings. */
export const MAPPING_RULES: readonly ProofRule[] = [
  {
    id: 'mapping-invalid',
    severity: 'error',
    reason: 'Lambda rejects a mapping with too large a batch, or with a filter that is no pattern',
    remedy: 'write a JSON object whose fields have lists of values, for example {"body":{"kind":["chat"]}}',
    source:
      'Lambda API reference: CreateEventSourceMapping (BatchSize); Lambda developer guide: event filtering, SQS parameters',
    check: invalid,
  },
];
