/** How a training job that got no instance ended: as the state machine sees it in the error and cause of the task. */
export interface TrainingFailure {
  readonly error: string;
  readonly cause: string;
}

/**
 * What the cause or error of a task says when SageMaker had no instance of the type to give, in Step Functions' wildcard notation.
 * Sources: the failure reasons of `DescribeTrainingJob`, the error `ResourceLimitExceeded` of `CreateTrainingJob` (a quota counts per
 * type, so the next type may be allowed) and the secondary status `MaxWaitTimeExceeded` of managed spot training.
 */
export const CAPACITY_FAILURE_PATTERNS: { readonly cause: readonly string[]; readonly error: readonly string[] } = {
  cause: [
    '*CapacityError*',
    '*InsufficientInstanceCapacity*',
    '*InsufficientCapacityError*',
    '*Unable to provision requested ML compute capacity*',
    '*MaxWaitTimeExceeded*',
    '*ResourceLimitExceeded*',
  ],
  error: ['*ResourceLimitExceeded*'],
};

function matches(text: string, pattern: string): boolean {
  return text.includes(pattern.slice(1, -1));
}

/** Whether another instance type may help. */
export function isCapacityFailure(failure: TrainingFailure): boolean {
  return (
    CAPACITY_FAILURE_PATTERNS.cause.some((pattern) => matches(failure.cause, pattern)) ||
    CAPACITY_FAILURE_PATTERNS.error.some((pattern) => matches(failure.error, pattern))
  );
}
