import * as fs from 'node:fs';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { S3Client } from '@aws-sdk/client-s3';
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LocalClock } from '../../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials } from '../../../lib/emulator/credentials';
import { ensurePythonEnvironment } from '../../../lib/emulator/engine/python-environment';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../../lib/inference';
import { RecordField, StreamIngestion } from '../../../lib/ingestion';
import { CdkCommand } from '../../../lib/local/deploy/cdk-command';
import { startEmulatorPlatform } from '../../../lib/local/deploy/emulator-platform';
import { PackedAsset } from '../../../lib/training';
import { playStream } from './stream-load';

/** Local seconds per second: an invocation of two minutes lasts 30 s, and results are written every 1.25 s. */
const SPEED = 4;
const SHARDS = 2;
/** Requests in flight of a shard, and slots of the only instance for both. */
const CONCURRENCY = 32;

function synthesise(outdir: string): string {
  const app = new App({ outdir, analyticsReporting: false });
  const stack = new Stack(app, 'Bench', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const packed = new PackedAsset(stack, 'Model', { path: PackedAsset.initialModelPath() });
  const endpoint = new GpuEndpoint(stack, 'Endpoint', {
    modelServer: ModelServer.triton(),
    modelArtifact: ModelArtifact.fromBucket(packed.bucket, packed.objectKey),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    maxConcurrencyPerInstance: SHARDS * CONCURRENCY,
  });
  const { stream, resultsBucket } = new StreamIngestion(stack, 'Requests', {
    endpoint,
    shardCount: SHARDS,
    concurrency: CONCURRENCY,
    recordId: RecordField.jsonPath('$.id'),
    removalPolicy: RemovalPolicy.DESTROY,
  });
  stack.exportValue(stream.streamName, { name: 'Stream' });
  stack.exportValue(resultsBucket.bucketName, { name: 'Results' });
  return app.synth().directory;
}

/** Deploys an ingestion to the local engine, plays records through it, and prints the counts as JSON. Arguments: project, folder, records, seconds. */
async function main(): Promise<void> {
  const [projectDirectory, dataDirectory] = process.argv.slice(2) as [string, string];
  const [records, maxSeconds] = process.argv.slice(4).map(Number) as [number, number];
  const signal = AbortSignal.timeout(maxSeconds * 1000);
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  const python = await ensurePythonEnvironment({ projectDirectory });
  const platform = await startEmulatorPlatform({
    projectDirectory,
    dataDirectory,
    python,
    clock: LocalClock.startingNow(SPEED),
    seed: 1,
    onError: note,
  });
  try {
    const assembly = synthesise(path.join(dataDirectory, 'assembly'));
    const cdk = new CdkCommand({ projectDirectory, engineUrl: platform.engineUrl, signal, dataDirectory });
    await cdk.bootstrap(assembly);
    await cdk.deploy(assembly, () => undefined);
    const config = { endpoint: platform.engineUrl, region: LOCAL_REGION, credentials: localCredentials };
    const cloudFormation = new CloudFormationClient(config);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Bench' }));
    const outputs = Object.fromEntries(
      Stacks![0]!.Outputs!.map(({ ExportName, OutputValue }) => [ExportName!, OutputValue!]),
    );
    await platform.enforceIam();
    const startedAt = performance.now();
    const seconds = (): number => (performance.now() - startedAt) / 1000;
    const counts = await playStream({
      kinesis: new KinesisClient(config),
      s3: new S3Client({ ...config, forcePathStyle: true }),
      streamName: outputs['Stream']!,
      bucketName: outputs['Results']!,
      records,
      shards: SHARDS,
      signal,
      onProgress: ({ answered, deadLettered }) =>
        note(`${Math.round(seconds())} s: ${answered} answered, ${deadLettered} dead letters`),
    });
    const denied = await platform.deniedCalls();
    const recordsPerSecond = Math.round(counts.in / seconds());
    const result = { ...counts, deniedCalls: denied.length, seconds: Math.round(seconds()), recordsPerSecond };
    fs.writeFileSync(path.join(dataDirectory, 'result.json'), JSON.stringify(result));
  } finally {
    await platform.stop();
  }
}

main().then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
