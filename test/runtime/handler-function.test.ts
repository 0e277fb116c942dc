import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as logs from 'aws-cdk-lib/aws-logs';
import { HandlerFunction, type HandlerFunctionProps } from '../../lib/runtime/handler-function';

function templateOf(props: Partial<HandlerFunctionProps> = {}): Template {
  const stack = new Stack();
  new HandlerFunction(stack, 'Guard', { handlerName: 'scale-events', description: 'Records scale events', ...props });
  return Template.fromStack(stack);
}

describe('HandlerFunction', () => {
  test('runs a bundled handler on Node.js 24 and arm64 with JSON logs', () => {
    templateOf().hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      Description: 'Records scale events',
      MemorySize: 256,
      Timeout: 30,
      ReservedConcurrentExecutions: Match.absent(),
      LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: Match.stringLikeRegexp('GuardLogs') } },
    });
  });

  test('takes timeout, memory, concurrency, environment and log retention', () => {
    const template = templateOf({
      timeout: Duration.seconds(50),
      memorySize: 512,
      reservedConcurrentExecutions: 1,
      environment: { NAME: 'value' },
      logRetention: logs.RetentionDays.ONE_WEEK,
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Timeout: 50,
      MemorySize: 512,
      ReservedConcurrentExecutions: 1,
      Environment: { Variables: { NAME: 'value' } },
    });
    template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 });
  });

  test('keeps logs for a month in a log group of its own that goes with the stack', () => {
    templateOf().hasResource('AWS::Logs::LogGroup', { Properties: { RetentionInDays: 30 }, DeletionPolicy: 'Delete' });
  });

  test('may write to its log group and nothing else, without a managed policy', () => {
    const template = templateOf();
    template.hasResourceProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          {
            Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
            Effect: 'Allow',
            Resource: { 'Fn::GetAtt': [Match.stringLikeRegexp('GuardLogs'), 'Arn'] },
          },
        ],
      },
    });
  });

  test('names the nearest bundles and the way out when the handler has none', () => {
    expect(() => templateOf({ handlerName: 'scale-event' })).toThrow(
      /bundle of handler 'scale-event' is missing \(nearest bundled: scale-events.*run `npm run build`/,
    );
  });
});
