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
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createRequestStream } from '../../lambda/clients/request-stream';
import { aggregateOne, tagValues } from '../../lambda/stream-consumer/aggregated-record';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials } from '../../lib/emulator/credentials';
import { GpuEndpoint } from '../../lib/inference';
import { StreamIngestion } from '../../lib/ingestion';
import { parseResultLine, type RecordResult } from '../../lib/ingestion/contract';
import { REDRIVE_TAG, type RedriveReport } from '../../lib/ingestion/decide/redrive';
import { eventually, LocalAws, PROJECT } from '../emulator/engine/support/local-aws';
import { zipOf } from '../emulator/engine/support/zip';
import { runTidegate } from '../support/command-line';

/** Time limit of a test whose deliveries, retries and redrives are real. */
const LIMIT_MS = 240_000;

/** A stack with an ingestion, as the CDK synthesizes it, and the handlers that it deploys. */
function ingestionStack(): { readonly template: object; readonly assets: readonly string[] } {
  const app = new App();
  const stack = new Stack(app, 'Chat', {
    env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION },
    synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
  });
  new StreamIngestion(stack, 'Requests', {
    endpoint: GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'chat', 'main'),
    shardCount: 2,
    maxRecordAge: Duration.hours(1),
    // Time of the account, of which a minute is a second here.
    timeout: Duration.minutes(1),
  });
  const template = Template.fromStack(stack).toJSON();
  return {
    template,
    assets: [...JSON.stringify(template).matchAll(/"S3Key":"([0-9a-f]{64})\.zip"/g)].map(([, hash]) => hash!),
  };
}

