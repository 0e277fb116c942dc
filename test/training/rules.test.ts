import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { TrainingPipeline } from '../../lib/training';
import { nagReport } from '../support/nag-report';

describe('the AwsSolutions rules', () => {
  test('find nothing open in the defaults and accept only what has a reason', () => {
    const { open, accepted } = nagReport((stack) => {
      new TrainingPipeline(stack, 'Training', {
        trainingData: s3.Bucket.fromBucketName(stack, 'Data', 'landed'),
        instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
        maxRuntime: Duration.hours(1),
        schedule: events.Schedule.rate(Duration.days(1)),
      });
    });
    expect(open).toEqual([]);
    const at = (place: string): string[] =>
      accepted.filter((finding) => finding.at === `Rules/Training/${place}`).map(({ rule }) => rule);
    expect(at('Models')).toEqual(['S1']);
    expect(at('MachineRole')).toEqual(['IAM5[Resource::*]']);
    expect(at('MachinePolicy')).toHaveLength(2);
    expect(at('TrainingPolicy')).toHaveLength(5);
    expect(at('ModelPolicy')).toHaveLength(3);
    expect(accepted).toHaveLength(13);
  });
});
