import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IServerlessEndpoint } from '../inference';
import type { ServerlessEndpointAlarmsProps } from './fleet-alarms-props';
import type { RunbookAlarmProps } from './runbook-alarm';

const { MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** The alarms of a serverless endpoint, by id; the one on provisioned concurrency only where there is some. */
export function serverlessEndpointAlarms(
  endpoint: IServerlessEndpoint,
  props: ServerlessEndpointAlarmsProps,
): { readonly [id: string]: RunbookAlarmProps } {
  const maxErrorRate = props.maxErrorRate ?? 0.05;
  const maxModelLatency = props.maxModelLatency ?? Duration.seconds(20);
  return {
    ServerlessErrors: {
      metric: endpoint.metric5xx({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxErrorRate,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `At least ${maxErrorRate * 100} % of the requests to the endpoint fail as the server's fault.`,
        lookAt: 'The log group /aws/sagemaker/Endpoints/<endpoint>, the use of its memory, and the last rollout.',
        whatToDo: 'After a rollout, deploy the version before. At the limit of its memory, give it the next size.',
      },
    },
    ServerlessLatency: {
      metric: endpoint.metricModelLatency({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxModelLatency.toMilliseconds() * 1000,
      evaluationPeriods: 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `A request takes the model ${maxModelLatency.toHumanString()} or longer on average; at 60 seconds it fails.`,
        lookAt: 'ModelSetupTime (cold starts are not part of the latency), then the use of the memory.',
        whatToDo: 'Give it more memory, which brings more processors, or move the model to instances with GPUs.',
      },
    },
    ServerlessFull: {
      metric: endpoint.metricConcurrencyUtilization({ statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: 1,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: MISSING,
      runbook: {
        meaning: 'The endpoint answers as many requests at once as it may; further ones are throttled.',
        lookAt: 'Invocation4XXErrors for what was refused, and ModelLatency: slow requests hold places longer.',
        whatToDo: 'Raise maxConcurrency (200 at most, and the quota of the account), and let callers try again.',
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
                'For 15 minutes requests have found no provisioned concurrency and may have waited for cold starts.',
              lookAt: 'Provisioned concurrency against its maximum, and whether it is scaled at all.',
              whatToDo: 'Raise the maximum, or lower targetUtilization of scaleOnProvisionedConcurrency.',
            },
          },
        }),
  };
}
