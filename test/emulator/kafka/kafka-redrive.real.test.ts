import * as fs from 'node:fs';
import * as path from 'node:path';
import { CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { App, DefaultStackSynthesizer, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { createRequestTopic } from '../../../lambda/clients/request-topic';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../../lib/emulator/credentials';
import { GpuEndpoint } from '../../../lib/inference';
import { KafkaFailureDestination, KafkaIngestion, KafkaSource, ResultSink } from '../../../lib/ingestion';
import { parseResultLine, type RecordResult } from '../../../lib/ingestion/contract';
import { REDRIVE_TAG, type RedriveReport } from '../../../lib/ingestion/decide/redrive';
import { runTidegate } from '../../support/command-line';
import { describeWith } from '../../support/needs';
import { eventually, PROJECT } from '../engine/support/local-aws';
import { zipOf } from '../engine/support/zip';
import { KafkaAccount } from './kafka-account';
import { MISSING_KAFKA } from './local-kafka';

const LIMIT_MS = 240_000;
const TOPIC = 'requests';
const ANSWERS = 'answers';
/** Second topic of requests, whose failed records go to a third one. */
const ALERTS = 'alerts';
const FAILED = 'alerts-failed';
const CLUSTER = `arn:aws:kafka:${LOCAL_REGION}:${LOCAL_ACCOUNT}:cluster/chat/00000000-0000-4000-8000-000000000000-1`;

/** A stack with an ingestion of a topic whose results go to another one, as the CDK synthesizes it. */
function ingestionTemplate(): object {
  const stack = new Stack(new App(), 'Chat', {
    env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION },
    synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
  });
  const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-1',
    availabilityZones: ['us-east-1a', 'us-east-1b'],
    privateSubnetIds: ['subnet-1', 'subnet-2'],
  });
  const cluster = KafkaSource.msk({
    clusterArn: CLUSTER,
    vpc,
    securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Clients', 'sg-1')],
  });
  const settings = {
    endpoint: GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'chat', 'main'),
    source: cluster,
    maxRecordAge: Duration.minutes(30),
    // Time of the account, of which a minute is a second here.
    timeout: Duration.minutes(1),
  };
  const { resultsBucket } = new KafkaIngestion(stack, 'Requests', {
    ...settings,
    topic: { topicName: TOPIC, partitions: 3, create: {} },
    consumerGroupId: 'chat',
  });
  new KafkaIngestion(stack, 'Alerts', {
    ...settings,
    resultsBucket,
    topic: { topicName: ALERTS, partitions: 2, create: {} },
    consumerGroupId: 'alerts',
    failureDestination: KafkaFailureDestination.kafkaTopic({ topicName: FAILED, partitions: 3, create: {} }),
  });
  new ResultSink(stack, 'Answers', {
    resultsBucket,
    topic: { cluster, topicName: ANSWERS, create: { partitions: 2 } },
    maxConcurrency: 2,
  });
  return Template.fromStack(stack).toJSON();
}

/** Handlers of the stack by the first word of what their functions do. */
const HANDLERS: { readonly [word: string]: string } = {
  Sends: 'kafka-consumer',
  Puts: 'kafka-redrive',
  Delivers: 'result-sink',
};

