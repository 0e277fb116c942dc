import { Aws, type RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

/** Properties of {@link NoticeTopic}. */
export interface NoticeTopicProps {
  /**
   * The name people see as the sender.
   *
   * @default - the topic's name
   */
  readonly displayName?: string;

  /**
   * What happens to the key when the topic is removed.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A topic for notices of the platform: encrypted with a key of its own, open to TLS only, and to the alarms of this account.
 *
 * Creates an SNS topic and a KMS key with rotation (1 USD a month). The AWS-managed key of SNS would do for handlers, but
 * CloudWatch alarms cannot publish through it.
 *
 * @example
 * const topic = new cost.NoticeTopic(this, 'Notices').topic;
 */
export class NoticeTopic extends Construct {
  /** The topic. */
  public readonly topic: sns.ITopic;

  /** The key that encrypts what is published. */
  public readonly key: kms.IKey;

  public constructor(scope: Construct, id: string, props: NoticeTopicProps = {}) {
    super(scope, id);
    const key = new kms.Key(this, 'Key', {
      description: 'Encrypts the notices of the platform',
      enableKeyRotation: true,
      removalPolicy: props.removalPolicy,
    });
    const topic = new sns.Topic(this, 'Topic', { masterKey: key, enforceSSL: true, displayName: props.displayName });
    const alarms = new iam.ServicePrincipal('cloudwatch.amazonaws.com');
    const ofThisAccount = { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } };
    key.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsEncrypt',
        principals: [alarms],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
        conditions: ofThisAccount,
      }),
    );
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsPublish',
        principals: [alarms],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: ofThisAccount,
      }),
    );
    this.topic = topic;
    this.key = key;
  }
}
