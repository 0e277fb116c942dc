import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IGpuEndpoint } from '../inference';
import type { EndpointAlarmsProps } from './fleet-alarms-props';
import type { AlarmSet } from './alarm-set';

const { MISSING, NOT_BREACHING } = cloudwatch.TreatMissingData;

/** Returns the alarms of a real-time endpoint by id. */
export function endpointAlarms(endpoint: IGpuEndpoint, props: EndpointAlarmsProps): AlarmSet {
  const maxErrorRatio = props.maxErrorRatio ?? 0.05;
  const maxModelLatency = props.maxModelLatency ?? Duration.seconds(20);
  const overloadMinutes = (props.maxOverload ?? Duration.minutes(15)).toMinutes();
  return {
    EndpointErrors: {
      metric: endpoint.metric5xx({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxErrorRatio,
      evaluationPeriods: 5,
      datapointsToAlarm: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `At least ${maxErrorRatio * 100} % of the requests to the endpoint end with a server error.`,
        lookAt:
          'The log group /aws/sagemaker/Endpoints/<endpoint> and the last rollout. A single faulty instance shows as a constant ' +
          'share of errors (GPU lost, XID in the log).',
        whatToDo:
          'After a rollout, deploy the previous version. To replace a faulty instance, raise the minimum by one and lower it again.',
      },
    },
    EndpointLatency: {
      metric: endpoint.metricModelLatency({ statistic: cloudwatch.Stats.AVERAGE }),
      threshold: maxModelLatency.toMilliseconds() * 1000,
      evaluationPeriods: 5,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `The mean latency of the model is ${maxModelLatency.toHumanString()} or more; a request fails at 60 seconds.`,
        lookAt: 'Demand and capacity on the dashboard, then tokens per request, then GPU utilization.',
        whatToDo:
          'If instances are full, see the alarm on the capacity gap. If not, requests have become longer: lower the target ' +
          'concurrency per instance, or repeat the load test.',
      },
    },
    CapacityGap: {
      metric: endpoint.metricConcurrentRequests({ statistic: cloudwatch.Stats.MAXIMUM }),
      threshold: endpoint.maxConcurrencyPerInstance,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: overloadMinutes,
      treatMissingData: MISSING,
      runbook: {
        meaning:
          `For ${overloadMinutes} minutes an instance has had more than ${endpoint.maxConcurrencyPerInstance} concurrent requests, the ` +
          "endpoint's maxConcurrencyPerInstance: requests queue and the scale-out is not sufficient.",
        lookAt:
          'Instances and their maximum on the dashboard. At the maximum: the level of the cost guard, which may have lowered it. ' +
          'Below it: scale events of kind capacity-error, and the quota of the instance type.',
        whatToDo:
          'At the maximum, raise it, or the budget if the guard has lowered it. Without capacity, add an instance type to the pools ' +
          'or request quota. If latency is good, the value is too low: take that of a load test.',
      },
    },
  };
}
