import type { CapacityFollower } from '../../../lambda/stream-consumer/capacity-follower';
import type { WallClock } from '../../../lambda/support/clock';
import { createHandler } from '../../../lambda/kafka-consumer/handler';
import { formatInferenceRequest, type KafkaEvent, type KafkaEventRecord } from '../../../lib/ingestion/contract';
import { type Behaviour, rehearsal } from '../stream-consumer/fakes';

export const GROUP = 'chat-requests';
export const AT = 1_700_000_000_000;

/** Record of the topic `requests` as Lambda delivers it. */
export function kafkaRecord(partition: number, offset: number, over: Partial<KafkaEventRecord> = {}): KafkaEventRecord {
  const id = `p${partition}-${offset}`;
  const request = { id, key: 'k', contextTokens: 100, generatedTokens: 20, sentAt: AT / 1000 };
  return {
    topic: 'requests',
    partition,
    offset,
    timestamp: AT,
    timestampType: 'CREATE_TIME',
    key: Buffer.from(`key-${partition}-${offset}`).toString('base64'),
    value: Buffer.from(formatInferenceRequest(request)).toString('base64'),
    headers: [],
    ...over,
  };
}

/** Event with records of partitions, by `topic-partition`. */
export function kafkaEvent(...records: readonly KafkaEventRecord[]): KafkaEvent {
  const byPartition = new Map<string, KafkaEventRecord[]>();
  for (const record of records) {
    const name = `${record.topic}-${record.partition}`;
    byPartition.set(name, [...(byPartition.get(name) ?? []), record]);
  }
  return {
    eventSource: 'aws:kafka',
    eventSourceArn: 'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7',
    bootstrapServers: 'b-1.chat.example:9098',
    records: Object.fromEntries(byPartition),
  };
}

/** Consumer of a topic with simulated dependencies, in virtual time. */
export function kafkaRehearsal(
  behaviour: Behaviour,
  {
    capacity,
    ...overrides
  }: NonNullable<Parameters<typeof rehearsal>[1]> & {
    readonly capacity?: (clock: WallClock) => CapacityFollower;
  } = {},
) {
  const { environment: _other, dependencies, ...rest } = rehearsal(behaviour, overrides);
  const follower = capacity?.(rest.time.clock);
  return {
    ...rest,
    environment: () => createHandler({ ...dependencies, capacity: follower, consumerGroupId: GROUP }),
  };
}
