/** Names, places and limits of the states that start training. Values may be tokens. */
export interface TriggerPlan {
  readonly partition: string;
  /** State machine of the pipeline. */
  readonly machineArn: string;
  /** State machine whose last model a run starts from where that is newer than the pipeline's own; undefined without one. */
  readonly baseMachineArn: string | undefined;
  readonly minIntervalMs: number;
  /** Objects whose volume starts a run; undefined where no volume does. */
  readonly newData:
    | { readonly bucketName: string; readonly prefix: string; readonly minBytes: number; readonly maxObjects: number }
    | undefined;
}

/** Reasons for which a run starts, in the input of the executions. */
export const TRAINING_TRIGGER = {
  manual: 'manual',
  schedule: 'schedule',
  newData: 'new-data',
  alarm: 'alarm',
} as const;

/** Objects in a page of a listing; a whole page of a thousand may be more than the 256 KiB of a state's result. */
const PAGE_OBJECTS = 500;

const expression = (text: string): string => `{% ${text} %}`;
const merged = (members: string): string => expression(`$merge([$states.input, {${members}}])`);

/** Members of the last execution that succeeded, if it ended after the one that is known: it, its end, and its start, before which no data is new. */
const NEWER_MODEL = expression(
  '$merge([$states.input, $states.result.Executions[$toMillis(StopDate) > $states.input.ModelAt].' +
    '{"Model": ExecutionArn, "ModelAt": $toMillis(StopDate), "Watermark": $toMillis(StartDate)}])',
);

/** Error of a start whose name another execution has. */
const NAME_IS_TAKEN = 'StepFunctions.ExecutionAlreadyExistsException';

/** Retries of transient errors and throttling. */
const RETRY = [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 5, MaxAttempts: 3, BackoffRate: 2 }];

/**
 * Definition of the state machine that starts a pipeline: not while a run is in progress, not sooner than the minimum interval after the last start,
 * and for new data not below its volume. A start by hand, `{"Trigger": "manual"}`, waits for nothing but the run in progress. Its output says whether a
 * run was started, and why not.
 */
