import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { AlarmSet } from './alarm-set';
import type { RunbookEntry } from './runbook-alarm';

const { NOT_BREACHING } = cloudwatch.TreatMissingData;

/** Returns the alarm on errors of a handler. */
export function handlerAlarms(id: string, handler: lambda.IFunction, meaning: string): AlarmSet {
  return {
    [`${id}HandlerErrors`]: {
      metric: handler.metricErrors({ statistic: cloudwatch.Stats.SUM, period: Duration.minutes(1) }),
      threshold: 1,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning,
        lookAt: "The handler's log group: the last line of level error has the cause.",
        whatToDo:
          'AccessDenied: grant the role the action in the error. Time-outs: check the service that responds late.',
      },
    },
  };
}

/** Returns the alarm on messages in a dead-letter queue. */
export function deadLetterAlarms(id: string, queue: sqs.IQueue, runbook: RunbookEntry): AlarmSet {
  return {
    [`${id}DeadLetters`]: {
      metric: queue.metricApproximateNumberOfMessagesVisible({
        statistic: cloudwatch.Stats.MAXIMUM,
        period: Duration.minutes(1),
      }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook,
    },
  };
}
