import { Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { jobAttempts, type JobPlan } from '../training/training-states';
import type { RolloutStep } from './contract';

/** Settings of the states. Values may be tokens. */
export interface RolloutPlan {
  /** Function that makes the decisions and changes the endpoint. */
  readonly handlerArn: string;
  readonly evaluation: JobPlan;
  /** Time that a shadow receives requests; undefined without a shadow. */
  readonly shadowSeconds?: number;
}

/** Paths of the artifacts that the evaluation reads. */
export const CANDIDATE_PATH = '$.candidate.modelDataUrl';
export const LIVE_PATH = '$.liveModelDataUrl';

/** Folder of the reports of an execution. */
const EVALUATION_ID = "States.Hash($$.Execution.Id, 'MD5')";

/** Time between two looks at an endpoint that is being updated. */
const LOOK = Duration.seconds(30);

/** Time before an update is tried again that another change of the endpoint has kept from beginning. */
const RETRY = Duration.minutes(1);

/** Errors of Lambda itself (developer guide of Step Functions, "Handle transient Lambda service exceptions"). */
const LAMBDA_ERRORS = [
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
];

/**
 * Builds the states of a rollout: look the version up, measure it beside the live model, let the gate decide, show it to a shadow, update the
 * endpoint, and write down what it serves. An execution that fails once it may have changed the endpoint takes its shadow and alarms away first.
 */
export function rolloutStates(scope: Construct, plan: RolloutPlan): sfn.IChainable {
  const failed = new sfn.Fail(scope, 'Failed', { errorPath: '$.Failure.Error', causePath: '$.Failure.Cause' });
  const rolledBack = new sfn.Fail(scope, 'Rolled back', { error: 'Tidegate.RolledBack', causePath: '$.cause' });
  const output = new sfn.Pass(scope, 'Output', { outputPath: '$.output' });

  const step = (id: string, name: RolloutStep, otherwise: sfn.IChainable): sfn.CustomState =>
    new sfn.CustomState(scope, id, {
      stateJson: {
        Type: 'Task',
        Resource: plan.handlerArn,
        Parameters: {
          step: name,
          'execution.$': '$$.Execution.Id',
          'evaluation.$': EVALUATION_ID,
          'state.$': '$',
        },
      },
    })
      .addRetry({ errors: LAMBDA_ERRORS, interval: Duration.seconds(2), maxAttempts: 5, backoffRate: 2 })
      .addCatch(otherwise, { errors: [sfn.Errors.ALL], resultPath: '$.Failure' });
  const isNext = (action: string): sfn.Condition => sfn.Condition.stringEquals('$.action', action);
  // The cause stays that of the failure before it.
  const ended = new sfn.Choice(scope, 'Why did it fail?')
    .when(sfn.Condition.isPresent('$.Failure'), failed)
    .otherwise(rolledBack);
  const leave = step('Leave the endpoint', 'leave', ended);
  const left = new sfn.Choice(scope, 'Is it left?');
  const waitToLeave = new sfn.Wait(scope, 'Wait to leave', { time: sfn.WaitTime.duration(RETRY) });
  leave.next(left.when(isNext('retry'), waitToLeave).when(isNext('end'), output));
  waitToLeave.next(leave);
  const update = (id: string, name: 'shadow' | 'deploy', next: sfn.IChainable): sfn.CustomState => {
    const wait = new sfn.Wait(scope, `Wait for ${id}`, { time: sfn.WaitTime.duration(LOOK) });
    const observe = step(`Observe ${id}`, 'observe', leave);
    observe.next(
      new sfn.Choice(scope, `Is ${id} over?`)
        .when(isNext('wait'), wait)
        .when(isNext('fail'), leave)
        .when(isNext('end'), output)
        .otherwise(next),
    );
    const change = step(name === 'deploy' ? 'Update the endpoint' : 'Add the shadow', name, leave);
    // Another change of the endpoint is in progress: a deployment of the stack, or another rollout.
    const retry = new sfn.Wait(scope, `Wait before ${id}`, { time: sfn.WaitTime.duration(RETRY) });
    change.next(new sfn.Choice(scope, `Has ${id} begun?`).when(isNext('retry'), retry).otherwise(wait));
    retry.next(change);
    wait.next(observe);
    return change;
  };

  const record = step('Record', 'record', leave);
  record.next(output);
  const deploy = update('the update', 'deploy', record);
  left.when(isNext('deploy'), deploy).otherwise(ended);
  const judge = step('Judge', 'judge', failed);
  const decision = new sfn.Choice(scope, 'Does it pass?').when(isNext('end'), output);
  if (plan.shadowSeconds !== undefined) {
    const compare = step('Compare the shadow', 'compare', leave);
    compare.next(deploy);
    const receive = new sfn.Wait(scope, 'Receive requests', {
      time: sfn.WaitTime.duration(Duration.seconds(plan.shadowSeconds)),
    });
    receive.next(compare);
    decision.when(isNext('shadow'), update('the shadow', 'shadow', receive));
  }
  judge.next(decision.otherwise(deploy));

  const evaluate = jobAttempts(scope, plan.evaluation, { then: judge, failed }, 'Evaluate');
  const begin = step('Begin', 'begin', failed);
  begin.next(
    new sfn.Choice(scope, 'What to do?')
      .when(isNext('evaluate'), evaluate)
      .when(isNext('deploy'), deploy)
      .when(isNext('leave'), leave)
      .otherwise(output),
  );
  return begin;
}
