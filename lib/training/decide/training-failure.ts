/** Failure of a task, as Step Functions catches it. */
export interface TaskFailure {
  readonly error: string;
  readonly cause: string;
}

/** Class of failures of a run: the signs by which it is known, and the step that leads on. */
export interface TrainingFailureClass {
  /** Name of the error with which the execution ends. */
  readonly error: string;
  /** Part in which the run failed, as a clause. */
  readonly what: string;
  /** Step that leads on, as sentences. */
  readonly next: string;
  /** Secondary statuses of the job, one of which is the sign. */
  readonly statuses: readonly string[];
  /** Texts in the failure reason of the job, or in the error and the cause of a request, one of which is the sign. */
  readonly texts: readonly string[];
}

/**
 * Classes of failures; the first with a sign counts. Prefixes of failure reasons are in the API reference of DescribeTrainingJob (`FailureReason`) and in
 * https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html, secondary statuses in the same reference
 * (`SecondaryStatus`).
 */
export const TRAINING_FAILURES: readonly TrainingFailureClass[] = [
  {
    error: 'Tidegate.SpotInterrupted',
    what: 'there was no spot capacity for long enough within maxWait',
    next: 'Raise maxWait, name further types in instanceTypes, or turn spot off; then start again.',
    statuses: ['MaxWaitTimeExceeded', 'Interrupted'],
    texts: [],
  },
  {
    error: 'Tidegate.MaxRuntimeExceeded',
    what: 'the job took longer than maxRuntime',
    next: 'Raise maxRuntime, or take a larger instance or several, and start again.',
    statuses: ['MaxRuntimeExceeded'],
    texts: [],
  },
  {
    error: 'Tidegate.Stopped',
    what: 'the job was stopped',
    next: 'Look in CloudTrail who called StopTrainingJob; a cost guard stops jobs that the budget does not cover. Start again when it may run.',
    statuses: ['Stopped'],
    texts: [],
  },
  {
    error: 'Tidegate.ScriptFailed',
    what: 'the training script failed',
    next: 'Read the reason and the log of the job in /aws/sagemaker/TrainingJobs, correct the script or its data, and start again.',
    statuses: [],
    texts: ['AlgorithmError'],
  },
  {
    error: 'Tidegate.QuotaExceeded',
    what: 'the quota of the account for the instance type is used up',
    next: 'Request a higher one in Service Quotas, for training jobs or for spot training jobs, or name further types in instanceTypes.',
    statuses: [],
    texts: ['ResourceLimitExceeded'],
  },
  {
    error: 'Tidegate.CapacityUnavailable',
    what: 'no instance of any type in instanceTypes was available',
    next: 'Start again later, name further types in instanceTypes, or reserve capacity with a training plan.',
    statuses: [],
    texts: ['CapacityError', 'InsufficientInstanceCapacity', 'Unable to provision requested ML compute capacity'],
  },
  {
    error: 'Tidegate.DataMissing',
    what: 'a channel has no data',
    next: 'Check that objects lie below the prefix in the reason, and that the role of the jobs may list and read them.',
    statuses: [],
    texts: ['No S3 objects found', 'Data download failed', 'NoSuchBucket', 'NoSuchKey'],
  },
  {
    error: 'Tidegate.AccessDenied',
    what: 'a role lacks a permission',
    next: 'Read in the reason which role may not do what. Deploy again where a policy was changed by hand, and check the policies of keys and buckets.',
    statuses: [],
    texts: ['AccessDenied', 'is not authorized to perform'],
  },
  {
    error: 'Tidegate.ServiceFailed',
    what: 'SageMaker had an internal error',
    next: 'Start again; retryAttempts lets SageMaker do that by itself. If it returns, send the name of the job to AWS Support.',
    statuses: [],
    texts: ['InternalServerError', 'InternalFailure'],
  },
  {
    error: 'Tidegate.ConfigurationInvalid',
    what: 'SageMaker refused the job or its inputs',
    next: 'Read in the reason which setting it is, correct the property of the pipeline, and deploy.',
    statuses: [],
    texts: ['ClientError', 'ValidationException', 'ValidationError'],
  },
];

/**
 * Returns the error and the cause with which a run ends: what failed, where, and the next step. A failure without a sign of any class stays as it is. The cause of
 * a job that failed is DescribeTrainingJob as JSON, that of a refused request its message.
 */
export function explainTrainingFailure(failure: TaskFailure): TaskFailure {
  const job = jobOf(failure.cause);
  const reason = job === undefined ? failure.cause : (job.FailureReason ?? job.SecondaryStatus ?? failure.cause);
  const text = job === undefined ? `${failure.error} ${failure.cause}` : reason;
  const found = TRAINING_FAILURES.find(
    ({ statuses, texts }) =>
      statuses.some((status) => status === job?.SecondaryStatus) || texts.some((sign) => text.includes(sign)),
  );
  if (found === undefined) return failure;
  const where = job === undefined ? '' : ` Job: ${job.TrainingJobName} on ${job.ResourceConfig?.InstanceType}.`;
  return { error: found.error, cause: `The run failed: ${found.what}.${where} Reason: ${reason} Next: ${found.next}` };
}

interface DescribedJob {
  readonly TrainingJobName?: string;
  readonly SecondaryStatus?: string;
  readonly FailureReason?: string;
  readonly ResourceConfig?: { readonly InstanceType?: string };
}

function jobOf(cause: string): DescribedJob | undefined {
  if (!cause.startsWith('{') || !cause.endsWith('}')) return undefined;
  try {
    const parsed = JSON.parse(cause) as DescribedJob;
    return parsed.TrainingJobName === undefined ? undefined : parsed;
  } catch {
    return undefined;
  }
}
