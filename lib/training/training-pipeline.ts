import { ArnFormat, Duration, Names, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import {
  acknowledgeInlinePolicy,
  acknowledgeLogEncryption,
  acknowledgeRule,
  acknowledgeWildcards,
} from '../runtime/acknowledge';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { hardenedBucket } from '../runtime/hardened-bucket';
import { ecrImage, type PulledImage, sklearnTrainingImage, tritonImage } from './images';
import { PackedAsset } from './packed-asset';
import { checkProps } from './training-checks';
import { type TrainingPipelineProps, type TrainingSettings, withDefaults } from './training-pipeline-props';
import { CHECKPOINTS_PREFIX, modelExecutionRole, MODELS_PREFIX, trainingRole } from './training-roles';
import { LONGEST_JOB_NAME_PREFIX, trainingStates } from './training-states';

/** The rule through which Step Functions hears that a training job has ended. Source: "Integrate SageMaker" in its developer guide. */
const SYNC_RULE = 'StepFunctionsGetEventsForSageMakerTrainingJobsRule';

/**
 * Trains a model over the data below a prefix and registers it with SageMaker: started by hand, by code or on a schedule.
 *
 * Creates a Step Functions machine that runs one SageMaker training job to its end, on the first instance type that has capacity, and
 * makes a SageMaker model of the artifact; a versioned bucket for models and checkpoints; and a role each for machine, job and model.
 * The output of an execution names the model, its artifact and the job.
 *
 * @example
 * new training.TrainingPipeline(this, 'Training', {
 *   trainingData: requests.resultsBucket,
 *   instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
 *   maxRuntime: Duration.hours(1),
 * });
 */
export class TrainingPipeline extends Construct {
  /** The machine; start an execution of it to train. */
  public readonly stateMachine: sfn.StateMachine;

  /** Where models and checkpoints land. */
  public readonly modelBucket: s3.IBucket;

  /** The key prefix of the models in the bucket: `<prefix><job>/output/model.tar.gz`. */
  public readonly modelsPrefix: string = MODELS_PREFIX;

  /** The role of the training jobs. */
  public readonly trainingRole: iam.Role;

  /** The role of the registered models. */
  public readonly modelExecutionRole: iam.IRole;

  /** The names of the training jobs and models begin with this and a hyphen. */
  public readonly jobNamePrefix: string;

  /** The instance types in the order in which they are tried. */
  public readonly instanceTypes: string[];

  /** Whether the jobs run on spot capacity. */
  public readonly usesSpot: boolean;

  /** The rule that starts training, where there is a schedule. */
  public readonly scheduleRule?: events.Rule;

  /** Starts that the rule could not deliver, where there is a schedule; should be empty. */
  public readonly scheduleDeadLetterQueue?: sqs.Queue;

  public constructor(scope: Construct, id: string, props: TrainingPipelineProps) {
    super(scope, id);
    const settings = withDefaults(props);
    throwProblems(this.node.path, checkProps(props, settings));

    this.instanceTypes = [...props.instanceTypes];
    this.usesSpot = settings.spot;
    this.jobNamePrefix = props.jobNamePrefix ?? jobNamePrefix(this);
    this.modelBucket = props.modelBucket ?? this.createModelBucket(props);

    const images = {
      training:
        props.trainingImage === undefined
          ? sklearnTrainingImage(this)
          : ecrImage(this, 'trainingImage', props.trainingImage),
      inference:
        props.inferenceImage === undefined ? tritonImage(this) : ecrImage(this, 'inferenceImage', props.inferenceImage),
    };
    const source = new PackedAsset(this, 'Source', { path: settings.sourceDirectory });
    this.trainingRole = trainingRole(this, {
      image: images.training,
      source,
      data: props.trainingData,
      dataPrefix: settings.trainingDataPrefix,
      models: this.modelBucket,
    });
    this.modelExecutionRole =
      props.modelExecutionRole ?? modelExecutionRole(this, { image: images.inference, models: this.modelBucket });

    this.stateMachine = this.createStateMachine(props, settings, images, source);
    if (props.schedule !== undefined) {
      this.scheduleDeadLetterQueue = deadLetterQueue(this, 'ScheduleDeadLetters', 'an event rule');
      this.scheduleRule = new events.Rule(this, 'Schedule', {
        description: 'Starts training',
        schedule: props.schedule,
        targets: [new targets.SfnStateMachine(this.stateMachine, { deadLetterQueue: this.scheduleDeadLetterQueue })],
      });
      // The role of the rule lies below the machine, whose own role does not.
      acknowledgeInlinePolicy(this.stateMachine);
    }
  }

  /**
   * Allows a principal to start training.
   *
   * @param grantee who may start it
   */
  public grantStart(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['states:StartExecution'],
      resourceArns: [this.stateMachine.stateMachineArn],
    });
  }

  /**
   * Trainings that ended without a model.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricFailed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.stateMachine.metricFailed({ statistic: 'Sum', period: Duration.minutes(5), ...options });
  }

  private createModelBucket(props: TrainingPipelineProps): s3.Bucket {
    const bucket = hardenedBucket(this, 'Models', {
      accessLogsBucket: props.accessLogsBucket,
      accessLogsPrefix: `${this.node.id}/`,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
      keepOldVersions: Duration.days(90),
    });
    bucket.addLifecycleRule({ id: 'Checkpoints', prefix: CHECKPOINTS_PREFIX, expiration: Duration.days(30) });
    return bucket;
  }

  private createStateMachine(
    props: TrainingPipelineProps,
    settings: TrainingSettings,
    images: { readonly training: PulledImage; readonly inference: PulledImage },
    source: PackedAsset,
  ): sfn.StateMachine {
    const bucketName = this.modelBucket.bucketName;
    const states = trainingStates(this, {
      jobNamePrefix: this.jobNamePrefix,
      instanceTypes: this.instanceTypes,
      volumeSizeInGb: settings.volumeSizeInGb,
      trainingImage: images.training.uri,
      trainingRoleArn: this.trainingRole.roleArn,
      hyperparameters: {
        ...settings.hyperparameters,
        sagemaker_program: settings.entryPoint,
        sagemaker_region: Stack.of(this).region,
        sagemaker_submit_directory: source.s3Uri,
      },
      dataUri: `s3://${props.trainingData.bucketName}/${settings.trainingDataPrefix}`,
      outputUri: `s3://${bucketName}/${MODELS_PREFIX.slice(0, -1)}`,
      maxRuntimeSeconds: props.maxRuntime.toSeconds(),
      maxWaitSeconds: settings.maxWait?.toSeconds(),
      checkpointsUri: settings.checkpoints ? `s3://${bucketName}/${CHECKPOINTS_PREFIX}` : undefined,
      inferenceImage: images.inference.uri,
      inferenceEnvironment: settings.inferenceEnvironment,
      modelRoleArn: this.modelExecutionRole.roleArn,
    });
    const role = new iam.Role(this, 'MachineRole', {
      assumedBy: new iam.ServicePrincipal('states.amazonaws.com'),
      description: 'Starts training jobs and registers models',
    });
    const logGroup = new logs.LogGroup(this, 'MachineLogs', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledgeLogEncryption(logGroup);
    const machine = new sfn.StateMachine(this, 'Machine', {
      definitionBody: sfn.DefinitionBody.fromChainable(states),
      stateMachineType: sfn.StateMachineType.STANDARD,
      role,
      tracingEnabled: true,
      logs: {
        destination: logGroup,
        level: sfn.LogLevel.ALL,
        includeExecutionData: true,
      },
    });
    machine.node.addDependency(this.machinePolicy(role));
    acknowledgeInlinePolicy(role);
    acknowledgeRule(
      role,
      'IAM5[Resource::*]',
      "Step Functions' log delivery and X-Ray know no resources; both come from the service's own documentation.",
    );
    return machine;
  }

  /** What `createTrainingJob.sync` and `createModel` need, on names that only this pipeline uses. */
  private machinePolicy(role: iam.Role): iam.Policy {
    const stack = Stack.of(this);
    const named = (resource: string): string =>
      stack.formatArn({ service: 'sagemaker', resource, resourceName: `${this.jobNamePrefix}-*` });
    const policy = new iam.Policy(this, 'MachinePolicy', {
      statements: [
        new iam.PolicyStatement({
          sid: 'Train',
          actions: [
            'sagemaker:AddTags',
            'sagemaker:CreateTrainingJob',
            'sagemaker:DescribeTrainingJob',
            'sagemaker:ListTags',
            'sagemaker:StopTrainingJob',
          ],
          resources: [named('training-job')],
        }),
        new iam.PolicyStatement({ sid: 'Register', actions: ['sagemaker:CreateModel'], resources: [named('model')] }),
        new iam.PolicyStatement({
          sid: 'PassRoles',
          actions: ['iam:PassRole'],
          resources: [this.trainingRole.roleArn, this.modelExecutionRole.roleArn],
          conditions: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
        }),
        new iam.PolicyStatement({
          sid: 'HearOfTheEnd',
          actions: ['events:DescribeRule', 'events:PutRule', 'events:PutTargets'],
          resources: [
            stack.formatArn({
              service: 'events',
              resource: 'rule',
              resourceName: SYNC_RULE,
              arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
            }),
          ],
        }),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      [named('training-job'), named('model')],
      'Every training makes a job and a model of a new name with this prefix.',
    );
    return policy;
  }
}

function jobNamePrefix(scope: Construct): string {
  const name = Names.uniqueResourceName(scope, { maxLength: LONGEST_JOB_NAME_PREFIX, separator: '-' });
  return Token.isUnresolved(name) ? name : name.toLowerCase().replace(/^-+|-+$/g, '');
}
