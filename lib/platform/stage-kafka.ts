import type { StageKafka } from './stage-configuration';

/** Applies the defaults. */
export function kafkaTopicOf({ topicName = 'requests', partitions = 4 }: StageKafka) {
  return { topicName, partitions };
}

/** Returns the problems of a stage's Kafka topic; none without one. */
export function checkKafka(kafka: StageKafka | undefined): string[] {
  if (kafka === undefined) return [];
  const { clusterArn } = kafka;
  const { topicName, partitions } = kafkaTopicOf(kafka);
  const problems: string[] = [];
  if (!/^arn:[^:]+:kafka:[^:]+:\d+:cluster\/[^/]+\/[^/]+$/.test(clusterArn))
    problems.push(`kafka.clusterArn ('${clusterArn}') is no ARN of an MSK cluster; give that of a provisioned cluster`);
  if (!/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/.test(topicName))
    problems.push(
      `kafka.topicName ('${topicName}') is no name of a topic; give 1 to 249 letters, digits, points, underscores and hyphens`,
    );
  if (!Number.isInteger(partitions) || partitions < 1)
    problems.push(`kafka.partitions (${partitions}) must be a whole number from 1`);
  return problems;
}
