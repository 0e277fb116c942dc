import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { IAMClient } from '@aws-sdk/client-iam';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import * as http from 'node:http';
import { LOCAL_REGION, localCredentials } from '../../emulator/credentials';
import { listTopics } from '../../emulator/kafka/kafka-client';

/** Clients of the services that a run uses, for one engine. */
export type AwsClients = ReturnType<typeof createAwsClients>;

/**
 * Creates a client of each service; they call as the root user of the local account.
 *
 * @param kafkaBroker address of the broker that stands for clusters of MSK; undefined without one
 */
export function createAwsClients(endpoint: string, kafkaBroker?: string) {
  // A shared pool of HTTP/1.1 connections; the Kinesis client uses HTTP/2 by default.
  const requestHandler = new NodeHttpHandler({
    httpAgent: new http.Agent({ keepAlive: true, maxSockets: 32 }),
    connectionTimeout: 5_000,
    requestTimeout: 60_000,
  });
  const settings = { endpoint, region: LOCAL_REGION, credentials: localCredentials, requestHandler, maxAttempts: 4 };
  return {
    applicationAutoScaling: new ApplicationAutoScalingClient(settings),
    cloudFormation: new CloudFormationClient(settings),
    cloudWatch: new CloudWatchClient(settings),
    dynamodb: new DynamoDBClient(settings),
    eventBridge: new EventBridgeClient(settings),
    iam: new IAMClient(settings),
    kinesis: new KinesisClient(settings),
    lambda: new LambdaClient(settings),
    logs: new CloudWatchLogsClient(settings),
    s3: new S3Client({ ...settings, forcePathStyle: true }),
    sageMaker: new SageMakerClient(settings),
    sageMakerRuntime: new SageMakerRuntimeClient(settings),
    sfn: new SFNClient(settings),
    sns: new SNSClient(settings),
    sqs: new SQSClient(settings),
    ssm: new SSMClient(settings),
    /** Returns the topics of the Kafka broker with their numbers of partitions; none without a broker. */
    kafkaTopics: async (): Promise<ReadonlyMap<string, number>> =>
      kafkaBroker === undefined ? new Map<string, number>() : listTopics(kafkaBroker),
    /** Calls an operation in the JSON protocol, for services that have no client here. */
    callJson: (service: string, target: string, input: object) => callJson(endpoint, service, target, input),
    /** Closes the connections. */
    close: () => requestHandler.destroy(),
  };
}

/**
 * Calls an operation in the JSON protocol of AWS, unsigned: local engines derive the service from the credential scope.
 *
 * AWS itself refuses unsigned calls.
 */
async function callJson(
  endpoint: string,
  service: string,
  target: string,
  input: object,
): Promise<{ readonly [member: string]: unknown }> {
  const scope = `${localCredentials.accessKeyId}/20260101/${LOCAL_REGION}/${service}/aws4_request`;
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': target,
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${target} returned HTTP ${response.status}: ${text.slice(0, 200)}`);
  return JSON.parse(text) as { readonly [member: string]: unknown };
}
