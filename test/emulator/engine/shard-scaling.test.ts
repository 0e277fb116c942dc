import { CfnOutput } from 'aws-cdk-lib';
import { DescribeStreamSummaryCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import * as queues from 'aws-cdk-lib/aws-sqs';
import { LOCAL_REGION, localCredentials } from '../../../lib/emulator/credentials';
import { GpuEndpoint } from '../../../lib/inference';
import { StreamIngestion } from '../../../lib/ingestion';
import { parseResultLine, parseShardChanges } from '../../../lib/ingestion/contract';
import { deployStack, localStack } from './support/deployed-stack';
import { eventually, LocalAws } from './support/local-aws';

/** Text of a payload: 80 of them are more than a minute of one shard takes at a tenth of its limit. */
const FILLING = 'x'.repeat(200_000);
const CALLS = 4;
const PER_CALL = 20;
const KEYS = 7;

describe('a stream whose shards are scaled, in the local engine', () => {
  let aws: LocalAws;
  let outputs: Map<string, string>;
  let sqs: SQSClient;

  beforeAll(async () => {
    aws = await LocalAws.start();
    sqs = new SQSClient({ endpoint: aws.engine.url, region: LOCAL_REGION, credentials: localCredentials });
    aws.emulator.inference = () => ({ status: 200, body: {} });
    const stack = localStack('Scaled');
    const requests = new StreamIngestion(stack, 'Requests', {
      endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
      shardCount: 1,
      shardScaling: { maxShards: 4, targetUsePercent: 10 },
    });
    const topic = new sns.Topic(stack, 'Topic');
    const queue = new queues.Queue(stack, 'Queue');
    topic.addSubscription(new subscriptions.SqsSubscription(queue));
    requests.notifyShardChanges(topic);
    new CfnOutput(stack, 'QueueUrl', { value: queue.queueUrl });
    new CfnOutput(stack, 'StreamName', { value: requests.stream.streamName });
    new CfnOutput(stack, 'BucketName', { value: requests.resultsBucket.bucketName });
    outputs = await deployStack(aws, stack);
    // The start of an engine, and a stack on it, on a busy machine.
  }, 240_000);
  afterAll(() => {
    sqs?.destroy();
    return aws?.stop();
  });

  const openShards = async (): Promise<number> => {
    const StreamName = outputs.get('StreamName')!;
    const { StreamDescriptionSummary } = await aws.kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    return StreamDescriptionSummary!.OpenShardCount!;
  };
  /** Subjects of what the topic of the operator got. */
  const subjects: string[] = [];
  const notices = async (): Promise<readonly string[]> => {
    const QueueUrl = outputs.get('QueueUrl')!;
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    subjects.push(...Messages.map(({ Body }) => (JSON.parse(Body!) as { Subject: string }).Subject));
    return subjects;
  };
  const textsBelow = async (Prefix: string): Promise<string[]> => {
    const Bucket = outputs.get('BucketName')!;
    const { Contents = [] } = await aws.s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
    return Promise.all(
      Contents.map(async ({ Key }) =>
        (await aws.s3.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToString(),
      ),
    );
  };

  test('gets more of them when its writes need them, and every record is answered once, in the order of its key', async () => {
    const StreamName = outputs.get('StreamName')!;
    let sent = 0;
    const putSome = async (): Promise<void> => {
      // Calls beside each other, so that their bytes are in one minute, each with keys of its own.
      const calls = Array.from({ length: CALLS }, (_, call) =>
        Array.from({ length: PER_CALL }, () => {
          const key = `${call}-${sent % KEYS}`;
          return { PartitionKey: key, Data: Buffer.from(JSON.stringify({ n: sent++, key, text: FILLING })) };
        }),
      );
      await Promise.all(calls.map((Records) => aws.kinesis.send(new PutRecordsCommand({ StreamName, Records }))));
    };
    await eventually(
      async () => {
        await putSome();
        return openShards();
      },
      (count) => count > 1,
    );
    await putSome();
    const linesOf = async () => (await textsBelow('results/')).flatMap((text) => text.trim().split('\n'));
    await eventually(
      async () => (await linesOf()).length,
      (count) => count >= sent,
      120_000,
    );
    const lines = (await linesOf()).map(parseResultLine);
    expect(lines).toHaveLength(sent);
    expect(lines.filter(({ error }) => error !== null)).toEqual([]);
    // A busy machine answers after more than a minute of the fast clock, and a request is sent again: its first time counts.
    const requests = aws.emulator.at('/endpoints/chat/invocations') as { n: number; key: string }[];
    const answered = [...new Map(requests.map((one) => [one.n, one])).values()];
    expect(answered.map(({ n }) => n).sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, index) => index));
    for (const key of new Set(answered.map((one) => one.key))) {
      const ofKey = answered.filter((one) => one.key === key).map(({ n }) => n);
      expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b));
    }
    const changes = (await textsBelow('shard-changes/')).flatMap((text) => parseShardChanges(text).changes);
    expect(changes.length).toBeGreaterThanOrEqual(1);
    expect(await openShards()).toBeLessThanOrEqual(4);
    const told = await eventually(notices, (found) => found.length > 0, 60_000);
    expect(told[0]).toMatch(new RegExp(`^Stream ${StreamName}: 1 shards become \\d`));
  }, 180_000);
});
