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
 * endpoint, and write down what it serves.
 */
export function rolloutStates(scope: Construct, plan: RolloutPlan): sfn.IChainable {
  const failed = new sfn.Fail(scope, 'Failed', { errorPath: '$.Failure.Error', causePath: '$.Failure.Cause' });
  const rolledBack = new sfn.Fail(scope, 'Rolled back', { error: 'Tidegate.RolledBack', causePath: '$.cause' });
  const output = new sfn.Pass(scope, 'Output', { outputPath: '$.output' });

  const step = (id: string, name: RolloutStep): sfn.CustomState =>
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
      .addCatch(failed, { errors: [sfn.Errors.ALL], resultPath: '$.Failure' });
  const isNext = (action: string): sfn.Condition => sfn.Condition.stringEquals('$.action', action);
  const update = (id: string, name: 'shadow' | 'deploy', next: sfn.IChainable): sfn.CustomState => {
    const wait = new sfn.Wait(scope, `Wait for ${id}`, { time: sfn.WaitTime.duration(LOOK) });
    const observe = step(`Observe ${id}`, 'observe');
    observe.next(
      new sfn.Choice(scope, `Is ${id} over?`)
        .when(isNext('wait'), wait)
        .when(isNext('fail'), rolledBack)
        .when(isNext('end'), output)
        .otherwise(next),
    );
    const change = step(name === 'deploy' ? 'Update the endpoint' : 'Add the shadow', name);
    // Another change of the endpoint is in progress: a deployment of the stack, or another rollout.
    const retry = new sfn.Wait(scope, `Wait before ${id}`, { time: sfn.WaitTime.duration(RETRY) });
    change.next(new sfn.Choice(scope, `Has ${id} begun?`).when(isNext('retry'), retry).otherwise(wait));
    retry.next(change);
    wait.next(observe);
    return change;
  };

  const record = step('Record', 'record');
  record.next(output);
  const deploy = update('the update', 'deploy', record);
  const judge = step('Judge', 'judge');
  const decision = new sfn.Choice(scope, 'Does it pass?').when(isNext('end'), output);
  if (plan.shadowSeconds !== undefined) {
    const compare = step('Compare the shadow', 'compare');
    compare.next(deploy);
    const receive = new sfn.Wait(scope, 'Receive requests', {
      time: sfn.WaitTime.duration(Duration.seconds(plan.shadowSeconds)),
    });
    receive.next(compare);
    decision.when(isNext('shadow'), update('the shadow', 'shadow', receive));
  }
  judge.next(decision.otherwise(deploy));

  const evaluate = jobAttempts(scope, plan.evaluation, { then: judge, failed }, 'Evaluate');
  const begin = step('Begin', 'begin');
  begin.next(
    new sfn.Choice(scope, 'What to do?')
      .when(isNext('evaluate'), evaluate)
      .when(isNext('deploy'), deploy)
      .otherwise(output),
  );
  return begin;
}
