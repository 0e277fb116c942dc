import { KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { awsClient } from './aws-client';

/** Reader of the shards of a stream that take records, or of the partitions of a topic. */
export interface OpenShards {
  /** Returns the ids of the open shards, sorted. */
  list(streamArn: string, signal?: AbortSignal): Promise<readonly string[]>;
}

/** {@link OpenShards} of Kinesis. */
export function createOpenShards(kinesis = awsClient(KinesisClient)): OpenShards {
  return {
    async list(streamArn, signal) {
      const ids: string[] = [];
      let NextToken: string | undefined;
      do {
        const page = await kinesis.send(
          new ListShardsCommand(
            NextToken === undefined
              ? { StreamARN: streamArn, ShardFilter: { Type: 'AT_LATEST' } }
              : { StreamARN: streamArn, NextToken },
          ),
          { abortSignal: signal },
        );
        // An engine that knows no filter lists closed shards too; their range of sequence numbers has an end.
        for (const { ShardId, SequenceNumberRange } of page.Shards ?? [])
          if (SequenceNumberRange?.EndingSequenceNumber === undefined) ids.push(ShardId!);
        NextToken = page.NextToken;
      } while (NextToken !== undefined);
      return ids.sort();
    },
  };
}

/** {@link OpenShards} of a Kafka topic with a number of partitions. */
export function partitionsOf(topicName: string, partitions: number): OpenShards {
  const ids = Array.from({ length: partitions }, (_, partition) => `${topicName}-${partition}`);
  return { list: () => Promise.resolve(ids) };
}
