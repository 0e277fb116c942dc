import * as fs from 'node:fs';
import * as path from 'node:path';

/** Past of an endpoint that nobody made with this package: one variant with the default name of the SageMaker SDK. */
export interface PastEndpoint {
  /** @default 2880 */
  readonly minutes?: number;
  /** Requests of a minute. @default a day with a peak */
  readonly requestsAt?: (minute: number) => number;
  /** @default 2 */
  readonly instancesAt?: (minute: number) => number;
  /** @default 0.6 */
  readonly serviceSeconds?: number;
  /** Concurrent requests that one instance serves. @default 4 */
  readonly slots?: number;
  /** @default eu-west-1 */
  readonly region?: string;
}

export const PAST_START = 1_793_577_600;
const ACCOUNT = '111122223333';
export const PAST_ENDPOINT = 'legacy';
export const PAST_VARIANT = 'AllTraffic';
export const PAST_RESOURCE = `endpoint/${PAST_ENDPOINT}/variant/${PAST_VARIANT}`;
/** Value of an environment variable that must appear in no file. */
export const PAST_SECRET = 'hunter2-do-not-copy';

const POLICY_ARN = `arn:aws:autoscaling:eu-west-1:${ACCOUNT}:scalingPolicy:6d8972f3:resource/sagemaker/${PAST_RESOURCE}:policyName/requests`;
const STEP_ARN = POLICY_ARN.replace('policyName/requests', 'policyName/emergency');

