import type { RuleViolation } from '../finding';
import type { Resource, TemplateModel } from '../../template';
import { mayChangeMappings } from '../rule-support/run-time-mappings';
import {
  calledBy,
  callsEndpoints,
  eventAttempts,
  eventDeliveries,
  eventSources,
  invokesEndpoints,
  maximumConcurrency,
  keepsFailedEvents,
  type EventSource,
} from '../rule-support/event-sources';
import type { ProofRule } from '../rule-support/rule';

/** Sources of functions and pipes that invoke endpoints, apart from disabled ones. */
function sourcesOfEndpoints(model: TemplateModel): EventSource[] {
  return eventSources(model).filter(
    ({ consumer, isEnabled }) => isEnabled !== false && consumer !== undefined && callsEndpoints(model, consumer),
  );
}

/** Limit of retries or of the age of records: a number, none, or unknown. */
function limitOf({ at: { reader }, settings }: EventSource, name: string): number | 'none' | undefined {
  if (reader.isAbsent(settings[name])) return 'none';
  const value = reader.number(settings[name]);
  return value === -1 ? 'none' : value;
}

/** Default retention of a Kinesis stream in hours. Source: Kinesis Data Streams API reference, CreateStream. */
const DEFAULT_RETENTION_HOURS = 24;

/** Seconds after which a stream forgets a record; undefined where that is unknown. */
function retentionSeconds({ source }: EventSource): number | undefined {
  if (source?.type !== 'AWS::Kinesis::Stream') return undefined;
  const hours = source.properties['RetentionPeriodHours'];
  const known = source.reader.isAbsent(hours) ? DEFAULT_RETENTION_HOURS : source.reader.number(hours);
  return known === undefined ? undefined : known * 3600;
}

/** True if batches that fail for good are certainly sent nowhere. */
function isWithoutDestination({ at: { reader }, settings, failurePath }: EventSource): boolean {
  let value: unknown = settings;
  for (const name of failurePath) {
    const part = reader.object(value)?.[name];
    if (reader.isAbsent(part)) return reader.object(value) !== undefined;
    value = part;
  }
  return false;
}

/** True if a part of a failed batch may be retried alone. */
function splitsBatches({ at: { reader }, settings }: EventSource): boolean {
  const bisects = settings['BisectBatchOnFunctionError'] ?? settings['OnPartialBatchItemFailure'];
  return (
    !reader.isAbsent(settings['FunctionResponseTypes']) ||
    (!reader.isAbsent(bisects) && reader.text(bisects) !== 'false')
  );
}

function* retriedForEver(model: TemplateModel): Iterable<RuleViolation> {
  for (const one of sourcesOfEndpoints(model)) {
    if (one.kind === undefined || one.kind === 'SQS') continue;
    // A destination takes what a batch of Kafka fails on.
    if (one.kind === 'Kafka' && !isWithoutDestination(one)) continue;
    const limits = ['MaximumRetryAttempts', 'MaximumRecordAgeInSeconds'].map((name) => limitOf(one, name));
    const [retries, age] = limits;
    const retention = retentionSeconds(one);
    // The stream forgets a record before it reaches such an age.
    const isIdle = typeof age === 'number' && retention !== undefined && age > retention;
    if (retries !== 'none' || (age !== 'none' && !isIdle)) continue;
    const lacking = [
      isIdle
        ? `an age limit of ${age} s in a stream that keeps records for ${retention} s`
        : 'no limit of retries or age',
      ...(splitsBatches(one) ? [] : ['no bisection']),
      ...(isWithoutDestination(one) ? ['no destination on failure'] : []),
    ];
    yield {
      at: one.at,
      property: `${one.where}MaximumRetryAttempts`,
      message: `${lacking.join(', ')}: a batch that the endpoint refuses is retried until its records expire, and its ${one.kind === 'Kafka' ? 'partition' : 'shard'} waits behind it`,
    };
  }
}

