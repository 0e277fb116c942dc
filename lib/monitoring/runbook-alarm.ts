import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { throwProblems } from '../core/errors';

/** What someone woken by an alarm needs to know. */
export interface RunbookEntry {
  /** What it means that the alarm went off. */
  readonly meaning: string;

  /** Where to look first. */
  readonly lookAt: string;

  /** What to do about it. */
  readonly whatToDo: string;
}

/** Properties of {@link RunbookAlarm}. */
export interface RunbookAlarmProps {
  /** What is watched. */
  readonly metric: cloudwatch.IMetric;

  /** The value that the metric must not reach. */
  readonly threshold: number;

  /**
   * How metric and threshold compare.
   *
   * @default ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
   */
  readonly comparisonOperator?: cloudwatch.ComparisonOperator;

  /** How many of the metric's periods are looked at. */
  readonly evaluationPeriods: number;

  /**
   * How many of them must be past the threshold.
   *
   * @default - all of them
   */
  readonly datapointsToAlarm?: number;

  /** What a period without data means; a choice without a default, as the wrong one hides an outage or invents one. */
  readonly treatMissingData: cloudwatch.TreatMissingData;

  /** What someone woken by the alarm needs to know; becomes the alarm's description. */
  readonly runbook: RunbookEntry;

  /**
   * Who is told, when the alarm goes off and when it is over.
   *
   * @default - nobody
   */
  readonly topic?: sns.ITopic;
}

/** The longest description an alarm may have (API reference of PutMetricAlarm). */
const LONGEST_DESCRIPTION = 1024;

/**
 * An alarm that says what to do.
 *
 * Creates an alarm whose description is its runbook entry: what it means, what to look at, what to do.
 *
 * @example
 * new monitoring.RunbookAlarm(this, 'Errors', {
 *   metric: endpoint.metric5xx(), threshold: 1, evaluationPeriods: 5,
 *   treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
 *   runbook: { meaning: 'The model fails.', lookAt: 'Its log group.', whatToDo: 'Roll back.' },
 * });
 */
export class RunbookAlarm extends cloudwatch.Alarm {
  /** What someone woken by the alarm needs to know. */
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
    .map(([name]) => `runbook.${name} is empty; say in a sentence what someone woken at night needs to know`);
  if (text.length > LONGEST_DESCRIPTION)
    problems.push(
      `the runbook entry has ${text.length} characters; ${LONGEST_DESCRIPTION} are allowed, so shorten it or link to the rest`,
    );
  return problems;
}
