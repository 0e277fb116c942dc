import * as path from 'node:path';
import { Duration, Size, Stack, Token } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { languageModelServer } from '../catalog/language-model-servers';
import { instancePrice } from '../catalog/prices';
import { InputError } from '../core/errors';
import type { GpuEndpoint } from '../inference';
import { ecrImage, type PulledImage } from '../runtime/sagemaker-images';
import { ChannelInputMode, PackedAsset, TrainingChannel } from '../training';
import { MODELS_PREFIX, trainingRole } from '../training/training-roles';
import { type JobPlan, SOURCE_CHANNEL } from '../training/training-states';
import { AnswerMatch, type LanguageModelEvaluation, PromptSchema } from './language-model-evaluation';
import type { ModelRolloutProps } from './model-rollout-props';
import { CANDIDATE_PATH, LIVE_PATH } from './rollout-states';

/** The relative path is the same from `lib/` and from `build/`. */
const SOURCE_DIRECTORY = path.join(__dirname, '../../lib/rollout/assets');

/** Key prefix of the reports in their bucket; each execution has a folder below it. */
export const EVALUATION_REPORTS_PREFIX = 'reports/';

/** Key prefix of the job's own output. */
const JOBS_PREFIX = 'jobs/';

/** Field of prompts whose values are slices where none is named. */
const SLICE_FIELD = 'slice';

/** Space for two language models; types with NVMe disks have their own. */
const LANGUAGE_MODELS_VOLUME = Size.gibibytes(500);

/** Space for two models of other kinds. */
const VOLUME = Size.gibibytes(50);

/** Folder of the source in a container that does not unpack it itself. */
const CODE = '/opt/ml/code';

/** Settings of a language model's evaluation with their defaults; those of the server depend on its image. */
export function languageModelSettings(
  given: LanguageModelEvaluation,
): LanguageModelEvaluation & Required<Omit<LanguageModelEvaluation, 'serverCommand' | 'promptSchema'>> {
  return {
    serverCommand: given.serverCommand,
    promptSchema: given.promptSchema,
    match: given.match ?? AnswerMatch.NORMALIZED,
    maxTokens: given.maxTokens ?? 256,
    concurrencies: given.concurrencies ?? [1, 2, 4, 8, 16, 32],
    startupTimeout: given.startupTimeout ?? Duration.minutes(20),
    requestTimeout: given.requestTimeout ?? Duration.seconds(60),
    loadDuration: given.loadDuration ?? Duration.seconds(20),
    volumeSize: given.volumeSize ?? LANGUAGE_MODELS_VOLUME,
  };
}

/** Job that evaluates a version beside the live model, with its role. */
export interface EvaluationJob {
  readonly plan: JobPlan;
  readonly role: iam.Role;
}

/**
 * Declares the job: a training job that loads both models itself, or, for language models, one in the image of their server, which it starts on each of
 * them. The models of either kind are channels, so that no endpoint is made for an evaluation and nothing is left when the job has ended.
 */
export function evaluationJob(
  scope: Construct,
  props: ModelRolloutProps,
  own: {
    readonly instanceTypes: readonly string[];
    readonly jobNamePrefix: string;
    readonly reportsBucket: s3.IBucket;
  },
): EvaluationJob {
  const { live, models, evaluationData, languageModel } = props;
  const { instanceTypes, reportsBucket } = own;
  const image = imageOf(scope, props);
  const source = new PackedAsset(scope, 'Source', { path: SOURCE_DIRECTORY });
  const isLanguage = languageModel !== undefined;
  const role = trainingRole(scope, {
    image,
    source,
    sourceIsChannel: isLanguage,
    inputs: [
      ...models.map((bucket) => ({ bucket, prefix: MODELS_PREFIX })),
      { bucket: live._initial.bucket, prefix: live._initial.key },
      { bucket: evaluationData, prefix: props.evaluationDataPrefix },
    ],
    models: reportsBucket,
    writtenPrefixes: [EVALUATION_REPORTS_PREFIX, JOBS_PREFIX],
    inVpc: false,
  });
  const price = pricePerHourUsd(scope, props);
  const sliceBy = props.sliceBy ?? (isLanguage ? [SLICE_FIELD] : []);
  const kind = isLanguage
    ? languageModelJob(scope, props.endpoint, { given: languageModel, source, image: image.uri })
    : scriptJob(source, Stack.of(scope).region);
  const plan: JobPlan = {
    jobNamePrefix: own.jobNamePrefix,
    instanceTypes,
    instanceCount: 1,
    encryptTraffic: false,
    trainingImage: image.uri,
    trainingRoleArn: role.roleArn,
    ...kind,
    hyperparameters: {
      ...(sliceBy.length === 0 ? {} : { 'slice-by': sliceBy.join(',') }),
      ...(price === undefined ? {} : { 'price-per-hour-usd': String(price) }),
      'instance-type': instanceTypes[0]!,
      ...kind.hyperparameters,
    },
    channels: [
      modelChannel('live', LIVE_PATH),
      modelChannel('candidate', CANDIDATE_PATH),
      TrainingChannel.fromBucket(evaluationData, { prefix: props.evaluationDataPrefix })._render('evaluation'),
      ...kind.channels,
    ],
    metricDefinitions: {
      'rollout:candidate-accuracy': 'candidate_accuracy=([0-9.]+)',
      'rollout:accuracy-loss': 'accuracy_loss=(-?[0-9.]+)',
    },
    outputUri: `s3://${reportsBucket.bucketName}/${JOBS_PREFIX.slice(0, -1)}`,
    // Checkpoints are copied to S3 as they are: here they are the report.
    checkpointsUri: `s3://${reportsBucket.bucketName}/${EVALUATION_REPORTS_PREFIX}`,
    maxRuntimeSeconds: props.maxRuntime.toSeconds(),
    guardTableName: props.guardTable?.tableName,
  };
  return { plan, role };
}