function* dropped(model: TemplateModel): Iterable<RuleViolation> {
  for (const one of sourcesOfEndpoints(model)) {
    if (one.kind === undefined || one.kind === 'SQS') continue;
    const [retries, age] = ['MaximumRetryAttempts', 'MaximumRecordAgeInSeconds'].map((name) => limitOf(one, name));
    const isLimited = typeof retries === 'number' || typeof age === 'number';
    if (!isLimited || !isWithoutDestination(one)) continue;
    const after = typeof retries === 'number' ? `${retries} retries` : `${age} s`;
    yield {
      at: one.at,
      property: `${one.where}${one.failurePath[0]!}`,
      message: `after ${after} a batch is dropped, its good records included: it has no destination on failure`,
      remedy: `set ${one.failurePath.join('.')} to a queue or topic`,
    };
  }
}

function* eventsDropped(model: TemplateModel): Iterable<RuleViolation> {
  for (const { consumer, at, property } of eventDeliveries(model)) {
    // A function with the name of an endpoint alone may deploy to it.
    if (!invokesEndpoints(model, consumer) || keepsFailedEvents(model, consumer)) continue;
    const attempts = eventAttempts(model, consumer);
    const after =
      attempts === undefined
        ? 'its last failed attempt'
        : attempts === 1
          ? '1 failed attempt'
          : `${attempts} failed attempts`;
    yield {
      at,
      property,
      message: `after ${after} Lambda discards an event: ${consumer.logicalId} has no dead-letter queue and no destination on failure, so what the endpoint refuses is lost`,
    };
  }
}

/** Default visibility time-out of a queue and default time-out of a function, in seconds. Source: SQS and Lambda API references. */
const DEFAULT_VISIBILITY_SECONDS = 30;
const DEFAULT_FUNCTION_SECONDS = 3;

function* queues(model: TemplateModel): Iterable<RuleViolation> {
  for (const { at, where, source: queue, consumer } of sourcesOfEndpoints(model)) {
    if (queue?.type !== 'AWS::SQS::Queue' || consumer === undefined) continue;
    const { reader, properties } = queue;
    const seconds = (one: typeof queue, name: string, otherwise: number): number | undefined =>
      one.reader.isAbsent(one.properties[name]) ? otherwise : one.reader.number(one.properties[name]);
    const visible = seconds(queue, 'VisibilityTimeout', DEFAULT_VISIBILITY_SECONDS);
    // The Serverless Application Model may give a time-out to all functions.
    const isOpen =
      consumer.type === 'AWS::Serverless::Function' && consumer.reader.isAbsent(consumer.properties['Timeout']);
    const timeout = isOpen ? undefined : seconds(consumer, 'Timeout', DEFAULT_FUNCTION_SECONDS);
    if (visible !== undefined && timeout !== undefined && visible < timeout) {
      yield {
        at: queue,
        property: 'VisibilityTimeout',
        message: `VisibilityTimeout (${visible} s) is below the time-out of ${consumer.logicalId} (${timeout} s), so Lambda rejects the mapping`,
        remedy: `set VisibilityTimeout to six times the time-out, ${6 * timeout}`,
        severity: 'error',
      };
    }
    if (reader.isAbsent(properties['RedrivePolicy'])) {
      yield {
        at: queue,
        property: 'RedrivePolicy',
        message:
          'the queue has no dead-letter queue: a message that the endpoint refuses is retried until it expires, and is then lost',
        remedy: 'set RedrivePolicy with a dead-letter queue and maxReceiveCount 5 or more',
      };
      continue;
    }
    if (isItsOwnDeadLetterQueue(queue)) {
      yield {
        at: queue,
        property: 'RedrivePolicy.deadLetterTargetArn',
        message: 'the queue is its own dead-letter queue: what the endpoint refuses comes back, and is never set aside',
        remedy: 'name another queue in deadLetterTargetArn',
        severity: 'error',
      };
      continue;
    }
    yield* forgotten(queue);
    const receives = reader.number(reader.object(properties['RedrivePolicy'])?.['maxReceiveCount']);
    if (receives === undefined || receives > 1) continue;
    yield {
      at,
      property: `${where}EventSourceArn`,
      message: `${queue.logicalId} gives up on a message after ${receives} attempt: one throttled batch goes to the dead letters`,
      remedy: 'set maxReceiveCount to 5 or more',
    };
  }
}