describeWith(MISSING_KAFKA, 'a redrive of a topic on a real broker', () => {
  let account: KafkaAccount;
  let bucket: string;

  beforeAll(async () => {
    account = await KafkaAccount.start();
    const template = ingestionTemplate();
    const Bucket = `cdk-hnb659fds-assets-${LOCAL_ACCOUNT}-${LOCAL_REGION}`;
    await account.s3.send(new CreateBucketCommand({ Bucket }));
    for (const { Type, Properties } of Object.values(
      (template as { Resources: { [id: string]: Resource } }).Resources,
    )) {
      if (Type !== 'AWS::Lambda::Function') continue;
      const name = HANDLERS[Properties.Description.split(' ')[0]!]!;
      const code = fs.readFileSync(path.join(PROJECT, 'assets', name, 'index.js'), 'utf8');
      await account.s3.send(
        new PutObjectCommand({ Bucket, Key: Properties.Code.S3Key, Body: zipOf('index.js', code) }),
      );
    }
    const TemplateBody = JSON.stringify(template);
    await account.cloudFormation.send(
      new CreateStackCommand({ StackName: 'Chat', TemplateBody, Capabilities: ['CAPABILITY_IAM'] }),
    );
    const StackName = 'Chat';
    const { StackStatus } = await eventually(
      async () => (await account.cloudFormation.send(new DescribeStacksCommand({ StackName }))).Stacks![0]!,
      (stack) => !stack.StackStatus!.endsWith('IN_PROGRESS'),
    );
    if (StackStatus !== 'CREATE_COMPLETE') throw new Error(await account.failedResources(StackName));
    const { Buckets = [] } = await account.s3.send(new ListBucketsCommand({}));
    bucket = Buckets.map(({ Name }) => Name!).find((name) => !name.startsWith('cdk-'))!;
    // From here on every call of the functions needs the permissions of the template.
    await account.engine.enforceIam();
  }, 400_000);
  afterAll(() => account?.stop());

  const keys = async (prefix: string): Promise<string[]> => {
    const { Contents = [] } = await account.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return Contents.map(({ Key }) => Key!);
  };
  const results = async (): Promise<RecordResult[]> => {
    const found = await Promise.all(
      (await keys('results/')).map(async (Key) => {
        const { Body } = await account.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
        return (await Body!.transformToString()).trim().split('\n').map(parseResultLine);
      }),
    );
    return found.flat();
  };
  const answered = async (): Promise<string[]> =>
    (await results())
      .filter(({ deadLetter }) => deadLetter === null)
      .map(({ response }) => (JSON.parse(response!) as { answered: { id: string } }).answered.id)
      .sort();
  const redriveOf = async (
    ingestion: string,
    ...flags: string[]
  ): Promise<{ readonly code: number; readonly report: RedriveReport }> => {
    const { code, stdout, stderr } = await runTidegate([
      ...['redrive', '--stack', 'Chat', '--ingestion', ingestion, '--endpoint', account.engine.url, '--rate', '200'],
      ...['--json', ...flags],
    ]);
    if (stdout === '') throw new Error(stderr);
    return { code, report: (JSON.parse(stdout) as { report: RedriveReport }).report };
  };
  const redrive = (...flags: string[]): ReturnType<typeof redriveOf> => redriveOf('Requests', ...flags);
  const drained = (topic = TOPIC): Promise<unknown> =>
    eventually(
      () => account.emulator.kafkaBacklog(topic),
      (backlog) => backlog?.queued === 0,
      LIMIT_MS,
    );
  const send = async (ids: readonly string[], topic = TOPIC): Promise<void> => {
    const producer = (await account.kafka()).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const timestamp = String(Math.floor(account.clock.now() * 1000));
    const messages = ids.map((id) => ({
      key: `user-${id.slice(0, 1)}`,
      value: JSON.stringify({ id }),
      headers: { trace: Buffer.from([1, 255]), id },
      timestamp,
    }));
    await producer.send({ topic, messages });
    await producer.disconnect();
  };
  /** Messages of the topic of results, by the record and its redrive. */
  const answers = async (until: number): Promise<Map<string, Answer>> => {
    const found = new Map<string, Answer>();
    const consumer = (await account.kafka()).consumer({ groupId: 'reader' });
    await consumer.connect();
    try {
      await consumer.subscribe({ topics: [ANSWERS], fromBeginning: true });
      await consumer.run({
        eachMessage: ({ message: { key, value } }) => {
          const line = JSON.parse(value!.toString()) as Answer['line'];
          found.set(`${line.id} ${line.sequence_number}`, { key: key!.toString(), line });
          return Promise.resolve();
        },
      });
      await eventually(
        () => Promise.resolve(found.size),
        (size) => size >= until,
        LIMIT_MS,
      );
      return found;
    } finally {
      await consumer.disconnect();
    }
  };
  const requestId = (body: Buffer): string => (JSON.parse(body.toString()) as { id: string }).id;

  test(
    'brings dead letters and failed batches to their answers, each once, with key and headers, when the model is mended',
    async () => {
      const good = Array.from({ length: 12 }, (_, i) => `${i % 4}-good-${i}`);
      const bad = Array.from({ length: 6 }, (_, i) => `${i % 4}-bad-${i}`);
      account.inference = (body) =>
        requestId(body).includes('bad')
          ? { status: 424, body: { __type: 'ModelError', Message: 'the model failed', OriginalStatusCode: 500 } }
          : { status: 200, body: { answered: JSON.parse(body.toString()) as object } };
      // Some are answered first: a failure counts against a record only beside an answer.
      await send([...good, ...bad]);
      await drained();

      // An outage until the records are too old: Lambda gives them to the failure destination.
      account.inference = () => ({
        status: 503,
        body: { __type: 'ServiceUnavailable', Message: 'no instance answers' },
      });
      const late = Array.from({ length: 8 }, (_, i) => `${i % 4}-late-${i}`);
      await send(late);
      await drained();
      expect((await keys('aws/lambda/')).length).toBeGreaterThan(0);
      const all = [...good, ...bad, ...late].sort();
      // On a busy machine records become too old before they are answered or dead letters, too: all are set aside.
      const set = all.length - (await answered()).length;
      expect(set).toBeGreaterThanOrEqual(bad.length + late.length);

      account.inference = (body) => ({ status: 200, body: { answered: JSON.parse(body.toString()) as object } });
      expect(await redrive('--dry-run')).toMatchObject({ code: 0, report: { found: set, redriven: set } });
      expect(await keys('redriven/')).toEqual([]);
      // Two operators at once, and both again.
      const both = await Promise.all([redrive(), redrive()]);
      expect(both.reduce((sum, { report }) => sum + report.redriven, 0)).toBe(set);
      expect(await eventually(answered, (found) => found.length >= all.length, LIMIT_MS)).toEqual(all);
      expect((await redrive()).report).toMatchObject({ found: set, redriven: 0, skipped: { redriven: set } });

      // In the topic, what was put first and what was redriven; in the results one outcome for each.
      expect(await account.emulator.kafkaBacklog(TOPIC)).toEqual({ put: all.length + set, queued: 0 });
      expect(await answered()).toEqual(all);
      expect(await account.engine.deniedCalls()).toEqual([]);

      // Every line of the results is in the other topic, with its key, though a message may come twice.
      const lines = await results();
      const sent = await answers(lines.length);
      expect([...sent.keys()].sort()).toEqual(lines.map(({ id, position }) => `${id} ${position}`).sort());
      for (const { position, id, key, response, error } of lines)
        expect(sent.get(`${id} ${position}`)).toMatchObject({ key, line: { id, key, response, error } });
      expect(await account.engine.deniedCalls()).toEqual([]);

      // What a look at the topic finds of it: the names, beside the headers of the producer.
      const topic = createRequestTopic({
        topicName: TOPIC,
        groupPrefix: 'look-',
        connect: () => account.kafka(),
        clock: account.clock,
      });
      const arrivals = await topic.arrivals([0, 1, 2], account.clock.now() - 86_400, account.clock.now());
      await topic.close();
      expect(arrivals).toHaveLength(all.length + set);
      const named = arrivals.filter(({ headers }) => headers[REDRIVE_TAG] !== undefined);
      expect(new Set(named.map(({ headers }) => String(headers[REDRIVE_TAG]))).size).toBe(set);
      for (const { headers } of named) expect(headers).toMatchObject({ trace: Buffer.from([1, 255]) });
      const trace = named.map(({ headers }) => String(headers.id)).sort();
      expect(trace).toEqual(expect.arrayContaining([...bad, ...late]));
    },
    3 * LIMIT_MS,
  );

  test(
    'brings records that are in a topic of failures to their answers, each once and in the order of its key',
    async () => {
      const answer = account.inference;
      account.inference = () => ({
        status: 503,
        body: { __type: 'ServiceUnavailable', Message: 'no instance answers' },
      });
      const ids = Array.from({ length: 20 }, (_, i) => `${i % 4}-alert-${String(i).padStart(2, '0')}`);
      await send(ids, ALERTS);
      await drained(ALERTS);
      const admin = (await account.kafka()).admin();
      const failed = await admin.fetchTopicOffsets(FAILED);
      await admin.disconnect();
      expect(failed.reduce((sum, { high }) => sum + Number(high), 0)).toBe(ids.length);

      account.inference = answer;
      expect(await redriveOf('Alerts', '--dry-run')).toMatchObject({
        code: 0,
        report: { found: ids.length, redriven: ids.length, skipped: {}, named: [] },
      });
      const both = await Promise.all([redriveOf('Alerts'), redriveOf('Alerts')]);
      expect(both.reduce((sum, { report }) => sum + report.redriven, 0)).toBe(ids.length);
      const alerts = async (): Promise<string[]> => (await answered()).filter((id) => id.includes('alert'));
      expect(await eventually(alerts, (found) => found.length >= ids.length, LIMIT_MS)).toEqual([...ids].sort());
      expect((await redriveOf('Alerts')).report).toMatchObject({
        found: ids.length,
        redriven: 0,
        skipped: { redriven: ids.length },
      });
      const order = (await results())
        .filter(({ deadLetter, response }) => deadLetter === null && response!.includes('alert'))
        .sort((one, other) => (one.position < other.position ? -1 : 1))
        .map(({ response }) => (JSON.parse(response!) as { answered: { id: string } }).answered.id);
      for (const user of ['0', '1', '2', '3']) {
        const own = order.filter((id) => id.startsWith(user));
        expect(own).toEqual([...own].sort());
      }
      expect(await account.engine.deniedCalls()).toEqual([]);
    },
    3 * LIMIT_MS,
  );
});

interface Answer {
  readonly key: string;
  readonly line: { readonly id: string; readonly sequence_number: string; readonly [name: string]: unknown };
}

interface Resource {
  readonly Type: string;
  readonly Properties: { readonly Description: string; readonly Code: { readonly S3Key: string } };
}
