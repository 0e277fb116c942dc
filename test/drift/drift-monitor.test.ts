import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import { DriftMonitor, type DriftMonitorProps } from '../../lib/drift';
import { PlatformAlarms } from '../../lib/monitoring';
import type { Json } from '../emulator/engine/support/fake-emulator';
import { nagReport } from '../support/nag-report';

const env = { account: '123456789012', region: 'us-east-1' };
const bucket = (stack: Stack, name: string): s3.IBucket => s3.Bucket.fromBucketName(stack, name, name.toLowerCase());

function monitorIn(stack: Stack, props: Partial<DriftMonitorProps> = {}): DriftMonitor {
  return new DriftMonitor(stack, 'Drift', {
    capturedData: bucket(stack, 'Captured'),
    capturedDataPrefix: 'data-capture/chat/main/',
    columns: ['input.age', 'input.plan'],
    ...props,
  });
}

function deploy(props: (stack: Stack) => Partial<DriftMonitorProps> = () => ({})) {
  const stack = new Stack(new App(), 'Test', { env });
  const monitor = monitorIn(stack, props(stack));
  return { stack, monitor, template: Template.fromStack(stack) };
}

interface State {
  readonly Type: string;
  readonly Arguments?: { readonly [member: string]: Json };
  readonly Choices?: readonly { readonly Condition: string; readonly Next: string }[];
}

function statesOf(template: Template): { readonly [name: string]: State } {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const text = (machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } }).DefinitionString;
  const joined = text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'REF')).join('');
  return (JSON.parse(joined) as { States: { [name: string]: State } }).States;
}

const problems = (props: (stack: Stack) => Partial<DriftMonitorProps>): string => {
  try {
    deploy(props);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('accepted');
};

describe('a drift monitor', () => {
  test('evaluates the hour before, ten minutes after its end', () => {
    const { template } = deploy();
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'cron(10 * * * ? *)' });
    expect(JSON.stringify(statesOf(template)['Choose the hour'])).toContain('- 3600000');
  });

  test('compares its columns with the limits in an isolated job', () => {
    const { Arguments: job } = statesOf(deploy(() => ({ limits: { maxPsi: 0.1, minRows: 500 } })).template)['Compare']!;
    const given = job!['AppSpecification'].ContainerArguments.join(' ') as string;
    expect(given).toContain('--mode compare --columns input.age,input.plan --max-psi 0.1 --significance 0.01');
    expect(given).toContain('--min-rows 500');
    expect(job).toMatchObject({
      NetworkConfig: { EnableNetworkIsolation: true },
      ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1 } },
      StoppingCondition: { MaxRuntimeInSeconds: 1800 },
    });
    expect(job!['ProcessingInputs'].map(({ InputName }: { InputName: string }) => InputName)).toEqual([
      'code',
      'data',
      'baseline',
    ]);
  });

  test('learns the baseline from rows that it is given, without waiting for traffic', () => {
    const rows = deploy((stack) => ({ baselineData: bucket(stack, 'Rows'), baselineDataPrefix: 'train/' }));
    const states = statesOf(rows.template);
    expect(states['Are rows needed?']!.Choices![0]!.Condition).toBe('{% $states.input.Learns %}');
    expect(states['Learn the baseline']!.Arguments!['ProcessingInputs'][1].S3Input.S3Uri).toBe('s3://rows/train/');
    expect(statesOf(deploy().template)['Are rows needed?']!.Choices![0]!.Condition).toBe('{% false %}');
  });

  test('publishes no count of drifted columns for an hour that was not compared', () => {
    const states = statesOf(deploy().template);
    const metrics = (name: string): readonly string[] =>
      states[name]!.Arguments!['MetricData'].map(({ MetricName }: { MetricName: string }) => MetricName);
    expect(metrics('Count no rows')).toEqual(['EvaluatedRows']);
    expect(metrics('Count too few rows')).toEqual(['EvaluatedRows']);
    expect(metrics('Publish the comparison')).toEqual(['EvaluatedRows', 'DriftedColumns', 'DriftScore']);
  });

  test('has alarms that keep a drift apart from hours without a comparison', () => {
    const { stack, monitor } = deploy();
    const fresh = new Stack(new App(), 'Alarmed', { env });
    expect(stack).toBeDefined();
    expect(monitor.maxTimeUnevaluated.toHours()).toBe(6);
    const watched = monitorIn(fresh);
    new PlatformAlarms(fresh, 'Alarms', { topic: new sns.Topic(fresh, 'Topic') }).watchDrift(watched);
    const template = Template.fromStack(fresh);
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'DriftedColumns',
      TreatMissingData: 'ignore',
      Threshold: 1,
      AlarmDescription: Match.stringLikeRegexp('Meaning: .*\nLook at: .*\nDo: '),
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'EvaluatedRows',
      TreatMissingData: 'breaching',
      ComparisonOperator: 'LessThanThreshold',
      Period: 3600,
      EvaluationPeriods: 6,
    });
  });

  test('reads only the traffic and writes only its own reports', () => {
    const { template } = deploy();
    const [, policy] = Object.entries(template.findResources('AWS::IAM::Policy')).find(([id]) => /JobPolicy/.test(id))!;
    const statements = (policy.Properties as { PolicyDocument: { Statement: { Sid?: string; Resource: unknown }[] } })
      .PolicyDocument.Statement;
    const at = (sid: string): string => JSON.stringify(statements.find(({ Sid }) => Sid === sid)!.Resource);
    expect(at('ReadRows')).toContain(':s3:::captured/data-capture/chat/main/*');
    expect(at('KeepReports')).toContain('/reports/*');
    expect(at('KeepReports')).toContain('/baseline/baseline.json');
  });

  test.each(['capturedData', 'baselineData'] as const)('has jobs that may decrypt %s', (input) => {
    const { stack, template } = deploy((given) => ({
      baselineDataPrefix: 'train/',
      baselineData: bucket(given, 'Rows'),
      [input]: new s3.Bucket(given, 'Encrypted', { encryptionKey: new kms.Key(given, 'Key') }),
    }));
    const [roleId] = Object.keys(template.findResources('AWS::IAM::Role')).filter((id) => id.includes('JobRole'));
    template.hasResourceProperties('AWS::IAM::Policy', {
      Roles: [{ Ref: roleId }],
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          {
            Effect: 'Allow',
            Action: 'kms:Decrypt',
            Resource: stack.resolve((stack.node.findChild('Key') as kms.Key).keyArn) as unknown,
          },
        ]),
      }),
    });
  });

  test('passes the rules of AwsSolutions', () => {
    const { open, accepted } = nagReport((stack) => void monitorIn(stack));
    expect(open).toEqual([]);
    expect(accepted.length).toBeGreaterThan(0);
  });
});