describe('a redrive in the local engine', () => {
  let aws: LocalAws;
  let bucket: string;
  let stream: string;

  beforeAll(async () => {
    aws = await LocalAws.start();
    const { template, assets } = ingestionStack();
    const Bucket = `cdk-hnb659fds-assets-${LOCAL_ACCOUNT}-${LOCAL_REGION}`;
    await aws.s3.send(new CreateBucketCommand({ Bucket }));
    // The functions of the template in their order: the consumer and the redrive function.
    const functions = Object.values((template as { Resources: { [id: string]: FunctionResource } }).Resources).filter(
      ({ Type }) => Type === 'AWS::Lambda::Function',
    );
    expect(functions).toHaveLength(assets.length);
    for (const { Properties } of functions) {
      const name = Properties.Description.startsWith('Sends') ? 'stream-consumer' : 'redrive';
      const code = fs.readFileSync(path.join(PROJECT, 'assets', name, 'index.js'), 'utf8');
      await aws.s3.send(new PutObjectCommand({ Bucket, Key: Properties.Code.S3Key, Body: zipOf('index.js', code) }));
    }
    await aws.cloudFormation.send(
      new CreateStackCommand({
        StackName: 'Chat',
        TemplateBody: JSON.stringify(template),
        Capabilities: ['CAPABILITY_IAM'],
      }),
    );
    await eventually(
      async () => (await aws.cloudFormation.send(new DescribeStacksCommand({ StackName: 'Chat' }))).Stacks![0]!,
      ({ StackStatus }) => StackStatus === 'CREATE_COMPLETE',
    );
    stream = Object.keys(await aws.engine.streamBacklog())[0]!;
    bucket = await resultsBucket();
    // From here on every call of the functions needs the permissions of the template.
    await aws.engine.enforceIam();
  }, LIMIT_MS);
  afterAll(() => aws?.stop());

  const resultsBucket = async (): Promise<string> => {
    const { Buckets = [] } = await aws.s3.send(new ListBucketsCommand({}));
    return Buckets.map(({ Name }) => Name!).find((name) => !name.startsWith('cdk-'))!;
  };
  const keys = async (prefix: string): Promise<string[]> => {
    const { Contents = [] } = await aws.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return Contents.map(({ Key }) => Key!);
  };
  const results = async (): Promise<RecordResult[]> => {
    const found = await Promise.all(
      (await keys('results/')).map(async (Key) => {
        const { Body } = await aws.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
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
  const redrive = async (...flags: string[]): Promise<{ readonly code: number; readonly report: RedriveReport }> => {
    const { code, stdout, stderr } = await runTidegate([
      ...['redrive', '--stack', 'Chat', '--endpoint', aws.engine.url, '--rate', '200', '--json'],
      ...flags,
    ]);
    if (stdout === '') throw new Error(stderr);
    return { code, report: (JSON.parse(stdout) as { report: RedriveReport }).report };
  };
  const drained = (): Promise<unknown> =>
    eventually(
      () => aws.engine.streamBacklog(),
      (streams) => streams[stream]!.queued === 0,
      LIMIT_MS,
    );
  const put = (ids: readonly string[]): Promise<void> =>
    aws.put(
      stream,
      ids.map((id) => ({ key: `user-${id.slice(0, 1)}`, data: JSON.stringify({ id }) })),
    );

  test(
    'brings dead letters and failed batches to their answers, each once, when the model is mended',
    async () => {
      const good = Array.from({ length: 12 }, (_, i) => `${i % 4}-good-${i}`);
      const bad = Array.from({ length: 6 }, (_, i) => `${i % 4}-bad-${i}`);
      aws.emulator.inference = (body) =>
        String(body.id).includes('bad')
          ? { status: 424, body: { __type: 'ModelError', Message: 'the model failed', OriginalStatusCode: 500 } }
          : { status: 200, body: { answered: body } };
      // Some are answered first: a failure counts against a record only beside an answer.
      await put([...good, ...bad]);
      await drained();

      // An outage until the records are too old: Lambda gives them to the failure destination.
      aws.emulator.inference = () => ({
        status: 503,
        body: { __type: 'ServiceUnavailable', Message: 'no instance answers' },
      });
      const late = Array.from({ length: 8 }, (_, i) => `${i % 4}-late-${i}`);
      await put(late);
      await drained();
      expect((await keys('aws/lambda/')).length).toBeGreaterThan(0);
      const all = [...good, ...bad, ...late].sort();
      const letters = (await keys('dead-letters/')).length;
      // On a busy machine records become too old before they are answered or dead letters, too: all are set aside.
      const set = all.length - (await answered()).length;
      expect(set).toBeGreaterThanOrEqual(bad.length + late.length);

      aws.emulator.inference = (body) => ({ status: 200, body: { answered: body } });
      expect(await redrive('--dry-run')).toMatchObject({ code: 0, report: { found: set, redriven: set } });
      expect(await keys('redriven/')).toEqual([]);
      // Two operators at once, and both again.
      const both = await Promise.all([redrive(), redrive()]);
      expect(both.reduce((sum, { report }) => sum + report.redriven, 0)).toBe(set);
      expect(await eventually(answered, (found) => found.length >= all.length, LIMIT_MS)).toEqual(all);
      expect((await redrive()).report).toMatchObject({ found: set, redriven: 0, skipped: { redriven: set } });

      // In the stream, what was put first and what was redriven; in the results one outcome for each.
      expect((await aws.engine.streamBacklog())[stream]).toMatchObject({ put: all.length + set, queued: 0 });
      expect(await answered()).toEqual(all);
      expect((await results()).filter(({ deadLetter }) => deadLetter !== null)).toHaveLength(letters);
      expect(await aws.engine.deniedCalls()).toEqual([]);
    },
    3 * LIMIT_MS,
  );

  test(
    'finds what an interrupted redrive put, in a stream with several shards',
    async () => {
      await aws.createStream('looked-into', 4);
      const stream = createRequestStream('looked-into', {
        configuration: { endpoint: aws.engine.url, region: LOCAL_REGION, credentials: localCredentials },
      });
      const from = aws.clock.now() - 60;
      const keys = Array.from({ length: 12 }, (_, i) => `user-${i}`);
      for (const partitionKey of keys) {
        const data = aggregateOne(
          { partitionKey, data: Buffer.from('{}') },
          { name: REDRIVE_TAG, value: partitionKey },
        );
        expect(await stream.put({ partitionKey, data })).toMatchObject({ kind: 'stored' });
      }
      for (const key of keys) {
        const found: string[] = [];
        for await (const { data } of stream.arrivals([key], from, aws.clock.now() + 3600))
          found.push(...tagValues(Buffer.from(data), REDRIVE_TAG));
        expect(found.filter((name) => name === key)).toEqual([key]);
      }
    },
    LIMIT_MS,
  );
});

interface FunctionResource {
  readonly Type: string;
  readonly Properties: { readonly Description: string; readonly Code: { readonly S3Key: string } };
}
