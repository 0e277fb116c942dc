import type { Kafka, KafkaConfig } from 'kafkajs';

export type { Admin, Consumer, EachBatchPayload, Kafka, KafkaJSError, Producer } from 'kafkajs';

/** Encryption of connections, and the identity of the client. */
export type ClientSecurity = Pick<KafkaConfig, 'ssl' | 'sasl'>;

/** Module of the queue of requests of a connection, which kafkajs does not export. */
interface RequestQueue {
  readonly prototype: { throttledUntil: number; scheduleCheckPendingRequests(): void };
}

/** Exports of a module that is no ES module: a bundle has them as the default export only. */
function exportsOf<T>(module: T): T {
  return (module as { readonly default?: T }).default ?? module;
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
 * @param security undefined for plain text and no identity
 */
export async function connectKafka(
  bootstrapServers: string,
  { retries = 5, security }: { readonly retries?: number; readonly security?: ClientSecurity } = {},
): Promise<Kafka> {
  // Partitioner warning of kafkajs 2, whose default is the one of Java clients.
  process.env.KAFKAJS_NO_PARTITIONER_WARNING ??= '1';
  const { Kafka: Client, logLevel } = exportsOf(await import('kafkajs'));
  // @ts-expect-error kafkajs has no types for its own modules
  repairTimers(exportsOf((await import('kafkajs/src/network/requestQueue/index.js')) as RequestQueue));
  return new Client({
    clientId: 'tidegate',
    brokers: bootstrapServers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 10_000,
    requestTimeout: 30_000,
    ...security,
    retry: { retries, initialRetryTime: 100, maxRetryTime: 2000 },
  });
}

/** Topics of a broker, except its own, with their numbers of partitions. */
export async function listTopics(bootstrapServers: string): Promise<ReadonlyMap<string, number>> {
  const admin = (await connectKafka(bootstrapServers)).admin();
  try {
    const { topics } = await admin.fetchTopicMetadata();
    return new Map(
      topics.filter(({ name }) => !name.startsWith('__')).map(({ name, partitions }) => [name, partitions.length]),
    );
  } finally {
    await admin.disconnect();
  }
}
