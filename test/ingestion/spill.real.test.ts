import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { connectKafka } from '../../lib/emulator/kafka/kafka-client';
import { AsyncEndpoint, GpuEndpoint, ModelArtifact, ModelServer } from '../../lib/inference';
import { KafkaIngestion, KafkaSource, RecordField, StreamIngestion } from '../../lib/ingestion';
import { formatInferenceRequest } from '../../lib/ingestion/contract';
import { PackedAsset } from '../../lib/training';
import { DeployedApp } from '../emulator/engine/support/deployed-app';
import { eventually } from '../emulator/engine/support/local-aws';
import { MISSING_KAFKA } from '../emulator/kafka/local-kafka';
import { describeWith } from '../support/needs';

const SPEED = 10;
const LIMIT_MS = 600_000;
/** Records of 20 seconds each, for one slot: the last would be answered after eight minutes. */
const RECORDS = 24;
const TOKENS = 1_000;
const AFTER_SECONDS = 60;
/** Payload that no container takes. */
const BROKEN = '{"id":"broken","key":"broken","context_tokens":"many"}';
const CLUSTER = 'arn:aws:kafka:us-east-1:123456789012:cluster/local/00000000-0000-4000-8000-000000000000-1';
const TOPIC = 'requests';

/** Endpoint of one slot, and an asynchronous one for what waits too long. */
function endpointsOf(stack: Stack) {
  const packed = new PackedAsset(stack, 'Model', { path: PackedAsset.initialModelPath() });
  const model = {
    modelServer: ModelServer.triton(),
    modelArtifact: ModelArtifact.fromBucket(packed.bucket, packed.objectKey),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  };
  return {
    endpoint: new GpuEndpoint(stack, 'Endpoint', { ...model, maxConcurrencyPerInstance: 1 }),
    concurrency: 2,
    recordId: RecordField.jsonPath('$.id'),
    spillTo: {
      endpoint: new AsyncEndpoint(stack, 'Films', { ...model, maxConcurrencyPerInstance: 8 }),
      afterAge: Duration.seconds(AFTER_SECONDS),
    },
    removalPolicy: RemovalPolicy.DESTROY,
    autoDeleteObjects: true,
  };
}

interface Line {
  readonly id: string;
  readonly arrived_at: number;
  readonly spilled_at?: number;
  readonly response: string | null;
  readonly error: string | null;
  readonly dead_letter: string | null;
}

/** Payloads by key. */
type Payloads = readonly (readonly [key: string, payload: string])[];

/** Sends records that wait too long to an app, and checks that each has one outcome. */
async function expectOneOutcomeEach(app: DeployedApp, send: (payloads: Payloads) => Promise<void>): Promise<void> {
  const ids = Array.from({ length: RECORDS }, (_, index) => `r-${index}`);
  await send([
    ...ids.map((id) => {
      const request = { id, key: id, contextTokens: 100, generatedTokens: TOKENS, sentAt: 0 };
      return [id, formatInferenceRequest(request)] as const;
    }),
    ['broken', BROKEN],
  ]);
  const { lines } = await eventually(
    async () => ({ lines: await app.results<Line>('Results'), open: (await app.keys('Results', 'spilled/')).length }),
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
  expect(await app.keys('Results', 'dead-letters/')).toEqual([letter!.dead_letter]);
  expect(letter!.error).toContain('the asynchronous endpoint failed:');
  expect(await app.account.engine.deniedCalls()).toEqual([]);
}

const TITLE = 'have one result each, beside those of the lagging endpoint, and one that fails there is a dead letter';

describe('records of a stream that spill on the local engine', () => {
  let app: DeployedApp;

  beforeAll(async () => {
    const build = (stack: Stack): void => {
      const { stream, resultsBucket } = new StreamIngestion(stack, 'Requests', {
        ...endpointsOf(stack),
        shardCount: 1,
      });
      stack.exportValue(stream.streamName, { name: 'Stream' });
      stack.exportValue(resultsBucket.bucketName, { name: 'Results' });
    };
    app = await DeployedApp.start({ build, speed: SPEED, limitMs: LIMIT_MS });
  }, LIMIT_MS);
  afterAll(() => app?.stop(), LIMIT_MS);

  test(
    TITLE,
    () =>
      expectOneOutcomeEach(app, async (payloads) => {
        const kinesis = new KinesisClient(app.account.config);
        const Records = payloads.map(([PartitionKey, text]) => ({ PartitionKey, Data: Buffer.from(text) }));
        await kinesis.send(new PutRecordsCommand({ StreamName: app.outputs['Stream'], Records }));
        kinesis.destroy();
      }),
    LIMIT_MS,
  );
});

describeWith(MISSING_KAFKA, 'records of a topic that spill on the local engine', () => {
  let app: DeployedApp;

  beforeAll(async () => {
    const build = (stack: Stack): void => {
      const { resultsBucket } = new KafkaIngestion(stack, 'Requests', {
        ...endpointsOf(stack),
        source: KafkaSource.msk({ clusterArn: CLUSTER }),
        topic: { topicName: TOPIC, partitions: 1 },
      });
      stack.exportValue(resultsBucket.bucketName, { name: 'Results' });
    };
    const onBroker = async ({ bootstrapServers }: { readonly bootstrapServers: string }): Promise<void> => {
      const admin = (await connectKafka(bootstrapServers, { retries: 60 })).admin();
      await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }] });
      await admin.disconnect();
    };
    app = await DeployedApp.start({ build, speed: SPEED, limitMs: LIMIT_MS, kafka: true, onBroker });
  }, LIMIT_MS);
  afterAll(() => app?.stop(), LIMIT_MS);

  test(
    TITLE,
    () =>
      expectOneOutcomeEach(app, async (payloads) => {
        const producer = (await connectKafka(app.brokerAddress, { retries: 60 })).producer();
        await producer.connect();
        const timestamp = String(Math.floor(app.clock.now() * 1000));
        await producer.send({
          topic: TOPIC,
          messages: payloads.map(([key, value]) => ({ key, value, timestamp })),
        });
        await producer.disconnect();
      }),
    LIMIT_MS,
  );
});
