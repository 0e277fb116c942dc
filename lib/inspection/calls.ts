import {
  COMPONENTS_NAMESPACE,
  ENDPOINT_INSTANCES_NAMESPACE,
  SAGEMAKER_NAMESPACE,
  type EndpointKind,
} from '../catalog/hosting-metrics';
import { componentResourceId, SAGEMAKER_SERVICE_NAMESPACE, variantResourceId } from '../catalog/scalable-resource';
import { SECONDS_PER_DAY, type EpochSeconds } from '../core/time';
import type { InspectionWindow } from './contract';

/** Services that an inspection asks, by their names in the AWS CLI. */
export type AskedService = 'sagemaker' | 'application-autoscaling' | 'cloudwatch';

/** Read-only call, and the file that has its response among saved ones. */
export interface InspectionCall {
  /** Name of the file, which is also the name of the part. */
  readonly file: string;
  /** Description for people. */
  readonly what: string;
  readonly service: AskedService;
  readonly operation: string;
  /** Permission that the call needs. */
  readonly action: string;
  /** Members of the request. */
  readonly input: { readonly [member: string]: unknown };
  /** Filter of the AWS CLI for the response. @default - everything */
  readonly query?: string;
}

/** Variant or inference component that calls ask for. */
export interface CallSubject {
  readonly kind: 'variant' | 'component';
  readonly name: string;
  readonly endpointName: string;
}

const IAM_PREFIX: { readonly [service in AskedService]: string } = {
  sagemaker: 'sagemaker',
  'application-autoscaling': 'application-autoscaling',
  cloudwatch: 'cloudwatch',
};

function callOf(
  file: string,
  what: string,
  service: AskedService,
  operation: string,
  input: InspectionCall['input'],
): InspectionCall {
  return { file, what, service, operation, action: `${IAM_PREFIX[service]}:${operation}`, input };
}

export function endpointCall(endpointName: string): InspectionCall {
  return callOf('endpoint.json', 'the endpoint', 'sagemaker', 'DescribeEndpoint', { EndpointName: endpointName });
}

export function configCall(configName: string): InspectionCall {
  const input = { EndpointConfigName: configName };
  return callOf('endpoint-config.json', 'its configuration', 'sagemaker', 'DescribeEndpointConfig', input);
}

export function configTagsCall(configArn: string): InspectionCall {
  const input = { ResourceArn: configArn };
  return callOf('endpoint-config-tags.json', 'the tags of its configuration', 'sagemaker', 'ListTags', input);
}

export function componentsCall(endpointName: string): InspectionCall {
  const input = { EndpointNameEquals: endpointName };
  return callOf('inference-components.json', 'its inference components', 'sagemaker', 'ListInferenceComponents', input);
}

export function componentCall(name: string): InspectionCall {
  const input = { InferenceComponentName: name };
  const what = `inference component ${name}`;
  return {
    ...callOf(`inference-component.${name}.json`, what, 'sagemaker', 'DescribeInferenceComponent', input),
    // Environment variables may hold secrets; they stay out of the file.
    query:
      '{InferenceComponentName:InferenceComponentName,InferenceComponentArn:InferenceComponentArn,EndpointName:EndpointName,VariantName:VariantName,' +
      'Specification:{ModelName:Specification.ModelName,BaseInferenceComponentName:Specification.BaseInferenceComponentName,' +
      'ComputeResourceRequirements:Specification.ComputeResourceRequirements},RuntimeConfig:RuntimeConfig}',
  };
}

export function componentTagsCall(name: string, arn: string): InspectionCall {
  const what = `the tags of inference component ${name}`;
  return callOf(`inference-component-tags.${name}.json`, what, 'sagemaker', 'ListTags', { ResourceArn: arn });
}

/** Resource id of a variant or of a component. */
export function subjectResourceId({ kind, name, endpointName }: CallSubject): string {
  return kind === 'variant' ? variantResourceId(endpointName, name) : componentResourceId(name);
}

const subjectText = ({ kind, name }: CallSubject): string =>
  kind === 'variant' ? `variant ${name}` : `component ${name}`;

const subjectFile = (part: string, { kind, name }: CallSubject): string => `${part}.${kind}.${name}.json`;

function scalingCall(
  part: string,
  what: string,
  operation: string,
  subject: CallSubject,
  filter: InspectionCall['input'],
): InspectionCall {
  const input = { ServiceNamespace: SAGEMAKER_SERVICE_NAMESPACE, ...filter };
  const title = `${what} of ${subjectText(subject)}`;
  return callOf(subjectFile(part, subject), title, 'application-autoscaling', operation, input);
}

