import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { TRAINING_FAILURES } from './decide/training-failure';

/** `explainTrainingFailure` as an expression of Step Functions, on `$.Failure` of a caught error. */
function explanation(): string {
  const classes = TRAINING_FAILURES.map(({ error, what, next, statuses, texts }) => ({
    error,
    what,
    next,
    statuses,
    texts,
  }));
  return `{% (
  $failure := $states.input.Failure;
  $cause := $string($failure.Cause);
  $isJson := $substring($cause, 0, 1) = '{' and $substring($cause, -1) = '}' and $contains($cause, '"TrainingJobName"');
  $parsed := $isJson ? $parse($cause) : {};
  $isJob := $exists($parsed.TrainingJobName);
  $reason := $isJob
    ? ($exists($parsed.FailureReason) ? $parsed.FailureReason : $exists($parsed.SecondaryStatus) ? $parsed.SecondaryStatus : $cause)
    : $cause;
  $text := $isJob ? $reason : $failure.Error & ' ' & $cause;
  $found := $filter(${JSON.stringify(classes)}, function($class) {
    ($isJob and $parsed.SecondaryStatus in $class.statuses) or $count($filter($class.texts, function($sign) { $contains($text, $sign) })) > 0
  })[0];
  $where := $isJob ? ' Job: ' & $parsed.TrainingJobName & ' on ' & $parsed.ResourceConfig.InstanceType & '.' : '';
  $exists($found)
    ? {"Error": $found.error, "Cause": 'The run failed: ' & $found.what & '.' & $where & ' Reason: ' & $reason & ' Next: ' & $found.next}
    : {"Error": $failure.Error, "Cause": $cause}
) %}`;
}

/** States that end an execution with the class of its failure: what failed, where, and the next step. */
export function failureStates(scope: Construct): sfn.State {
  const explain = new sfn.CustomState(scope, 'Explain the failure', {
    stateJson: { Type: 'Pass', QueryLanguage: 'JSONata', Output: explanation() },
  });
  explain.next(new sfn.Fail(scope, 'Failed', { errorPath: '$.Error', causePath: '$.Cause' }));
  return explain;
}
