import type { Kafka } from 'kafkajs';

export type { Consumer, EachBatchPayload, Producer } from 'kafkajs';

/** Module of the queue of requests of a connection, which kafkajs does not export. */
interface RequestQueue {
  readonly prototype: { throttledUntil: number; scheduleCheckPendingRequests(): void };
}

let repaired = false;

/** Keeps kafkajs 2.2.4 from setting timers to negative times, at which Node.js from 22 on prints a warning. */
function repairTimers(queue: RequestQueue): void {
  if (repaired) return;
  repaired = true;
  const schedule = queue.prototype.scheduleCheckPendingRequests;
  queue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue['prototype']): void {
    this.throttledUntil = Math.max(this.throttledUntil, performance.timeOrigin + performance.now());
    schedule.call(this);
  };
}

/**
 * Returns clients for a broker. kafkajs is loaded at the first call, so that nothing that goes without Kafka reads it.
 *
 * @param retries attempts of a call after the first
 */
export async function connectKafka(bootstrapServers: string, { retries = 5 } = {}): Promise<Kafka> {
  // Partitioner warning of kafkajs 2, whose default is the one of Java clients.
  process.env.KAFKAJS_NO_PARTITIONER_WARNING ??= '1';
  const { Kafka: Client, logLevel } = await import('kafkajs');
  // @ts-expect-error kafkajs has no types for its own modules
  const queue = (await import('kafkajs/src/network/requestQueue/index.js')) as { readonly default: RequestQueue };
  repairTimers(queue.default);
  return new Client({
    clientId: 'tidegate',
    brokers: bootstrapServers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3000,
    requestTimeout: 30_000,
    retry: { retries, initialRetryTime: 100, maxRetryTime: 2000 },
  });
}