test.each<[string, (stack: Stack) => Partial<DriftMonitorProps>]>([
  ['columns is empty; name the columns to compare', () => ({ columns: [] })],
  ["columns: 'a b' is not allowed", () => ({ columns: ['a b'] })],
  ['columns names age twice', () => ({ columns: ['age', 'age'] })],
  ['columns has 299 characters; at most 256', () => ({ columns: [0, 1, 2].map((n) => `${n}${'x'.repeat(98)}`) })],
  ["capturedDataPrefix ('captured') must end with a slash", () => ({ capturedDataPrefix: 'captured' })],
  ["capturedDataPrefix ('/a/') must be at most 512 letters", () => ({ capturedDataPrefix: '/a/' })],
  ['maxRuntime (90.5 s) must be a whole number of seconds', () => ({ maxRuntime: Duration.millis(90_500) })],
  ['baselineDataPrefix is in a bucket; give baselineData', () => ({ baselineDataPrefix: 'train/' })],
  ['limits.maxPsi (0) must be above 0', () => ({ limits: { maxPsi: 0 } })],
  ['limits.significance (1) must be above 0 and below 1', () => ({ limits: { significance: 1 } })],
  ['limits.maxConfidenceLoss has no effect without confidenceColumn', () => ({ limits: { maxConfidenceLoss: 0.1 } })],
  [
    'limits.maxConfidenceLoss (2) must be above 0 and at most 1',
    () => ({ confidenceColumn: 'output.p', limits: { maxConfidenceLoss: 2 } }),
  ],
  ['limits.minRows (10) must be a whole number from 30', () => ({ limits: { minRows: 10 } })],
  ['minute (60) must be a whole number from 0 to 59', () => ({ minute: 60 })],
  ['maxTimeUnevaluated (25 h) must be whole hours from 1 to 24', () => ({ maxTimeUnevaluated: Duration.hours(25) })],
  ['maxRuntime (3600 s) is out of range; 60 to 3300 s', () => ({ maxRuntime: Duration.hours(1) })],
  ['instanceType: ', () => ({ instanceType: 'ml.none' })],
  ["monitorName ('a--b') is not allowed", () => ({ monitorName: 'a--b' })],
  ["image ('python') is not an image in ECR", () => ({ image: 'python' })],
  ['autoDeleteObjects', () => ({ autoDeleteObjects: true, removalPolicy: RemovalPolicy.RETAIN })],
])('refuses: %s', (message, props) => {
  expect(problems(props)).toContain(message);
});
