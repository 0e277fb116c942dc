import * as path from 'node:path';
import { Aws, Duration, Names, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as assets from 'aws-cdk-lib/aws-s3-assets';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { PROCESSING_JOBS_NAMESPACE } from '../catalog/hosting-metrics';
import { throwProblems } from '../core/errors';
import { METRIC_NAMESPACE } from '../core/metric-namespace';
import { acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { loggedStateMachine, stateMachineRole } from '../runtime/logged-state-machine';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import { hardenedBucket } from '../runtime/hardened-bucket';
import { ANY_RESOURCE_REASON, containerStatements, sageMakerLogGroupArn } from '../runtime/sagemaker-container';
import { ecrImage, type PulledImage, sklearnTrainingImage } from '../runtime/sagemaker-images';
import {
  BASELINE_KEY,
  DRIFT_SCORE_METRIC,
  DRIFTED_COLUMNS_METRIC,
  EVALUATED_ROWS_METRIC,
  MONITOR_DIMENSION,
  REPORTS_PREFIX,
} from './contract';
import { checkDriftProps, MAX_MONITOR_NAME_LENGTH } from './drift-checks';
import { type DriftMonitorProps, type DriftSettings, driftSettings } from './drift-monitor-props';
import { driftStates } from './drift-states';

/** The relative path is the same from `lib/` and from `build/`. */
const SCRIPT = path.join(__dirname, '../../lib/drift/assets/drift.py');

/** End of the prefix of job names: names of a monitor have single hyphens only. */
const JOB_NAME_TERMINATOR = '--';

/**
 * Compares every hour of an endpoint's traffic with a baseline, without labels.
 *
 * Creates a Step Functions state machine that an hourly rule starts, with one SageMaker processing job an evaluation; a bucket for the baseline and the
 * reports; and a role each for machine and job. An hour without traffic, or with too little, is not evaluated, which is another thing than an hour without
 * drift: metrics and alarms keep them apart.
 *
 * @example
 * new drift.DriftMonitor(this, 'Drift', {
 *   capturedData: s3.Bucket.fromBucketName(this, 'Captured', 'captured'),
 *   capturedDataPrefix: 'data-capture/chat/main/',
 *   columns: ['input.context_tokens', 'input.plan'],
 * });
 */
export class DriftMonitor extends Construct {
  /** State machine; start an execution of it to evaluate an hour, `{"Hour": "2026/12/01/08"}`, or to learn the baseline, `{"Rebaseline": true}`. */
  public readonly stateMachine: sfn.StateMachine;

  /** Bucket of the baseline and the reports. */
  public readonly reportsBucket: s3.IBucket;

  /** Role of the jobs. */
  public readonly jobRole: iam.Role;

  /** Name of the monitor in its metrics. */
  public readonly monitorName: string;

  /** Beginning of the names of all jobs of this monitor and of no other. */
  public readonly jobNamePrefix: string;

  /** Time after which no evaluated hour is an alarm. */
  public readonly maxTimeUnevaluated: Duration;

  /** Queue of starts that the hourly rule could not deliver, which should be empty. */
  public readonly scheduleDeadLetterQueue: sqs.Queue;

  public constructor(scope: Construct, id: string, props: DriftMonitorProps) {
    super(scope, id);
    const settings = driftSettings(props);
    throwProblems(this.node.path, checkDriftProps(props, settings));
    this.monitorName = props.monitorName ?? monitorName(this);
    this.jobNamePrefix = `${this.monitorName}${JOB_NAME_TERMINATOR}`;
    this.maxTimeUnevaluated = settings.maxTimeUnevaluated;
    this.reportsBucket = this.createReportsBucket(props);
    const script = new assets.Asset(this, 'Script', { path: SCRIPT });
    const image =
      props.image === undefined ? sklearnTrainingImage(this, 'image') : ecrImage(this, 'image', props.image);
    this.jobRole = this.createJobRole(props, script, image);
    this.stateMachine = this.createStateMachine(props, settings, script, image);

    this.scheduleDeadLetterQueue = deadLetterQueue(this, 'ScheduleDeadLetters', 'an event rule');
    new events.Rule(this, 'Hourly', {
      description: 'Compares the hour before with the baseline',
      schedule: events.Schedule.cron({ minute: String(settings.minute) }),
      targets: [
        new targets.SfnStateMachine(this.stateMachine, {
          deadLetterQueue: this.scheduleDeadLetterQueue,
          input: events.RuleTargetInput.fromObject({}),
        }),
      ],
    });
    // The role of the rule is a child of the state machine.
    acknowledgeInlinePolicy(this.stateMachine);
  }

  /**
   * Number of columns that drifted in an hour; there is no datapoint for an hour that was not compared.
   *
   * @param options other statistics or periods
   * @default - maximum over five minutes
   */
  public metricDriftedColumns(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(DRIFTED_COLUMNS_METRIC, options);
  }

  /**
   * Largest population stability index of a column over its limit.
   *
   * @param options other statistics or periods
   * @default - maximum over five minutes
   */
  public metricDriftScore(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(DRIFT_SCORE_METRIC, options);
  }

  /**
   * Number of rows that were compared in an hour; 0 where there were none, or too few.
   *
   * @param options other statistics or periods
   * @default - maximum over five minutes
   */
  public metricEvaluatedRows(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric(EVALUATED_ROWS_METRIC, options);
  }

  /**
   * Allows a principal to start an evaluation.
   *
   * @param grantee principal that may start it
   */
  public grantStart(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['states:StartExecution'],
      resourceArns: [this.stateMachine.stateMachineArn],
    });
  }

  private metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { [MONITOR_DIMENSION]: this.monitorName },
      statistic: cloudwatch.Stats.MAXIMUM,
      period: Duration.minutes(5),
      ...options,
    });
  }

  private createReportsBucket(props: DriftMonitorProps): s3.Bucket {
    const bucket = hardenedBucket(this, 'Reports', {
      accessLogsBucket: props.accessLogsBucket,
      accessLogsPrefix: `${this.node.id}/`,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      autoDeleteObjects: props.autoDeleteObjects,
      noncurrentVersionExpiration: Duration.days(90),
    });
    bucket.addLifecycleRule({ id: 'Reports', prefix: REPORTS_PREFIX, expiration: Duration.days(400) });
    return bucket;
  }

  private createJobRole(props: DriftMonitorProps, script: assets.Asset, image: PulledImage): iam.Role {
    const role = new iam.Role(this, 'JobRole', {
      assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
      description: 'Compares traffic with a baseline',
    });
    const reports = this.reportsBucket;
    const inputs = [
      { bucket: props.capturedData, prefix: props.capturedDataPrefix },
      ...(props.baselineData === undefined
        ? []
        : [{ bucket: props.baselineData, prefix: props.baselineDataPrefix ?? '' }]),
    ];
    const read = inputs.map(({ bucket, prefix }) => bucket.arnForObjects(`${prefix}*`));
    const written = [reports.arnForObjects(`${REPORTS_PREFIX}*`), reports.arnForObjects(BASELINE_KEY)];
    const list = (sid: string, bucket: s3.IBucket, prefix: string): iam.PolicyStatement =>
      new iam.PolicyStatement({
        sid,
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': prefix } },
      });
    const policy = new iam.Policy(this, 'JobPolicy', {
      statements: [
        ...containerStatements(this, {
          image,
          logGroup: 'ProcessingJobs',
          metricNamespace: PROCESSING_JOBS_NAMESPACE,
        }),
        new iam.PolicyStatement({ sid: 'ReadRows', actions: ['s3:GetObject'], resources: read }),
        ...inputs.map(({ bucket, prefix }, index) => list(`FindRows${index || ''}`, bucket, `${prefix}*`)),
        new iam.PolicyStatement({
          sid: 'ReadScript',
          actions: ['s3:GetObject'],
          resources: [script.bucket.arnForObjects(script.s3ObjectKey)],
        }),
        list('FindScript', script.bucket, script.s3ObjectKey),
        new iam.PolicyStatement({
          sid: 'KeepReports',
          actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
          resources: written,
        }),
        list('FindBaseline', reports, BASELINE_KEY),
      ],
    });
    policy.attachToRole(role);
    for (const { bucket } of inputs) grantKeyUse(bucket.encryptionKey, role, 's3:GetObject');
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, ['*'], ANY_RESOURCE_REASON);
    acknowledgeWildcards(
      policy,
      [...read, written[0]!, sageMakerLogGroupArn(this, 'ProcessingJobs')],
      'Hours, jobs and their log streams are named at run time, below these prefixes.',
    );
    return role;
  }

  private createStateMachine(
    props: DriftMonitorProps,
    settings: DriftSettings,
    script: assets.Asset,
    image: PulledImage,
  ): sfn.StateMachine {
    const stack = Stack.of(this);
    const definition = driftStates({
      partition: Aws.PARTITION,
      monitorName: this.monitorName,
      jobNamePrefix: this.jobNamePrefix,
      capturedBucket: props.capturedData.bucketName,
      capturedPrefix: props.capturedDataPrefix,
      reportsBucket: this.reportsBucket.bucketName,
      baselineUri:
        props.baselineData === undefined
          ? undefined
          : `s3://${props.baselineData.bucketName}/${props.baselineDataPrefix ?? ''}`,
      image: image.uri,
      roleArn: this.jobRole.roleArn,
      scriptUri: script.s3ObjectUrl,
      scriptName: script.s3ObjectKey.split('/').at(-1)!,
      settings,
    });
    const role = stateMachineRole(
      this,
      'Starts jobs that compare traffic with a baseline, and publishes what they find',
    );
    return loggedStateMachine(this, {
      role,
      definitionBody: sfn.DefinitionBody.fromString(stack.toJsonString(definition)),
      after: [this.machinePolicy(role, props)],
    });
  }

  private machinePolicy(role: iam.Role, { capturedData, capturedDataPrefix }: DriftMonitorProps): iam.Policy {
    const job = Stack.of(this).formatArn({
      service: 'sagemaker',
      resource: 'processing-job',
      resourceName: `${this.jobNamePrefix}*`,
    });
    const reports = this.reportsBucket.arnForObjects(`${REPORTS_PREFIX}*`);
    const list = (sid: string, bucket: s3.IBucket, prefix: string): iam.PolicyStatement =>
      new iam.PolicyStatement({
        sid,
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': prefix } },
      });
    const policy = new iam.Policy(this, 'MachinePolicy', {
      statements: [
        new iam.PolicyStatement({ sid: 'Compare', actions: ['sagemaker:CreateProcessingJob'], resources: [job] }),
        list('FindRows', capturedData, `${capturedDataPrefix}*`),
        list('FindBaseline', this.reportsBucket, BASELINE_KEY),
        new iam.PolicyStatement({ sid: 'ReadReports', actions: ['s3:GetObject'], resources: [reports] }),
        new iam.PolicyStatement({
          sid: 'Count',
          actions: ['cloudwatch:PutMetricData'],
          resources: ['*'],
          conditions: { StringEquals: { 'cloudwatch:namespace': METRIC_NAMESPACE } },
        }),
        ...dependentStatements(this, [
          { call: 'states:::sagemaker:createProcessingJob.sync', arns: { ProcessingJobArn: [job] } },
          { call: 'sagemaker:CreateProcessingJob', arns: { RoleArn: [this.jobRole.roleArn] } },
        ]),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      [job, reports],
      'Every execution creates a job and a report with new names below this prefix.',
    );
    acknowledgeWildcards(policy, ['*'], ANY_RESOURCE_REASON);
    return policy;
  }
}

function monitorName(scope: Construct): string {
  const name = Names.uniqueResourceName(scope, { maxLength: MAX_MONITOR_NAME_LENGTH, separator: '-' });
  return Token.isUnresolved(name) ? name : name.toLowerCase().replace(/^-+|-+$/g, '');
}
