import { Stack, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct, IConstruct } from 'constructs';
import { grantKeyUse } from '../runtime/dependent-grants';
import { FAILED_BATCHES_PREFIX } from './contract';
import type { KafkaFailureDestination } from './kafka-failure-destination';
import type { KafkaSource } from './kafka-source';
import { checkTopic } from './kafka-topic';

/** Topic of the requests, as far as its failures are concerned. */
interface Requests {
  readonly source: KafkaSource;
  readonly topic: { readonly topicName: string; readonly partitions: number };
}

/** Returns the problems of a failure destination; none without one. */
export function checkFailureDestination(
  destination: KafkaFailureDestination | undefined,
  { source, topic }: Requests,
): string[] {
  if (destination === undefined) return [];
  const { failureQueue: queue, failureSnsTopic: snsTopic, failureTopic } = destination;
  const fifo = queue?.fifo === true ? 'queue' : snsTopic?.fifo === true ? 'SNS topic' : undefined;
  if (fifo !== undefined)
    return [
      `failureDestination is a FIFO ${fifo}, to which Lambda sends nothing, because it gives no message group; give a standard ${fifo}`,
    ];
  if (failureTopic === undefined) return [];
  const { topicName, create, partitions = topic.partitions } = failureTopic;
  if (!Token.isUnresolved(topicName) && /[:/]/.test(topicName))
    return [
      `failureDestination.topicName ('${topicName}') names a cluster or an address: Lambda writes to a topic of the cluster from which the requests come; ` +
        'give the name of the topic alone, or KafkaFailureDestination.bucket',
    ];
  const problems = checkTopic({
    cluster: source,
    topicName,
    partitions,
    create,
    property: 'failureDestination',
    partitionsProperty: 'failureDestination.partitions',
  });
  if (topicName === topic.topicName)
    problems.push(
      `failureDestination.topicName is '${topicName}', the topic of the requests: Lambda refuses it, because each failed record would become a request; ` +
        'give another topic',
    );
  return problems;
}

/** Returns the ARNs of a destination by the names that the permissions of an event source mapping have. */
export function failureArns(
  { failureBucket: bucket, failureQueue: queue, failureSnsTopic: snsTopic, failureTopic }: KafkaFailureDestination,
  source: KafkaSource,
): { readonly [name: string]: readonly string[] } {
  if (bucket !== undefined)
    return {
      FailedBatchArns: [bucket.arnForObjects(`${FAILED_BATCHES_PREFIX}*`)],
      FailureBucketArn: [bucket.bucketArn],
    };
  if (queue !== undefined) return { FailureQueueArn: [queue.queueArn] };
  if (snsTopic !== undefined) return { FailureSnsTopicArn: [snsTopic.topicArn] };
  // Other clusters know their clients by ACLs.
  const isIam = source.clusterArn !== undefined && source.authentication.mechanism === 'IAM';
  return { FailureTopicArn: isIam ? [source.resourceArn('topic', failureTopic!.topicName)] : [] };
}

/** Grants the use of the customer managed key of a destination, as Lambda sends to it; none without a key. */
export function grantFailureKey(
  { failureBucket: bucket, failureQueue: queue, failureSnsTopic: snsTopic }: KafkaFailureDestination,
  grantee: iam.IGrantable,
): readonly iam.Grant[] {
  return [
    grantKeyUse(bucket?.encryptionKey, grantee, 's3:PutObject'),
    grantKeyUse(queue?.encryptionMasterKey, grantee, 'sqs:SendMessage'),
    grantKeyUse(snsTopic?.masterKey, grantee, 'sns:Publish'),
  ].filter((grant) => grant !== undefined);
}

/**
 * Refuses, at synthesis, a destination that Lambda cannot reach from the network of the cluster: subnets of the app without a way to the internet, and
 * without an endpoint of the service. Of a VPC that exists nothing is known.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
 */
export function checkFailureNetwork(
  scope: Construct,
  { failureBucket: bucket, failureQueue: queue, failureSnsTopic: snsTopic }: KafkaFailureDestination,
  { vpc, vpcSubnets }: KafkaSource,
): void {
  const service =
    bucket !== undefined ? 's3' : queue !== undefined ? 'sqs' : snsTopic !== undefined ? 'sns' : undefined;
  if (service === undefined || !(vpc instanceof ec2.Vpc)) return;
  scope.node.addValidation({
    validate: () => {
      const isolated = new Set(vpc.isolatedSubnets.map(({ subnetId }) => subnetId));
      const { subnets } = vpc.selectSubnets(vpcSubnets);
      if (!subnets.every(({ subnetId }) => isolated.has(subnetId)) || hasEndpoint(scope.node.root, vpc, service))
        return [];
      const gateway = service === 's3' ? 'addGatewayEndpoint' : 'addInterfaceEndpoint';
      return [
        `${scope.node.path}: failureDestination is not reached from the subnets of the cluster: they have no way to the internet, and ${vpc.node.path} has no ` +
          `endpoint of ${service}; add one (vpc.${gateway}), or give KafkaFailureDestination.kafkaTopic`,
      ];
    },
  });
}

/** True if the app has an endpoint of a service in a VPC. */
function hasEndpoint(root: IConstruct, vpc: ec2.IVpc, service: string): boolean {
  return root.node.findAll().some((one) => {
    if (!(one instanceof ec2.CfnVPCEndpoint)) return false;
    const text = (value: unknown): string => JSON.stringify(Stack.of(one).resolve(value)) ?? '';
    return text(one.vpcId) === text(vpc.vpcId) && new RegExp(`\\.${service}"`).test(text(one.serviceName));
  });
}
