import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { TopicCreation } from './kafka-source';

/** Topic of the cluster of the requests that gets what Lambda gives up. */
export interface FailureTopicProps {
  /** Name: up to 249 letters, digits, points, underscores and hyphens; another one than that of the requests. */
  readonly topicName: string;

  /**
   * Creates the topic with the stack: on a provisioned MSK cluster with Kafka 3.6 or later.
   *
   * @default - the topic exists
   */
  readonly create?: TopicCreation;

  /**
   * Number of partitions of a topic that is created.
   *
   * @default - that of the topic of the requests
   */
  readonly partitions?: number;
}

/**
 * Place to which Lambda sends the records of a topic that it gives up, because they are older than `maxRecordAge` or were retried `retryAttempts` times. A
 * bucket and a topic get whole records, which `tidegate redrive` puts into the topic of the requests again; a queue and an SNS topic get the topic,
 * partition and offsets alone.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
 */
export class KafkaFailureDestination {
  /**
   * Bucket: an object below `aws/lambda/` for each batch, with its records.
   *
   * @param bucket bucket of this account
   */
  public static bucket(bucket: s3.IBucket): KafkaFailureDestination {
    return new KafkaFailureDestination({ bucket });
  }

  /**
   * Standard SQS queue: a message for each batch, with the offsets of its records and without the records.
   *
   * @param queue queue of this account
   */
  public static queue(queue: sqs.IQueue): KafkaFailureDestination {
    return new KafkaFailureDestination({ queue });
  }

  /**
   * Standard SNS topic: a message for each batch, with the offsets of its records and without the records.
   *
   * @param topic SNS topic of this account
   */
  public static snsTopic(topic: sns.ITopic): KafkaFailureDestination {
    return new KafkaFailureDestination({ snsTopic: topic });
  }

  /**
   * Kafka topic of the cluster from which the requests come: a message for each record, with the record and its key.
   *
   * https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html
   *
   * @param props the topic
   */
  public static kafkaTopic(props: FailureTopicProps): KafkaFailureDestination {
    return new KafkaFailureDestination({ topic: props });
  }

  /** Destination as the event source mapping names it: an ARN, or `kafka://TOPIC`. */
  public readonly destination: string;

  /** Bucket; undefined for another destination. */
  public readonly failureBucket?: s3.IBucket;

  /** Queue; undefined for another destination. */
  public readonly failureQueue?: sqs.IQueue;

  /** SNS topic; undefined for another destination. */
  public readonly failureSnsTopic?: sns.ITopic;

  /** Kafka topic; undefined for another destination. */
  public readonly failureTopic?: FailureTopicProps;

  private constructor(target: {
    readonly bucket?: s3.IBucket;
    readonly queue?: sqs.IQueue;
    readonly snsTopic?: sns.ITopic;
    readonly topic?: FailureTopicProps;
  }) {
    const { bucket, queue, snsTopic, topic } = target;
    this.failureBucket = bucket;
    this.failureQueue = queue;
    this.failureSnsTopic = snsTopic;
    this.failureTopic = topic;
    this.destination = bucket?.bucketArn ?? queue?.queueArn ?? snsTopic?.topicArn ?? `kafka://${topic?.topicName}`;
  }
}
