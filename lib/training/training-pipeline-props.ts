import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import type * as events from 'aws-cdk-lib/aws-events';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { PackedAsset } from './packed-asset';

/** Properties of {@link TrainingPipeline}. */
export interface TrainingPipelineProps {
  /** The bucket with the training data. */
  readonly trainingData: s3.IBucket;

  /**
   * The training data's key prefix.
   *
   * @default results/ - what ingestion lands
   */
  readonly trainingDataPrefix?: string;

  /** Instance types to train on, the most wanted first; the next is taken when SageMaker has none of one. */
  readonly instanceTypes: string[];

  /** After this time a job is stopped, whatever it does; 1 minute to 28 days. There is no job without a limit. */
  readonly maxRuntime: Duration;

  /**
   * What the names of jobs and models begin with: at most 21 letters, digits and single hyphens.
   *
   * @default - made from the construct's path
   */
  readonly jobNamePrefix?: string;

  /**
   * Train on spot capacity: up to 90 % cheaper, and interrupted when the capacity is needed elsewhere. Needs checkpoints.
   *
   * @default true
   */
  readonly spot?: boolean;

  /**
   * How long a spot job may take in all, waiting for capacity included; after it the next instance type is tried.
   *
   * @default - twice maxRuntime
   */
  readonly maxWait?: Duration;

  /**
   * Keep checkpoints in S3, so that an interrupted job and the attempt on the next type go on where the last one ended.
   *
   * @default true
   */
  readonly checkpoints?: boolean;

  /**
   * When to train by itself.
   *
   * @default - only when it is started
   */
  readonly schedule?: events.Schedule;

  /**
   * The folder with the training script and what it needs, packed at synthesis.
   *
   * @default - the package's own training, which learns the service time from results
   */
  readonly sourceDirectory?: string;

  /**
   * The script in the source folder.
   *
   * @default train.py
   */
  readonly entryPoint?: string;

  /**
   * Arguments of the script, `--name value`.
   *
   * @default - none
   */
  readonly hyperparameters?: { [name: string]: string };

  /**
   * The image to train in: one of the SageMaker images with script mode, in ECR.
   *
   * @default - AWS's scikit-learn image in the stack's region
   */
  readonly trainingImage?: string;

  /**
   * Storage for the job in GB, where the instance type has no NVMe disks of its own.
   *
   * @default 50
   */
  readonly volumeSizeInGb?: number;

  /**
   * The image that serves the trained model, in ECR.
   *
   * @default - AWS's Triton image in the stack's region
   */
  readonly inferenceImage?: string;

  /**
   * Environment of the serving container.
   *
   * @default - Triton serves the model `service_time` and takes requests as plain JSON
   */
  readonly inferenceEnvironment?: { [name: string]: string };

  /**
   * The role that endpoints use with the trained models. One that is given must be allowed to read `models/*` in the model bucket.
   *
   * @default - a new role that may read the models, pull the image, log and count
   */
  readonly modelExecutionRole?: iam.IRole;

  /**
   * Where models and checkpoints go; turn versioning on when you give one.
   *
   * @default - a new bucket: encrypted, versioned, TLS only, closed to the public
   */
  readonly modelBucket?: s3.IBucket;

  /**
   * Where server access logs of the new model bucket go.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * What happens to the new bucket when it leaves the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** The properties with every default filled in. */
export function withDefaults(props: TrainingPipelineProps) {
  const spot = props.spot ?? true;
  return {
    trainingDataPrefix: props.trainingDataPrefix ?? 'results/',
    spot,
    maxWait: spot ? (props.maxWait ?? Duration.seconds(2 * props.maxRuntime.toSeconds())) : undefined,
    checkpoints: props.checkpoints ?? true,
    sourceDirectory: props.sourceDirectory ?? PackedAsset.trainingSourcePath(),
    entryPoint: props.entryPoint ?? 'train.py',
    hyperparameters: props.hyperparameters ?? {},
    volumeSizeInGb: props.volumeSizeInGb ?? 50,
    inferenceEnvironment: props.inferenceEnvironment ?? {
      SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: 'service_time',
      SAGEMAKER_TRITON_INFERENCE_TYPE: 'generate',
    },
  };
}

export type TrainingSettings = ReturnType<typeof withDefaults>;