export function targetsCall(subject: CallSubject): InspectionCall {
  const filter = { ResourceIds: [subjectResourceId(subject)] };
  return scalingCall('scalable-targets', 'the scalable target', 'DescribeScalableTargets', subject, filter);
}

export function policiesCall(subject: CallSubject): InspectionCall {
  const filter = { ResourceId: subjectResourceId(subject) };
  return scalingCall('scaling-policies', 'the policies', 'DescribeScalingPolicies', subject, filter);
}

export function scheduledActionsCall(subject: CallSubject): InspectionCall {
  const filter = { ResourceId: subjectResourceId(subject) };
  return scalingCall('scheduled-actions', 'the scheduled actions', 'DescribeScheduledActions', subject, filter);
}

export function activitiesCall(subject: CallSubject): InspectionCall {
  const filter = { ResourceId: subjectResourceId(subject) };
  return scalingCall('scaling-activities', 'the scaling activities', 'DescribeScalingActivities', subject, filter);
}

/** Maximum number of alarm names in one call (API reference of DescribeAlarms). */
export const MAX_ALARM_NAMES = 100;

/**
 * Call for the alarms of the policies.
 *
 * @param alarmNames names as the policies have them; without them the AWS CLI filters by the actions of all alarms
 */
export function alarmsCall(subject: CallSubject, alarmNames?: readonly string[]): InspectionCall {
  const what = `the alarms of the policies of ${subjectText(subject)}`;
  const file = subjectFile('alarms', subject);
  const types = { AlarmTypes: ['MetricAlarm'] };
  if (alarmNames !== undefined) {
    return callOf(file, what, 'cloudwatch', 'DescribeAlarms', { AlarmNames: alarmNames, ...types });
  }
  const action = `:resource/sagemaker/${subjectResourceId(subject)}:`;
  return {
    ...callOf(file, what, 'cloudwatch', 'DescribeAlarms', types),
    query: `{MetricAlarms:MetricAlarms[?contains(join(',',AlarmActions),'${action}')]}`,
  };
}

/** Ids of the metrics of a fleet in GetMetricData. */
export const METRIC_IDS = [
  'invocations',
  'perInstance',
  'concurrency',
  'maxConcurrency',
  'latency',
  'latencyP50',
  'latencyP90',
  'overhead',
  'errors4xx',
  'errors5xx',
  'memorySamples',
] as const;

export type MetricQueryId = (typeof METRIC_IDS)[number];

interface MetricQuery {
  readonly namespace: string;
  readonly metricName: string;
  readonly statistic: string;
}

/** Metrics of variants (developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch"). */
const VARIANT_QUERIES: { readonly [id in MetricQueryId]: MetricQuery } = {
  invocations: { namespace: SAGEMAKER_NAMESPACE, metricName: 'Invocations', statistic: 'Sum' },
  perInstance: { namespace: SAGEMAKER_NAMESPACE, metricName: 'InvocationsPerInstance', statistic: 'Sum' },
  concurrency: { namespace: SAGEMAKER_NAMESPACE, metricName: 'ConcurrentRequestsPerModel', statistic: 'Average' },
  maxConcurrency: { namespace: SAGEMAKER_NAMESPACE, metricName: 'ConcurrentRequestsPerModel', statistic: 'Maximum' },
  latency: { namespace: SAGEMAKER_NAMESPACE, metricName: 'ModelLatency', statistic: 'Average' },
  latencyP50: { namespace: SAGEMAKER_NAMESPACE, metricName: 'ModelLatency', statistic: 'p50' },
  latencyP90: { namespace: SAGEMAKER_NAMESPACE, metricName: 'ModelLatency', statistic: 'p90' },
  overhead: { namespace: SAGEMAKER_NAMESPACE, metricName: 'OverheadLatency', statistic: 'Average' },
  errors4xx: { namespace: SAGEMAKER_NAMESPACE, metricName: 'Invocation4XXErrors', statistic: 'Sum' },
  errors5xx: { namespace: SAGEMAKER_NAMESPACE, metricName: 'Invocation5XXErrors', statistic: 'Sum' },
  memorySamples: {
    namespace: ENDPOINT_INSTANCES_NAMESPACE,
    metricName: 'MemoryUtilization',
    statistic: 'SampleCount',
  },
};

/** Names of the metrics of inference components where they differ from those of variants. */
const COMPONENT_QUERIES: typeof VARIANT_QUERIES = {
  ...VARIANT_QUERIES,
  perInstance: { ...VARIANT_QUERIES.perInstance, metricName: 'InvocationsPerCopy' },
  concurrency: { ...VARIANT_QUERIES.concurrency, metricName: 'ConcurrentRequestsPerCopy' },
  maxConcurrency: { ...VARIANT_QUERIES.maxConcurrency, metricName: 'ConcurrentRequestsPerCopy' },
  memorySamples: {
    namespace: COMPONENTS_NAMESPACE,
    metricName: 'MemoryUtilizationNormalized',
    statistic: 'SampleCount',
  },
};

