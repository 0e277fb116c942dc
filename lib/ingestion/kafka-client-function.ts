import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';
import type { HandlerNetwork } from '../runtime/handler-function';
import type { KafkaConnection } from './contract';
import type { KafkaSource } from './kafka-source';

/** Returns the network of a function that is a client of the cluster; undefined over the internet. */
export function networkOf({ vpc, vpcSubnets, securityGroups = [] }: KafkaSource): HandlerNetwork | undefined {
  return vpc === undefined ? undefined : { vpc, vpcSubnets, securityGroups };
}

/** Returns the connection to a cluster for the environment of a function. */
export function connectionText(scope: IConstruct, source: KafkaSource): string {
  const { clusterArn, bootstrapServers, authentication, rootCaCertificate } = source;
  const connection: KafkaConnection = {
    ...(clusterArn !== undefined && { clusterArn }),
    ...(bootstrapServers !== undefined && { bootstrapServers }),
    mechanism: authentication.mechanism,
    ...(authentication.secret !== undefined && { secretArn: authentication.secret.secretArn }),
    ...(rootCaCertificate !== undefined && { rootCaSecretArn: rootCaCertificate.secretArn }),
  };
  return Stack.of(scope).toJsonString(connection);
}

/**
 * Returns the permissions of a client of a topic: to find the brokers, to read the secrets, and, with IAM, to connect and to use the topic.
 *
 * https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html
 */
export function clientStatements(
  source: KafkaSource,
  topicName: string,
  topicActions: readonly string[],
): iam.PolicyStatement[] {
  const { clusterArn, authentication, secrets } = source;
  const statements: iam.PolicyStatement[] = [];
  if (secrets.length > 0)
    statements.push(
      new iam.PolicyStatement({
        sid: 'ReadCredentials',
        actions: ['secretsmanager:GetSecretValue'],
        resources: secrets.map(({ secretArn }) => secretArn),
      }),
    );
  if (clusterArn === undefined) return statements;
  const isIam = authentication.mechanism === 'IAM';
  statements.push(
    new iam.PolicyStatement({
      sid: 'FindBrokers',
      actions: ['kafka:GetBootstrapBrokers', ...(isIam ? ['kafka-cluster:Connect'] : [])],
      resources: [clusterArn],
    }),
  );
  if (isIam)
    statements.push(
      new iam.PolicyStatement({
        sid: 'UseTopic',
        actions: ['kafka-cluster:DescribeTopic', ...topicActions],
        resources: [source.resourceArn('topic', topicName)],
      }),
    );
  return statements;
}