export function triggerStates(plan: TriggerPlan): object {
  const call = (service: string): string => `arn:${plan.partition}:states:::aws-sdk:${service}`;
  const executions = (machineArn: string, status?: string) => ({
    Type: 'Task',
    Resource: call('sfn:listExecutions'),
    Arguments: {
      StateMachineArn: machineArn,
      MaxResults: 1,
      ...(status === undefined ? {} : { StatusFilter: status }),
    },
    Retry: RETRY,
  });
  const skip = (reason: string) => ({
    Type: 'Pass',
    End: true,
    Output: {
      Started: false,
      Trigger: expression('$states.input.Trigger'),
      Reason: reason,
    },
  });
  const describe = {
    Type: 'Task',
    Resource: call('sfn:describeExecution'),
    Arguments: { ExecutionArn: expression('$states.input.Model') },
    Output: merged('"ModelDataUrl": $parse($states.result.Output).ModelDataUrl'),
    Retry: RETRY,
    Next: 'Start',
  };
  const minutes = Math.round(plan.minIntervalMs / 60_000);
  return {
    Comment: 'Starts training when it is due',
    QueryLanguage: 'JSONata',
    StartAt: 'Read the trigger',
    States: {
      'Read the trigger': {
        Type: 'Pass',
        Output: {
          Trigger: expression(`$exists($states.input.Trigger) ? $states.input.Trigger : '${TRAINING_TRIGGER.manual}'`),
        },
        Next: 'Find the last run',
      },
      // Before the look at runs in progress: a run that starts between the two has the name of one after this last one.
      'Find the last run': {
        ...executions(plan.machineArn),
        Output: merged(
          '"LastStart": $count($states.result.Executions) = 0 ? 0 : $toMillis($states.result.Executions[0].StartDate), ' +
            '"LastRun": $count($states.result.Executions) = 0 ? "" : $states.result.Executions[0].ExecutionArn, ' +
            '"IsLastOpen": $count($states.result.Executions) > 0 and $states.result.Executions[0].Status = "RUNNING", ' +
            '"Model": "", "ModelAt": 0, "Watermark": 0, "NewBytes": 0, "Token": "", "Pages": 0',
        ),
        Next: 'Find a run in progress',
      },
      'Find a run in progress': {
        ...executions(plan.machineArn, 'RUNNING'),
        Output: merged('"Running": $count($states.result.Executions)'),
        Next: 'Is a run in progress?',
      },
      'Is a run in progress?': {
        Type: 'Choice',
        Choices: [
          {
            Condition: expression('$states.input.IsLastOpen or $states.input.Running > 0'),
            Next: 'A run is in progress',
          },
        ],
        Default: 'Is it too soon?',
      },
      'A run is in progress': skip('a run is in progress'),
      'Is it too soon?': {
        Type: 'Choice',
        Choices: [
          {
            Condition: expression(
              `$states.input.Trigger != '${TRAINING_TRIGGER.manual}' and $millis() - $states.input.LastStart < ${plan.minIntervalMs}`,
            ),
            Next: 'The last run is too recent',
          },
        ],
        Default: 'Find the last model',
      },
      'The last run is too recent': skip(`the last run began less than ${minutes} minutes ago`),
      'Find the last model': {
        ...executions(plan.machineArn, 'SUCCEEDED'),
        Output: NEWER_MODEL,
        Next: plan.baseMachineArn === undefined ? 'Is it about new data?' : 'Find the base model',
      },
      'Is it about new data?': {
        Type: 'Choice',
        Choices: [
          {
            Condition:
              plan.newData === undefined
                ? expression('false')
                : expression(`$states.input.Trigger = '${TRAINING_TRIGGER.newData}'`),
            Next: plan.newData === undefined ? 'Is there a model to start from?' : 'Count new data',
          },
        ],
        Default: 'Is there a model to start from?',
      },
      ...(plan.newData === undefined ? {} : countingStates(plan.newData, call)),
      'Is there a model to start from?': {
        Type: 'Choice',
        Choices: [{ Condition: expression(`$states.input.Model != ''`), Next: 'Read its output' }],
        Default: 'Start',
      },
      'Read its output': describe,
      ...(plan.baseMachineArn === undefined
        ? {}
        : {
            'Find the base model': {
              ...executions(plan.baseMachineArn, 'SUCCEEDED'),
              // Data that the base has learned is not new either.
              Output: NEWER_MODEL,
              Next: 'Has either a model?',
            },
            'Has either a model?': {
              Type: 'Choice',
              Choices: [{ Condition: expression(`$states.input.Model != ''`), Next: 'Is it about new data?' }],
              Default: 'There is no model yet',
            },
            'There is no model yet': skip('neither the pipeline nor its base has a model yet; run the base first'),
          }),
      Start: {
        Type: 'Task',
        Resource: `arn:${plan.partition}:states:::states:startExecution`,
        Arguments: {
          StateMachineArn: plan.machineArn,
          // Names are unique: of several starts that see the same last run, one succeeds, also while the list lacks its execution still.
          Name: expression(`$substring($hash('after ' & $states.input.LastRun, 'SHA-256'), 0, 32)`),
          Input: expression(
            '$merge([{"Trigger": $states.input.Trigger, "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": $states.context.Execution.Id}, ' +
              '$exists($states.input.ModelDataUrl) ? {"ModelDataUrl": $states.input.ModelDataUrl} : {}])',
          ),
        },
        Output: {
          Started: true,
          Trigger: expression('$states.input.Trigger'),
          ExecutionArn: expression('$states.result.ExecutionArn'),
        },
        Retry: [{ ErrorEquals: [NAME_IS_TAKEN], MaxAttempts: 0 }, ...RETRY],
        Catch: [
          {
            ErrorEquals: [NAME_IS_TAKEN],
            Output: { Trigger: expression('$states.input.Trigger') },
            Next: 'Another start was faster',
          },
        ],
        End: true,
      },
      'Another start was faster': skip('another trigger has started a run at the same time'),
    },
  };
}

/** States that sum the bytes of the objects that are newer than the start of the last successful run, page by page. */
function countingStates(
  { bucketName, prefix, minBytes, maxObjects }: NonNullable<TriggerPlan['newData']>,
  call: (service: string) => string,
): object {
  return {
    'Count new data': {
      Type: 'Task',
      Resource: call('s3:listObjectsV2'),
      Arguments: expression(
        `$merge([{"Bucket": '${bucketName}', "Prefix": ${JSON.stringify(prefix)}, "MaxKeys": ${PAGE_OBJECTS}}, ` +
          '$states.input.Token != "" ? {"ContinuationToken": $states.input.Token} : {}])',
      ),
      Output: merged(
        '"NewBytes": $states.input.NewBytes + $sum([$states.result.Contents[$toMillis(LastModified) > $states.input.Watermark].$number(Size)]), ' +
          '"Token": $exists($states.result.NextContinuationToken) ? $states.result.NextContinuationToken : "", ' +
          '"Pages": $states.input.Pages + 1',
      ),
      Retry: RETRY,
      Next: 'Is there enough new data?',
    },
    'Is there enough new data?': {
      Type: 'Choice',
      Choices: [
        { Condition: expression(`$states.input.NewBytes >= ${minBytes}`), Next: 'Is there a model to start from?' },
        {
          Condition: expression(
            `$states.input.Token != "" and $states.input.Pages < ${Math.ceil(maxObjects / PAGE_OBJECTS)}`,
          ),
          Next: 'Count new data',
        },
      ],
      Default: 'There is too little new data',
    },
    'There is too little new data': {
      Type: 'Pass',
      End: true,
      Output: {
        Started: false,
        Trigger: expression('$states.input.Trigger'),
        Reason: expression(
          `'there are ' & $string($states.input.NewBytes) & ' new bytes since the last model, of ${minBytes}'`,
        ),
      },
    },
  };
}