/** True if a redrive policy names the queue itself, by reference or by its ARN. */
function isItsOwnDeadLetterQueue(queue: Resource): boolean {
  const { reader, properties } = queue;
  const target = reader.object(properties['RedrivePolicy'])?.['deadLetterTargetArn'];
  if (reader.referenced(target) === queue) return true;
  const name = reader.isAbsent(properties['QueueName']) ? undefined : reader.text(properties['QueueName']);
  // A dead-letter queue is in the account and region of its source, so that a name tells them apart.
  return name !== undefined && reader.text(target)?.endsWith(`:${name}`) === true;
}

/** Mappings of queues whose batches, together, may run more often at once than their function. */
function* aboveReserved(model: TemplateModel): Iterable<RuleViolation> {
  const ofQueues = sourcesOfEndpoints(model).filter(({ kind }) => kind === 'SQS');
  for (const consumer of new Set(ofQueues.map((one) => one.consumer!))) {
    const name = 'ReservedConcurrentExecutions';
    const reserved = consumer.reader.isAbsent(consumer.properties[name])
      ? undefined
      : consumer.reader.number(consumer.properties[name]);
    const limited = ofQueues.flatMap((source) => {
      const most = source.consumer === consumer ? maximumConcurrency(source) : undefined;
      return most === undefined ? [] : [{ source, most }];
    });
    const total = limited.reduce((sum, { most }) => sum + most, 0);
    // A function without concurrency has a finding of its own.
    if (reserved === undefined || reserved === 0 || total <= reserved) continue;
    const { source } = limited.reduce((largest, one) => (one.most > largest.most ? one : largest));
    yield {
      at: source.at,
      property: `${source.where}ScalingConfig.MaximumConcurrency`,
      message: `queues may run ${consumer.logicalId} ${total} times at once, and it has a reserved concurrency of ${reserved}: Lambda throttles the others, and their messages go to the dead letters without an attempt`,
      remedy: `lower MaximumConcurrency to ${reserved} in all, or raise ReservedConcurrentExecutions`,
    };
  }
}

/** Default retention of a queue in seconds. Source: SQS API reference, SetQueueAttributes. */
const DEFAULT_QUEUE_RETENTION_SECONDS = 345_600;

/** A dead-letter queue keeps a message from when it was first sent. Source: SQS developer guide, message retention of dead-letter queues. */
function* forgotten(queue: Resource): Iterable<RuleViolation> {
  const { reader, properties } = queue;
  const dead = reader.referenced(reader.object(properties['RedrivePolicy'])?.['deadLetterTargetArn']);
  if (dead?.type !== 'AWS::SQS::Queue') return;
  const [kept, keptDead] = [queue, dead].map((one) => {
    const seconds = one.properties['MessageRetentionPeriod'];
    return one.reader.isAbsent(seconds) ? DEFAULT_QUEUE_RETENTION_SECONDS : one.reader.number(seconds);
  });
  if (kept === undefined || keptDead === undefined || keptDead >= kept) return;
  yield {
    at: dead,
    property: 'MessageRetentionPeriod',
    message: `the dead-letter queue keeps messages for ${keptDead} s, and ${queue.logicalId} for ${kept} s, both from when a message was first sent: one that fails late is lost at once`,
    remedy: `set MessageRetentionPeriod of ${dead.logicalId} above ${kept}`,
  };
}

/** Resources beside a function that invoke nothing. */
const BESIDE = /^AWS::(Lambda::(EventSourceMapping|EventInvokeConfig|Version|Alias)|CloudWatch::|Logs::|Pipes::)/;

