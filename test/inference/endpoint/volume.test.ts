import { Size } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import { ModelServer } from '../../../lib/inference';
import { endpointIn, newStack, templateOf, variantWith } from '../chat-endpoint';

describe('the volumes of the instances', () => {
  test('have the key and the size of SageMaker by default', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      KmsKeyId: Match.absent(),
      ...variantWith({ VolumeSizeInGB: Match.absent() }),
    });
  });

  test('take a key and a size on types without local disks', () => {
    const stack = newStack();
    endpointIn(stack, {
      modelServer: ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/neuron:1'),
      capacity: { pools: [{ instanceType: 'ml.inf2.xlarge' }] },
      encryptionKey: new kms.Key(stack, 'Key'),
      volumeSize: Size.gibibytes(100),
    });
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('Key'), 'Arn'] },
      ...variantWith({ VolumeSizeInGB: 100 }),
    });
  });

  test('take neither on local disks', () => {
    const stack = newStack();
    const encryptionKey = new kms.Key(stack, 'Key');
    expect(() => endpointIn(stack, { encryptionKey })).toThrow(/encryptionKey cannot be used with ml\.g5\.xlarge/);
    expect(() => templateOf({ volumeSize: Size.gibibytes(50) })).toThrow(
      /volumeSize cannot be used with ml\.g5\.xlarge, ml\.g6\.xlarge/,
    );
  });

  test.each([
    [Size.gibibytes(600), 'volumeSize (600 GiB) must be a whole number, 1 to 512'],
    [Size.mebibytes(1536), 'volumeSize (1.5 GiB) must be a whole number, 1 to 512'],
  ])('are not of any size', (volumeSize, message) => {
    const modelServer = ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/neuron:1');
    const capacity = { pools: [{ instanceType: 'ml.inf2.xlarge' }] };
    expect(() => templateOf({ modelServer, capacity, volumeSize })).toThrow(message);
  });
});
