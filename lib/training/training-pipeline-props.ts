import { Duration, type RemovalPolicy, Size } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as events from 'aws-cdk-lib/aws-events';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { IModelRegistry } from './model-registry';
import { PackedAsset } from './packed-asset';
import type { TrainingChannel } from './training-channel';
import type { TrainingJobOptions } from './training-job-options';
import type { TrainingNetworkProps } from './training-network';
import { secondsOf } from '../runtime/whole-amounts';

/** Way in which the script of a training job is started. */
export enum TrainingDistribution {
  /** Once on each instance. The script finds the others by `SM_HOSTS`. */
  NONE = 'None',
  /**
   * By torchrun: one process a GPU on each instance, with `RANK`, `WORLD_SIZE` and `MASTER_ADDR`. Needs one of AWS's PyTorch images, or one with
   * SageMaker's training toolkit and PyTorch.
   */
  TORCHRUN = 'Torchrun',
}

/** Properties of {@link TrainingPipeline}. */
export interface TrainingPipelineProps extends TrainingJobOptions {
  /**
   * Bucket of the training data, which is the channel `train`.
   *
   * @default - only the `channels`
   */
  readonly trainingData?: s3.IBucket;

  /**
   * Key prefix of the training data.
   *
   * @default measurements/ - measurements of `StreamIngestion`
   */
  readonly trainingDataPrefix?: string;

  /**
   * Age of the oldest rows to learn, before the newest one: what bounds a run while the history grows. The packaged trainings read only the
   * objects inside it, where their names tell their order; a source of your own gets it as `--window-seconds`.
   *
   * @default Duration.days(90) for the packaged training of the service time, all rows for any other source
   */
  readonly window?: Duration;

  /**
   * Further input channels by name: letters, digits, dots, underscores and hyphens.
   *
   * @default - none
   */
  readonly channels?: { [name: string]: TrainingChannel };

  /**
   * Instance types of the training job, in order of preference; without capacity for one the next is tried.
   *
   * @default - those of `instanceGroups`; one of both is required
   */
  readonly instanceTypes?: string[];

  /**
   * Number of instances of a job, 1 to 100 (more by a quota of SageMaker). With several the script runs on each of them.
   *
   * @default 1
   */
  readonly instanceCount?: number;

  /**
   * Way in which the script is started on the instances.
   *
   * @default TrainingDistribution.NONE
   */
  readonly distribution?: TrainingDistribution;

  /**
   * Seconds that the instances stay reserved for the next job after one has ended, 1 minute to 6 hours, at the price of running ones. Not for spot capacity.
   *
   * @default - none
   */
  readonly keepAlive?: Duration;

  /**
   * ARN of a training plan, whose reserved capacity the job uses. Not for spot capacity.
   *
   * @default - none
   */
  readonly trainingPlanArn?: string;

  /**
   * Attempts that SageMaker makes by itself after an internal error, 1 to 30.
   *
   * @default - no retry
   */
  readonly retryAttempts?: number;

  /** Maximum runtime of a job, 1 minute to 28 days. Required, so that no job runs without a limit. */
  readonly maxRuntime: Duration;

  /**
   * Prefix of the names of jobs and models: at most 21 letters, digits and single hyphens.
   *
   * @default - derived from the construct's path
   */
  readonly jobNamePrefix?: string;

  /**
   * Train on spot capacity: up to 90 % cheaper, but SageMaker may interrupt the job. Requires checkpoints.
   *
   * @default true
   */
  readonly spot?: boolean;

  /**
   * Maximum total time of a spot job, including the wait for capacity; after it the next instance type is tried.
   *
   * @default - twice maxRuntime
   */
  readonly maxWait?: Duration;

  /**
   * Keep checkpoints in S3, from which an interrupted job, or the attempt on the next instance type, continues.
   *
   * @default true
   */
  readonly checkpoints?: boolean;

  /**
   * Schedule of automatic training.
   *
   * @default - only started manually
   */
  readonly schedule?: events.Schedule;

  /**
   * Folder with the training script and its files, packed at synthesis.
   *
   * @default - training of this package, which learns the service time from results
   */
  readonly sourceDirectory?: string;

  /**
   * Training script in the source folder.
   *
   * @default train.py
   */
  readonly entryPoint?: string;

  /**
   * Arguments of the script, passed as `--name value`.
   *
   * @default - none
   */
  readonly hyperparameters?: { [name: string]: string };

  /**
   * Environment variables of the script.
   *
   * @default - none
   */
  readonly environment?: { [name: string]: string };

  /**
   * Metrics to read from the log of the script: regular expressions with one group, by name. At most 40. They appear in CloudWatch in
   * `/aws/sagemaker/TrainingJobs`.
   *
   * @default - those of the packaged training; none for a source of your own
   */
  readonly metricDefinitions?: { [name: string]: string };

