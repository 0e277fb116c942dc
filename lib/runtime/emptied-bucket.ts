import { CustomResource, Duration, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledgeControl, acknowledgeInlinePolicy, acknowledgeWildcards } from './acknowledge';
import { EMPTIED_BUCKET_TAG, formatEmptiedBucket } from './contract';
import { dependentStatements } from './dependent-grants';
import { HandlerFunction } from './handler-function';

/** Id of the function below its stack, which has one for all its buckets. */
const FUNCTION_ID = 'TidegateBucketEmptier';

/** Id of the resource below its bucket. */
const OBJECTS_ID = 'Objects';

/** Settings of constructs that may create a bucket. */
export interface NewBucketProps {
  readonly removalPolicy?: RemovalPolicy;
  readonly autoDeleteObjects?: boolean;
}

/**
 * Returns the problems of a bucket whose objects are deleted with it.
 *
 * @param given name of the property that gives an existing bucket, where it does
 */
export function checkAutoDeleteObjects(props: NewBucketProps, given?: string): string[] {
  if (props.autoDeleteObjects !== true) return [];
  if (given !== undefined)
    return [
      `autoDeleteObjects (true) is for the new bucket, but ${given} names one; leave out either, or let that bucket delete its own objects`,
    ];
  if (props.removalPolicy === RemovalPolicy.DESTROY) return [];
  return [
    `autoDeleteObjects (true) needs removalPolicy RemovalPolicy.DESTROY (received ${props.removalPolicy ?? 'none, which keeps the bucket'}); give both or neither`,
  ];
}

/**
 * Deletes the objects of a bucket, with all their versions, when it is deleted with its stack. A deployment that keeps the bucket keeps its
 * objects too.
 *
 * `autoDeleteObjects` of the CDK does the same with a function that has a managed policy and a log group that no stack deletes.
 */
export function emptyOnDeletion(bucket: s3.Bucket): void {
  const stack = Stack.of(bucket);
  const handler = (stack.node.tryFindChild(FUNCTION_ID) as BucketEmptier | undefined) ?? new BucketEmptier(stack);
  const role = handler.function.role!;
  const objectsArn = bucket.arnForObjects('*');
  Tags.of(bucket).add(EMPTIED_BUCKET_TAG, 'true');
  // Below the bucket, so that whatever depends on the bucket is deleted before its objects are.
  const policy = new iam.Policy(bucket, 'EmptierPolicy', {
    roles: [role],
    statements: [
      new iam.PolicyStatement({
        actions: ['s3:GetBucketPolicy', 's3:GetBucketTagging', 's3:ListBucketVersions', 's3:PutBucketPolicy'],
        resources: [bucket.bucketArn],
      }),
      new iam.PolicyStatement({ actions: ['s3:DeleteObject'], resources: [objectsArn] }),
      ...dependentStatements(bucket, [{ call: 's3:DeleteObject', arns: { VersionArns: [objectsArn] } }]),
    ],
  });
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(policy, [objectsArn], 'All objects of this bucket are deleted before it is.');
  const objects = new CustomResource(bucket, OBJECTS_ID, {
    resourceType: 'Custom::TidegateBucketObjects',
    serviceToken: handler.function.functionArn,
    // The time-out of the handler, and a minute.
    serviceTimeout: Duration.minutes(16),
    properties: formatEmptiedBucket({ bucketName: bucket.bucketName, objectsArn }),
    pascalCaseProperties: false,
  });
  objects.node.addDependency(policy);
  // The refusal of new objects is in the bucket policy.
  if (bucket.policy !== undefined) objects.node.addDependency(bucket.policy);
}

/** Resources whose deletion deletes the objects of a bucket; none where the bucket keeps them. */
export function emptiedObjects(bucket: s3.IBucket): Construct[] {
  const objects = bucket.node.tryFindChild(OBJECTS_ID);
  return objects instanceof CustomResource ? [objects] : [];
}

class BucketEmptier extends Construct {
  public readonly function: HandlerFunction;

  public constructor(stack: Stack) {
    super(stack, FUNCTION_ID);
    this.function = new HandlerFunction(this, 'Handler', {
      handlerName: 'bucket-emptier',
      description: 'Deletes the objects of buckets that are deleted with their stack',
      timeout: Duration.minutes(15),
    });
    acknowledgeControl(
      this.function,
      'LambdaDLQ',
      'CloudFormation waits for the response and fails the deletion without one; a dead letter would have no reader.',
    );
  }
}
