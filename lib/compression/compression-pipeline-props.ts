import type { Duration } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { IModelRegistry } from '../training';
import type { CompressionTechnique } from './compression-technique';

/** Measure by which the best candidate is chosen. */
export enum CompressionGoal {
  /** Median latency of a single row. */
  LATENCY = 'latency',
  /** Size of the ONNX file. */
  SIZE = 'size',
  /** Rows per second in batches of 64. */
  THROUGHPUT = 'throughput',
}

/** Layout of the artifact, by the server that reads it. */
export enum ServingLayout {
  /** Triton's model repository with an ONNX file. */
  TRITON = 'triton',
  /**
   * SageMaker's PyTorch container, which runs TorchServe: `model.pt` in TorchScript, and `code/inference.py`, which needs PyTorch alone. It takes no
   * INT8, whose ONNX files PyTorch cannot load, and needs the artifact of the classifier.
   */
  TORCHSERVE = 'torchserve',
}

/** Limits that a candidate has to keep. */
export interface CompressionGate {
  /**
   * Largest fall of the accuracy on the evaluation rows, 0 to 1: 0.005 is half a point.
   *
   * @default 0.005
   */
  readonly maxAccuracyLoss?: number;

  /**
   * Largest fall of the accuracy on the rows of any one label, 0 to 1.
   *
   * @default 0.05
   */
  readonly maxLabelLoss?: number;

  /**
   * Size of the model over that of the candidate, at least.
   *
   * @default 1
   */
  readonly minSizeRatio?: number;

  /**
   * Median latency of the model over that of the candidate, at least.
   *
   * @default 1
   */
  readonly minSpeedup?: number;
}

/** Properties of {@link CompressionPipeline}. */
export interface CompressionPipelineProps {
  /** Bucket of the models to compress, the `modelBucket` of a `TrainingPipeline`. */
  readonly models: s3.IBucket;

  /**
   * Key prefix of the models to compress.
   *
   * @default models/ - those of a `TrainingPipeline`
   */
  readonly modelsPrefix?: string;

  /** Bucket of the training rows, for calibration, fine-tuning and distillation. */
  readonly trainingData: s3.IBucket;

  /** Key prefix of the training rows. */
  readonly trainingDataPrefix: string;

  /**
   * Bucket of the rows on which accuracy is measured.
   *
   * @default - a fifth of the training rows is held out, the same as by the classifier
   */
  readonly evaluationData?: s3.IBucket;

  /**
   * Key prefix of the evaluation rows.
   *
   * @default - all objects of the bucket
   */
  readonly evaluationDataPrefix?: string;

  /** Image in ECR with PyTorch and SageMaker's script mode. ONNX and ONNX Runtime are installed when a job starts. */
  readonly image: string;

  /** Instance types in order of preference; the latencies are those of their processors. */
  readonly instanceTypes: string[];

  /** Maximum runtime of a job. */
  readonly maxRuntime: Duration;

  /**
   * Techniques to try; each makes one candidate.
   *
   * @default - dynamic and static quantisation to INT8
   */
  readonly techniques?: CompressionTechnique[];

  /**
   * Limits that a candidate has to keep. Without one that does, the execution fails and registers no model.
   *
   * @default - half a point of accuracy, five of any label, not larger and not slower
   */
  readonly gate?: CompressionGate;

  /**
   * Measure by which the best of the candidates that pass is chosen.
   *
   * @default CompressionGoal.LATENCY
   */
  readonly goal?: CompressionGoal;

  /**
   * Layout of the artifact.
   *
   * @default ServingLayout.TRITON
   */
  readonly servingLayout?: ServingLayout;

  /**
   * Image in ECR that serves the compressed model. `ServingLayout.TORCHSERVE` needs one: AWS's `pytorch-inference`, or a copy that you maintain, with
   * PyTorch no older than that of `image`, because an older one may not load its TorchScript.
   *
   * @default - AWS's Triton image in the stack's region; none with `ServingLayout.TORCHSERVE`
   */
  readonly inferenceImage?: string;

  /**
   * Name of the model in Triton's repository; not with `ServingLayout.TORCHSERVE`.
   *
   * @default classifier
   */
  readonly modelName?: string;

  /**
   * Beginning of the names of jobs and models: at most 21 letters, digits and single hyphens.
   *
   * @default - derived from the construct's path
   */
  readonly jobNamePrefix?: string;

  /**
   * Registry in which every compressed model becomes a version, pending approval, with the model that it comes from.
   *
   * @default - SageMaker models only
   */
  readonly registry?: IModelRegistry;

  /**
   * Table of the `CostGuard` that meters the jobs: from `freeze-growth` on no job starts.
   *
   * @default - jobs start at any level of a guard
   */
  readonly guardTable?: dynamodb.ITable;

  /**
   * Bucket for the server access logs of the new bucket of compressed models.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;
}
