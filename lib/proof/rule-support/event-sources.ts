import { isObject, type Json } from '../../core/parse';
import { lookup } from '../../core/lookup';
import type { DeclaredEndpoint, Resource, TemplateModel, TemplateReader } from '../../template';

/** Services whose records a function is given in batches. */
export type SourceKind = 'Kinesis' | 'DynamoDB' | 'SQS' | 'Kafka';

/** A source of batches of a function, or of a pipe. */
export interface EventSource {
  /** Resource with the settings. */
  readonly at: Resource;
  /** Path of the settings in the resource, with a dot at the end. */
  readonly where: string;
  readonly settings: Json;
  /** Undefined where it is unknown. */
  readonly kind: SourceKind | undefined;
  /** Stream, table or queue, as far as the templates declare it. */
  readonly source: Resource | undefined;
  readonly consumer: Resource | undefined;
  /** Path in the settings of the destination of batches that fail for good. */
  readonly failurePath: readonly string[];
  /** False where it is certainly disabled; undefined where that is unknown. */
  readonly isEnabled: boolean | undefined;
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

/** Stream, table or queue that a source names, directly or through an enhanced fan-out consumer. */
function sourceNamed({ reader }: Resource, value: unknown): Resource | undefined {
  const named = reader.referenced(value);
  return named?.type === 'AWS::Kinesis::StreamConsumer' ? sourceNamed(named, named.properties['StreamARN']) : named;
}

const KIND_BY_TYPE: { readonly [type: string]: SourceKind } = lookup({
  'AWS::Kinesis::Stream': 'Kinesis',
  'AWS::DynamoDB::Table': 'DynamoDB',
  'AWS::DynamoDB::GlobalTable': 'DynamoDB',
  'AWS::SQS::Queue': 'SQS',
  'AWS::MSK::Cluster': 'Kafka',
  'AWS::MSK::ServerlessCluster': 'Kafka',
});

const KIND_BY_ARN: readonly (readonly [arn: RegExp, kind: SourceKind])[] = [
  [/^arn:[^:]*:kinesis:/, 'Kinesis'],
  [/^arn:[^:]*:dynamodb:/, 'DynamoDB'],
  [/^arn:[^:]*:sqs:/, 'SQS'],
  [/^arn:[^:]*:kafka:/, 'Kafka'],
];

function kindOf(source: Resource | undefined, arn: string | undefined): SourceKind | undefined {
  if (source !== undefined) return KIND_BY_TYPE[source.type];
  return KIND_BY_ARN.find(([pattern]) => pattern.test(arn ?? ''))?.[1];
}

/** Properties of an event of the Serverless Application Model that name its source. */
const SAM_SOURCE: { readonly [kind in SourceKind]: string } = {
  Kinesis: 'Stream',
  DynamoDB: 'Stream',
  SQS: 'Queue',
  Kafka: 'Stream',
};

/** Types of events of the Serverless Application Model, by the kind of their source. */
const SAM_KINDS: { readonly [type: string]: SourceKind } = lookup({
  Kinesis: 'Kinesis',
  DynamoDB: 'DynamoDB',
  SQS: 'SQS',
  MSK: 'Kafka',
  SelfManagedKafka: 'Kafka',
});

/** Sources of batches of all functions and pipes in the templates. */
export function eventSources(model: TemplateModel): EventSource[] {
  return [...mappings(model), ...samEvents(model), ...pipes(model)];
}

/** Concurrent batches to which a mapping of a queue is limited; undefined without a limit that is known. */
export function maximumConcurrency({ at: { reader }, settings, kind }: EventSource): number | undefined {
  if (kind !== 'SQS') return undefined;
  const most = reader.object(settings['ScalingConfig'])?.['MaximumConcurrency'];
  return reader.isAbsent(most) ? undefined : reader.number(most);
}

function enabled({ reader }: Resource, settings: Json): boolean | undefined {
  return reader.isAbsent(settings['Enabled']) ? true : reader.flag(settings['Enabled']);
}

function mappings(model: TemplateModel): EventSource[] {
  return model.ofType('AWS::Lambda::EventSourceMapping').map((at) => {
    const { properties, reader } = at;
    const source = sourceNamed(at, properties['EventSourceArn']);
    return {
      at,
      where: '',
      settings: properties,
      kind: reader.isAbsent(properties['SelfManagedEventSource'])
        ? kindOf(source, reader.text(properties['EventSourceArn']))
        : 'Kafka',
      source,
      consumer: functionNamed(model, reader, properties['FunctionName']),
      failurePath: ['DestinationConfig', 'OnFailure', 'Destination'],
      isEnabled: enabled(at, properties),
    };
  });
}

function samEvents(model: TemplateModel): EventSource[] {
  return model.ofType('AWS::Serverless::Function').flatMap((consumer) => {
    const { reader, properties } = consumer;
    return Object.entries(reader.object(properties['Events']) ?? {}).flatMap(([name, event]): EventSource[] => {
      const written = reader.object(event);
      const settings = reader.object(written?.['Properties']);
      const kind = SAM_KINDS[reader.text(written?.['Type']) ?? ''];
      if (settings === undefined || kind === undefined) return [];
      return [
        {
          at: consumer,
          where: `Events.${name}.Properties.`,
          settings,
          kind,
          source: sourceNamed(consumer, settings[SAM_SOURCE[kind]]),
          consumer,
          failurePath: ['DestinationConfig', 'OnFailure', 'Destination'],
          isEnabled: enabled(consumer, settings),
        },
      ];
    });
  });
}

function pipes(model: TemplateModel): EventSource[] {
  return model.ofType('AWS::Pipes::Pipe').flatMap((at) => {
    const { properties, reader } = at;
    const parameters = reader.object(properties['SourceParameters']) ?? {};
    const source = sourceNamed(at, properties['Source']);
    const kind = kindOf(source, reader.text(properties['Source']));
    if (kind !== 'Kinesis' && kind !== 'DynamoDB') return [];
    const name = kind === 'Kinesis' ? 'KinesisStreamParameters' : 'DynamoDBStreamParameters';
    const settings = reader.object(parameters[name]);
    const consumer = [properties['Target'], properties['Enrichment']]
      .map((one) => functionNamed(model, reader, one))
      .find((one) => one !== undefined && callsEndpoints(model, one));
    if (settings === undefined) return [];
    return [
      {
        at,
        where: `SourceParameters.${name}.`,
        settings,
        kind,
        source,
        consumer,
        failurePath: ['DeadLetterConfig', 'Arn'],
        isEnabled: reader.text(properties['DesiredState']) !== 'STOPPED',
      },
    ];
  });
}

/** A way in which events reach a function without a reply: Lambda retries failures twice and then discards the event. */
export interface EventDelivery {
  readonly consumer: Resource;
  /** Resource and property that deliver the events. */
  readonly at: Resource;
  readonly property: string;
}

/** Sources of events that AWS services send; those of S3 name the objects that arrive, all others report changes of resources. */
const REPORTING_SOURCE = /^aws\.(?!s3$)/;

/** Types of events that report changes of states, by the words with which AWS names them. */
const REPORTING_TYPE = /(State|Status)[ -]Change|^CloudWatch Alarm |^EC2 |^Scheduled Event$/i;

/** Calls by which an object arrives in a bucket. */
const ARRIVAL = /Object|Upload/;

/** Pattern of a rule, which may be written as text. */
function patternOf(reader: TemplateReader, pattern: unknown): Json | undefined {
  const text = reader.text(pattern);
  if (text === undefined) return reader.object(pattern);
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** True if a pattern takes certainly nothing but reports of AWS services, such as the states of an endpoint: they carry no request. */
function takesOnlyReports({ reader }: Resource, written: unknown): boolean {
  const pattern = patternOf(reader, written);
  const holdsForAll = (list: unknown, isSo: (value: string) => boolean): boolean => {
    const values = Array.isArray(list) ? list.map((one) => reader.text(one)) : [];
    return values.length > 0 && values.every((value) => value !== undefined && isSo(value));
  };
  const type = pattern?.['detail-type'];
  const isOfCalls = holdsForAll(type, (one) => one === 'AWS API Call via CloudTrail');
  const names = reader.object(pattern?.['detail'])?.['eventName'];
  return (
    holdsForAll(pattern?.['source'], (one) => REPORTING_SOURCE.test(one)) ||
    holdsForAll(type, (one) => REPORTING_TYPE.test(one)) ||
    (isOfCalls && holdsForAll(names, (one) => !ARRIVAL.test(one)))
  );
}

/** True if a topic carries what endpoints, alarms, groups and services report: results and states, and no request. */
function isReporting(topic: Resource | undefined): boolean {
  const users = topic?.reader.usersOf(topic) ?? [];
  return users.some(
    (one) =>
      /^AWS::(SageMaker::EndpointConfig|CloudWatch::|AutoScaling::)/.test(one.type) ||
      (one.type === 'AWS::Events::Rule' && takesOnlyReports(one, one.properties['EventPattern'])),
  );
}

/** Deliveries of events of rules, topics and buckets to functions, apart from reports. */
export function eventDeliveries(model: TemplateModel): EventDelivery[] {
  const named = (at: Resource, property: string, value: unknown): EventDelivery[] => {
    const consumer = functionNamed(model, at.reader, value);
    return consumer === undefined ? [] : [{ consumer, at, property }];
  };
  // A schedule carries no request.
  const rules = model
    .ofType('AWS::Events::Rule')
    .filter(
      ({ reader, properties }) =>
        !reader.isAbsent(properties['EventPattern']) && reader.text(properties['State']) !== 'DISABLED',
    )
    .filter((at) => !takesOnlyReports(at, at.properties['EventPattern']))
    .flatMap((at) =>
      at.reader
        .objects(at.properties['Targets'])
        .flatMap((target, index) => named(at, `Targets.${index}.Arn`, target['Arn'])),
    );
  const subscriptions = model
    .ofType('AWS::SNS::Subscription')
    .filter(
      ({ reader, properties }) =>
        reader.text(properties['Protocol']) === 'lambda' && !isReporting(reader.referenced(properties['TopicArn'])),
    )
    .flatMap((at) => named(at, 'Endpoint', at.properties['Endpoint']));
  const topics = model
    .ofType('AWS::SNS::Topic')
    .filter((at) => !isReporting(at))
    .flatMap((at) =>
      at.reader
        .objects(at.properties['Subscription'])
        .flatMap((one, index) =>
          at.reader.text(one['Protocol']) === 'lambda'
            ? named(at, `Subscription.${index}.Endpoint`, one['Endpoint'])
            : [],
        ),
    );
  const buckets = model.ofType('AWS::S3::Bucket').flatMap((at) => {
    const list = at.reader.object(at.properties['NotificationConfiguration'])?.['LambdaConfigurations'];
    return at.reader
      .objects(list)
      .flatMap((one, index) =>
        named(at, `NotificationConfiguration.LambdaConfigurations.${index}.Function`, one['Function']),
      );
  });
  const events = model.ofType('AWS::Serverless::Function').flatMap((consumer) =>
    Object.entries(consumer.reader.object(consumer.properties['Events']) ?? {}).flatMap(([name, event]) => {
      const { reader } = consumer;
      const written = reader.object(event);
      const settings = reader.object(written?.['Properties']);
      const isReport =
        takesOnlyReports(consumer, settings?.['Pattern']) || isReporting(reader.referenced(settings?.['Topic']));
      return !isReport && /^(S3|SNS|EventBridgeRule|CloudWatchEvent)$/.test(reader.text(written?.['Type']) ?? '')
        ? [{ consumer, at: consumer, property: `Events.${name}` }]
        : [];
    }),
  );
  return [...rules, ...subscriptions, ...topics, ...buckets, ...events];
}

/** Properties of a function, with those that the Serverless Application Model gives all functions. */
function ownAndGlobal({ reader, properties, type }: Resource): Json {
  const globals = type === 'AWS::Serverless::Function' ? reader.globals['Function'] : undefined;
  return { ...(isObject(globals) ? globals : {}), ...properties };
}

/** Resources that configure the asynchronous invocation of a function. */
function invokeConfigsOf(model: TemplateModel, consumer: Resource): Resource[] {
  return model
    .ofType('AWS::Lambda::EventInvokeConfig')
    .filter((config) => functionNamed(model, config.reader, config.properties['FunctionName']) === consumer);
}

/** Number of retries of an event without a reply by default. Source: Lambda API reference, PutFunctionEventInvokeConfig. */
const DEFAULT_EVENT_RETRIES = 2;

/** Number of attempts that Lambda makes for an event without a reply; undefined where it is unknown. */
export function eventAttempts(model: TemplateModel, consumer: Resource): number | undefined {
  const { reader } = consumer;
  const inline = reader.object(ownAndGlobal(consumer)['EventInvokeConfig'])?.['MaximumRetryAttempts'];
  const written = [
    { reader, value: inline },
    ...invokeConfigsOf(model, consumer).map((one) => ({
      reader: one.reader,
      value: one.properties['MaximumRetryAttempts'],
    })),
  ].find((one) => !one.reader.isAbsent(one.value));
  const retries = written === undefined ? DEFAULT_EVENT_RETRIES : written.reader.number(written.value);
  return retries === undefined ? undefined : retries + 1;
}

/** True if a function keeps the events that it fails on, or may. */
export function keepsFailedEvents(model: TemplateModel, consumer: Resource): boolean {
  const { reader } = consumer;
  const own = ownAndGlobal(consumer);
  const isKept = (config: Json | undefined): boolean =>
    !reader.isAbsent(reader.object(config?.['DestinationConfig'])?.['OnFailure']);
  if (['DeadLetterConfig', 'DeadLetterQueue'].some((name) => !reader.isAbsent(own[name]))) return true;
  if (isKept(reader.object(own['EventInvokeConfig']))) return true;
  return invokeConfigsOf(model, consumer).some((config) => isKept(config.properties));
}

/** Values of the environment of a function, by name, with those that the Serverless Application Model gives all functions. */
function environmentOf({ reader, properties, type }: Resource): [name: string, value: unknown][] {
  const variablesOf = (environment: unknown): [string, unknown][] =>
    Object.entries(reader.object(reader.object(environment)?.['Variables']) ?? {});
  const globals = type === 'AWS::Serverless::Function' ? reader.globals['Function'] : undefined;
  return [
    ...variablesOf(properties['Environment']),
    ...variablesOf(isObject(globals) ? globals['Environment'] : undefined),
  ];
}

/** Endpoints whose names a function has in its environment. */
export function calledBy(model: TemplateModel, consumer: Resource): DeclaredEndpoint[] {
  const called = environmentOf(consumer).map(([, value]) => model.endpointNamed(consumer.reader.text(value)));
  return [...new Set(called.filter((endpoint) => endpoint !== undefined))];
}

/** True if the environment of a function has the name of an endpoint. */
function isGivenName(model: TemplateModel, consumer: Resource): boolean {
  const isNamed = ([name]: [string, unknown]): boolean => /sagemaker.*endpoint|^(model_?)?endpoint_?name$/i.test(name);
  return calledBy(model, consumer).length > 0 || environmentOf(consumer).some(isNamed);
}

/** True if a function is given an endpoint to invoke, or the permission, of its own, to invoke one. */
export function callsEndpoints(model: TemplateModel, consumer: Resource): boolean {
  return isGivenName(model, consumer) || invokesEndpoints(model, consumer);
}

/** True if a function certainly invokes endpoints: of functions that share the permission, only those with the name of an endpoint. */
export function invokesEndpoints(model: TemplateModel, consumer: Resource): boolean {
  if (!mayInvoke(consumer)) return false;
  const role = consumer.reader.referenced(consumer.properties['Role']);
  const sharing = role?.reader.usersOf(role).filter(({ type }) => FUNCTIONS.includes(type)) ?? [];
  return sharing.length < 2 || isGivenName(model, consumer);
}

/** True if a function is given the permission to invoke an endpoint. */
function mayInvoke({ reader, properties }: Resource): boolean {
  const role = reader.referenced(properties['Role']);
  const attached = role === undefined ? [] : role.reader.usersOf(role).filter(({ type }) => /^AWS::IAM::/.test(type));
  const policies = [properties['Policies'], role?.properties['Policies'], ...attached.map((one) => one.properties)];
  return /"sagemaker:invokeendpoint/i.test(JSON.stringify(policies));
}
