import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

/** Properties of {@link NotificationTopic}. */
export interface NotificationTopicProps {
  /**
   * Name that recipients see as the sender.
   *
   * @default - the topic's name
   */
  readonly displayName?: string;

  /**
   * Removal policy of the key.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A topic for the notifications of the platform: encrypted with a key of its own, TLS only, open to the alarms of this account.
 *
 * Creates an SNS topic and a KMS key with rotation (1 USD a month). CloudWatch alarms cannot publish to a topic that is encrypted with
 * the AWS-managed key of SNS.
 *
 * @example
 * const topic = new cost.NotificationTopic(this, 'Notifications').topic;
 */
export class NotificationTopic extends Construct {
  /** Topic of the notifications. */
  public readonly topic: sns.ITopic;

  /** Key that encrypts the notifications. */
  public readonly key: kms.IKey;

  public constructor(scope: Construct, id: string, props: NotificationTopicProps = {}) {
    super(scope, id);
    const key = new kms.Key(this, 'Key', {
      description: 'Encrypts the notifications of the platform',
      enableKeyRotation: true,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
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
