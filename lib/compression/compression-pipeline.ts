import * as path from 'node:path';
import { Token } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { TrainingChannel, TrainingPipeline } from '../training';
import {
  CompressionGoal,
  type CompressionGate,
  type CompressionPipelineProps,
  ServingLayout,
} from './compression-pipeline-props';
import { CompressionTechnique } from './compression-technique';

/** The relative path is the same from `lib/` and from `build/`. */
const SOURCE_DIRECTORY = path.join(__dirname, '../../lib/compression/assets');

/**
 * Compresses a model, measures each candidate beside it, and registers the best that a gate lets through.
 *
 * Creates a Step Functions state machine that runs one SageMaker training job with ONNX Runtime. Its input is the output of a `TrainingPipeline`,
 * `{"ModelDataUrl": "s3://..."}`; its output names the compressed model in the same form. Each artifact has a `report.json` with size, latency, throughput
 * and accuracy before and after, by label too.
 *
 * @example
 * const trained = new training.TrainingPipeline(this, 'Training', {
 *   trainingData: requests.resultsBucket,
 *   instanceTypes: ['ml.g5.xlarge'],
 *   maxRuntime: Duration.hours(1),
 * });
 * new compression.CompressionPipeline(this, 'Compression', {
 *   models: trained.modelBucket,
 *   trainingData: requests.resultsBucket,
 *   trainingDataPrefix: 'rows/',
 *   image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312',
 *   instanceTypes: ['ml.c5.xlarge'],
 *   maxRuntime: Duration.hours(1),
 * });
 */
export class CompressionPipeline extends Construct {
  /** State machine; start an execution of it with `{"ModelDataUrl": "s3://..."}`. */
  public readonly stateMachine: sfn.StateMachine;

  /** Bucket of the compressed models. */
  public readonly modelBucket: s3.IBucket;

  /** Beginning of the names of all jobs and compressed models of this pipeline and of no other. */
  public readonly jobNamePrefix: string;

  private readonly pipeline: TrainingPipeline;

  public constructor(scope: Construct, id: string, props: CompressionPipelineProps) {
    super(scope, id);
    const techniques = props.techniques ?? [CompressionTechnique.int8Dynamic(), CompressionTechnique.int8Static()];
    throwProblems(this.node.path, [
      ...checkTechniques(techniques),
      ...checkLayout(props, techniques),
      ...checkGate(props.gate ?? {}),
      ...checkNames(props),
    ]);
    const served = servingSettings(props);
    this.pipeline = new TrainingPipeline(this, 'Job', {
      // Each compresses the model that its input names.
      concurrentRuns: true,
      channels: {
        model: TrainingChannel.fromExecutionInput(props.models, props.modelsPrefix ?? 'models/'),
        train: TrainingChannel.fromBucket(props.trainingData, { prefix: props.trainingDataPrefix }),
        ...(props.evaluationData === undefined
          ? {}
          : { evaluation: TrainingChannel.fromBucket(props.evaluationData, { prefix: props.evaluationDataPrefix }) }),
      },
      sourceDirectory: SOURCE_DIRECTORY,
      entryPoint: 'compress.py',
      hyperparameters: {
        ...Object.assign({}, ...techniques.map((technique) => technique._settings)),
        ...gateSettings(props.gate ?? {}),
        techniques: techniques.map(({ techniqueName }) => techniqueName).join(','),
        prefer: props.goal ?? CompressionGoal.LATENCY,
        ...served.hyperparameters,
      },
      metricDefinitions: {
        'compression:size-ratio': 'size_ratio=([0-9.]+)',
        'compression:speedup': 'speedup=([0-9.]+)',
        'compression:accuracy-loss': 'accuracy_loss=(-?[0-9.]+)',
      },
      trainingImage: props.image,
      instanceTypes: props.instanceTypes,
      maxRuntime: props.maxRuntime,
      // A job takes minutes, and an interrupted one begins anew.
      spot: false,
      checkpoints: false,
      inferenceImage: props.inferenceImage,
      inferenceEnvironment: served.environment,
      jobNamePrefix: props.jobNamePrefix,
      registry: props.registry,
      guardTable: props.guardTable,
      accessLogsBucket: props.accessLogsBucket,
    });
    this.stateMachine = this.pipeline.stateMachine;
    this.modelBucket = this.pipeline.modelBucket;
    this.jobNamePrefix = this.pipeline.jobNamePrefix;
  }

  /**
   * Allows a principal to start compression.
   *
   * @param grantee principal that may start it
   */
  public grantStart(grantee: iam.IGrantable): iam.Grant {
    return this.pipeline.grantStart(grantee);
  }
}

