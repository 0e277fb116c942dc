import { Aws, Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';

/** Error of an execution that found an earlier one in progress. */
const RUN_IN_PROGRESS = 'Tidegate.RunInProgress';

/** Time after which executions that began together are in each other's list, which is eventually consistent. */
const SETTLING = Duration.seconds(3);

/** The first of the executions in progress goes on; of two that began in the same millisecond, the one whose ARN comes first. */
const OUTPUT = `{% (
  $own := $states.context.Execution.Id;
  $began := $toMillis($states.context.Execution.StartTime);
  $earlier := $states.result.Executions[
    $toMillis(StartDate) < $began or ($toMillis(StartDate) = $began and ExecutionArn < $own)
  ];
  {
    "Earlier": $count($earlier),
    "Cause": 'An execution that began earlier is in progress, and two at a time would learn the same data twice: ' & $earlier[0].ExecutionArn &
      '. Wait until it has ended, or stop it, then start again.'
  }
) %}`;

/** Builds states that go on at `then` in the execution that began first of those in progress, and end every other one without a job. */
export function runAloneStates(
  scope: Construct,
  { then, onFailure }: { readonly then: sfn.IChainable; readonly onFailure: sfn.State },
): sfn.IChainable {
  const find = new sfn.CustomState(scope, 'Find earlier runs', {
    stateJson: {
      Type: 'Task',
      QueryLanguage: 'JSONata',
      Resource: `arn:${Aws.PARTITION}:states:::aws-sdk:sfn:listExecutions`,
      Arguments: {
        StateMachineArn: '{% $states.context.StateMachine.Id %}',
        StatusFilter: 'RUNNING',
        MaxResults: 1000,
      },
      Output: OUTPUT,
      Retry: [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 5, MaxAttempts: 3, BackoffRate: 2 }],
      Catch: [
        { ErrorEquals: ['States.ALL'], Output: { Failure: '{% $states.errorOutput %}' }, Next: onFailure.stateId },
      ],
    },
  });
  const wait = new sfn.Wait(scope, 'Let runs that began together appear', { time: sfn.WaitTime.duration(SETTLING) });
  wait
    .next(find)
    .next(
      new sfn.Choice(scope, 'Is an earlier run in progress?')
        .when(
          sfn.Condition.numberGreaterThan('$.Earlier', 0),
          new sfn.Fail(scope, 'A run is in progress', { error: RUN_IN_PROGRESS, causePath: '$.Cause' }),
        )
        .otherwise(then),
    );
  return wait;
}
