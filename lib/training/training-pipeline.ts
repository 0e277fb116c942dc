import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { loggedStateMachine, stateMachineRole } from '../runtime/logged-state-machine';
import { deadLetterQueue } from '../runtime/dead-letter-queue';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import { emptiedObjects } from '../runtime/emptied-bucket';
import { hardenedBucket } from '../runtime/hardened-bucket';
import { ecrImage, type PulledImage, sklearnTrainingImage, tritonImage } from '../runtime/sagemaker-images';
import { PackedAsset } from './packed-asset';
import { checkTrainingProps } from './training-checks';
import { ChannelInputMode, TrainingChannel } from './training-channel';
import { extraPrefixes, extraStatements, trainingJobExtras } from './training-job-extras';
import { checkKeptFor, WINDOW_HYPERPARAMETER } from './kept-data';
import { trainingVpcConfig } from './training-network';
import {
  TrainingDistribution,
  type TrainingPipelineProps,
  type TrainingSettings,
  trainingSettings,
} from './training-pipeline-props';
import { CHECKPOINTS_PREFIX, modelExecutionRole, MODELS_PREFIX, trainingRole } from './training-roles';
import { JOB_NAME_TERMINATOR, SOURCE_CHANNEL, trainingStates, uniqueJobNamePrefix } from './training-states';