/** Names where asynchronous endpoints, which publish no `Invocations`, differ (developer guide, "Monitor asynchronous endpoint"). */
const ASYNC_QUERIES: typeof VARIANT_QUERIES = {
  ...VARIANT_QUERIES,
  invocations: { ...VARIANT_QUERIES.invocations, metricName: 'InvocationsProcessed' },
};

/** Name of the metric of an id, as CloudWatch labels its results unless told otherwise. */
export function metricNameOf(id: MetricQueryId, kind: EndpointKind): string {
  return queriesOf(kind)[id].metricName;
}

function queriesOf(kind: EndpointKind): typeof VARIANT_QUERIES {
  if (kind === 'inference-component') return COMPONENT_QUERIES;
  return kind === 'async' ? ASYNC_QUERIES : VARIANT_QUERIES;
}

/** Call for the metrics of a fleet in a window. */
export function metricsCall(
  subject: CallSubject,
  kind: EndpointKind,
  { start, end, periodSeconds }: InspectionWindow,
): InspectionCall {
  const queries = queriesOf(kind);
  const dimensions: { readonly [name: string]: string } =
    subject.kind === 'component'
      ? { InferenceComponentName: subject.name }
      : { EndpointName: subject.endpointName, VariantName: subject.name };
  return callOf(
    subjectFile('metrics', subject),
    `the metrics of ${subjectText(subject)}`,
    'cloudwatch',
    'GetMetricData',
    {
      StartTime: new Date(start * 1000).toISOString().replace('.000Z', 'Z'),
      EndTime: new Date(end * 1000).toISOString().replace('.000Z', 'Z'),
      MetricDataQueries: METRIC_IDS.map((id) => ({
        Id: id,
        MetricStat: {
          Metric: {
            Namespace: queries[id].namespace,
            MetricName: queries[id].metricName,
            Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          },
          Period: periodSeconds,
          Stat: queries[id].statistic,
        },
      })),
    },
  );
}

/**
 * Times for which CloudWatch keeps periods, finest first. SageMaker publishes requests once a minute, so that nothing finer has more.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
 */
const RETENTION: readonly (readonly [periodSeconds: number, days: number])[] = [
  [60, 15],
  [300, 63],
  [3600, 455],
];

/** Maximum number of days back that CloudWatch has metrics of. */
export const MAX_DAYS = 455;

/** Time that CloudWatch may take to have all values of a period; the last minutes are left out. */
const PUBLICATION_SECONDS = 180;

/** Time ahead for which {@link futureCall} looks: a clock that runs thirty times as fast is that far ahead after half a day. */
const FUTURE_SECONDS = 15 * SECONDS_PER_DAY;

/** Call for the newest requests of a fleet after the end of the window of its metrics: AWS has none there, an engine whose clock runs faster has. */
export function futureCall(metrics: InspectionCall): InspectionCall {
  const { EndTime, MetricDataQueries } = metrics.input as {
    readonly EndTime: string;
    readonly MetricDataQueries: readonly { readonly Id: string }[];
  };
  const until = new Date(Date.parse(EndTime) + FUTURE_SECONDS * 1000).toISOString();
  return {
    ...metrics,
    input: {
      StartTime: EndTime,
      EndTime: until,
      MetricDataQueries: MetricDataQueries.filter(({ Id }) => Id === 'invocations'),
      ScanBy: 'TimestampDescending',
    },
  };
}

/** Window of the last days up to a datapoint, which is the newest there is. */
export function windowUpTo(newest: EpochSeconds, days: number): InspectionWindow {
  const { periodSeconds } = windowBefore(newest, days);
  return windowBefore((Math.floor(newest / periodSeconds) + 1) * periodSeconds + PUBLICATION_SECONDS, days);
}

/** Window of the last days before a moment, at the finest period that CloudWatch still keeps for all of it. */
export function windowBefore(now: EpochSeconds, days: number): InspectionWindow {
  const [periodSeconds] = RETENTION.find(([, kept]) => days <= kept) ?? [3600];
  const end = Math.floor((now - PUBLICATION_SECONDS) / periodSeconds) * periodSeconds;
  const start = Math.floor((end - days * SECONDS_PER_DAY) / periodSeconds) * periodSeconds;
  return { start, end, periodSeconds };
}
