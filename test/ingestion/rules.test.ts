import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Stack } from 'aws-cdk-lib';
import { StreamIngestion } from '../../lib/ingestion';
import { nagReport } from '../support/nag-report';

function endpoint(stack: Stack) {
  return {
    endpointName: 'chat',
    grantInvoke: (grantee: iam.IGrantable) =>
      iam.Grant.addToPrincipal({
        grantee,
        actions: ['sagemaker:InvokeEndpoint'],
        resourceArns: [stack.formatArn({ service: 'sagemaker', resource: 'endpoint', resourceName: 'chat' })],
      }),
  };
}

describe('the AwsSolutions rules', () => {
  test('find nothing open in the defaults and accept only what has a reason', () => {
    const { open, accepted } = nagReport((stack) => {
      new StreamIngestion(stack, 'Ingestion', { endpoint: endpoint(stack) });
    });
    expect(open).toEqual([]);
    expect(accepted.map(({ rule, at }) => [rule.replace(/<\w+\.Arn>/, '<bucket>'), at])).toEqual([
      ['S1', 'Rules/Ingestion/Results'],
      ['IAM5[Resource::<bucket>/aws/lambda/*]', 'Rules/Ingestion/ConsumerPolicy'],
      ['IAM5[Resource::<bucket>/aws/lambda/*]', 'Rules/Ingestion/RedrivePolicy'],
      ['IAM5[Resource::<bucket>/control-requests/*]', 'Rules/Ingestion/ConsumerPolicy'],
      ['IAM5[Resource::<bucket>/results/*]', 'Rules/Ingestion/ConsumerPolicy'],
      ['IAM5[Resource::<bucket>/results/*]', 'Rules/Ingestion/RedrivePolicy'],
      ['IAM5[Resource::<bucket>/dead-letters/*]', 'Rules/Ingestion/ConsumerPolicy'],
      ['IAM5[Resource::<bucket>/dead-letters/*]', 'Rules/Ingestion/RedrivePolicy'],
      ['IAM5[Resource::<bucket>/measurements/*]', 'Rules/Ingestion/ConsumerPolicy'],
      ['IAM5[Resource::<bucket>/responses/*]', 'Rules/Ingestion/ConsumerPolicy'],
      ['IAM5[Resource::*]', 'Rules/Ingestion/ConsumerPolicy'],
      ['IAM5[Resource::<bucket>/redriven/*]', 'Rules/Ingestion/RedrivePolicy'],
    ]);
  });

  test('still find a wildcard that someone else gives the consumer', () => {
    const { open } = nagReport((stack) => {
      const { consumer } = new StreamIngestion(stack, 'Ingestion', { endpoint: endpoint(stack) });
      consumer.addToRolePolicy(new iam.PolicyStatement({ actions: ['s3:GetObject'], resources: ['*'] }));
    });
    expect(open).toEqual(['IAM5[Resource::*]']);
  });

  test('accept a missing access log only where none was asked for', () => {
    const { accepted } = nagReport((stack) => {
      const accessLogsBucket = new s3.Bucket(stack, 'Logs', { enforceSSL: true });
      new StreamIngestion(stack, 'Ingestion', { endpoint: endpoint(stack), accessLogsBucket });
    });
    expect(accepted.map(({ rule }) => rule)).not.toContain('S1');
  });
});
