import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeStreamSummaryCommand, KinesisClient, UpdateShardCountCommand } from '@aws-sdk/client-kinesis';
import { mockClient } from 'aws-sdk-client-mock';
import { createStreamShards } from '../../../lambda/clients/stream-shards';

const kinesis = mockClient(KinesisClient);
const cloudWatch = mockClient(CloudWatchClient);
beforeEach(() => {
  kinesis.reset();
  cloudWatch.reset();
});

const shards = () =>
  createStreamShards(
    'requests',
    new KinesisClient({ region: 'us-east-1' }),
    new CloudWatchClient({ region: 'us-east-1' }),
  );
const error = (name: string) => Object.assign(new Error(name), { name });

describe('the shards of a stream', () => {
  test('are counted open, with the state of the stream', async () => {
    const summary = { OpenShardCount: 3, StreamStatus: 'UPDATING', StreamCreationTimestamp: new Date(5000) } as never;
    kinesis.on(DescribeStreamSummaryCommand).resolves({ StreamDescriptionSummary: summary });
    expect(await shards().state()).toEqual({ openShards: 3, isUpdating: true, createdAt: 5 });
    expect(kinesis.commandCalls(DescribeStreamSummaryCommand)[0]!.args[0].input).toEqual({ StreamName: 'requests' });
  });

  test('have their writes by minute, from all pages', async () => {
    const at = (second: number): Date => new Date(second * 1000);
    cloudWatch
      .on(GetMetricDataCommand)
      .resolvesOnce({
        MetricDataResults: [
          { Id: 'records', StatusCode: 'PartialData', Timestamps: [at(120), at(60)], Values: [7, 5] },
          { Id: 'bytes', StatusCode: 'Complete', Timestamps: [at(60)], Values: [900] },
        ],
        NextToken: 'more',
      })
      .resolvesOnce({
        MetricDataResults: [{ Id: 'throttled', StatusCode: 'Complete', Timestamps: [at(120)], Values: [2] }],
      });
    expect(await shards().writes(60, 180)).toEqual([
      { atSeconds: 60, bytes: 900, records: 5, throttled: 0 },
      { atSeconds: 120, bytes: 0, records: 7, throttled: 2 },
    ]);
    const [first, second] = cloudWatch.commandCalls(GetMetricDataCommand).map(({ args }) => args[0].input);
    expect(second!.NextToken).toBe('more');
    expect([first!.StartTime, first!.EndTime]).toEqual([at(60), at(180)]);
    expect(
      first!.MetricDataQueries!.map(({ MetricStat }) => [
        MetricStat!.Metric!.MetricName,
        MetricStat!.Stat,
        MetricStat!.Period,
      ]),
    ).toEqual([
      ['IncomingBytes', 'Sum', 60],
      ['IncomingRecords', 'Sum', 60],
      ['WriteProvisionedThroughputExceeded', 'Sum', 60],
    ]);
    expect(first!.MetricDataQueries![0]!.MetricStat!.Metric).toMatchObject({
      Namespace: 'AWS/Kinesis',
      Dimensions: [{ Name: 'StreamName', Value: 'requests' }],
    });
  });

  test.each(['Forbidden', 'InternalError'] as const)('have no writes where CloudWatch says %s', async (StatusCode) => {
    cloudWatch.on(GetMetricDataCommand).resolves({ MetricDataResults: [{ Id: 'bytes', StatusCode }] });
    await expect(shards().writes(0, 60)).rejects.toThrow(`the writes of requests cannot be read (${StatusCode})`);
  });

  test('are updated to a number, uniformly', async () => {
    kinesis.on(UpdateShardCountCommand).resolves({});
    expect(await shards().update(4)).toEqual({ kind: 'accepted' });
    expect(kinesis.commandCalls(UpdateShardCountCommand)[0]!.args[0].input).toEqual({
      StreamName: 'requests',
      TargetShardCount: 4,
      ScalingType: 'UNIFORM_SCALING',
    });
  });

  test.each(['LimitExceededException', 'ResourceInUseException', 'InvalidArgumentException', 'ValidationException'])(
    'are as they were after %s',
    async (name) => {
      kinesis.on(UpdateShardCountCommand).rejects(error(name));
      expect(await shards().update(4)).toMatchObject({ kind: 'refused', error: { name } });
    },
  );

  test('may have changed after another error', async () => {
    kinesis.on(UpdateShardCountCommand).rejects(error('TimeoutError'));
    await expect(shards().update(4)).rejects.toThrow('TimeoutError');
  });
});