function checkTechniques(techniques: readonly CompressionTechnique[]): string[] {
  if (techniques.length === 0) return ['techniques is empty; name at least one, or omit it'];
  const problems: string[] = [];
  const names = techniques.map(({ techniqueName }) => techniqueName);
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  if (repeated.length > 0) problems.push(`techniques has ${repeated.join(', ')} twice; name every one once`);
  for (const setting of ['sparsity', 'student-hidden']) {
    const values = new Set(
      techniques.map(({ _settings: given }) => given[setting]).filter((value) => value !== undefined),
    );
    if (values.size > 1) {
      problems.push(
        `techniques give ${setting} as ${[...values].join(' and ')}; one value is for all techniques of a pipeline`,
      );
    }
  }
  return problems;
}

/** Problems of a layout for PyTorch: what it cannot serve, and what it does not know. */
function checkLayout(props: CompressionPipelineProps, techniques: readonly CompressionTechnique[]): string[] {
  if (props.servingLayout !== ServingLayout.TORCHSERVE) return [];
  const problems: string[] = [];
  const quantised = techniques.filter(({ _isQuantised }) => _isQuantised).map(({ techniqueName }) => techniqueName);
  if (quantised.length > 0) {
    problems.push(
      `techniques has ${quantised.join(', ')}${props.techniques === undefined ? ' by default' : ''}, whose INT8 is an ONNX file that PyTorch cannot ` +
        'load; with servingLayout TORCHSERVE take pruneWeights, pruneUnits, distil or unchanged, or leave servingLayout at TRITON',
    );
  }
  if (props.inferenceImage === undefined) {
    problems.push(
      'inferenceImage is missing; servingLayout TORCHSERVE needs an image with the SageMaker PyTorch container, such as ' +
        '<account>.dkr.ecr.<region>.amazonaws.com/pytorch-inference:<tag>',
    );
  }
  if (props.modelName !== undefined) {
    problems.push(
      `modelName (${props.modelName}) names a model in Triton's repository; leave it out with servingLayout TORCHSERVE`,
    );
  }
  return problems;
}

/** Settings of the job and of the serving container, by the layout. */
function servingSettings({
  servingLayout = ServingLayout.TRITON,
  modelName = 'classifier',
}: CompressionPipelineProps): {
  readonly hyperparameters: { [name: string]: string };
  readonly environment: { [name: string]: string };
} {
  const hyperparameters = { 'serving-layout': servingLayout };
  // Variable of the SageMaker inference toolkit: the script in `code/`.
  if (servingLayout === ServingLayout.TORCHSERVE) {
    return { hyperparameters, environment: { SAGEMAKER_PROGRAM: 'inference.py' } };
  }
  return {
    hyperparameters: { ...hyperparameters, 'model-name': modelName },
    environment: { SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: modelName },
  };
}

/** Problems of the name of the model, which is a folder of the artifact, and of a prefix without its bucket. */
function checkNames({ modelName, evaluationData, evaluationDataPrefix }: CompressionPipelineProps): string[] {
  const problems: string[] = [];
  if (
    modelName !== undefined &&
    !Token.isUnresolved(modelName) &&
    !/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/.test(modelName)
  ) {
    problems.push(
      `modelName ('${modelName}') is not allowed; use 1 to 63 letters, digits, dots, hyphens and underscores, and begin with a letter or digit`,
    );
  }
  if (evaluationData === undefined && evaluationDataPrefix !== undefined) {
    problems.push('evaluationDataPrefix is in a bucket; give evaluationData, or leave both out');
  }
  return problems;
}

function checkGate(gate: CompressionGate): string[] {
  const problems: string[] = [];
  const check = (name: keyof CompressionGate, highest: number): void => {
    const value = gate[name];
    if (value === undefined || (value >= 0 && value <= highest)) return;
    problems.push(`gate.${name} (${value}) is out of range; 0 to ${highest} is allowed`);
  };
  check('maxAccuracyLoss', 1);
  check('maxLabelLoss', 1);
  check('minSizeRatio', 1000);
  check('minSpeedup', 1000);
  return problems;
}

function gateSettings(gate: CompressionGate): { [hyperparameter: string]: string } {
  const settings = {
    'max-accuracy-loss': gate.maxAccuracyLoss,
    'max-label-loss': gate.maxLabelLoss,
    'min-size-ratio': gate.minSizeRatio,
    'min-speedup': gate.minSpeedup,
  };
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}
