import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeStreamSummaryCommand, KinesisClient, UpdateShardCountCommand } from '@aws-sdk/client-kinesis';
import { RetryableError } from '../../lib/core/errors';
import { SECONDS_PER_MINUTE, type EpochSeconds } from '../../lib/core/time';
import type { StreamMinute, StreamSeen } from '../../lib/ingestion/decide/shard-count';
import { awsClient } from './aws-client';

/** Outcome of a change of the number of shards. */
export type ShardUpdate =
  | { readonly kind: 'accepted' }
  /** Kinesis has not changed anything: a limit is reached, or the stream is being changed. */
  | { readonly kind: 'refused'; readonly error: unknown };

/** Shards of one stream. */
export interface StreamShards {
  /** Returns the number of shards that take records, whether they are being changed, and the time at which the stream was created. */
  state(signal?: AbortSignal): Promise<Pick<StreamSeen, 'openShards' | 'isUpdating' | 'createdAt'>>;
  /** Returns the minutes in [from, to) in which records were written or refused, in order. */
  writes(from: EpochSeconds, to: EpochSeconds, signal?: AbortSignal): Promise<readonly StreamMinute[]>;
  /**
   * Splits or merges shards to a number of them.
   *
   * @throws where there is no answer: the shards may be changed; and where the call is not permitted
   */
  update(target: number, signal?: AbortSignal): Promise<ShardUpdate>;
}

/** Sums of a minute, by the id of their query. */
const METRICS = {
  bytes: 'IncomingBytes',
  records: 'IncomingRecords',
  throttled: 'WriteProvisionedThroughputExceeded',
} as const;

/** Errors after which the shards are as they were. */
const REFUSED = new Set([
  'LimitExceededException',
  'ResourceInUseException',
  'InvalidArgumentException',
  'ValidationException',
]);

/** {@link StreamShards} of Kinesis, with the metrics of CloudWatch. */
export function createStreamShards(
  streamName: string,
  kinesis = awsClient(KinesisClient, { maxAttempts: 1 }),
  cloudWatch = awsClient(CloudWatchClient),
): StreamShards {
  return {
    async state(signal) {
      const { StreamDescriptionSummary: summary } = await kinesis.send(
        new DescribeStreamSummaryCommand({ StreamName: streamName }),
        { abortSignal: signal },
      );
      return {
        openShards: summary!.OpenShardCount!,
        isUpdating: summary!.StreamStatus !== 'ACTIVE',
        createdAt: summary!.StreamCreationTimestamp!.getTime() / 1000,
      };
    },
    async writes(from, to, signal) {
      const minutes = new Map<number, { bytes: number; records: number; throttled: number }>();
      let NextToken: string | undefined;
      do {
        const page = await cloudWatch.send(
          new GetMetricDataCommand({
            MetricDataQueries: Object.entries(METRICS).map(([Id, MetricName]) => ({
              Id,
              MetricStat: {
                Metric: {
                  Namespace: 'AWS/Kinesis',
                  MetricName,
                  Dimensions: [{ Name: 'StreamName', Value: streamName }],
                },
                Period: SECONDS_PER_MINUTE,
                Stat: 'Sum',
              },
            })),
            StartTime: new Date(from * 1000),
            EndTime: new Date(to * 1000),
            ScanBy: 'TimestampAscending',
            NextToken,
          }),
          { abortSignal: signal },
        );
        for (const { Id, StatusCode, Timestamps = [], Values = [] } of page.MetricDataResults ?? []) {
          if (StatusCode === 'Forbidden' || StatusCode === 'InternalError')
            throw new RetryableError(`the writes of ${streamName} cannot be read (${StatusCode})`);
          for (const [index, time] of Timestamps.entries()) {
            const at = time.getTime() / 1000;
            const minute = minutes.get(at) ?? { bytes: 0, records: 0, throttled: 0 };
            minute[Id as keyof typeof METRICS] += Values[index] ?? 0;
            minutes.set(at, minute);
          }
        }
        NextToken = page.NextToken;
      } while (NextToken !== undefined);
      return [...minutes]
        .map(([atSeconds, sums]) => ({ atSeconds, ...sums }))
        .sort((a, b) => a.atSeconds - b.atSeconds);
    },
    async update(target, signal) {
      try {
        await kinesis.send(
          new UpdateShardCountCommand({
            StreamName: streamName,
            TargetShardCount: target,
            ScalingType: 'UNIFORM_SCALING',
          }),
          { abortSignal: signal },
        );
        return { kind: 'accepted' };
      } catch (error) {
        if (REFUSED.has((error as { name?: string }).name ?? '')) return { kind: 'refused', error };
        throw error;
      }
    },
  };
}
