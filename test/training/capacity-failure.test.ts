import { isCapacityFailure } from '../../lib/training/decide/capacity-failure';

describe('a failure of a training job', () => {
  test.each([
    [
      'no capacity',
      'States.TaskFailed',
      '{"FailureReason":"CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."}',
    ],
    ['insufficient instances', 'States.TaskFailed', 'due to InsufficientInstanceCapacity error'],
    [
      'a quota by its error',
      'SageMaker.ResourceLimitExceededException',
      "The account-level service limit 'ml.g5.xlarge'",
    ],
    ['a quota by its cause', 'SageMaker.AmazonSageMakerException', '(Error Code: ResourceLimitExceeded)'],
    ['no spot capacity in time', 'States.TaskFailed', '{"SecondaryStatus":"MaxWaitTimeExceeded"}'],
  ])('by %s may pass on another type', (_, error, cause) => {
    expect(isCapacityFailure({ error, cause })).toBe(true);
  });

  test.each([
    ['the script', 'States.TaskFailed', '{"FailureReason":"AlgorithmError: ExecuteUserScriptError: ExitCode 1"}'],
    ['the maximum runtime', 'States.TaskFailed', '{"SecondaryStatus":"MaxRuntimeExceeded"}'],
    [
      'a refused permission',
      'SageMaker.AmazonSageMakerException',
      'not authorized to perform: sagemaker:CreateTrainingJob',
    ],
    ['missing data', 'States.TaskFailed', '{"FailureReason":"ClientError: No S3 objects found under S3 URL"}'],
  ])('by %s would come again on every type', (_, error, cause) => {
    expect(isCapacityFailure({ error, cause })).toBe(false);
  });
});
