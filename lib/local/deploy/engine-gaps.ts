import { DescribeScalableTargetsCommand } from '@aws-sdk/client-application-auto-scaling';
import { DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { ListRolesCommand } from '@aws-sdk/client-iam';
import { ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { ListEndpointsCommand } from '@aws-sdk/client-sagemaker';
import { ListStateMachinesCommand } from '@aws-sdk/client-sfn';
import { ListTopicsCommand } from '@aws-sdk/client-sns';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { DescribeParametersCommand } from '@aws-sdk/client-ssm';
import { SAGEMAKER_SERVICE_NAMESPACE } from '../../catalog/scalable-resource';
import { InputError } from '../../core/errors';
import type { AwsClients } from './aws';
import type { AssemblyStack } from './assembly';

/** Read-only call of each service, by the service part of resource types. */
const PROBES: { readonly [service: string]: (aws: AwsClients) => Promise<unknown> } = {
  ApplicationAutoScaling: ({ applicationAutoScaling }) =>
    applicationAutoScaling.send(new DescribeScalableTargetsCommand({ ServiceNamespace: SAGEMAKER_SERVICE_NAMESPACE })),
  CloudWatch: ({ cloudWatch }) => cloudWatch.send(new DescribeAlarmsCommand({ MaxRecords: 1 })),
  DynamoDB: ({ dynamodb }) => dynamodb.send(new ListTablesCommand({ Limit: 1 })),
  Events: ({ eventBridge }) => eventBridge.send(new ListRulesCommand({ Limit: 1 })),
  IAM: ({ iam }) => iam.send(new ListRolesCommand({ MaxItems: 1 })),
  KMS: ({ callJson }) => callJson('kms', 'TrentService.ListKeys', {}),
  Kinesis: ({ kinesis }) => kinesis.send(new ListStreamsCommand({ Limit: 1 })),
  Lambda: ({ lambda }) => lambda.send(new ListFunctionsCommand({ MaxItems: 1 })),
  Logs: ({ logs }) => logs.send(new DescribeLogGroupsCommand({ limit: 1 })),
  S3: ({ s3 }) => s3.send(new ListBucketsCommand({})),
  SNS: ({ sns }) => sns.send(new ListTopicsCommand({})),
  SQS: ({ sqs }) => sqs.send(new ListQueuesCommand({ MaxResults: 1 })),
  SSM: ({ ssm }) => ssm.send(new DescribeParametersCommand({ MaxResults: 1 })),
  SageMaker: ({ sageMaker }) => sageMaker.send(new ListEndpointsCommand({ MaxResults: 1 })),
  StepFunctions: ({ sfn }) => sfn.send(new ListStateMachinesCommand({ maxResults: 1 })),
};

/**
 * Probes an external engine for every service that the templates use, before anything is deployed to it.
 *
 * @throws InputError that names every missing service with the resource types that use it
 */
export async function refuseEngineGaps(aws: AwsClients, url: string, stacks: readonly AssemblyStack[]): Promise<void> {
  const types = new Set(stacks.flatMap(({ template }) => Object.values(template.Resources).map(({ Type }) => Type)));
  const typesOf = new Map<string, string[]>();
  for (const type of types) {
    const [provider, service = ''] = type.split('::');
    if (provider === 'AWS' && service !== 'CDK') typesOf.set(service, [...(typesOf.get(service) ?? []), type]);
  }
  const gaps = await Promise.all(
    [...typesOf].map(async ([service, needed]) => {
      const probe = PROBES[service];
      if (probe === undefined) return undefined; // the change set or the verification reports it
      try {
        await probe(aws);
        return undefined;
      } catch (error) {
        return `${service} (${needed.sort().join(', ')}): ${shortText(error)}`;
      }
    }),
  );
  const found = gaps.filter((gap) => gap !== undefined).sort();
  if (found.length === 0) return;
  throw new InputError(
    `the engine at ${url} lacks services of the platform:\n  - ${found.join('\n  - ')}\n` +
      'leave out --endpoint to use the engine that comes with the package',
  );
}

function shortText(error: unknown): string {
  const { name, message } = error as Error;
  return `${name}${message === '' || message === name ? '' : ` – ${message.split('\n')[0]!.slice(0, 120)}`}`;
}