  /**
   * Network of the instances.
   *
   * @default - no VPC and no isolation; traffic among instances is encrypted
   */
  readonly network?: TrainingNetworkProps;

  /**
   * Key that encrypts the volumes of the instances. Instance types with NVMe disks encrypt these themselves and take no key.
   *
   * @default - a key of SageMaker
   */
  readonly volumeKey?: kms.IKey;

  /**
   * Key that encrypts the models.
   *
   * @default - the encryption of the bucket
   */
  readonly outputKey?: kms.IKey;

  /**
   * Training image in ECR, with SageMaker's script mode.
   *
   * @default - AWS's scikit-learn image in the stack's region
   */
  readonly trainingImage?: string;

  /**
   * Storage volume of the job, for instance types without NVMe disks; whole GiB, 1 to 16,384.
   *
   * @default Size.gibibytes(50)
   */
  readonly volumeSize?: Size;

  /**
   * Image in ECR that serves the trained model.
   *
   * @default - AWS's Triton image in the stack's region
   */
  readonly inferenceImage?: string;

  /**
   * Environment of the serving container.
   *
   * @default - Triton serves the model `service_time` with requests in plain JSON
   */
  readonly inferenceEnvironment?: { [name: string]: string };

  /**
   * Execution role of the trained models. An existing role needs permission to read `models/*` in the model bucket.
   *
   * @default - a new role that may read the models, pull the image, and write logs and metrics
   */
  readonly modelExecutionRole?: iam.IRole;

  /**
   * Bucket for models and checkpoints; enable versioning on an existing one.
   *
   * @default - a new bucket: encrypted, versioned, TLS only, closed to the public
   */
  readonly modelBucket?: s3.IBucket;

  /**
   * Registry in which every trained model becomes a version, pending approval, with its job and the model that it comes from.
   *
   * @default - SageMaker models only
   */
  readonly registry?: IModelRegistry;

  /**
   * Table of the `CostGuard` that meters the jobs (its `table`): from `freeze-growth` on no job starts. The guard itself only stops
   * jobs that have started.
   *
   * @default - jobs start at any level of a guard
   */
  readonly guardTable?: dynamodb.ITable;

  /**
   * Train in executions that run at the same time. By default the first of them trains, and any other fails without a job, with the error
   * `Tidegate.RunInProgress`: two incremental runs would learn the same data twice, each from the same earlier model.
   *
   * @default false
   */
  readonly concurrentRuns?: boolean;

  /**
   * Bucket for the server access logs of the new model bucket.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * Removal policy of the new bucket.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * Delete the objects of the new bucket, with all versions, when the bucket is deleted; CloudFormation deletes empty buckets only. Needs
   * `removalPolicy: RemovalPolicy.DESTROY`.
   *
   * @default false
   */
  readonly autoDeleteObjects?: boolean;
}

/** Metrics that the packaged training prints. */
const PACKAGED_METRICS = {
  'holdout:rmse': 'holdout_rmse=([0-9.e+-]+)',
  'holdout:r2': 'holdout_r2=([0-9.e+-]+)',
};

/** Applies the defaults. */
export function trainingSettings(props: TrainingPipelineProps) {
  const spot = props.spot ?? true;
  const network = props.network ?? {};
  return {
    trainingDataPrefix: props.trainingDataPrefix ?? 'measurements/',
    window: props.window ?? (props.sourceDirectory === undefined ? Duration.days(90) : undefined),
    channels: props.channels ?? {},
    instanceCount: props.instanceCount ?? 1,
    distribution: props.distribution ?? TrainingDistribution.NONE,
    spot,
    maxWait: spot ? (props.maxWait ?? Duration.seconds(2 * secondsOf(props.maxRuntime))) : undefined,
    checkpoints: props.checkpoints ?? true,
    sourceDirectory: props.sourceDirectory ?? PackedAsset.trainingSourcePath(),
    entryPoint: props.entryPoint ?? 'train.py',
    hyperparameters: props.hyperparameters ?? {},
    environment: props.environment ?? {},
    metricDefinitions: props.metricDefinitions ?? (props.sourceDirectory === undefined ? PACKAGED_METRICS : {}),
    network,
    isolation: network.isolation ?? false,
    encryptTraffic: network.encryptTraffic ?? true,
    volumeSize: props.volumeSize ?? Size.gibibytes(50),
    inferenceEnvironment: props.inferenceEnvironment ?? {
      SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: 'service_time',
      SAGEMAKER_TRITON_INFERENCE_TYPE: 'generate',
    },
  };
}

export type TrainingSettings = ReturnType<typeof trainingSettings>;
