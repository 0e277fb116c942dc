import * as s3 from 'aws-cdk-lib/aws-s3';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../lib/inference';
import { FleetScaling, ScaleEvents } from '../../lib/scaling';
import { nagReport } from '../support/nag-report';

describe('cdk-nag’s AwsSolutions pack', () => {
  const report = nagReport((stack) => {
    const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
    const common = { modelServer: ModelServer.triton(), capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] } };
    const fleet = new GpuEndpoint(stack, 'Chat', {
      ...common,
      modelArtifact: ModelArtifact.fromBucket(models, 'chat/model.tar.gz'),
    });
    new GpuEndpoint(stack, 'Large', { ...common, modelArtifact: ModelArtifact.fromBucketPrefix(models, 'large/') });
    const scaling = new FleetScaling(stack, 'Scaling', { fleet, minCapacity: 1, maxCapacity: 4 });
    scaling.scaleOnConcurrency('concurrency');
    new ScaleEvents(stack, 'ScaleEvents', { fleets: [fleet] });
  });

  test('has no open finding', () => {
    expect(report.open).toEqual([]);
  });

  test('has only the findings accepted that are accepted for a reason', () => {
    const rules = new Set(report.accepted.map(({ rule }) => rule.replace(/arn:.*(:log-stream:\*|large\/\*)/, '$1')));
    expect([...rules].sort()).toEqual([
      'IAM5[Resource::*]',
      'IAM5[Resource:::log-stream:*]',
      'IAM5[Resource::large/*]',
      'SQS3',
    ]);
  });
});
