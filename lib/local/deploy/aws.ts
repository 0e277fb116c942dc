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
import type { Greengrass } from '../../emulator/edge/greengrass';
import { listTopics } from '../../emulator/kafka/kafka-client';

/** Clients of the services that a run uses, for one engine. */
export type AwsClients = ReturnType<typeof createAwsClients>;

/**
 * Creates a client of each service; they call as the root user of the local account.
 *
 * @param kafkaBroker address of the broker that stands for clusters of MSK; undefined without one
 * @param greengrass components, deployments and role aliases of the account; undefined on an engine of another kind
 */
export function createAwsClients(endpoint: string, kafkaBroker?: string, greengrass?: Greengrass) {
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
    /** Reads from a service with a REST API that has no client here. */
    getJson: (service: string, requestPath: string) => getJson(endpoint, service, requestPath),
    /** Components and deployments of the account; undefined on an engine of another kind. */
    greengrass,
    /** Closes the connections. */
    close: () => requestHandler.destroy(),
  };
}

interface Answer {
  readonly [member: string]: unknown;
}

/** Signature that tells a local engine the service, and nothing else: AWS itself refuses it. */
const unsigned = (service: string): string =>
  `AWS4-HMAC-SHA256 Credential=${localCredentials.accessKeyId}/20260101/${LOCAL_REGION}/${service}/aws4_request, SignedHeaders=host, Signature=0`;

/** Calls an operation in the JSON protocol of AWS. */
const callJson = (endpoint: string, service: string, target: string, input: object): Promise<Answer> =>
  answerOf(target, endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': target,
      authorization: unsigned(service),
    },
    body: JSON.stringify(input),
  });

const getJson = (endpoint: string, service: string, requestPath: string): Promise<Answer> =>
  answerOf(`GET ${requestPath}`, `${endpoint}${requestPath}`, { headers: { authorization: unsigned(service) } });

async function answerOf(operation: string, url: string, request: RequestInit): Promise<Answer> {
  const response = await fetch(url, request);
  const text = await response.text();
  if (!response.ok) throw new Error(`${operation} returned HTTP ${response.status}: ${text.slice(0, 200)}`);
  return JSON.parse(text) as Answer;
}
