import { Annotations, Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as emr from 'aws-cdk-lib/aws-emrserverless';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as assets from 'aws-cdk-lib/aws-s3-assets';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { EMR_SERVERLESS_PRICES, emrServerlessUsdPerHour } from '../catalog/emr-serverless';
import { throwProblems } from '../core/errors';
import { acknowledgeInlinePolicy, acknowledgeLogEncryption, acknowledgeWildcards } from '../runtime/acknowledge';
import { loggedStateMachine, stateMachineRole } from '../runtime/logged-state-machine';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { dependentStatements } from '../runtime/dependent-grants';
import { emptiedObjects } from '../runtime/emptied-bucket';
import { hardenedBucket } from '../runtime/hardened-bucket';
import { FEATURE_TABLE_PREFIX, QUARANTINE_PREFIX, TRAINING_EXPORT_PREFIX } from './contract';
import { capacityProperties, maximumCapacity, submitParameters, type SparkCapacity } from './decide/spark-parameters';
import { startOnNewObjects } from './new-objects';
import { checkSparkProps } from './spark-checks';
import { sparkSettings, type SparkPipelineProps, type SparkSettings } from './spark-pipeline-props';
import { sparkExecutionRole } from './spark-roles';
import { QUEUE_TIMEOUT_MINUTES, sparkStates } from './spark-states';

/**
 * Runs a Spark job on EMR Serverless: by schedule, on landed objects, or manually. Without a job of your own it turns the results and
 * measurements of `StreamIngestion` into a table of features.
 *
 * Creates an EMR Serverless application with a maximum capacity and no initial one, which stops when idle; a Step Functions state machine
 * that runs the job and waits for its end; a role each; a log group; and a versioned bucket for the features.
 *
 * @example
 * new features.SparkPipeline(this, 'Features', {
 *   landingBucket: requests.resultsBucket,
 *   schedule: events.Schedule.rate(Duration.hours(1)),
 * });
 */
export class SparkPipeline extends Construct {
  /** State machine; start an execution of it to run the job. With the input `{"rebuild": true}` the features job computes everything again. */
  public readonly stateMachine: sfn.StateMachine;

  /** Application of EMR Serverless. */
  public readonly application: emr.CfnApplication;

  /** Role of the runs; grant it what a job of your own needs. */
  public readonly executionRole: iam.Role;

  /** Bucket that the job writes to. */
  public readonly featuresBucket: s3.IBucket;

  /** Key prefix of the feature table: Parquet by `day=` and `hour=`. */
  public readonly tablePrefix: string;

  /** Key prefix of the table's measurements as JSON lines: `trainingDataPrefix` of a `TrainingPipeline` on the features bucket. */
  public readonly trainingPrefix: string;

  /** Key prefix of the rows that were set aside, with reasons. */
  public readonly quarantinePrefix: string;

  /** Log group of drivers and executors. */
  public readonly logGroup: logs.LogGroup;

  /**
   * Ceiling of the cost, USD an hour: the maximum capacity at the price of x86. Undefined in a region without a price, where `prices` gives
   * it.
   */
  public readonly maxUsdPerHour?: number;

  /** Longest time for which one execution is billed: `executionTimeout` times `maxAttempts`. */
  public readonly maxRuntime: Duration;

  /** Rule that starts runs; undefined without a schedule. */
  public readonly scheduleRule?: events.Rule;

  /** Queues of starts that could not be delivered, which should be empty: of the schedule and of landed objects. */
  public readonly deadLetterQueues: sqs.Queue[];

  public constructor(scope: Construct, id: string, props: SparkPipelineProps) {
    super(scope, id);
    const settings = sparkSettings(props);
    throwProblems(this.node.path, checkSparkProps(this, props, settings));
    const { featuresPrefix, worker, maxWorkers } = settings;
    const capacity: SparkCapacity = { ...worker, maxWorkers };

    this.tablePrefix = `${featuresPrefix}${FEATURE_TABLE_PREFIX}`;
    this.trainingPrefix = `${featuresPrefix}${TRAINING_EXPORT_PREFIX}`;
    this.quarantinePrefix = `${featuresPrefix}${QUARANTINE_PREFIX}`;
    this.featuresBucket = props.featuresBucket ?? this.createFeaturesBucket(props);
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledgeLogEncryption(this.logGroup);
    this.application = this.createApplication(settings, capacity);

    const { entryPoint } = settings;
    const isUploaded = !Token.isUnresolved(entryPoint) && !entryPoint.startsWith('s3://');
    const job = isUploaded ? new assets.Asset(this, 'Job', { path: entryPoint }) : undefined;
    this.executionRole = sparkExecutionRole(this, {
      application: this.application,
      landing: props.landingBucket,
      landingPrefixes: settings.landingPrefixes,
      features: this.featuresBucket,
      featuresPrefix,
      job,
      logGroup: this.logGroup,
    });
    this.stateMachine = this.createStateMachine(props, settings, capacity, job?.s3ObjectUrl ?? entryPoint);
    this.maxUsdPerHour = this.ceiling(props, capacity);
    this.maxRuntime = Duration.seconds(settings.executionTimeout.toSeconds() * settings.maxAttempts);

    this.deadLetterQueues = [];
    if (props.schedule !== undefined) {
      const letters = deadLetterQueue(this, 'ScheduleDeadLetters', 'an event rule');
      this.deadLetterQueues.push(letters);
      this.scheduleRule = new events.Rule(this, 'Schedule', {
        description: 'Starts a Spark job',
        schedule: props.schedule,
        targets: [new targets.SfnStateMachine(this.stateMachine, { deadLetterQueue: letters })],
      });
      // The role of the rule is a child of the state machine; the role of the state machine is not.
      acknowledgeInlinePolicy(this.stateMachine);
    }
    if (props.onNewObjects !== undefined) {
      const landing = { bucket: props.landingBucket, prefixes: settings.landingPrefixes };
      this.deadLetterQueues.push(startOnNewObjects(this, this.stateMachine, landing, props.onNewObjects));
    }
  }

  /**
   * Allows a principal to start the job.
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

  /**
   * Number of executions that ended without a finished run.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricFailed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.stateMachine.metricFailed({ statistic: 'Sum', period: Duration.minutes(5), ...options });
  }

  private createFeaturesBucket(props: SparkPipelineProps): s3.Bucket {
    return hardenedBucket(this, 'Features', {
      accessLogsBucket: props.accessLogsBucket,
      accessLogsPrefix: `${this.node.id}/`,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      autoDeleteObjects: props.autoDeleteObjects,
      // Every run writes the affected hours again, and its files to a folder of its own before.
      noncurrentVersionExpiration: Duration.days(7),
    });
  }

  private createApplication(settings: SparkSettings, capacity: SparkCapacity): emr.CfnApplication {
    return new emr.CfnApplication(this, 'Application', {
      type: 'SPARK',
      releaseLabel: settings.release.label,
      architecture: settings.architecture,
      maximumCapacity: maximumCapacity(capacity),
      autoStartConfiguration: { enabled: true },
      autoStopConfiguration: { enabled: true, idleTimeoutMinutes: settings.idleTimeout.toMinutes() },
      // Two runs at once would compute the same hours.
      schedulerConfiguration: { maxConcurrentRuns: 1, queueTimeoutMinutes: QUEUE_TIMEOUT_MINUTES },
      monitoringConfiguration: {
        cloudWatchLoggingConfiguration: { enabled: true, logGroupName: this.logGroup.logGroupName },
        managedPersistenceMonitoringConfiguration: { enabled: true },
      },
    });
  }

  private createStateMachine(
    props: SparkPipelineProps,
    settings: SparkSettings,
    capacity: SparkCapacity,
    entryPoint: string,
  ): sfn.StateMachine {
    const jobArguments = props.job === undefined ? this.featureArguments(props, settings) : (props.job.arguments ?? []);
    const states = sparkStates(this, {
      applicationId: this.application.attrApplicationId,
      jobName: this.node.id.slice(0, 64),
      executionRoleArn: this.executionRole.roleArn,
      entryPoint,
      arguments: jobArguments,
      rebuildArguments: props.job === undefined ? [...jobArguments, '--rebuild'] : undefined,
      sparkSubmitParameters: submitParameters(
        { ...capacityProperties(capacity), ...props.sparkProperties },
        props.job?.mainClass,
      ),
      executionTimeoutMinutes: settings.executionTimeout.toMinutes(),
      maxAttempts: settings.maxAttempts,
      guardTableName: props.guardTable?.tableName,
    });
    const role = stateMachineRole(this, 'Runs Spark jobs and waits for their end');
    return loggedStateMachine(this, {
      role,
      definitionBody: sfn.DefinitionBody.fromChainable(states),
      // No job starts any more when the bucket is emptied.
      after: [this.machinePolicy(role, props), ...emptiedObjects(this.featuresBucket)],
    });
  }

  /** Permissions for `startJobRun.sync` on this application with this role, and for the guard's table. */
  private machinePolicy(role: iam.Role, { guardTable }: SparkPipelineProps): iam.Policy {
    const runs = `${this.application.attrArn}/jobruns/*`;
    guardTable?.encryptionKey?.grantDecrypt(role);
    const policy = new iam.Policy(this, 'MachinePolicy', {
      statements: [
        ...(guardTable === undefined
          ? []
          : [
              new iam.PolicyStatement({
                sid: 'ReadGuard',
                actions: ['dynamodb:GetItem'],
                resources: [guardTable.tableArn],
              }),
            ]),
        new iam.PolicyStatement({
          sid: 'Run',
          actions: ['emr-serverless:StartJobRun'],
          resources: [this.application.attrArn],
        }),
        ...dependentStatements(this, [
          {
            call: 'states:::emr-serverless:startJobRun.sync',
            arns: { JobRunArn: [runs], ExecutionRoleArn: [this.executionRole.roleArn] },
          },
        ]),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, [runs], 'EMR Serverless names the runs of this application.');
    return policy;
  }

  private featureArguments({ landingBucket }: SparkPipelineProps, settings: SparkSettings): string[] {
    return [
      ...settings.landingPrefixes.flatMap((prefix) => ['--landing', `s3://${landingBucket.bucketName}/${prefix}`]),
      '--output',
      `s3://${this.featuresBucket.bucketName}/${settings.featuresPrefix}`,
      '--watermark-seconds',
      String(settings.watermark.toSeconds()),
      '--session-gap-seconds',
      String(settings.sessionGap.toSeconds()),
    ];
  }

  private ceiling({ prices }: SparkPipelineProps, { vcpus, memoryGb, maxWorkers }: SparkCapacity): number | undefined {
    const { region } = Stack.of(this);
    const found = prices ?? (Token.isUnresolved(region) ? undefined : EMR_SERVERLESS_PRICES[region]);
    if (found !== undefined) return emrServerlessUsdPerHour(vcpus * maxWorkers, memoryGb * maxWorkers, found);
    Annotations.of(this).addInfoV2(
      'tidegate:no-spark-price',
      'there is no price of EMR Serverless for this region, so the ceiling of the cost is known in capacity only; give prices',
    );
    return undefined;
  }
}
