import { CAPACITY_FAILURE_PATTERNS } from '../../lib/training/decide/capacity-failure';

/** True if the choice state of the pipeline takes the next instance type: every pattern is a text between two wildcards. */
function isCapacityFailure({ error, cause }: { readonly error: string; readonly cause: string }): boolean {
  const matches = (text: string, patterns: readonly string[]): boolean =>
    patterns.some((pattern) => text.includes(pattern.slice(1, -1)));
  return matches(cause, CAPACITY_FAILURE_PATTERNS.cause) || matches(error, CAPACITY_FAILURE_PATTERNS.error);
}

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
  ])('by %s is retried on the next type', (_, error, cause) => {
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
  ])('by %s ends the execution', (_, error, cause) => {
    expect(isCapacityFailure({ error, cause })).toBe(false);
  });
});