/** Parts of a job by the kind of its models. */
type KindOfJob = Pick<
  JobPlan,
  'hyperparameters' | 'channels' | 'environment' | 'isolation' | 'volumeSizeGib' | 'extras'
>;

/** Script mode, in which SageMaker's toolkit installs ONNX Runtime first. */
function scriptJob(source: PackedAsset, region: string): KindOfJob {
  return {
    isolation: false,
    volumeSizeGib: VOLUME.toGibibytes(),
    hyperparameters: {
      sagemaker_program: 'evaluate.py',
      sagemaker_region: region,
      sagemaker_submit_directory: source.s3Uri,
    },
    channels: [],
    environment: {},
  };
}

/** An entry point of its own in the image of the server, without a network, with the variables of the endpoint's container. */
function languageModelJob(
  scope: Construct,
  endpoint: GpuEndpoint,
  {
    given,
    source,
    image,
  }: { readonly given: LanguageModelEvaluation; readonly source: PackedAsset; readonly image: string },
): KindOfJob {
  const settings = languageModelSettings(given);
  const server = languageModelServer(image);
  const command = settings.serverCommand ?? server?.command;
  if (command === undefined) {
    throw new InputError(
      `${scope.node.path}: languageModel.serverCommand is missing: the command of ${image.split('/').at(-1)} is not known, as those of ModelServer.lmi and ` +
        'ModelServer.vllm are; give the command that starts its server, and languageModel.promptSchema',
    );
  }
  const unpack = `mkdir -p ${CODE} && tar -xzf /opt/ml/input/data/${SOURCE_CHANNEL}/*.tar.gz -C ${CODE}`;
  return {
    isolation: true,
    volumeSizeGib: settings.volumeSize.toGibibytes(),
    hyperparameters: {
      match: settings.match,
      'max-tokens': String(settings.maxTokens),
      concurrency: settings.concurrencies.join(','),
      'server-command': JSON.stringify(command),
      'prompt-schema': settings.promptSchema ?? server?.promptSchema ?? PromptSchema.OPENAI,
      'startup-seconds': String(settings.startupTimeout.toSeconds()),
      'request-seconds': String(settings.requestTimeout.toSeconds()),
      'load-seconds': String(settings.loadDuration.toSeconds()),
    },
    channels: [
      TrainingChannel.fromBucket(source.bucket, {
        prefix: source.objectKey,
        inputMode: ChannelInputMode.FILE,
      })._render(SOURCE_CHANNEL),
    ],
    environment: containerOf(endpoint).environment,
    extras: {
      algorithm: { ContainerEntrypoint: ['/bin/bash', '-c', `${unpack} && exec python3 ${CODE}/evaluate_prompts.py`] },
      request: {},
      resources: {},
      stop: {},
      checkpoints: {},
    },
  };
}

/** Image of the jobs: the given one, or for language models that of the endpoint. */
function imageOf(scope: Construct, { image, endpoint }: ModelRolloutProps): PulledImage {
  if (image !== undefined) return ecrImage(scope, 'image', image);
  const own = containerOf(endpoint).image;
  if (!Token.isUnresolved(own)) return ecrImage(scope, 'image', own);
  throw new InputError(
    `${scope.node.path}: image is missing, and that of the endpoint is known only at deployment; give the URI of the server's image in ECR`,
  );
}

/** Container of the endpoint's own variant. */
function containerOf(endpoint: GpuEndpoint): {
  readonly image: string;
  readonly environment: { readonly [name: string]: string };
} {
  const model = endpoint.node.tryFindChild('Model');
  if (!(model instanceof sagemaker.CfnModel)) {
    throw new InputError(`${endpoint.node.path}: the endpoint is not declared in this app`);
  }
  const { image = '', environment = {} } = model.primaryContainer as sagemaker.CfnModel.ContainerDefinitionProperty;
  return { image, environment: environment as { readonly [name: string]: string } };
}

/** Channel of an artifact that the state names. */
function modelChannel(name: string, statePath: string): object {
  return {
    ChannelName: name,
    InputMode: 'File',
    DataSource: {
      S3DataSource: { S3DataType: 'S3Prefix', 'S3Uri.$': statePath, S3DataDistributionType: 'FullyReplicated' },
    },
  };
}

function pricePerHourUsd(
  scope: Construct,
  { pricePerHourUsd: given, endpoint }: ModelRolloutProps,
): number | undefined {
  const { region } = Stack.of(scope);
  const [instanceType] = endpoint.instanceTypes;
  if (given !== undefined || Token.isUnresolved(region) || instanceType === undefined) return given;
  try {
    return instancePrice({ instanceType, region }).usdPerHour;
  } catch (error) {
    // The catalog has no confirmed price: the cost is compared by throughput alone.
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