/** Responses of AWS about the endpoint as the AWS CLI prints them, by the names of their files. */
export function pastResponses({
  minutes = 2880,
  requestsAt = (minute) => Math.round(240 + 180 * Math.sin((minute / 1440) * 2 * Math.PI)),
  instancesAt = () => 2,
  serviceSeconds = 0.6,
  slots = 4,
  region = 'eu-west-1',
}: PastEndpoint = {}): { [file: string]: { [member: string]: unknown } } {
  const arn = (rest: string): string => `arn:aws:sagemaker:${region}:${ACCOUNT}:${rest}`;
  const metric = (id: string, label: string, valueAt: (minute: number) => number | undefined): object => {
    const times: string[] = [];
    const values: number[] = [];
    // Newest first, as CloudWatch has it.
    for (let minute = minutes - 1; minute >= 0; minute--) {
      const value = valueAt(minute);
      if (value === undefined) continue;
      times.push(new Date((PAST_START + 60 * minute) * 1000).toISOString().replace('.000Z', '+00:00'));
      values.push(value);
    }
    return { Id: id, Label: label, Timestamps: times, Values: values, StatusCode: 'Complete' };
  };
  const perInstance = (minute: number): number => requestsAt(minute) / (60 * instancesAt(minute));
  // Requests wait in an instance that is nearly full; it completes at most slots ÷ service requests a second.
  const secondsAt = (minute: number): number =>
    serviceSeconds * (1 + 10 * Math.max(0, (perInstance(minute) * serviceSeconds) / slots - 0.8));
  const busy = <Value>(minute: number, value: Value): Value | undefined => (requestsAt(minute) > 0 ? value : undefined);
  const concurrencyAt = (minute: number): number => perInstance(minute) * secondsAt(minute);
  const ofVariant = (part: string): string => `${part}.variant.${PAST_VARIANT}.json`;
  const scaled = { ServiceNamespace: 'sagemaker', ResourceId: PAST_RESOURCE };
  const dimension = { ScalableDimension: 'sagemaker:variant:DesiredInstanceCount' };
  return {
    'endpoint.json': {
      EndpointName: PAST_ENDPOINT,
      EndpointArn: arn(`endpoint/${PAST_ENDPOINT}`),
      EndpointConfigName: 'legacy-2025-11-03-09-12-44-120',
      EndpointStatus: 'InService',
      ProductionVariants: [
        {
          VariantName: PAST_VARIANT,
          CurrentWeight: 1,
          DesiredWeight: 1,
          CurrentInstanceCount: instancesAt(minutes - 1),
          DesiredInstanceCount: instancesAt(minutes - 1),
        },
      ],
      CreationTime: '2025-11-03T09:12:45.120000+00:00',
    },
    'endpoint-config.json': {
      EndpointConfigName: 'legacy-2025-11-03-09-12-44-120',
      EndpointConfigArn: arn('endpoint-config/legacy-2025-11-03-09-12-44-120'),
      ProductionVariants: [
        {
          VariantName: PAST_VARIANT,
          ModelName: 'legacy-model',
          InitialInstanceCount: 1,
          InstanceType: 'ml.g5.xlarge',
          InitialVariantWeight: 1,
        },
      ],
      DataCaptureConfig: { EnableCapture: true, DestinationS3Uri: `s3://bucket/${PAST_SECRET}` },
      CreationTime: 1762161164.12,
    },
    'endpoint-config-tags.json': { Tags: [{ Key: 'owner', Value: PAST_SECRET }] },
    [ofVariant('scalable-targets')]: {
      ScalableTargets: [{ ...scaled, ...dimension, MinCapacity: 1, MaxCapacity: 6, RoleARN: 'arn:aws:iam::1:role/x' }],
    },
    [ofVariant('scaling-policies')]: {
      ScalingPolicies: [
        {
          PolicyARN: POLICY_ARN,
          PolicyName: 'requests',
          ...scaled,
          ...dimension,
          PolicyType: 'TargetTrackingScaling',
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: 120,
            PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
            ScaleOutCooldown: 60,
            ScaleInCooldown: 300,
          },
          Alarms: [{ AlarmName: `TargetTracking-${PAST_RESOURCE}-AlarmHigh-1`, AlarmARN: 'arn:aws:cloudwatch:1' }],
        },
        {
          PolicyARN: STEP_ARN,
          PolicyName: 'emergency',
          ...scaled,
          ...dimension,
          PolicyType: 'StepScaling',
          StepScalingPolicyConfiguration: {
            AdjustmentType: 'ChangeInCapacity',
            StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 2 }],
            Cooldown: 120,
            MetricAggregationType: 'Maximum',
          },
          Alarms: [{ AlarmName: 'legacy too busy', AlarmARN: 'arn:aws:cloudwatch:2' }],
        },
      ],
    },
    [ofVariant('scheduled-actions')]: {
      ScheduledActions: [
        {
          ...scaled,
          ...dimension,
          ScheduledActionName: 'morning',
          Schedule: 'cron(0 7 ? * MON-FRI *)',
          Timezone: 'Europe/Dublin',
          ScalableTargetAction: { MinCapacity: 2 },
        },
      ],
    },
    [ofVariant('scaling-activities')]: { ScalingActivities: [] },
    [ofVariant('alarms')]: {
      MetricAlarms: [
        {
          AlarmName: 'legacy too busy',
          AlarmActions: [STEP_ARN, 'arn:aws:sns:eu-west-1:111122223333:pager'],
          OKActions: [],
          Namespace: 'AWS/SageMaker',
          MetricName: 'ConcurrentRequestsPerModel',
          Dimensions: [
            { Name: 'EndpointName', Value: PAST_ENDPOINT },
            { Name: 'VariantName', Value: PAST_VARIANT },
          ],
          Statistic: 'Maximum',
          Period: 60,
          EvaluationPeriods: 2,
          Threshold: 20,
          ComparisonOperator: 'GreaterThanThreshold',
          TreatMissingData: 'notBreaching',
          StateValue: 'OK',
        },
      ],
      CompositeAlarms: [],
    },
    [ofVariant('metrics')]: {
      MetricDataResults: [
        metric('invocations', 'Invocations', (minute) => busy(minute, requestsAt(minute))),
        metric('perInstance', 'InvocationsPerInstance', (minute) =>
          busy(minute, requestsAt(minute) / instancesAt(minute)),
        ),
        metric('concurrency', 'ConcurrentRequestsPerModel', concurrencyAt),
        metric('maxConcurrency', 'ConcurrentRequestsPerModel', (minute) => Math.ceil(concurrencyAt(minute))),
        metric('latency', 'ModelLatency', (minute) => busy(minute, secondsAt(minute) * 1e6)),
        metric('latencyP50', 'ModelLatency', (minute) => busy(minute, secondsAt(minute) * 0.9e6)),
        metric('latencyP90', 'ModelLatency', (minute) => busy(minute, secondsAt(minute) * 1.4e6)),
        metric('overhead', 'OverheadLatency', (minute) => busy(minute, 5000)),
        metric('errors4xx', 'Invocation4XXErrors', (minute) => busy(minute, 0)),
        metric('errors5xx', 'Invocation5XXErrors', (minute) => busy(minute, 0)),
        metric('memorySamples', 'MemoryUtilization', instancesAt),
      ],
      Messages: [],
    },
  };
}

/** Writes responses into a folder, as the AWS CLI saves them. */
export function saveResponses(
  folder: string,
  responses: { readonly [file: string]: unknown },
  encode: (text: string) => string | Buffer = (text) => text,
): string {
  fs.mkdirSync(folder, { recursive: true });
  for (const [file, response] of Object.entries(responses)) {
    fs.writeFileSync(path.join(folder, file), encode(`${JSON.stringify(response, null, 4)}\n`));
  }
  return folder;
}
