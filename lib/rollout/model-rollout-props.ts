import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { GpuEndpoint } from '../inference';
import type { IModelRegistry } from '../training';
import type { LanguageModelEvaluation } from './language-model-evaluation';
import type { LiveModel } from './live-model';

/** Way in which a version that passes the gate reaches the endpoint. */
export enum RolloutApproval {
  /** It is rolled out at once, and approved in the registry when the endpoint serves it. */
  AUTOMATIC = 'AUTOMATIC',
  /** It waits; its approval in the registry starts the rollout. */
  MANUAL = 'MANUAL',
}

/** Limits that a version has to keep beside the live model. */
export interface RolloutGate {
  /**
   * Largest fall of the accuracy on the frozen set, 0 to 1: 0.005 is half a point.
   *
   * @default 0.005
   */
  readonly maxAccuracyLoss?: number;

  /**
   * Largest fall of the accuracy on any slice, 0 to 1.
   *
   * @default 0.05
   */
  readonly maxSliceLoss?: number;

  /**
   * Rows below which a slice says too little to refuse a version.
   *
   * @default 20
   */
  readonly minSliceRows?: number;

  /**
   * Largest growth of the latency of a request, median and 95th percentile: 0.2 is a fifth.
   *
   * @default 0.2
   */
  readonly maxLatencyGrowth?: number;

  /**
   * Largest growth of the cost of 1,000 requests, which is the price of an instance over its throughput.
   *
   * @default 0.2
   */
  readonly maxCostGrowth?: number;

  /**
   * Largest growth of the artifact's size.
   *
   * @default - any size
   */
  readonly maxSizeGrowth?: number;
}

/** Shadow that receives copies of live requests before a rollout. */
export interface RolloutShadow {
  /** Time that the shadow receives requests. */
  readonly duration: Duration;

  /**
   * Share of the requests that it receives, 1 to 100 %.
   *
   * @default 100
   */
  readonly samplingPercent?: number;

  /**
   * Instances of the shadow.
   *
   * @default 1
   */
  readonly instanceCount?: number;

  /**
   * Requests that it has to have received.
   *
   * @default 100
   */
  readonly minRequests?: number;

  /**
   * Largest share of its responses that are server errors, 0 to 1.
   *
   * @default 0.01
   */
  readonly maxErrorRatio?: number;

  /**
   * Largest growth of its mean latency over that of the live variant: 0.2 is a fifth.
   *
   * @default 0.2
   */
  readonly maxLatencyGrowth?: number;
}

/** Properties of {@link ModelRollout}. */
export interface ModelRolloutProps {
  /** Endpoint whose own variant serves the model. */
  readonly endpoint: GpuEndpoint;

  /** Live model of the endpoint, whose `artifact` it serves. */
  readonly live: LiveModel;

  /** Registry of the versions: the one that the training and compression pipelines have. */
  readonly registry: IModelRegistry;

  /** Buckets with the artifacts of the versions, below `models/`: `modelBucket` of the pipelines. */
  readonly models: s3.IBucket[];

  /**
   * Bucket of the frozen set: JSON lines with `id`, `features`, `label`, and the fields of `sliceBy`; for language models with `id`, `prompt` or
   * `messages`, `expected`, and those fields.
   */
  readonly evaluationData: s3.IBucket;

  /**
   * Key prefix of the frozen set.
   *
   * @default - all objects of the bucket
   */
  readonly evaluationDataPrefix?: string;

  /**
   * Fields of the rows whose values are slices, beside the label.
   *
   * @default - the label alone; `slice` for language models
   */
  readonly sliceBy?: string[];

  /**
   * Language models, which their server answers for: the settings of their evaluation, `{}` for the defaults.
   *
   * @default - models of rows of features
   */
  readonly languageModel?: LanguageModelEvaluation;

  /**
   * Image in ECR. For rows of features one with SageMaker's script mode, and with PyTorch where a model is TorchScript; ONNX Runtime is installed when a
   * job starts. For language models that of their server.
   *
   * @default - the image of the endpoint for language models; required for others
   */
  readonly image?: string;

  /**
   * Instance types of the evaluation in order of preference. Latency, capacity and cost are those of the type it ran on.
   *
   * @default - the types of the endpoint
   */
  readonly instanceTypes?: string[];

  /** Maximum runtime of an evaluation. */
  readonly maxRuntime: Duration;

  /**
   * Limits that a version has to keep beside the live model.
   *
   * @default - half a point of accuracy, five of any slice, a fifth of latency and of cost
   */
  readonly gate?: RolloutGate;

  /**
   * Way in which a version that passes the gate reaches the endpoint.
   *
   * @default RolloutApproval.AUTOMATIC
   */
  readonly approval?: RolloutApproval;

  /**
   * Shadow that receives copies of live requests before the rollout. SageMaker takes one beside a single variant.
   *
   * @default - none
   */
  readonly shadow?: RolloutShadow;

  /**
   * True to start an execution for every version that is registered, and for every one that is approved by hand.
   *
   * @default true
   */
  readonly startOnRegistration?: boolean;

  /**
   * Price of an instance of the endpoint for one hour, USD.
   *
   * @default - the list price of its first type in the region of the stack; without one, cost is compared by throughput
   */
  readonly pricePerHourUsd?: number;

  /**
   * Beginning of the names of evaluation jobs: at most 21 letters, digits and single hyphens.
   *
   * @default - derived from the construct's path
   */
  readonly jobNamePrefix?: string;

  /**
   * Table of the `CostGuard` that meters the evaluations: from `freeze-growth` on none starts.
   *
   * @default - they start at any level of a guard
   */
  readonly guardTable?: dynamodb.ITable;

  /**
   * Bucket for the server access logs of the new bucket of reports.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;

  /**
   * Removal policy of the bucket of reports.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * True to delete the reports with their bucket; requires `RemovalPolicy.DESTROY`.
   *
   * @default false
   */
  readonly autoDeleteObjects?: boolean;
}
