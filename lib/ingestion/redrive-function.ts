import { Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { grantKeyUse } from '../runtime/dependent-grants';
import { HandlerFunction, type HandlerNetwork } from '../runtime/handler-function';
import { DEAD_LETTERS_PREFIX, FAILED_BATCHES_PREFIX, REDRIVEN_PREFIX, RESULTS_PREFIX } from './contract';

/**
 * Creates the function that puts set-aside records into their stream or topic again, with least privilege: read what was set aside and the results,
 * write markers, and what `statements` allow. `tidegate redrive` finds it by its id.
 */
export function redriveFunction(
  scope: Construct,
  options: {
    readonly handlerName: string;
    readonly description: string;
    readonly bucket: s3.IBucket;
    readonly environment: { readonly [name: string]: string };
    /** Permissions to put records, and to look for those that were put. */
    readonly statements: readonly iam.PolicyStatement[];
    /** Resources of the statements that end with a wildcard, and the reason. */
    readonly wildcards?: { readonly resources: readonly string[]; readonly reason: string };
    readonly network?: HandlerNetwork;
    /** Bucket of failed batches. @default - `bucket` */
    readonly failuresBucket?: s3.IBucket;
  },
): lambda.Function {
  const { bucket, failuresBucket = bucket } = options;
  const buckets = [...new Set([bucket, failuresBucket])];
  const redriver = new HandlerFunction(scope, 'Redrive', {
    handlerName: options.handlerName,
    description: options.description,
    timeout: Duration.minutes(5),
    // A failed batch has up to 6 MB, and several may have failed in one second.
    memorySize: 512,
    environment: { ...options.environment },
    network: options.network,
  });
  acknowledgeControl(redriver, 'LambdaDLQ', 'The function is called synchronously; its caller gets the error.');
  const below = (prefix: string): string => bucket.arnForObjects(`${prefix}*`);
  const markers = below(REDRIVEN_PREFIX);
  const failedBatches = failuresBucket.arnForObjects(`${FAILED_BATCHES_PREFIX}*`);
  const read = [...[RESULTS_PREFIX, DEAD_LETTERS_PREFIX].map(below), failedBatches, markers];
  const policy = new iam.Policy(scope, 'RedrivePolicy', {
    statements: [
      new iam.PolicyStatement({
        sid: 'ListObjects',
        actions: ['s3:ListBucket'],
        resources: buckets.map(({ bucketArn }) => bucketArn),
      }),
      new iam.PolicyStatement({ sid: 'ReadObjects', actions: ['s3:GetObject'], resources: read }),
      new iam.PolicyStatement({ sid: 'WriteMarkers', actions: ['s3:PutObject'], resources: [markers] }),
      ...options.statements,
    ],
  });
  policy.attachToRole(redriver.role!);
  grantKeyUse(bucket.encryptionKey, redriver, 's3:PutObject', 's3:GetObject')?.applyBefore(policy);
  if (failuresBucket !== bucket)
    grantKeyUse(failuresBucket.encryptionKey, redriver, 's3:GetObject')?.applyBefore(policy);
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(policy, read, 'The keys of the objects are not known before they are written.');
  if (options.wildcards !== undefined)
    acknowledgeWildcards(policy, options.wildcards.resources, options.wildcards.reason);
  return redriver;
}

/** Allows a principal to find the redrive function in its stack, and to invoke it. */
export function grantRedriveFunction(grantee: iam.IGrantable, redriver: lambda.Function): iam.Grant {
  const stack = iam.Grant.addToPrincipal({
    grantee,
    actions: ['cloudformation:ListStackResources'],
    resourceArns: [Stack.of(redriver).stackId],
  });
  const invoke = iam.Grant.addToPrincipal({
    grantee,
    actions: ['lambda:InvokeFunction'],
    resourceArns: [redriver.functionArn],
  });
  return stack.combine(invoke);
}
