import { buildSync } from 'esbuild';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { INGESTION_ENVIRONMENT as names } from '../../../lib/ingestion/contract';
import { startSilentAws } from '../../support/silent-aws';
import { requestRecord } from './fakes';

const RECORDS = 64;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-warnings-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Runs a script in a process of its own, with warnings of Node.js on; returns what it wrote. */
async function run(
  script: string,
  environment: { readonly [name: string]: string },
): Promise<[out: string, err: string]> {
  const child = spawn(process.execPath, ['--trace-warnings', '-e', script], {
    env: { PATH: process.env.PATH, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...environment },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (err += part.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  return [out, err];
}

test('many batches with many records in flight leave no warning of Node.js in the log', async () => {
  const bundle = path.join(folder, 'index.js');
  const entry = path.join(__dirname, '..', '..', '..', 'lambda', 'stream-consumer', 'index.ts');
  buildSync({ entryPoints: [entry], outfile: bundle, bundle: true, platform: 'node', logLevel: 'error' });
  const aws = await startSilentAws(({ operation }) =>
    operation.includes('list-type=2') ? '<ListBucketResult/>' : { generated_tokens: 7 },
  );
  const Records = Array.from({ length: RECORDS }, (_, index) => requestRecord(index, `key-${index}`)).map(
    ({ sequenceNumber, partitionKey, payload }) => ({
      eventSourceARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/requests',
      eventID: `shardId-000000000000:${sequenceNumber}`,
      kinesis: {
        sequenceNumber,
        partitionKey,
        // A dead letter each for a third of them, which are written at once.
        data: Buffer.from(Number(partitionKey.slice(4)) % 3 === 0 ? 'x'.repeat(1_001) : (payload as string)).toString(
          'base64',
        ),
      },
    }),
  );
  const { endpoint, region, credentials } = aws.configuration;
  const [out, err] = await run(
    `const { handler } = require(${JSON.stringify(bundle)});
     const batch = (shard) => ({ Records: ${JSON.stringify(Records)}.map((record) => ({
       ...record, eventID: record.eventID.replace('000000000000', shard) })) });
     (async () => {
       for (const shard of ['a', 'b', 'c', 'd'])
         console.log(JSON.stringify(await handler(batch(shard), { getRemainingTimeInMillis: () => 60000 })));
       process.exit(0);
     })();`,
    {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      [names.endpointName]: 'chat',
      [names.resultsBucketName]: 'results',
      [names.concurrency]: String(RECORDS),
      [names.maxModelFailures]: '3',
      [names.maxRecordBytes]: '1000',
    },
  );
  await aws.close();
  expect(out.match(/\{"batchItemFailures":\[\]\}/g)).toHaveLength(4);
  expect(aws.calls.filter(({ operation }) => operation.includes('/invocations')).length).toBeGreaterThan(4 * 40);
  expect(err).not.toMatch(/Warning/);
}, 120_000);
