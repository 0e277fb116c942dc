import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IServerlessEndpoint } from '../inference';
import type { ServerlessEndpointAlarmsProps } from './fleet-alarms-props';
import type { AlarmSet } from './alarm-set';

const { MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** Returns the alarms of a serverless endpoint by id; the one on provisioned concurrency only where there is some. */
export function serverlessEndpointAlarms(
  endpoint: IServerlessEndpoint,
  props: ServerlessEndpointAlarmsProps,
): AlarmSet {
  const maxErrorRatio = props.maxErrorRatio ?? 0.05;
  const maxModelLatency = props.maxModelLatency ?? Duration.seconds(20);
  return {
    ServerlessErrors: {
      metric: endpoint.metric5xx({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxErrorRatio,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `At least ${maxErrorRatio * 100} % of the requests to the endpoint end with a server error.`,
        lookAt: 'The log group /aws/sagemaker/Endpoints/<endpoint>, memory utilization, and the last rollout.',
        whatToDo:
          'After a rollout, deploy the previous version. At the limit of its memory, choose the next memory size.',
      },
    },
    ServerlessLatency: {
      metric: endpoint.metricModelLatency({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxModelLatency.toMilliseconds() * 1000,
      evaluationPeriods: 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `The mean latency of the model is ${maxModelLatency.toHumanString()} or more; a request fails at 60 seconds.`,
        lookAt: 'ModelSetupTime (cold starts are not part of the latency), then memory utilization.',
        whatToDo: 'Raise the memory size, which adds CPU, or move the model to instances with GPUs.',
      },
    },
    ServerlessFull: {
      metric: endpoint.metricConcurrencyUtilization({ statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: 1,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: MISSING,
      runbook: {
        meaning: 'The endpoint is at its maximum concurrency; further requests are throttled.',
        lookAt:
          'Invocation4XXErrors for throttled requests, and ModelLatency: slow requests occupy concurrency longer.',
        whatToDo: 'Raise maxConcurrency (at most 200, and the quota of the account), and let callers retry.',
      },
    },
    ...(endpoint.initialCapacity === 0
      ? {}
      : {
          ServerlessSpillover: {
            metric: endpoint.metricProvisionedConcurrencySpillover({ statistic: cloudwatch.Stats.SUM }),
            threshold: 1,
            evaluationPeriods: 15,
            treatMissingData: NOT_BREACHING,
            runbook: {
              meaning:
                'For 15 minutes requests have exceeded the provisioned concurrency and may have waited for cold starts.',
              lookAt: 'Provisioned concurrency, its maximum and its scaling policy.',
              whatToDo: 'Raise the maximum, or lower targetUtilizationRatio of scaleOnProvisionedConcurrency.',
            },
          },
        }),
  };
}
