import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IAsyncEndpoint } from '../inference';
import type { AsyncEndpointAlarmsProps } from './fleet-alarms-props';
import type { RunbookAlarmProps } from './runbook-alarm';

const FIVE_MINUTES = Duration.minutes(5);
const { MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** The alarms of an asynchronous endpoint, by id. */
export function asyncEndpointAlarms(
  endpoint: IAsyncEndpoint,
  props: AsyncEndpointAlarmsProps,
): { readonly [id: string]: RunbookAlarmProps } {
  const minutes = (props.maxTimeWithoutCapacity ?? Duration.minutes(20)).toMinutes();
  const maxWait = props.maxWait ?? Duration.minutes(30);
  const maxFailures = props.maxFailures ?? 5;
  return {
    AsyncWithoutCapacity: {
      metric: endpoint.metricHasBacklogWithoutCapacity({ statistic: cloudwatch.Stats.MINIMUM }),
      threshold: 1,
      evaluationPeriods: minutes,
      treatMissingData: MISSING,
      runbook: {
        meaning: `For ${minutes} minutes requests have waited and no instance serves: the fleet does not come up from zero.`,
        lookAt:
          'Whether the fleet has a policy that wakes it (scaleToZero) and its maximum is above 0 (level of the cost guard?); then the ' +
          'scaling activities: no capacity, quota; then the log of the newest instance.',
        whatToDo:
          'Without a policy, call scaleToZero. Without capacity, add another instance type to the pools; for quota, ask in Service ' +
          'Quotas. Until then raise MinCapacity by hand.',
      },
    },
    AsyncWait: {
      metric: endpoint.metricAgeOfOldestRequest({ statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: maxWait.toSeconds(),
      evaluationPeriods: 5,
      treatMissingData: MISSING,
      runbook: {
        meaning: `The oldest request has waited ${maxWait.toHumanString()} or longer; requests expire unanswered at their time to live.`,
        lookAt: 'The backlog against the number of instances, and instances against their maximum.',
        whatToDo:
          'At the maximum, raise it, or the budget if the guard holds it. Below it, lower the backlog that an instance holds ' +
          '(scaleOnBacklog).',
      },
    },
    AsyncFailures: {
      metric: endpoint.metricInvocationFailures({ statistic: cloudwatch.Stats.SUM, period: FIVE_MINUTES }),
      threshold: maxFailures,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `At least ${maxFailures} requests have failed in 5 minutes; each is answered with an error.`,
        lookAt: 'The objects below the prefix of failures, which name the error, and the log group of the endpoint.',
        whatToDo:
          'After a rollout, deploy the version before. Time-outs: give the request a longer InvocationTimeoutSeconds. Then send the ' +
          'failed requests again.',
      },
    },
    AsyncExpired: {
      metric: endpoint.metricExpiredRequests({ statistic: cloudwatch.Stats.SUM, period: FIVE_MINUTES }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'Requests have waited for their whole time to live and were dropped without an answer.',
        lookAt: 'The age of the oldest request and the backlog against the number of instances over the last hours.',
        whatToDo:
          'Let the fleet grow, then send the dropped requests again; a larger RequestTTLSeconds gives them more time.',
      },
    },
    AsyncLostAnswers: {
      metric: endpoint.metricResponseUploadFailures({ statistic: cloudwatch.Stats.SUM, period: FIVE_MINUTES }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'Answers were computed and could not be written to the bucket: they are lost.',
        lookAt: 'The policy of the bucket, the key that encrypts it, and what the execution role may write.',
        whatToDo: 'Repair the permission, then send the requests of that time again.',
      },
    },
  };
}
