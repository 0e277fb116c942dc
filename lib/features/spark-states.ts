import { Aws, Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { ADMISSION_PATH, admissionTask, TRAINING_STARTS } from '../cost/contract';
import { REBUILD_INPUT } from './contract';

/** Settings of the states. Values may be tokens. */
export interface SparkPlan {
  readonly applicationId: string;
  readonly jobName: string;
  readonly executionRoleArn: string;
  readonly entryPoint: string;
  readonly arguments: readonly string[];
  /** Arguments of a run that computes everything again; undefined for a job without such a run. */
  readonly rebuildArguments?: readonly string[];
  readonly sparkSubmitParameters: string;
  readonly executionTimeoutMinutes: number;
  readonly maxAttempts: number;
  readonly guardTableName?: string;
}

/** Time that a run waits for the one before it at most, minutes: the default of EMR Serverless. */
export const QUEUE_TIMEOUT_MINUTES = 360;

/** Time for the start of the application and the report of the end, minutes. */
const SLACK_MINUTES = 30;

function jobRun(plan: SparkPlan, entryPointArguments: readonly string[]): object {
  return {
    Type: 'Task',
    Resource: `arn:${Aws.PARTITION}:states:::emr-serverless:startJobRun.sync`,
    // A run that the service does not report any more is cancelled.
    TimeoutSeconds: (plan.executionTimeoutMinutes + QUEUE_TIMEOUT_MINUTES + SLACK_MINUTES) * 60,
    Parameters: {
      ApplicationId: plan.applicationId,
      Name: plan.jobName,
      ExecutionRoleArn: plan.executionRoleArn,
      ExecutionTimeoutMinutes: plan.executionTimeoutMinutes,
      JobDriver: {
        SparkSubmit: {
          EntryPoint: plan.entryPoint,
          EntryPointArguments: entryPointArguments,
          SparkSubmitParameters: plan.sparkSubmitParameters,
        },
      },
    },
    ResultSelector: { 'JobRunId.$': '$.JobRunId', 'State.$': '$.State' },
    ResultPath: '$.Run',
  };
}

/**
 * Builds the states: with a guard look at its table, then run the job, or compute everything again where the input says `"rebuild": true`.
 * A failure of the last attempt ends the execution with the error and cause of the task.
 */
export function sparkStates(scope: Construct, plan: SparkPlan): sfn.IChainable {
  const failed = new sfn.Fail(scope, 'Failed', { errorPath: '$.Failure.Error', causePath: '$.Failure.Cause' });
  const output = new sfn.Pass(scope, 'Output', { outputPath: '$.Run' });
  const run = (id: string, entryPointArguments: readonly string[]): sfn.CustomState => {
    const state = new sfn.CustomState(scope, id, {
      stateJson: jobRun(plan, entryPointArguments) as { [member: string]: unknown },
    });
    if (plan.maxAttempts > 1)
      state.addRetry({
        // Every error but a time-out: throttling, a conflict, and a failed run, which an idempotent job repeats without harm.
        errors: [sfn.Errors.TASKS_FAILED],
        interval: Duration.seconds(30),
        backoffRate: 2,
        maxAttempts: plan.maxAttempts - 1,
      });
    state.addCatch(failed, { errors: [sfn.Errors.ALL], resultPath: '$.Failure' });
    state.next(output);
    return state;
  };

  const usual = run('Run the job', plan.arguments);
  const chosen: sfn.IChainable =
    plan.rebuildArguments === undefined
      ? usual
      : new sfn.Choice(scope, 'Compute everything again?')
          .when(sfn.Condition.booleanEquals('$.Rebuild', true), run('Run the job on everything', plan.rebuildArguments))
          .otherwise(usual);

  // A batch of events is a list, which has no members to look for.
  const plain = new sfn.Pass(scope, 'Begin', { result: sfn.Result.fromObject({ Rebuild: false }) });
  const first = plan.guardTableName === undefined ? chosen : admission(scope, plan.guardTableName, chosen, failed);
  plain.next(first);
  if (plan.rebuildArguments === undefined) return plain;
  const again = new sfn.Pass(scope, 'Begin on everything', { result: sfn.Result.fromObject({ Rebuild: true }) });
  again.next(first);
  return new sfn.Choice(scope, 'Input')
    .when(
      sfn.Condition.and(
        sfn.Condition.isPresent(`$.${REBUILD_INPUT}`),
        sfn.Condition.booleanEquals(`$.${REBUILD_INPUT}`, true),
      ),
      again,
    )
    .otherwise(plain);
}

/** States before a run: read the guard's table, and run unless it refuses. A guard that has not evaluated yet refuses nothing. */
function admission(scope: Construct, tableName: string, then: sfn.IChainable, failed: sfn.Fail): sfn.CustomState {
  const refused = new sfn.Fail(scope, 'Refused', {
    error: 'Tidegate.GrowthFrozen',
    cause: 'The cost guard has frozen growth, so no Spark job may start. Raise the budget or wait for its next period.',
  });
  const read = new sfn.CustomState(scope, 'Read the guard', {
    stateJson: admissionTask(Aws.PARTITION, tableName) as { [member: string]: unknown },
  });
  read.addRetry({
    errors: [sfn.Errors.TASKS_FAILED],
    interval: Duration.seconds(5),
    maxAttempts: 2,
    backoffRate: 2,
  });
  read.addCatch(failed, { errors: [sfn.Errors.ALL], resultPath: '$.Failure' });
  const isRefused = sfn.Condition.and(
    sfn.Condition.isPresent(ADMISSION_PATH),
    sfn.Condition.stringEquals(ADMISSION_PATH, TRAINING_STARTS.refused),
  );
  read.next(new sfn.Choice(scope, 'May a run start?').when(isRefused, refused).otherwise(then));
  return read;
}