/**
 * Trains a model on the data below a prefix and registers it with SageMaker: started manually, by code or on a schedule.
 *
 * Creates a Step Functions state machine that runs one SageMaker training job, on the first instance type that has capacity, and creates
 * a SageMaker model of the artifact; a versioned bucket for models and checkpoints; and a role each for state machine, job and model.
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
  /** State machine; start an execution of it to train. */
  public readonly stateMachine: sfn.StateMachine;

  /** Bucket of models and checkpoints. */
  public readonly modelBucket: s3.IBucket;

  /** Key prefix of the models in the bucket: `<prefix><job>/output/model.tar.gz`. */
  public readonly modelsPrefix: string = MODELS_PREFIX;

  /** Role of the training jobs. */
  public readonly trainingRole: iam.Role;

  /** Execution role of the registered models. */
  public readonly modelExecutionRole: iam.IRole;

  /** Beginning of the names of all training jobs and models of this pipeline and of no other: the prefix and `--`. */
  public readonly jobNamePrefix: string;

  /** Instance types in the order in which they are tried. */
  public readonly instanceTypes: string[];

  /** True if the jobs run on spot capacity. */
  public readonly usesSpot: boolean;

  /** Rule that starts training; undefined without a schedule. */
  public readonly scheduleRule?: events.Rule;

  /** Queue of starts that the rule could not deliver, which should be empty; undefined without a schedule. */
  public readonly scheduleDeadLetterQueue?: sqs.Queue;

  public constructor(scope: Construct, id: string, props: TrainingPipelineProps) {
    super(scope, id);
    const settings = trainingSettings(props);
    throwProblems(this.node.path, checkTrainingProps(props, settings));

    this.instanceTypes = typesOf(props);
    this.usesSpot = settings.spot;
    this.jobNamePrefix = `${props.jobNamePrefix ?? uniqueJobNamePrefix(this)}${JOB_NAME_TERMINATOR}`;
    this.modelBucket = props.modelBucket ?? this.createModelBucket(props);

    if (props.trainingData !== undefined && props.window !== undefined)
      checkKeptFor(this, props.trainingData, settings.trainingDataPrefix, props.window);
    const images = {
      training:
        props.trainingImage === undefined
          ? sklearnTrainingImage(this)
          : ecrImage(this, 'trainingImage', props.trainingImage),
      inference:
        props.inferenceImage === undefined ? tritonImage(this) : ecrImage(this, 'inferenceImage', props.inferenceImage),
    };
    const source = new PackedAsset(this, 'Source', { path: settings.sourceDirectory });
    const channels = channelsOf(props, settings);
    this.trainingRole = trainingRole(this, {
      image: images.training,
      source,
      sourceIsChannel: settings.isolation,
      inputs: Object.values(channels).flatMap((channel) => channel._inputs()),
      models: this.modelBucket,
      outputKey: props.outputKey,
      writtenPrefixes: [MODELS_PREFIX, CHECKPOINTS_PREFIX, ...extraPrefixes(props)],
      further: extraStatements(this, props),
      inVpc: props.network?.vpc !== undefined,
    });
    this.modelExecutionRole =
      props.modelExecutionRole ??
      modelExecutionRole(this, {
        image: images.inference,
        models: this.modelBucket,
        outputKey: props.outputKey,
      });

    this.stateMachine = this.createStateMachine(props, settings, images, { source, channels });
    if (props.schedule !== undefined) {
      this.scheduleDeadLetterQueue = deadLetterQueue(this, 'ScheduleDeadLetters', 'an event rule');
      this.scheduleRule = new events.Rule(this, 'Schedule', {
        description: 'Starts training',
        schedule: props.schedule,
        targets: [new targets.SfnStateMachine(this.stateMachine, { deadLetterQueue: this.scheduleDeadLetterQueue })],
      });
      // The role of the rule is a child of the state machine; the role of the state machine is not.
      acknowledgeInlinePolicy(this.stateMachine);
    }
  }

  /**
   * Allows a principal to start training.
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
   * Number of executions that ended without a model.
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
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      autoDeleteObjects: props.autoDeleteObjects,
      noncurrentVersionExpiration: Duration.days(90),
    });
    bucket.addLifecycleRule({ id: 'Checkpoints', prefix: CHECKPOINTS_PREFIX, expiration: Duration.days(30) });
    return bucket;
  }

  private createStateMachine(
    props: TrainingPipelineProps,
    settings: TrainingSettings,
    images: { readonly training: PulledImage; readonly inference: PulledImage },
    { source, channels }: { readonly source: PackedAsset; readonly channels: Channels },
  ): sfn.StateMachine {
    const { isolation } = settings;
    const bucketName = this.modelBucket.bucketName;
    const states = trainingStates(this, {
      jobNamePrefix: this.jobNamePrefix,
      instanceTypes: this.instanceTypes,
      extras: trainingJobExtras(props, bucketName),
      instanceCount: settings.instanceCount,
      volumeSizeGib: settings.volumeSize.toGibibytes(),
      volumeKeyArn: props.volumeKey?.keyArn,
      outputKeyArn: props.outputKey?.keyArn,
      keepAliveSeconds: props.keepAlive?.toSeconds(),
      trainingPlanArn: props.trainingPlanArn,
      retryAttempts: props.retryAttempts,
      vpcConfig: trainingVpcConfig(this, settings.network),
      isolation,
      encryptTraffic: settings.encryptTraffic,
      trainingImage: images.training.uri,
      trainingRoleArn: this.trainingRole.roleArn,
      hyperparameters: {
        ...(settings.window === undefined ? {} : { [WINDOW_HYPERPARAMETER]: String(settings.window.toSeconds()) }),
        ...settings.hyperparameters,
        sagemaker_program: settings.entryPoint,
        sagemaker_region: Stack.of(this).region,
        sagemaker_submit_directory: isolation
          ? `/opt/ml/input/data/${SOURCE_CHANNEL}/${source.objectKey}`
          : source.s3Uri,
        ...(settings.distribution === TrainingDistribution.TORCHRUN
          ? { sagemaker_torch_distributed_enabled: 'true', ...distributedGroups(props) }
          : {}),
      },
      inputPath: Object.values(channels).find(({ _inputPath: path }) => path !== undefined)?._inputPath,
      channels: [
        ...Object.entries(channels).map(([name, channel]) => channel._render(name)),
        ...(isolation ? [sourceChannel(source)] : []),
      ],
      environment: settings.environment,
      metricDefinitions: settings.metricDefinitions,
      outputUri: `s3://${bucketName}/${MODELS_PREFIX.slice(0, -1)}`,
      maxRuntimeSeconds: props.maxRuntime.toSeconds(),
      maxWaitSeconds: settings.maxWait?.toSeconds(),
      checkpointsUri: settings.checkpoints ? `s3://${bucketName}/${CHECKPOINTS_PREFIX}` : undefined,
      inferenceImage: images.inference.uri,
      inferenceEnvironment: settings.inferenceEnvironment,
      modelRoleArn: this.modelExecutionRole.roleArn,
      concurrentRuns: props.concurrentRuns === true,
      guardTableName: props.guardTable?.tableName,
      modelPackageGroupName: props.registry?.modelPackageGroupName,
    });
    const role = stateMachineRole(this, 'Starts training jobs and registers models');
    const machine = loggedStateMachine(this, {
      role,
      definitionBody: sfn.DefinitionBody.fromChainable(states),
      // No job starts any more when the bucket is emptied.
      after: [this.machinePolicy(role, props, images.inference), ...emptiedObjects(this.modelBucket)],
    });
    if (props.concurrentRuns !== true) this.allowFindingRuns(role, machine);
    return machine;
  }

  /** Permission to find earlier executions; a policy of its own, because it names the state machine, which comes after the other one. */
  private allowFindingRuns(role: iam.Role, { stateMachineArn }: sfn.StateMachine): void {
    const policy = new iam.Policy(this, 'RunsPolicy', {
      statements: [
        new iam.PolicyStatement({ sid: 'FindRuns', actions: ['states:ListExecutions'], resources: [stateMachineArn] }),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
  }

  /** Permissions for `createTrainingJob.sync` and `createModel`, limited to the name prefix of this pipeline, and for the guard's table. */
  private machinePolicy(
    role: iam.Role,
    { guardTable, volumeKey, registry }: TrainingPipelineProps,
    inferenceImage: PulledImage,
  ): iam.Policy {
    const stack = Stack.of(this);
    const named = (resource: string): string =>
      stack.formatArn({ service: 'sagemaker', resource, resourceName: `${this.jobNamePrefix}*` });
    const job = named('training-job');
    const model = named('model');
    guardTable?.encryptionKey?.grantDecrypt(role);
    const artifacts = this.modelBucket.arnForObjects(`${MODELS_PREFIX}*`);
    if (registry !== undefined) grantKeyUse(this.modelBucket.encryptionKey, role, 's3:GetObject');
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
        new iam.PolicyStatement({ sid: 'Train', actions: ['sagemaker:CreateTrainingJob'], resources: [job] }),
        new iam.PolicyStatement({ sid: 'Register', actions: ['sagemaker:CreateModel'], resources: [model] }),
        ...(registry === undefined
          ? []
          : [
              new iam.PolicyStatement({
                sid: 'RegisterVersions',
                actions: ['sagemaker:CreateModelPackage'],
                resources: [registry.modelPackageGroupArn],
              }),
              ...dependentStatements(this, [
                {
                  call: 'sagemaker:CreateModelPackage',
                  arns: {
                    ModelPackageArn: [registry.modelPackageArns],
                    ModelDataArn: [artifacts],
                    ImageRepositoryArn: [inferenceImage.repositoryArn],
                  },
                },
              ]),
            ]),
        ...dependentStatements(this, [
          { call: 'states:::sagemaker:createTrainingJob.sync', arns: { TrainingJobArn: [job] } },
          {
            call: 'sagemaker:CreateTrainingJob',
            arns: {
              RoleArn: [this.trainingRole.roleArn],
              VolumeKmsKeyArn: volumeKey === undefined ? [] : [volumeKey.keyArn],
            },
          },
          { call: 'sagemaker:CreateModel', arns: { ExecutionRoleArn: [this.modelExecutionRole.roleArn] } },
        ]),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      [job, model],
      'Every execution creates a job and a model with new names below this prefix.',
    );
    if (registry !== undefined) {
      acknowledgeWildcards(
        policy,
        [registry.modelPackageArns, artifacts],
        'Versions and artifacts are named at run time, in this group and below this prefix.',
      );
    }
    return policy;
  }
}

/** Instance types of the jobs, in the order in which they are tried, or of the groups that one job has. */
function typesOf({ instanceTypes, instanceGroups }: TrainingPipelineProps): string[] {
  return [...new Set(instanceTypes ?? instanceGroups!.map(({ instanceType }) => instanceType))];
}

/** Hyperparameter of SageMaker's training toolkit with the groups in which torchrun starts the script. */
function distributedGroups({ instanceGroups }: TrainingPipelineProps): { readonly [name: string]: string } {
  if (instanceGroups === undefined) return {};
  const names = instanceGroups.filter(({ distributed }) => distributed !== false).map(({ name }) => name);
  return { sagemaker_distribution_instance_groups: JSON.stringify(names) };
}

interface Channels {
  readonly [name: string]: TrainingChannel;
}

/** Input channels of the job by name, that of the training data first. */
function channelsOf({ trainingData }: TrainingPipelineProps, settings: TrainingSettings): Channels {
  if (trainingData === undefined) return settings.channels;
  const train = TrainingChannel.fromBucket(trainingData, {
    prefix: settings.trainingDataPrefix,
    contentType: 'application/jsonlines',
  });
  return { train, ...settings.channels };
}

/** Channel with the source, for containers that cannot download it. */
function sourceChannel(source: PackedAsset): object {
  return TrainingChannel.fromBucket(source.bucket, {
    prefix: source.objectKey,
    inputMode: ChannelInputMode.FILE,
  })._render(SOURCE_CHANNEL);
}
