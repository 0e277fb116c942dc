import { METRIC_NAMESPACE } from '../core/metric-namespace';
import {
  BASELINE_KEY,
  DRIFT_SCORE_METRIC,
  DRIFT_STATUS,
  DRIFTED_COLUMNS_METRIC,
  EVALUATED_ROWS_METRIC,
  MONITOR_DIMENSION,
  REPORTS_PREFIX,
} from './contract';
import type { DriftSettings } from './drift-monitor-props';

/** Names and places of the states. Values may be tokens. */
export interface DriftPlan {
  readonly partition: string;
  readonly monitorName: string;
  /** Prefix of the names of the jobs with its terminator. */
  readonly jobNamePrefix: string;
  readonly capturedBucket: string;
  readonly capturedPrefix: string;
  readonly reportsBucket: string;
  /** Location of the rows of the baseline; undefined where the first hour is the baseline. */
  readonly baselineUri: string | undefined;
  readonly image: string;
  readonly roleArn: string;
  readonly scriptUri: string;
  /** Name of the script's object. */
  readonly scriptName: string;
  readonly settings: DriftSettings;
}

/** Folder of the container in which a job has its inputs and outputs. */
const PROCESSING = '/opt/ml/processing';

const HOUR_MS = 3_600_000;

const expression = (text: string): string => `{% ${text} %}`;

/** Retries of transient errors and throttling. */
const RETRY = [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 5, MaxAttempts: 2, BackoffRate: 2 }];
const FAIL = [
  {
    ErrorEquals: ['States.ALL'],
    Next: 'Failed',
    Output: expression('{"Error": $states.errorOutput.Error, "Cause": $string($states.errorOutput.Cause)}'),
  },
];

/**
 * Definition of the state machine. An execution evaluates the hour before its start, or the `Hour` of its input (`2026/12/01/08`); with
 * `{"Rebaseline": true}` that hour, or the rows of the baseline, become the baseline.
 */
export function driftStates(plan: DriftPlan): object {
  const call = (service: string): string => `arn:${plan.partition}:states:::aws-sdk:${service}`;
  const objects = (bucket: string, prefix: string) => ({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 });
  const metrics = (data: readonly { readonly MetricName: string; readonly Value: unknown }[]) => ({
    Type: 'Task',
    Resource: call('cloudwatch:putMetricData'),
    Arguments: {
      Namespace: METRIC_NAMESPACE,
      MetricData: data.map((datum) => ({
        ...datum,
        Dimensions: [{ Name: MONITOR_DIMENSION, Value: plan.monitorName }],
      })),
    },
    Retry: RETRY,
    Catch: FAIL,
    Output: expression('$states.input'),
  });

  return {
    Comment: 'Compares the traffic of an hour with a baseline',
    QueryLanguage: 'JSONata',
    StartAt: 'Choose the hour',
    States: {
      'Choose the hour': {
        Type: 'Pass',
        Output: {
          Hour: expression(
            `$exists($states.context.Execution.Input.Hour) ? $states.context.Execution.Input.Hour : ` +
              `$fromMillis($toMillis($states.context.Execution.StartTime) - ${HOUR_MS}, '[Y0001]/[M01]/[D01]/[H01]')`,
          ),
          Rebaseline: expression('$states.context.Execution.Input.Rebaseline = true'),
          JobName: expression(
            `'${plan.jobNamePrefix}' & $hash($states.context.Execution.Id, 'MD5') & $substring($uuid(), 0, 8)`,
          ),
        },
        Next: 'Find the baseline',
      },
      'Find the baseline': {
        Type: 'Task',
        Resource: call('s3:listObjectsV2'),
        Arguments: objects(plan.reportsBucket, BASELINE_KEY),
        Output: expression(
          '$merge([$states.input, {"Learns": $states.input.Rebaseline or $not($exists($states.result.Contents))}])',
        ),
        Retry: RETRY,
        Catch: FAIL,
        Next: 'Are rows needed?',
      },
      'Are rows needed?': {
        Type: 'Choice',
        Choices: [
          {
            Condition: plan.baselineUri === undefined ? expression('false') : expression('$states.input.Learns'),
            Next: 'Learn the baseline',
          },
        ],
        Default: 'Find the rows of the hour',
      },
      'Find the rows of the hour': {
        Type: 'Task',
        Resource: call('s3:listObjectsV2'),
        Arguments: objects(
          plan.capturedBucket,
          expression(`${JSON.stringify(plan.capturedPrefix)} & $states.input.Hour & '/'`),
        ),
        Output: expression('$merge([$states.input, {"HasRows": $exists($states.result.Contents)}])'),
        Retry: RETRY,
        Catch: FAIL,
        Next: 'Has the hour rows?',
      },
      'Has the hour rows?': {
        Type: 'Choice',
        Choices: [
          { Condition: expression('$not($states.input.HasRows)'), Next: 'Count no rows' },
          { Condition: expression('$states.input.Learns'), Next: 'Learn the baseline' },
        ],
        Default: 'Compare',
      },
      'Count no rows': {
        ...metrics([{ MetricName: EVALUATED_ROWS_METRIC, Value: 0 }]),
        Output: {
          Status: DRIFT_STATUS.noData,
          Hour: expression('$states.input.Hour'),
          Rows: 0,
        },
        Next: 'Not evaluated',
      },
      'Learn the baseline': { ...processingJob(plan, 'baseline'), Next: 'Read the report' },
      Compare: { ...processingJob(plan, 'compare'), Next: 'Read the report' },
      'Read the report': {
        Type: 'Task',
        Resource: call('s3:getObject'),
        Arguments: {
          Bucket: plan.reportsBucket,
          Key: expression(`'${REPORTS_PREFIX}' & $states.input.Hour & '/' & $states.input.JobName & '/report.json'`),
        },
        Output: expression(
          '($report := $parse($states.result.Body); {' +
            '"Status": $report.status, "Hour": $states.input.Hour, "Rows": $report.rows, "Score": $report.score, ' +
            '"DriftedColumns": $report.driftedColumns, "Drifted": $join($report.drifted, ", "), ' +
            `"Report": 's3://${plan.reportsBucket}/${REPORTS_PREFIX}' & $states.input.Hour & '/' & $states.input.JobName & '/report.json'})`,
        ),
        Retry: RETRY,
        Catch: FAIL,
        Next: 'Was the hour compared?',
      },
      'Was the hour compared?': {
        Type: 'Choice',
        Choices: [
          {
            Condition: expression(
              `$states.input.Status = '${DRIFT_STATUS.stable}' or $states.input.Status = '${DRIFT_STATUS.drifted}'`,
            ),
            Next: 'Publish the comparison',
          },
          {
            // The hour that is the baseline is as good as compared with itself.
            Condition: expression(`$states.input.Status = '${DRIFT_STATUS.baselined}'`),
            Next: 'Count the rows',
          },
        ],
        Default: 'Count too few rows',
      },
      'Publish the comparison': {
        ...metrics([
          { MetricName: EVALUATED_ROWS_METRIC, Value: expression('$states.input.Rows') },
          { MetricName: DRIFTED_COLUMNS_METRIC, Value: expression('$states.input.DriftedColumns') },
          { MetricName: DRIFT_SCORE_METRIC, Value: expression('$states.input.Score') },
        ]),
        Next: 'Evaluated',
      },
      'Count the rows': {
        ...metrics([{ MetricName: EVALUATED_ROWS_METRIC, Value: expression('$states.input.Rows') }]),
        Next: 'Evaluated',
      },
      'Count too few rows': {
        ...metrics([{ MetricName: EVALUATED_ROWS_METRIC, Value: 0 }]),
        Next: 'Not evaluated',
      },
      Evaluated: { Type: 'Succeed' },
      'Not evaluated': { Type: 'Succeed' },
      Failed: {
        Type: 'Fail',
        Error: expression('$states.input.Error'),
        Cause: expression('$states.input.Cause'),
      },
    },
  };
}

