import { createHash } from 'node:crypto';
import { deployedStage, tourState } from '../../../bin/stage-context';
import { createHandler as createEmptier } from '../../../lambda/bucket-emptier/handler';
import { createHandler as createRelease } from '../../../lambda/cost-guard-release/handler';
import { createHandler as createWebhookHandler } from '../../../lambda/notification-webhook/handler';
import { createHandler as createSink } from '../../../lambda/result-sink/handler';
import { deaggregate } from '../../../lambda/stream-consumer/aggregated-record';
import { requiredNumberEnv } from '../../../lambda/support/env';
import { InputError, PermanentError } from '../../../lib/core/errors';
import { parseFollowedFleets } from '../../../lib/ingestion/contract';
import { responseFacts } from '../../../lib/ingestion/decide/response-facts';
import { parseResultObjectKey } from '../../../lib/ingestion/contract';
import { checkStageConfiguration } from '../../../lib/platform/stages';
import { EMPTIED_BUCKET_TAG } from '../../../lib/runtime/contract';
import { bytesOf, textOf, type Form } from '../form';
import { mutated, mutatedBytes, mutatedJson, mutatedJsonText, pick } from '../mutations';

// What handlers receive from queues, topics, CloudFormation, parameters and models, and the context of the app.

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined } as never;
const instantly = (): Promise<void> => Promise.resolve();
/** Clock of which a minute passes with each look, so that what waits for a time ends. */
const quickClock = () => {
  let seconds = 1_767_571_200;
  return { now: () => (seconds += 60) };
};

const RESULT_LINE = { sequence_number: '1', key: 'k', response: '{"a":1}', error: null, id: 'r' };
const TOPIC_ALARM = {
  AlarmName: 'EndpointErrors',
  NewStateValue: 'ALARM',
  NewStateReason: 'Threshold Crossed',
  Region: 'EU (Ireland)',
  AlarmDescription: 'Look at the log group.',
};
const CUSTOM_RESOURCE = {
  RequestType: 'Delete',
  RequestId: 'r',
  ResponseURL: 'https://cloudformation.example/answer',
  StackId: 'arn:aws:cloudformation:eu-west-1:111122223333:stack/s/1',
  LogicalResourceId: 'L',
  ResourceProperties: {
    BucketName: 'results',
    ObjectsArn: 'arn:aws:s3:::results/*',
    ResourceId: 'endpoint/chat/variant/main',
  },
};
const BUCKET_POLICY = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'Tls', Effect: 'Deny', Principal: '*', Action: 's3:*' }],
};
const USAGE = {
  model: 'm',
  usage: { prompt_tokens: 10, completion_tokens: 5 },
  service_seconds: 1.5,
  queue_seconds: 0.1,
};

/** A record that the Kinesis Producer Library aggregated. */
function aggregated(): Buffer {
  const field = (number: number, content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  const record = (data: string): Buffer =>
    field(3, Buffer.concat([Buffer.from([1 << 3, 0]), field(3, Buffer.from(data))]));
  const message = Buffer.concat([field(1, Buffer.from('k')), record('{"id":"a"}'), record('{"id":"b"}')]);
  const sum = createHash('md5').update(message).digest();
  return Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, sum]);
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError('this is no JSON, which the sender of the event sees to');
  }
};

/** Returns what a promise makes, with a refusal of the product as one of its input. */
async function refusing<Result>(result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof PermanentError) throw new InputError(error.message);
    throw error;
  }
}

/** Names of the context that the app reads. */
const CONTEXT: { readonly [name: string]: string } = {
  stage: 'dev',
  region: 'eu-west-1',
  notifyEmail: 'ops@example.com',
  kafkaCluster: 'arn:aws:kafka:eu-west-1:111122223333:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7',
  tour: 'created',
};

