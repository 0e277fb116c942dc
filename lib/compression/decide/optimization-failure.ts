/** End of an optimisation job without a model, or a request that was refused. */
export interface OptimizationFailure {
  /** Status of the job; undefined for a refused request. */
  readonly status?: string;
  /** Name of the job; undefined for a refused request. */
  readonly job?: string;
  /** Time from the start of the job to its end, seconds; undefined where it has not started. */
  readonly seconds?: number;
  /** Name of the error of a request. */
  readonly error?: string;
  /** Failure reason of the job, or message of the refused request. */
  readonly reason: string;
}

/** Class of failures: the signs by which it is known, and the step that leads on. */
export interface OptimizationFailureClass {
  /** Name of the error with which the execution ends. */
  readonly error: string;
  /** Part in which the run failed, as a clause. */
  readonly what: string;
  /** Step that leads on, as sentences. */
  readonly next: string;
  /** Texts in the reason or the name of the error, one of which is the sign. */
  readonly texts: readonly string[];
}

/**
 * Classes of failures; the first with a sign counts. Errors of the request are in the API reference of CreateOptimizationJob; the failure reasons of jobs
 * have the prefixes of those of training jobs.
 */
export const OPTIMIZATION_FAILURES: readonly OptimizationFailureClass[] = [
  {
    error: 'Tidegate.QuotaExceeded',
    what: 'the quota of the account for the instances of optimisation jobs is used up',
    next: 'Request a higher one in Service Quotas, or wait for other jobs to end, then start again.',
    texts: ['ResourceLimitExceeded'],
  },
  {
    error: 'Tidegate.CapacityUnavailable',
    what: 'no instance for the job was available',
    next: 'Start again later, choose another deploymentInstanceType, or reserve capacity with a training plan.',
    texts: ['CapacityError', 'InsufficientInstanceCapacity', 'Unable to provision requested ML compute capacity'],
  },
  {
    error: 'Tidegate.AccessDenied',
    what: 'a role lacks a permission',
    next: 'Read in the reason which role may not do what. Deploy again where a policy was changed by hand, and check the policies of keys and buckets.',
    texts: ['AccessDenied', 'is not authorized to perform'],
  },
  {
    error: 'Tidegate.DataMissing',
    what: 'there is no model at its location',
    next: 'Check that the files of the model, config.json among them, lie below the prefix in the reason, not packed.',
    texts: ['No S3 objects found', 'Data download failed', 'NoSuchBucket', 'NoSuchKey'],
  },
  {
    error: 'Tidegate.MemoryExceeded',
    what: 'the model does not fit into the memory of the instance',
    next: 'Choose a larger deploymentInstanceType, or set OPTION_TENSOR_PARALLEL_DEGREE in environment.',
    texts: ['OutOfMemory', 'out of memory', 'OOM'],
  },
  {
    error: 'Tidegate.ContainerFailed',
    what: 'the container failed',
    next: 'Read the reason and the log of the job below /aws/sagemaker/, check that image supports the technique for this architecture, and start again.',
    texts: ['AlgorithmError'],
  },
  {
    error: 'Tidegate.ServiceFailed',
    what: 'SageMaker had an internal error',
    next: 'Start again. If it returns, send the name of the job to AWS Support.',
    texts: ['InternalServerError', 'InternalFailure', 'InternalServiceError'],
  },
  {
    error: 'Tidegate.ConfigurationInvalid',
    what: 'SageMaker refused the job or its model',
    next: 'Read in the reason which setting it is, correct the property of the pipeline, and deploy.',
    texts: ['ClientError', 'ValidationException', 'ValidationError'],
  },
];

/** Class of a job that reached the end of its time. */
export const OPTIMIZATION_TIMED_OUT: OptimizationFailureClass = {
  error: 'Tidegate.MaxRuntimeExceeded',
  what: 'the job took longer than maxRuntime',
  next: 'Raise maxRuntime and start again.',
  texts: [],
};

/** Class of a job that somebody stopped. */
export const OPTIMIZATION_STOPPED: OptimizationFailureClass = {
  error: 'Tidegate.Stopped',
  what: 'the job was stopped',
  next: 'Look in CloudTrail who called StopOptimizationJob. Start again when it may run.',
  texts: [],
};

/** Class of a failure without a sign. */
export const OPTIMIZATION_FAILED: OptimizationFailureClass = {
  error: 'Tidegate.OptimizationFailed',
  what: 'the job or its request failed',
  next: 'Read the reason and the log of the job below /aws/sagemaker/, and start again.',
  texts: [],
};

/** Returns the error and the cause with which a run ends: what failed, where, and the next step. */
export function explainOptimizationFailure(
  failure: OptimizationFailure,
  maxRuntimeSeconds: number,
): { readonly error: string; readonly cause: string } {
  const { error, what, next } = classOf(failure, maxRuntimeSeconds);
  const where = failure.job === undefined ? '' : ` Job: ${failure.job}.`;
  return { error, cause: `The run failed: ${what}.${where} Reason: ${failure.reason} Next: ${next}` };
}

function classOf(failure: OptimizationFailure, maxRuntimeSeconds: number): OptimizationFailureClass {
  if (failure.status === 'STOPPED') {
    return (failure.seconds ?? 0) >= maxRuntimeSeconds ? OPTIMIZATION_TIMED_OUT : OPTIMIZATION_STOPPED;
  }
  const text = `${failure.error ?? ''} ${failure.reason}`;
  return OPTIMIZATION_FAILURES.find(({ texts }) => texts.some((sign) => text.includes(sign))) ?? OPTIMIZATION_FAILED;
}
