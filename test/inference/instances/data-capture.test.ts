import { Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { endpointIn, newStack } from '../chat-endpoint';

describe('data capture', () => {
  test('copies requests below a prefix that the role may write, and nothing else', () => {
    const stack = newStack();
    const bucket = s3.Bucket.fromBucketName(stack, 'Captured', 'captured');
    endpointIn(stack, { dataCapture: { bucket, samplingPercent: 5, captureOutput: false } });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      DataCaptureConfig: {
        EnableCapture: true,
        DestinationS3Uri: 's3://captured/data-capture/',
        InitialSamplingPercentage: 5,
        CaptureOptions: [{ CaptureMode: 'Input' }],
      },
    });
    expect(JSON.stringify(template.findResources('AWS::IAM::Policy'))).toContain(':s3:::captured/data-capture/*');
  });

  test('can write to a bucket with a key of its own', () => {
    const stack = newStack();
    const bucket = new s3.Bucket(stack, 'Captured', { encryption: s3.BucketEncryption.KMS });
    endpointIn(stack, { dataCapture: { bucket, samplingPercent: 5 } });
    const policies = Template.fromStack(stack).findResources('AWS::IAM::Policy');
    expect(JSON.stringify(policies)).toContain('kms:GenerateDataKey');
  });

  test('refuses a part of more than all requests', () => {
    const stack = newStack();
    const bucket = s3.Bucket.fromBucketName(stack, 'Captured', 'captured');
    expect(() => endpointIn(stack, { dataCapture: { bucket, samplingPercent: 101 } })).toThrow(
      'dataCapture.samplingPercent (101 %) must be a whole number, 0 to 100',
    );
  });
});
