import type { RunClock } from '../clock';
import { pause } from '../repeat';
import { connectionProblem, connectMapping, proveConnection } from './cluster-connection';
import { committedOffsets } from './group-offsets';
import type { Kafka } from './kafka-client';
import { parseMappings, type KafkaMapping } from './kafka-mapping';
import { LambdaForKafka } from './lambda-for-kafka';
import { MappingConsumer } from './mapping-consumer';

const POLL_MS = 200;
/** Local seconds between two data of `OffsetLag`. */
const LAG_PERIOD_SECONDS = 60;

export interface KafkaEventSourcesOptions {
  readonly engineUrl: () => string;
  /** Address of the broker, which stands for every cluster of the account that is not on this machine. */
  readonly brokerAddress: string;
  readonly clock: RunClock;
  /** Stores a datum of a metric of Lambda. */
  readonly putMetric: (name: string, dimensions: { readonly [name: string]: string }, value: number) => Promise<void>;
  readonly log: (message: string) => void;
}

/** Records of a topic, counted for one consumer group. */
export interface TopicBacklog {
  /** Records in the topic. */
  readonly put: number;
  /** Records that the group has not passed yet. */
  readonly queued: number;
}

/** Plays Lambda's Kafka event source mappings: a consumer for every mapping of the engine, for as long as it exists. */
export class KafkaEventSources {
  private readonly lambda: LambdaForKafka;
  private readonly consumers = new Map<string, { readonly settings: string; readonly consumer: MappingConsumer }>();
  /** Mappings whose consumer has ended by itself, to be followed by another one. */
  private readonly ended = new Set<string>();
  /** Reasons for which mappings have no consumer. */
  private readonly problems = new Map<string, string>();
  private readonly stopping = new AbortController();
  private readonly watching: Promise<void>;
  private mappings: readonly KafkaMapping[] = [];
  private lagDueAt = 0;

  public constructor(private readonly options: KafkaEventSourcesOptions) {
    this.lambda = new LambdaForKafka(options.engineUrl);
    this.watching = this.watch();
  }

  /** Backlog of a topic for the group of the first mapping that reads it; undefined where none does. */
  public async backlog(topic: string): Promise<TopicBacklog | undefined> {
    const mapping = this.mappings.find(({ topics }) => topics.includes(topic));
    return mapping === undefined ? undefined : this.backlogOf(mapping, topic);
  }

  public async stop(): Promise<void> {
    this.stopping.abort();
    await this.watching;
    await Promise.all([...this.consumers.values()].map(({ consumer }) => consumer.stop()));
    this.consumers.clear();
    this.lambda.close();
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.follow(parseMappings((await this.lambda.mappings()) ?? []));
        await this.publishLag();
      } catch (error) {
        // The engine starts after this, and ends before.
        if (
          !signal.aborted &&
          (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED' &&
          this.options.engineUrl() !== ''
        )
          this.options.log(`Kafka event source mappings: ${(error as Error).message}`);
      }
      await pause(POLL_MS, signal);
    }
  }

  /** Starts the consumers of new and changed mappings, and ends those of others. */
  private async follow(mappings: readonly KafkaMapping[]): Promise<void> {
    this.mappings = mappings;
    const wanted = new Map(mappings.map((mapping) => [mapping.uuid, JSON.stringify(mapping)]));
    for (const [uuid, { settings, consumer }] of this.consumers) {
      if (wanted.get(uuid) === settings && !this.ended.has(uuid)) continue;
      this.consumers.delete(uuid);
      await consumer.stop();
    }
    for (const mapping of mappings) {
      if (this.consumers.has(mapping.uuid)) continue;
      const { brokerAddress, clock, log } = this.options;
      const onFailures = (records: number): void => this.publishFailures(mapping, records);
      const connect = (retries: number): Promise<Kafka> => this.connect(mapping, retries);
      const { lambda, ended } = this;
      const onEnd = (): void => void ended.add(mapping.uuid);
      ended.delete(mapping.uuid);
      const consumer = new MappingConsumer({ mapping, brokerAddress, connect, clock, log, onFailures, onEnd, lambda });
      this.consumers.set(mapping.uuid, { settings: wanted.get(mapping.uuid)!, consumer });
      try {
        if (mapping.credentials !== undefined) await proveConnection(await connect(0));
        await consumer.start();
        this.problems.delete(mapping.uuid);
      } catch (error) {
        // For example, the topic does not exist yet.
        this.consumers.delete(mapping.uuid);
        await consumer.stop();
        await this.tellProblem(mapping, error as Error);
      }
    }
  }

  private connect(mapping: KafkaMapping, retries?: number): Promise<Kafka> {
    return connectMapping(mapping, { brokerAddress: this.options.brokerAddress, lambda: this.lambda, retries });
  }

  /** Logs a reason once for as long as it is the same, and gives the mapping its problem. */
  private async tellProblem(mapping: KafkaMapping, error: Error): Promise<void> {
    const problem = connectionProblem(error);
    const text = problem === undefined ? error.message : `${problem} (${error.message})`;
    if (this.problems.get(mapping.uuid) === text) return;
    if (problem !== undefined) await this.lambda.report(mapping, problem);
    this.problems.set(mapping.uuid, text);
    this.options.log(`event source mapping ${mapping.uuid}: ${text}; it is tried again`);
  }

  /** Publishes the records that each function has not processed yet, for all partitions of a topic together. */
  private async publishLag(): Promise<void> {
    const { clock, putMetric } = this.options;
    if (clock.now() < this.lagDueAt) return;
    this.lagDueAt = clock.now() + LAG_PERIOD_SECONDS;
    for (const mapping of this.mappings) {
      if (!this.consumers.has(mapping.uuid)) continue;
      const backlogs = await Promise.all(mapping.topics.map((topic) => this.backlogOf(mapping, topic)));
      const lag = Math.max(...backlogs.map(({ queued }) => queued));
      await putMetric('OffsetLag', { FunctionName: mapping.functionName }, lag);
    }
  }

  /** Publishes the records that went to the destination of a mapping, where it counts events. */
  private publishFailures({ uuid, countsEvents }: KafkaMapping, records: number): void {
    if (!countsEvents) return;
    const { putMetric, log } = this.options;
    putMetric('OnFailureDestinationDeliveredEventCount', { EventSourceMappingUUID: uuid }, records).catch(
      (error: unknown) => log(`the failures of ${uuid} were not counted: ${(error as Error).message}`),
    );
  }

  private async backlogOf(mapping: KafkaMapping, topic: string): Promise<TopicBacklog> {
    const admin = (await this.connect(mapping)).admin();
    try {
      const ends = await admin.fetchTopicOffsets(topic);
      const committed = await committedOffsets(admin, mapping.consumerGroupId, topic);
      return ends.reduce(
        (sum, { partition, low, high }) => ({
          put: sum.put + Number(high),
          queued: sum.queued + Number(high) - Math.max(committed.get(partition) ?? 0, Number(low)),
        }),
        { put: 0, queued: 0 },
      );
    } finally {
      await admin.disconnect();
    }
  }
}
