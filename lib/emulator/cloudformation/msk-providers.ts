import { z } from 'zod';
import type { Random } from '../../simulation/random';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../credentials';
import { keptAsIs, notAvailable, parseWith, wholeNumber } from '../http/schema-parts';
import { ServiceError } from '../http/service-error';
import { connectKafka } from '../kafka/kafka-client';
import { monotonicMs } from '../monotonic';
import { pause } from '../repeat';
import { generatedName } from './names';
import type { ProvisionedResource, ResourceProvider, ResourceRequest } from './resource-provider';

export interface MskProviderParts {
  /** Address of the Kafka broker; undefined without one. */
  readonly kafkaBroker: string | undefined;
  readonly random: Random;
}

const clusterSchema = z.looseObject({ ClusterName: z.string().optional() });

const topicSchema = z.strictObject({
  ClusterArn: z.string(),
  TopicName: z.string().regex(/^[a-zA-Z0-9._-]{1,249}$/, 'must match [a-zA-Z0-9._-]{1,249}'),
  PartitionCount: wholeNumber(1),
  ReplicationFactor: wholeNumber(1),
  Configs: z.string().optional(),
  Tags: keptAsIs().optional(),
  Policy: notAvailable('Policy'),
});

function brokerOf({ kafkaBroker }: MskProviderParts, { type }: ResourceRequest): string {
  if (kafkaBroker !== undefined) return kafkaBroker;
  throw new ServiceError(
    'ValidationException',
    `${type} needs a Kafka broker, and this run has none; start it with --ingest kafka`,
  );
}

/**
 * `AWS::MSK::Cluster` and `AWS::MSK::ServerlessCluster`. The one broker of the run stands for every cluster, so that topics of the same name in two
 * clusters are the same topic.
 */
export class MskClusterProvider implements ResourceProvider {
  public constructor(private readonly parts: MskProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    brokerOf(this.parts, request);
    const { ClusterName } = parseWith(clusterSchema, request.properties);
    const name = ClusterName ?? generatedName(request, this.parts.random);
    const digits = (length: number): string =>
      Array.from({ length }, () => this.parts.random.integer(16).toString(16)).join('');
    const id = `${[8, 4, 4, 4, 12].map(digits).join('-')}-1`;
    return clusterOf(`arn:aws:kafka:${LOCAL_REGION}:${LOCAL_ACCOUNT}:cluster/${name}/${id}`);
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    const { ClusterName } = parseWith(clusterSchema, request.properties);
    const isSame = ClusterName === undefined || request.physicalId.includes(`:cluster/${ClusterName}/`);
    return isSame ? clusterOf(request.physicalId) : this.create(request);
  }

  public async delete(): Promise<void> {}
}

const clusterOf = (arn: string): ProvisionedResource => ({ physicalId: arn, attributes: { Arn: arn } });

/** `AWS::MSK::Topic`: a topic of the broker. */
export class MskTopicProvider implements ResourceProvider {
  public constructor(private readonly parts: MskProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    const broker = brokerOf(this.parts, request);
    const { ClusterArn, TopicName: topic, PartitionCount, Configs } = parseWith(topicSchema, request.properties);
    const configEntries = topicSettings(Configs).filter(({ name }) => !NEEDS_REPLICAS.includes(name));
    await withAdmin(broker, async (admin) => {
      const topics = [{ topic, numPartitions: PartitionCount, configEntries }];
      // kafkajs gives up its own wait where the broker does not have the topic at the first look.
      const created = await admin.createTopics({ topics, waitForLeaders: false });
      if (!created) throw new ServiceError('ConflictException', `topic ${topic} exists already; name another one`);
      await untilServed(admin, topic);
    });
    return topicOf(ClusterArn, topic);
  }

  /** Adds partitions, or changes settings; another name or cluster is another topic. */
  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    const broker = brokerOf(this.parts, request);
    const wanted = parseWith(topicSchema, request.properties);
    const { ClusterArn, TopicName: topic, PartitionCount, Configs } = wanted;
    const resource = topicOf(ClusterArn, topic);
    if (resource.physicalId !== request.physicalId) return this.create(request);
    await withAdmin(broker, async (admin) => {
      const [found] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
      const count = found?.partitions.length ?? 0;
      if (PartitionCount < count) {
        throw new ServiceError(
          'BadRequestException',
          `PartitionCount (${PartitionCount}) is below ${count}, which ${topic} has; partitions cannot be removed`,
        );
      }
      if (PartitionCount > count) {
        await admin.createPartitions({ topicPartitions: [{ topic, count: PartitionCount }] });
      }
      const configEntries = topicSettings(Configs).filter(({ name }) => !NEEDS_REPLICAS.includes(name));
      if (configEntries.length > 0) {
        await admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name: topic, configEntries }] });
      }
    });
    return resource;
  }

  public async delete(request: ResourceRequest): Promise<void> {
    const { kafkaBroker } = this.parts;
    if (kafkaBroker === undefined) return;
    const topic = request.physicalId.split('/').at(-1)!;
    await withAdmin(kafkaBroker, async (admin) => {
      if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] });
    });
  }
}

/** Settings that a single broker cannot keep. */
const NEEDS_REPLICAS = ['min.insync.replicas'];
/** Type of topics among the resources with settings in Kafka's protocol. */
const TOPIC = 2;

function topicOf(clusterArn: string, topic: string): ProvisionedResource {
  const arn = `${clusterArn.replace(':cluster/', ':topic/')}/${topic}`;
  return { physicalId: arn, attributes: { TopicArn: arn } };
}

/** Settings of a topic: a JSON object in base64. */
function topicSettings(configs: string | undefined): { readonly name: string; readonly value: string }[] {
  if (configs === undefined) return [];
  const text = Buffer.from(configs, 'base64').toString('utf8');
  const found = settingsSchema.safeParse(parsed(text));
  if (found.success) return Object.entries(found.data).map(([name, value]) => ({ name, value: String(value) }));
  throw new ServiceError(
    'BadRequestException',
    `Configs is '${text.slice(0, 100)}' in base64; give a JSON object of settings, such as {"retention.ms":"604800000"}`,
  );
}

const settingsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Admin = ReturnType<Awaited<ReturnType<typeof connectKafka>>['admin']>;

/** Real milliseconds that a broker may take until it serves a topic that it created. */
const SERVED_MS = 60_000;
/** Errors of the broker while it makes a topic. */
const NOT_SERVED_YET = ['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'];

/** Waits until every partition of a topic has a leader. */
async function untilServed(admin: Admin, topic: string): Promise<void> {
  for (const deadline = monotonicMs() + SERVED_MS; ; await pause(50)) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
      if (partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)) return;
    } catch (error) {
      if (!NOT_SERVED_YET.includes((error as { readonly type?: string }).type ?? '')) throw error;
    }
    if (monotonicMs() > deadline)
      throw new ServiceError('InternalServerErrorException', `the broker does not serve the new topic ${topic}`);
  }
}

async function withAdmin(broker: string, action: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = (await connectKafka(broker)).admin();
  try {
    await action(admin);
  } finally {
    await admin.disconnect();
  }
}