export const HANDLER_FORMS: readonly Form[] = [
  {
    name: 'context of the app',
    share: 2,
    input: (random) => {
      const names = Object.keys(CONTEXT).filter(() => random.uniform() < 0.5);
      const context: { [name: string]: unknown } = Object.fromEntries(names.map((name) => [name, CONTEXT[name]]));
      const name = pick(random, Object.keys(CONTEXT));
      // The command line gives text, cdk.json anything.
      context[name] =
        random.uniform() < 0.5 ? mutated(CONTEXT[name]!, random).slice(0, 3000) : mutatedJson([1, 'x', null], random);
      return JSON.stringify(context);
    },
    read: (input) => {
      const context = parsed(textOf(input));
      const value = (name: string): unknown => (context as { readonly [name: string]: unknown } | null)?.[name];
      const stage = deployedStage(value, undefined);
      const problems = checkStageConfiguration(stage);
      if (problems.length > 0) throw new InputError(problems.join('\n'));
      return { stage, state: tourState(value) };
    },
  },
  {
    name: 'result objects and their events',
    share: 2,
    input: (random) => {
      const line = JSON.stringify(RESULT_LINE);
      const body = JSON.stringify({ detail: { object: { key: 'results/2026/01/05/a.jsonl' } } });
      const isLine = random.uniform() < 0.5;
      return JSON.stringify({
        body: isLine ? body : mutatedJsonText(JSON.parse(body), random),
        text: isLine ? `${line}\n${mutatedJsonText(RESULT_LINE, random)}\n` : line,
      });
    },
    read: async (input) => {
      const { body, text } = parsed(textOf(input)) as { body: string; text: string };
      const sent: unknown[] = [];
      const limits = { maxMessages: 10, maxBytes: 256_000 };
      const handler = createSink({
        results: { get: () => Promise.resolve(String(text)) },
        target: {
          maxMessageBytes: 250_000,
          maxKeyLength: 256,
          limits,
          send: (messages: readonly unknown[]) => {
            sent.push(...messages);
            return Promise.resolve({ failed: [] });
          },
        } as never,
        sleep: instantly,
        random: () => 0.5,
        logger: quiet,
      });
      const event = { Records: [{ messageId: 'm', body: String(body) }] } as never;
      const { batchItemFailures: failures } = await handler(event, { getRemainingTimeInMillis: () => 60_000 });
      if (failures.length > 0) throw new InputError('the event of the object is delivered again');
      return sent;
    },
  },
  {
    name: 'notifications and the parameter of a webhook',
    share: 2,
    input: (random) =>
      JSON.stringify(
        random.uniform() < 0.7
          ? { url: 'https://hooks.example.com/x', message: mutatedJsonText(TOPIC_ALARM, random) }
          : { url: mutated('https://hooks.example.com/x', random), message: 'm' },
      ),
    read: async (input) => {
      const { url, message } = parsed(textOf(input)) as { url: string; message: string };
      const posted: string[] = [];
      const handler = createWebhookHandler({
        urlParameter: '/webhook',
        parameters: { read: () => Promise.resolve(String(url)) },
        webhook: { post: (_url: string, text: string) => Promise.resolve(void posted.push(text)) },
        logger: quiet,
      });
      await refusing(handler({ Records: [{ Sns: { MessageId: 'm', Subject: null, Message: String(message) } }] }));
      return posted;
    },
  },
  {
    name: 'requests of CloudFormation and policies of buckets',
    share: 2,
    input: (random) =>
      JSON.stringify(
        random.uniform() < 0.5
          ? { request: mutatedJson(CUSTOM_RESOURCE.ResourceProperties, random), policy: JSON.stringify(BUCKET_POLICY) }
          : { request: CUSTOM_RESOURCE.ResourceProperties, policy: mutatedJsonText(BUCKET_POLICY, random) },
      ),
    read: async (input) => {
      const { request, policy } = parsed(textOf(input)) as { request: object | null; policy: string };
      const responses: unknown[] = [];
      const contents = {
        tags: () => Promise.resolve({ [EMPTIED_BUCKET_TAG]: '' }),
        policy: () => Promise.resolve(String(policy)),
        putPolicy: () => Promise.resolve(),
        deleteVersions: () => Promise.resolve(0),
      };
      const shared = {
        respond: (_url: string, response: unknown) => Promise.resolve(void responses.push(response)),
        clock: quickClock(),
        sleep: instantly,
        logger: quiet,
      };
      const event = { ...CUSTOM_RESOURCE, ResourceProperties: Object(request) as object } as never;
      await createEmptier({ ...shared, contentsOf: () => contents as never })(event);
      await createRelease({ ...shared, store: { load: () => Promise.resolve(undefined) }, targets: {} as never })(
        event,
      );
      // Each request gets its response, or CloudFormation waits for an hour.
      if (responses.length !== 2) throw new Error(`${responses.length} responses`);
      return responses;
    },
  },
  {
    name: 'aggregated records',
    share: 2,
    input: (random) => {
      const good = aggregated();
      if (random.uniform() < 0.3) return mutatedBytes(good, random);
      // The sum is right, so that the message is read.
      const message = mutatedBytes(good.subarray(4, -16), random);
      return Buffer.concat([good.subarray(0, 4), message, createHash('md5').update(message).digest()]);
    },
    read: (input) => {
      const records = deaggregate(bytesOf(input));
      if (records === undefined) throw new InputError('this is no aggregated record, but one of its own');
      return records.map(({ partitionKey, data }) => ({ partitionKey, bytes: data.length }));
    },
  },
  {
    name: 'facts in responses of models',
    share: 2,
    input: (random) => mutatedJsonText(USAGE, random),
    read: (input) => responseFacts(parsed(textOf(input)), { context_tokens: 3 }),
  },
  {
    name: 'environment of handlers and keys of results',
    share: 2,
    input: (random) => {
      const kind = Math.floor(random.uniform() * 3);
      if (kind === 0) return mutated('12', random);
      if (kind === 1) return `results/${mutated('2026/01/05/shardId-000000000000/1-2.jsonl', random)}`;
      return mutatedJsonText(
        [{ resourceId: 'endpoint/chat/variant/main', fleetName: 'chat', maxConcurrencyPerReplica: 8 }],
        random,
      );
    },
    read: (input) => {
      const text = textOf(input);
      if (text.startsWith('results/')) return parseResultObjectKey(text);
      if (/^[[{]/.test(text)) return parseFollowedFleets(text);
      return requiredNumberEnv('N', { N: text });
    },
  },
];
