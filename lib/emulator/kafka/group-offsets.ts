import { pause } from '../repeat';
import type { Admin, KafkaJSError } from './kafka-client';

/** Attempts to read the offsets of a group, and milliseconds between two of them. */
const OFFSET_ATTEMPTS = 100;
const OFFSET_RETRY_MS = 200;

/**
 * Returns the committed offset of each partition of a topic, -1 where a group has none. kafkajs does not repeat this call
 * itself: a coordinator that loads its group, or moves, answers with an error that the next attempt does not meet.
 */
export async function committedOffsets(
  admin: Pick<Admin, 'fetchOffsets'>,
  groupId: string,
  topic: string,
): Promise<ReadonlyMap<number, number>> {
  for (let attempt = 1; ; attempt++) {
    try {
      const [group] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    } catch (error) {
      if (!(error as KafkaJSError).retriable || attempt === OFFSET_ATTEMPTS) throw error;
      await pause(OFFSET_RETRY_MS);
    }
  }
}
