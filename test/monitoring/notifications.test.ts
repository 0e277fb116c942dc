import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { Notifications, PlatformAlarms, type NotificationsProps } from '../../lib/monitoring';
import { WEBHOOK_ENVIRONMENT } from '../../lib/monitoring/contract';
import { PlatformStack } from '../../lib/platform';
import { checkStageConfiguration, stageConfiguration } from '../../lib/platform/stages';

const ALL = {
  emailAddresses: ['oncall@example.com', 'lead@example.com'],
  webhookParameterNames: ['/tidegate/slack'],
  httpsEndpoints: ['https://events.example.com/integration/1'],
};

function templateOf(props: NotificationsProps): Template {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'eu-west-1' } });
  new Notifications(stack, 'Notifications', props);
  return Template.fromStack(stack);
}

describe('Notifications', () => {
  test('subscribe every recipient to the topic', () => {
    const template = templateOf(ALL);
    const subscribed = Object.values(template.findResources('AWS::SNS::Subscription')).map(({ Properties }) => [
      Properties.Protocol as string,
      Properties.Endpoint as unknown,
    ]);
    expect(subscribed.filter(([protocol]) => protocol !== 'lambda').sort()).toEqual([
      ['email', 'lead@example.com'],
      ['email', 'oncall@example.com'],
      ['https', 'https://events.example.com/integration/1'],
    ]);
    expect(subscribed.filter(([protocol]) => protocol === 'lambda')).toHaveLength(1);
  });

  test('post to a webhook with a function that may read its parameter and nothing else', () => {
    const template = templateOf({ webhookParameterNames: ['/tidegate/slack'] });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: { [WEBHOOK_ENVIRONMENT.urlParameter]: '/tidegate/slack' } },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Sid: 'ReadWebhook',
            Effect: 'Allow',
            Action: 'ssm:GetParameter',
            Resource: {
              'Fn::Join': [
                '',
                ['arn:', { Ref: 'AWS::Partition' }, ':ssm:eu-west-1:123456789012:parameter/tidegate/slack'],
              ],
            },
          },
        ]),
      },
    });
    expect(JSON.stringify(template.toJSON())).not.toMatch(/"ssm:[^"]*\*"/);
  });

  test('keep what a webhook did not accept, with an alarm', () => {
    const stack = new Stack(new App(), 'Test');
    const notifications = new Notifications(stack, 'Notifications', { webhookParameterNames: ['slack', 'teams'] });
    const alarms = new PlatformAlarms(stack, 'Alarms', { topic: notifications.topic });
    alarms.watchNotifications(notifications);
    const template = Template.fromStack(stack);
    template.resourcePropertiesCountIs('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 2 }, 2);
    template.resourceCountIs('AWS::SQS::Queue', 2);
    expect(alarms.alarms.map(({ node }) => node.id)).toEqual(['Webhook1DeadLetters', 'Webhook2DeadLetters']);
  });

  test.each<[string, NotificationsProps, RegExp]>([
    [
      'an address without a domain',
      { emailAddresses: ['oncall'] },
      /emailAddresses: 'oncall' is no e-mail address; give one such as/,
    ],
    [
      'an endpoint without TLS',
      { httpsEndpoints: ['http://a.example.com'] },
      /is no HTTPS URL; give one that begins with https/,
    ],
    [
      'a webhook of Slack as an endpoint, which would never confirm',
      { httpsEndpoints: ['https://hooks.slack.com/services/T0/B0/x'] },
      /does not confirm subscriptions of SNS; write its URL into a SecureString parameter and give the name in webhookParameterNames/,
    ],
    [
      'a URL in place of the name of a parameter, without showing it',
      { webhookParameterNames: ['https://hooks.slack.com/services/T0/B0/x'] },
      /^(?!.*hooks\.slack\.com).*webhookParameterNames holds a URL; write the URL, which is a secret, into a SecureString/,
    ],
    ['a name that no parameter can have', { webhookParameterNames: ['/a b'] }, /'\/a b' is no name of a parameter/],
    [
      'a recipient twice',
      { emailAddresses: ['a@b.cd', 'a@b.cd'] },
      /emailAddresses names a@b\.cd twice; name every recipient once/,
    ],
  ])('refuse %s', (_, props, message) => {
    expect(() => templateOf(props)).toThrow(message);
    const problems = checkStageConfiguration({ ...stageConfiguration('dev'), notifications: props });
    expect(problems.join('\n')).toMatch(/^notifications\./);
  });
});

describe('a stage', () => {
  const stackOf = (name: string, notifications?: NotificationsProps): PlatformStack =>
    new PlatformStack(new App(), `Tidegate-${name}`, {
      stage: { ...stageConfiguration(name), ...(notifications !== undefined && { notifications }) },
    });
  const notice = Match.stringLikeRegexp('the alarms and the cost guard of stage .* have no recipient');

  test.each(['dev', 'prod'])('%s without recipients says so, with both ways to give one', (name) => {
    const annotations = Annotations.fromStack(stackOf(name));
    annotations.hasInfo(`/Tidegate-${name}/Platform`, notice);
    annotations.hasInfo('*', Match.stringLikeRegexp('-c notifyEmail=ADDRESS'));
  });

  test('local runs in front of a person and says nothing', () => {
    Annotations.fromStack(stackOf('local')).hasNoInfo('*', notice);
  });

  test('with recipients sends them every alarm and the notices of the guard, and says nothing', () => {
    const stack = stackOf('prod', ALL);
    const template = Template.fromStack(stack);
    Annotations.fromStack(stack).hasNoInfo('*', notice);
    const topic = stack.resolve(stack.platform.guard.topic.topicArn) as unknown;
    const subscriptions = Object.values(template.findResources('AWS::SNS::Subscription'));
    expect(subscriptions).toHaveLength(4);
    for (const { Properties } of subscriptions) expect(Properties.TopicArn).toEqual(topic);
    const alarms = Object.entries(template.findResources('AWS::CloudWatch::Alarm')).filter(([id]) =>
      id.startsWith('PlatformAlarms'),
    );
    expect(alarms.length).toBeGreaterThan(20);
    for (const [, { Properties }] of alarms) expect(Properties.AlarmActions).toEqual([topic]);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: Match.objectLike({ TIDEGATE_GUARD_TOPIC_ARN: topic }) },
    });
  });
});
