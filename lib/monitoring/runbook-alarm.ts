import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { throwProblems } from '../core/errors';

/** Runbook entry of an alarm, for the engineer on call. */
export interface RunbookEntry {
  /** Meaning of the alarm. */
  readonly meaning: string;

  /** First places to look at. */
  readonly lookAt: string;

  /** Steps that resolve the alarm. */
  readonly whatToDo: string;
}

/** Properties of {@link RunbookAlarm}. */
export interface RunbookAlarmProps {
  /** Metric to evaluate. */
  readonly metric: cloudwatch.IMetric;

  /** Threshold that the metric is compared with. */
  readonly threshold: number;

  /**
   * Comparison of metric and threshold.
   *
   * @default ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
   */
  readonly comparisonOperator?: cloudwatch.ComparisonOperator;

  /** Number of periods to evaluate. */
  readonly evaluationPeriods: number;

  /**
   * Number of periods that must breach the threshold.
   *
   * @default - all of them
   */
  readonly datapointsToAlarm?: number;

  /** Treatment of periods without data; required, because the wrong one hides an outage or reports a false one. */
  readonly treatMissingData: cloudwatch.TreatMissingData;

  /** Runbook entry, which becomes the description of the alarm. */
  readonly runbook: RunbookEntry;

  /**
   * Topic for notifications of the states ALARM and OK.
   *
   * @default - no notification
   */
  readonly topic?: sns.ITopic;
}

/** Maximum length of an alarm's description (API reference of PutMetricAlarm). */
const MAX_DESCRIPTION_LENGTH = 1024;

/**
 * Alarm with a runbook entry.
 *
 * Creates an alarm whose description is its runbook entry: meaning, places to look at, and steps.
 *
 * @example
 * new monitoring.RunbookAlarm(this, 'Errors', {
 *   metric: endpoint.metric5xx(), threshold: 1, evaluationPeriods: 5,
 *   treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
 *   runbook: { meaning: 'The model fails.', lookAt: 'Its log group.', whatToDo: 'Roll back.' },
 * });
 */
export class RunbookAlarm extends cloudwatch.Alarm {
  /** Runbook entry of the alarm. */
  public readonly runbook: RunbookEntry;

  public constructor(scope: Construct, id: string, props: RunbookAlarmProps) {
    const alarmDescription = description(props.runbook);
    throwProblems(`${scope.node.path}/${id}`, checkRunbook(props.runbook, alarmDescription));
    super(scope, id, {
      alarmDescription,
      metric: props.metric,
      threshold: props.threshold,
      comparisonOperator: props.comparisonOperator ?? cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: props.evaluationPeriods,
      datapointsToAlarm: props.datapointsToAlarm ?? props.evaluationPeriods,
      treatMissingData: props.treatMissingData,
    });
    this.runbook = props.runbook;
    if (props.topic !== undefined) {
      const action = new SnsAction(props.topic);
      this.addAlarmAction(action);
      this.addOkAction(action);
    }
  }
}

function description({ meaning, lookAt, whatToDo }: RunbookEntry): string {
  return `Meaning: ${meaning}\nLook at: ${lookAt}\nDo: ${whatToDo}`;
}

function checkRunbook(runbook: RunbookEntry, text: string): string[] {
  const problems = Object.entries(runbook)
    .filter(([, part]: [string, string]) => part.trim() === '')
    .map(([name]) => `runbook.${name} is empty; give the engineer on call a sentence`);
  if (text.length > MAX_DESCRIPTION_LENGTH)
    problems.push(
      `the runbook entry has ${text.length} characters; ${MAX_DESCRIPTION_LENGTH} are allowed, so shorten it or link to the rest`,
    );
  return problems;
}
