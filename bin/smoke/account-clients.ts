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
import { awsClient } from '../../lambda/clients/aws-client';
import type { AwsClients } from '../../lib/local/deploy/aws';
import { SignedCalls } from '../preflight/signed-call';

/** Limits of a maintainer's calls, over a slower line than a handler's. */
const CALL_LIMITS = { connectionTimeoutMs: 5_000, requestTimeoutMs: 20_000, maxAttempts: 5 };

/** Clients of an account, with the credentials of the caller. */
export interface AccountClients extends AwsClients {
  readonly calls: SignedCalls;
}

/**
 * Creates the clients of the caller's account in a region; they find credentials as the AWS CLI does.
 *
 * @param endpointUrl URL of another endpoint than AWS's
 */
export function accountClients(region: string, endpointUrl: string | undefined): AccountClients {
  type Settings = { readonly region: string; readonly endpoint?: string };
  const settings: Settings = { region, ...(endpointUrl !== undefined && { endpoint: endpointUrl }) };
  const made: { destroy(): void }[] = [];
  const client = <Client extends { destroy(): void }, Configuration extends object>(
    service: new (configuration: Configuration) => Client,
    more: object = {},
  ): Client => {
    const one = awsClient<Client, object>(service as new (configuration: object) => Client, CALL_LIMITS, {
      ...settings,
      ...more,
    });
    made.push(one);
    return one;
  };
  const iam = client(IAMClient);
  const calls = new SignedCalls({
    region,
    credentials: () => iam.config.credentials(),
    timeoutMs: CALL_LIMITS.requestTimeoutMs,
    ...(endpointUrl !== undefined && { endpointUrl }),
  });
  return {
    applicationAutoScaling: client(ApplicationAutoScalingClient),
    cloudFormation: client(CloudFormationClient),
    cloudWatch: client(CloudWatchClient),
    dynamodb: client(DynamoDBClient),
    eventBridge: client(EventBridgeClient),
    iam,
    kinesis: client(KinesisClient),
    lambda: client(LambdaClient),
    logs: client(CloudWatchLogsClient),
    s3: client(S3Client, { forcePathStyle: endpointUrl !== undefined }),
    sageMaker: client(SageMakerClient),
    sageMakerRuntime: client(SageMakerRuntimeClient),
    sfn: client(SFNClient),
    sns: client(SNSClient),
    sqs: client(SQSClient),
    ssm: client(SSMClient),
    calls,
    // The stages have no topics.
    kafkaTopics: () => Promise.resolve(new Map()),
    // Nor devices.
    greengrass: undefined,
    getJson: (service) => Promise.reject(new Error(`the stages have no resources of ${service}`)),
    callJson: (service, target, input) => calls.call(service, service, target, input),
    close: () => made.forEach((one) => one.destroy()),
  };
}
