import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { AsyncEndpoint, GpuEndpoint, ModelArtifact, ModelServer } from '../../lib/inference';
import { RecordField, StreamIngestion } from '../../lib/ingestion';
import { formatInferenceRequest } from '../../lib/ingestion/contract';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { PackedAsset } from '../../lib/training';
import { projectDirectory } from '../architecture/imports';
import { startLocalAccount, type LocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';

const SPEED = 10;
const LIMIT_MS = 600_000;
/** Records of 20 seconds each, for one slot: the last would be answered after eight minutes. */
const RECORDS = 24;
const TOKENS = 1_000;
const AFTER_SECONDS = 60;
/** Payload that no container takes. */
const BROKEN = '{"id":"broken","key":"broken","context_tokens":"many"}';

function synthesize(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Chat', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const packed = new PackedAsset(stack, 'Model', { path: PackedAsset.initialModelPath() });
  const model = {
    modelServer: ModelServer.triton(),
    modelArtifact: ModelArtifact.fromBucket(packed.bucket, packed.objectKey),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  };
  const ingestion = new StreamIngestion(stack, 'Requests', {
    endpoint: new GpuEndpoint(stack, 'Endpoint', { ...model, maxConcurrencyPerInstance: 1 }),
    shardCount: 1,
    concurrency: 2,
    recordId: RecordField.jsonPath('$.id'),
    spillTo: {
      endpoint: new AsyncEndpoint(stack, 'Films', { ...model, maxConcurrencyPerInstance: 8 }),
      afterAge: Duration.seconds(AFTER_SECONDS),
    },
    removalPolicy: RemovalPolicy.DESTROY,
    autoDeleteObjects: true,
  });
  stack.exportValue(ingestion.stream.streamName, { name: 'Stream' });
  stack.exportValue(ingestion.resultsBucket.bucketName, { name: 'Results' });
  return app.synth().directory;
}

interface Line {
  readonly id: string;
  readonly arrived_at: number;
  readonly spilled_at?: number;
  readonly response: string | null;
  readonly error: string | null;
  readonly dead_letter: string | null;
}

describe('records that spill on the local engine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-spill-'));
  let account: LocalAccount;
  let bucket: S3Client;
  let outputs: { readonly [name: string]: string };

  beforeAll(async () => {
    account = await startLocalAccount(LocalClock.startingNow(SPEED));
    const { config, engine } = account;
    bucket = new S3Client({ ...config, forcePathStyle: true });
    const assembly = synthesize(path.join(folder, 'assembly'));
    const signal = AbortSignal.timeout(LIMIT_MS);
    const cdk = new CdkCommand({ projectDirectory, engineUrl: engine.url, signal, dataDirectory: folder });
    await cdk.bootstrap(assembly);
    await cdk.deploy(assembly, () => undefined);
    const cloudFormation = new CloudFormationClient(config);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Chat' }));
    cloudFormation.destroy();
    outputs = Object.fromEntries(
      Stacks![0]!.Outputs!.map(({ ExportName, OutputValue }) => [ExportName ?? '', OutputValue ?? '']),
    );
    await engine.enforceIam();
  }, LIMIT_MS);

  afterAll(async () => {
    bucket?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  async function keys(prefix: string): Promise<string[]> {
    const { Contents = [] } = await bucket.send(
      new ListObjectsV2Command({ Bucket: outputs['Results'], Prefix: prefix }),
    );
    return Contents.map(({ Key }) => Key!);
  }

  async function read(): Promise<{ readonly lines: readonly Line[]; readonly open: number }> {
    const lines: Line[] = [];
    const open = (await keys('spilled/')).length;
    for (const Key of await keys('results/')) {
      const { Body } = await bucket.send(new GetObjectCommand({ Bucket: outputs['Results'], Key }));
      const text = await Body!.transformToString();
      for (const line of text.trimEnd().split('\n')) lines.push(JSON.parse(line) as Line);
    }
    return { lines, open };
  }

  test(
    'have one result each, beside those that the lagging endpoint answers, and one that fails there is a dead letter',
    async () => {
      const ids = Array.from({ length: RECORDS }, (_, index) => `r-${index}`);
      const record = (id: string): { PartitionKey: string; Data: Buffer } => ({
        PartitionKey: id,
        Data: Buffer.from(
          formatInferenceRequest({ id, key: id, contextTokens: 100, generatedTokens: TOKENS, sentAt: 0 }),
        ),
      });
      const kinesis = new KinesisClient(account.config);
      await kinesis.send(
        new PutRecordsCommand({
          StreamName: outputs['Stream'],
          Records: [...ids.map(record), { PartitionKey: 'broken', Data: Buffer.from(BROKEN) }],
        }),
      );
      kinesis.destroy();
      const { lines } = await eventually(
        read,
        ({ lines: found, open }) => found.length > RECORDS && open === 0,
        LIMIT_MS,
      );
      expect(lines.map(({ id }) => id).sort()).toEqual([...ids, 'broken'].sort());
      const spilled = lines.filter(({ spilled_at }) => spilled_at !== undefined);
      // One slot answers three of 20 seconds in a minute, and one that is in flight then.
      expect(spilled.length).toBeGreaterThanOrEqual(RECORDS / 2);
      expect(spilled.length).toBeLessThan(RECORDS + 1);
      for (const { arrived_at, spilled_at } of spilled)
        expect(spilled_at! - arrived_at).toBeGreaterThanOrEqual(AFTER_SECONDS);
      const answered = lines.filter(({ dead_letter }) => dead_letter === null);
      expect(answered.map(({ id }) => id).sort()).toEqual([...ids].sort());
      for (const { id, response } of answered) expect(JSON.parse(response!)).toMatchObject({ id });
      const [letter, ...more] = lines.filter(({ dead_letter }) => dead_letter !== null);
      expect(more).toEqual([]);
      expect(await keys('dead-letters/')).toEqual([letter!.dead_letter]);
      expect(letter!.error).toContain('the asynchronous endpoint failed:');
    },
    LIMIT_MS,
  );
});