/** Disabled sources that alone feed an endpoint whose policies, or alarms of the source, wait for their records. */
function* disabled(model: TemplateModel): Iterable<RuleViolation> {
  const sources = eventSources(model);
  const stopped = sources.filter(({ isEnabled }) => isEnabled === false);
  if (stopped.length === 0 || mayChangeMappings(model)) return;
  const delivered = new Set(eventDeliveries(model).map(({ consumer }) => consumer));
  const functions = ['AWS::Lambda::Function', 'AWS::Serverless::Function'].flatMap((type) => model.ofType(type));
  for (const { at, where, settings, source, consumer } of stopped) {
    const isPipe = at.type === 'AWS::Pipes::Pipe';
    const written = isPipe ? at.properties['DesiredState'] : settings['Enabled'];
    // A parameter or a condition is a switch that somebody turns on.
    if (consumer === undefined || typeof written === 'object' || delivered.has(consumer)) continue;
    if (sources.some((one) => one.consumer === consumer && one.isEnabled !== false)) continue;
    if (consumer.reader.usersOf(consumer).some(({ type }) => !BESIDE.test(type))) continue;
    const endpoints = calledBy(model, consumer).filter((endpoint) =>
      functions.every((one) => one === consumer || !calledBy(model, one).includes(endpoint)),
    );
    const waiting = model.targets.find(
      ({ endpoint, policies }) => endpoint !== undefined && endpoints.includes(endpoint) && policies.length > 0,
    );
    const alarm = source?.reader.usersOf(source).find(({ type }) => type === 'AWS::CloudWatch::Alarm');
    const waiter = waiting?.resource ?? (endpoints.length > 0 ? alarm : undefined);
    if (waiter === undefined) continue;
    yield {
      at,
      property: isPipe ? 'DesiredState' : `${where}Enabled`,
      message: `the source is disabled, nothing else in the templates feeds ${consumer.logicalId}, and ${waiter.logicalId} waits for its load`,
      remedy: isPipe ? 'remove DesiredState, or set it to RUNNING' : 'remove Enabled, or set it to true',
    };
  }
}

function* neverRuns(model: TemplateModel): Iterable<RuleViolation> {
  const consumers = new Set(sourcesOfEndpoints(model).map(({ consumer }) => consumer!));
  for (const consumer of consumers) {
    const { reader, properties } = consumer;
    const name = 'ReservedConcurrentExecutions';
    if (reader.isAbsent(properties[name]) || reader.number(properties[name]) !== 0) continue;
    yield {
      at: consumer,
      property: name,
      message: 'a reserved concurrency of 0 throttles every invocation: nothing reaches the endpoint',
    };
  }
}

/** Rules about what becomes of records that an endpoint refuses. */
export const DELIVERY_RULES: readonly ProofRule[] = [
  {
    id: 'record-retried-for-ever',
    severity: 'warning',
    reason: 'by default a failed batch of a stream is retried until its records expire, and blocks its shard',
    remedy:
      'set MaximumRetryAttempts or MaximumRecordAgeInSeconds, BisectBatchOnFunctionError, and a destination on failure',
    source:
      'Lambda developer guide: Kinesis and DynamoDB event source mappings, error handling; EventBridge Pipes: sources',
    check: retriedForEver,
  },
  {
    id: 'record-dropped',
    severity: 'warning',
    reason: 'a batch whose retries are spent is discarded unless it has a destination',
    remedy: 'set a destination on failure',
    source: 'Lambda developer guide: retain discarded records of an event source mapping',
    check: dropped,
  },
  {
    id: 'event-dropped',
    severity: 'warning',
    reason: 'an event of a rule, a topic or a bucket is discarded when its attempts are spent',
    remedy: 'set DeadLetterConfig of the function, or AWS::Lambda::EventInvokeConfig with a destination on failure',
    source:
      'Lambda developer guide: asynchronous invocation, error handling; retain records of asynchronous invocations',
    check: eventsDropped,
  },
  {
    id: 'queue-loses-messages',
    severity: 'warning',
    reason: 'a queue in front of an endpoint needs time for the function, and a place for what keeps failing',
    remedy: 'set VisibilityTimeout and RedrivePolicy',
    source:
      'Lambda developer guide: SQS event source mappings (visibility time-out, dead-letter queue, maximum concurrency)',
    check: function* (model) {
      yield* queues(model);
      yield* aboveReserved(model);
    },
  },
  {
    id: 'consumer-never-runs',
    severity: 'warning',
    reason:
      'a function without concurrency, or with a disabled source, leaves its records where they are until they expire',
    remedy: 'raise ReservedConcurrentExecutions, or remove it',
    source:
      'Lambda developer guide: configuring reserved concurrency; Lambda API reference: CreateEventSourceMapping (Enabled)',
    check: function* (model) {
      yield* neverRuns(model);
      yield* disabled(model);
    },
  },
];
