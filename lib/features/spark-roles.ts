import { Aws } from 'aws-cdk-lib';
import type * as emr from 'aws-cdk-lib/aws-emrserverless';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as assets from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';
import { acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { acknowledgeDependentWildcards, dependentStatements, grantKeyUse } from '../runtime/dependent-grants';

interface ExecutionNeeds {
  readonly application: emr.CfnApplication;
  readonly landing: s3.IBucket;
  readonly landingPrefixes: readonly string[];
  readonly features: s3.IBucket;
  readonly featuresPrefix: string;
  /** Undefined where the job is not uploaded with the stack. */
  readonly job: assets.Asset | undefined;
  readonly logGroup: logs.ILogGroup;
}

/** Creates the role of the runs: it may read the job and the landing prefixes, and keep objects below the features prefix. */
export function sparkExecutionRole(scope: Construct, needs: ExecutionNeeds): iam.Role {
  const { application, landing, features, job } = needs;
  const role = new iam.Role(scope, 'ExecutionRole', {
    assumedBy: new iam.ServicePrincipal('emr-serverless.amazonaws.com', {
      conditions: {
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
        ArnLike: { 'aws:SourceArn': [application.attrArn, `${application.attrArn}/*`] },
      },
    }),
    description: 'Runs Spark jobs',
  });
  const read = needs.landingPrefixes.flatMap((prefix) => objectsBelow(landing, prefix));
  const written = objectsBelow(features, needs.featuresPrefix);
  const call = {
    call: 'emr-serverless:StartJobRun',
    cases: ['logging' as const],
    arns: { LogGroupArn: [needs.logGroup.logGroupArn] },
  };
  const policy = new iam.Policy(scope, 'ExecutionPolicy', {
    statements: [
      ...(job === undefined
        ? []
        : [
            new iam.PolicyStatement({
              sid: 'ReadJob',
              actions: ['s3:GetObject'],
              resources: [job.bucket.arnForObjects(job.s3ObjectKey)],
            }),
          ]),
      new iam.PolicyStatement({ sid: 'ReadLanding', actions: ['s3:GetObject'], resources: read }),
      listing('FindLanding', landing, needs.landingPrefixes),
      new iam.PolicyStatement({
        sid: 'KeepFeatures',
        // Multipart uploads: https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/assumed_roles.html
        actions: [
          's3:AbortMultipartUpload',
          's3:DeleteObject',
          's3:GetObject',
          's3:ListMultipartUploadParts',
          's3:PutObject',
        ],
        resources: written,
      }),
      listing('FindFeatures', features, [needs.featuresPrefix]),
      new iam.PolicyStatement({
        sid: 'FindUploads',
        actions: ['s3:ListBucketMultipartUploads'],
        resources: [features.bucketArn],
      }),
      ...dependentStatements(scope, [call]),
    ],
  });
  policy.attachToRole(role);
  grantKeyUse(landing.encryptionKey, role, 's3:GetObject');
  grantKeyUse(features.encryptionKey, role, 's3:GetObject', 's3:PutObject', 's3:CreateMultipartUpload');
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(
    policy,
    [...read, ...written].filter((resource) => resource.endsWith('*')),
    'Objects are named at run time, below these prefixes.',
  );
  acknowledgeDependentWildcards(policy, [call]);
  return role;
}

/** ARNs of the objects below a prefix, and of the prefix without its slash, which Spark looks for as a file first. */
function objectsBelow(bucket: s3.IBucket, prefix: string): string[] {
  return [bucket.arnForObjects(prefix.slice(0, -1)), bucket.arnForObjects(`${prefix}*`)];
}

function listing(sid: string, bucket: s3.IBucket, prefixes: readonly string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    actions: ['s3:ListBucket'],
    resources: [bucket.bucketArn],
    conditions: { StringLike: { 's3:prefix': prefixes.flatMap((prefix) => [prefix.slice(0, -1), `${prefix}*`]) } },
  });
}
