import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IAsyncEndpoint } from '../inference';
import type { AsyncEndpointAlarmsProps } from './fleet-alarms-props';
import type { AlarmSet } from './alarm-set';

const FIVE_MINUTES = Duration.minutes(5);
const { MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** Returns the alarms of an asynchronous endpoint by id. */
export function asyncEndpointAlarms(endpoint: IAsyncEndpoint, props: AsyncEndpointAlarmsProps): AlarmSet {
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
        meaning: `For ${minutes} minutes there has been a backlog and no instance in service: the fleet does not scale from zero.`,
        lookAt:
          'The policy that scales from zero (scaleToZero) and the maximum, which must be above 0 (level of the cost guard); then the ' +
          'scaling activities for capacity and quota; then the log of the newest instance.',
        whatToDo:
          'Without a policy, call scaleToZero. Without capacity, add an instance type to the pools; for quota, use Service Quotas. ' +
          'Until then raise MinCapacity manually.',
      },
    },
    AsyncWait: {
      metric: endpoint.metricAgeOfOldestRequest({ statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: maxWait.toSeconds(),
      evaluationPeriods: 5,
      treatMissingData: MISSING,
      runbook: {
        meaning: `The oldest request has waited ${maxWait.toHumanString()} or longer; requests expire at their time to live.`,
        lookAt: 'The backlog and the number of instances, and the instances and their maximum.',
        whatToDo:
          'At the maximum, raise it, or the budget if the guard has lowered it. Below it, lower the target backlog per instance ' +
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
        meaning: `At least ${maxFailures} requests have failed in 5 minutes; each has an error object in the bucket.`,
        lookAt: 'The error objects below the prefix of failures, and the log group of the endpoint.',
        whatToDo:
          'After a rollout, deploy the previous version. For time-outs, give requests a longer InvocationTimeoutSeconds. Then send ' +
          'the failed requests again.',
      },
    },
    AsyncExpired: {
      metric: endpoint.metricExpiredRequests({ statistic: cloudwatch.Stats.SUM, period: FIVE_MINUTES }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'Requests have waited for their whole time to live and expired without a response.',
        lookAt: 'The age of the oldest request, the backlog and the number of instances over the last hours.',
        whatToDo:
          'Let the fleet scale out, then send the expired requests again; a larger RequestTTLSeconds gives them more time.',
      },
    },
    AsyncLostResponses: {
      metric: endpoint.metricResponseUploadFailures({ statistic: cloudwatch.Stats.SUM, period: FIVE_MINUTES }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'Responses could not be written to the bucket and are lost.',
        lookAt: 'The policy of the bucket, the key that encrypts it, and the permissions of the execution role.',
        whatToDo: 'Correct the permission, then send the requests of that time again.',
      },
    },
  };
}
