/**
 * Patterns of the cause or error of a task if SageMaker had no instance of the type, in Step Functions' wildcard notation.
 * Sources: the failure reasons of `DescribeTrainingJob`, the error `ResourceLimitExceeded` of `CreateTrainingJob` (quotas are per
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