function processingJob(plan: DriftPlan, mode: 'baseline' | 'compare'): object {
  const { settings } = plan;
  const input = (name: string, uri: string) => ({
    InputName: name,
    S3Input: {
      S3Uri: uri,
      LocalPath: `${PROCESSING}/input/${name}`,
      S3DataType: 'S3Prefix',
      S3InputMode: 'File',
      S3DataDistributionType: 'FullyReplicated',
    },
  });
  const output = (name: string, uri: string) => ({
    OutputName: name,
    S3Output: { S3Uri: uri, LocalPath: `${PROCESSING}/output/${name}`, S3UploadMode: 'EndOfJob' },
  });
  const [baselineFolder] = BASELINE_KEY.split('/') as [string];
  const hour = expression(
    `${JSON.stringify(`s3://${plan.capturedBucket}/${plan.capturedPrefix}`)} & $states.input.Hour & '/'`,
  );
  const report = expression(
    `'s3://${plan.reportsBucket}/${REPORTS_PREFIX}' & $states.input.Hour & '/' & $states.input.JobName`,
  );
  const learns = mode === 'baseline';
  return {
    Type: 'Task',
    Resource: `arn:${plan.partition}:states:::sagemaker:createProcessingJob.sync`,
    Arguments: {
      ProcessingJobName: expression('$states.input.JobName'),
      RoleArn: plan.roleArn,
      AppSpecification: {
        ImageUri: plan.image,
        ContainerEntrypoint: ['python3', `${PROCESSING}/input/code/${plan.scriptName}`],
        ContainerArguments: [
          ...['--mode', mode],
          ...['--columns', settings.columns.join(',')],
          ...(settings.confidenceColumn === undefined ? [] : ['--confidence', settings.confidenceColumn]),
          ...['--max-psi', String(settings.maxPsi)],
          ...['--significance', String(settings.significance)],
          ...['--max-confidence-loss', String(settings.maxConfidenceLoss)],
          ...['--min-rows', String(settings.minRows)],
          ...['--hour', expression('$states.input.Hour')],
          // A container's own paths, which the local engine has elsewhere.
          ...['--data', `${PROCESSING}/input/data`],
          ...['--baseline', `${PROCESSING}/input/baseline`],
          ...['--baseline-output', `${PROCESSING}/output/baseline`],
          ...['--report-output', `${PROCESSING}/output/report`],
          ...['--message', '/opt/ml/output/message'],
        ],
      },
      ProcessingResources: {
        ClusterConfig: { InstanceCount: 1, InstanceType: settings.instanceType, VolumeSizeInGB: 30 },
      },
      ProcessingInputs: [
        input('code', plan.scriptUri),
        input('data', learns ? (plan.baselineUri ?? hour) : hour),
        ...(learns ? [] : [input('baseline', `s3://${plan.reportsBucket}/${BASELINE_KEY}`)]),
      ],
      ProcessingOutputConfig: {
        Outputs: [
          output('report', report),
          ...(learns ? [output('baseline', `s3://${plan.reportsBucket}/${baselineFolder}`)] : []),
        ],
      },
      NetworkConfig: { EnableNetworkIsolation: true },
      StoppingCondition: { MaxRuntimeInSeconds: settings.maxRuntime.toSeconds() },
    },
    Output: expression('$states.input'),
    Catch: FAIL,
  };
}
