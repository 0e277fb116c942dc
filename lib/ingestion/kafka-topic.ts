import { Duration, Fn, Token } from 'aws-cdk-lib';
import * as msk from 'aws-cdk-lib/aws-msk';
import type { Construct } from 'constructs';
import { checkWholeDurations } from '../runtime/whole-amounts';
import { outsideWhole } from './consumer-checks';
import type { KafkaSource, TopicCreation } from './kafka-source';

/** Retention of a topic of which nothing is known: the default of Kafka's `log.retention.hours`. */
export const DEFAULT_TOPIC_RETENTION = Duration.days(7);

const DEFAULT_REPLICATION_FACTOR = 3;

const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/** Topic of a cluster, with its properties as the problems name them. */
interface CheckedTopic {
  readonly cluster: KafkaSource;
  readonly topicName: string;
  readonly partitions: number | undefined;
  readonly create: TopicCreation | undefined;
  readonly partitionsProperty: string;
  /** @default - `topic` */
  readonly property?: string;
}

/** Returns the problems of a topic that exists or is created. */
export function checkTopic(topic: CheckedTopic): string[] {
  const { cluster, topicName, partitions, create, partitionsProperty, property = 'topic' } = topic;
  const problems = [
    ...checkTopicName(`${property}.topicName`, topicName),
    ...checkWholeDurations('milliseconds', { [`${property}.create.retention`]: create?.retention }),
    ...outsideWhole(partitionsProperty, partitions, 1, 100_000),
    ...outsideWhole(`${property}.create.replicationFactor`, create?.replicationFactor, 1, 60),
  ];
  if (create !== undefined && !cluster.canCreateTopics) {
    problems.push(
      `${property}.create is given, and AWS creates topics on provisioned MSK clusters only; create the topic with a Kafka client (` +
        `kafka-topics.sh --create --topic ${topicName} --partitions ${partitions}) and leave ${property}.create out`,
    );
  }
  return problems;
}

/** Returns the problem of a name that no topic can have. */
function checkTopicName(property: string, topicName: string): string[] {
  if (Token.isUnresolved(topicName) || TOPIC_NAME.test(topicName)) return [];
  return [
    `${property} ('${topicName}') is no name of a topic; give 1 to 249 letters, digits, points, underscores and hyphens`,
  ];
}

/** Creates a topic with the stack. */
export function createTopic(
  scope: Construct,
  id: string,
  topic: {
    readonly cluster: KafkaSource;
    readonly topicName: string;
    readonly partitions: number;
    readonly create: TopicCreation;
  },
): msk.CfnTopic {
  const { replicationFactor = DEFAULT_REPLICATION_FACTOR, retention = DEFAULT_TOPIC_RETENTION } = topic.create;
  return new msk.CfnTopic(scope, id, {
    clusterArn: topic.cluster.clusterArn!,
    topicName: topic.topicName,
    partitionCount: topic.partitions,
    replicationFactor,
    configs: topicConfigs({ 'retention.ms': retention.toMilliseconds() }),
  });
}

/**
 * Returns settings of a topic as CloudFormation takes them: a JSON object of texts, in base64. CloudFormation's page names the base64 alone; the object is
 * what HashiCorp's provider, whose tests run in AWS, sends to the same API.
 *
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-msk-topic.html
 * https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/msk_topic
 */
function topicConfigs(settings: { readonly [name: string]: number }): string {
  return Fn.base64(JSON.stringify(Object.fromEntries(Object.entries(settings).map(([k, v]) => [k, String(v)]))));
}
