import { TRITON_ENVIRONMENT } from './contract';
import type {
  LanguageModelOptions,
  ModelMemoryNeeds,
  TensorFlowServingOptions,
  TorchServeOptions,
  TritonOptions,
} from './model-server-options';

/** What the options of a server come down to. */
export interface PublishedServerSettings {
  readonly environment: { readonly [name: string]: string };
  readonly memory?: ModelMemoryNeeds;
  readonly tensorParallelDegree?: number;
  readonly fetchesModel?: boolean;
  readonly artifactLayout: string;
  readonly artifactEntry?: string;
}

/** Where SageMaker puts the model's files. */
const MODEL_DIRECTORY = '/opt/ml/model';

/** The accelerators that vLLM uses unless it is told (`--tensor-parallel-size`). */
const VLLM_ACCELERATORS = 1;

/** Source: `serve` of the SageMaker Triton image, which logs every request unless it is told not to. */
export function tritonSettings(options: TritonOptions): PublishedServerSettings {
  return {
    artifactLayout: 'triton',
    ...entry(options.defaultModelName),
    environment: set({
      [TRITON_ENVIRONMENT.defaultModelName]: options.defaultModelName,
      [TRITON_ENVIRONMENT.threadCount]: options.threadCount,
      [TRITON_ENVIRONMENT.verboseLogging]: options.verboseLogging ?? false,
    }),
  };
}

/** Source: the variables of the SageMaker PyTorch inference toolkit. */
export function torchServeSettings(options: TorchServeOptions): PublishedServerSettings {
  return {
    artifactLayout: 'torchserve',
    ...entry(options.entryPoint),
    environment: set({
      SAGEMAKER_PROGRAM: options.entryPoint,
      SAGEMAKER_MODEL_SERVER_WORKERS: options.workersPerModel,
    }),
  };
}

/** Source: the variables of the SageMaker TensorFlow Serving container. */
export function tensorFlowServingSettings(options: TensorFlowServingOptions): PublishedServerSettings {
  return {
    artifactLayout: 'tensorflow-serving',
    environment: set({
      SAGEMAKER_TFS_DEFAULT_MODEL_NAME: options.defaultModelName,
      SAGEMAKER_TFS_ENABLE_BATCHING: options.maxBatchSize === undefined ? undefined : true,
      SAGEMAKER_TFS_MAX_BATCH_SIZE: options.maxBatchSize,
    }),
  };
}

/** Source: AWS's vLLM image, which turns `SM_VLLM_*` into the server's flags. */
export function vllmSettings(options: LanguageModelOptions): PublishedServerSettings {
  return languageModel(options, VLLM_ACCELERATORS, {
    SM_VLLM_MODEL: options.modelId ?? MODEL_DIRECTORY,
    SM_VLLM_MAX_MODEL_LEN: options.maxContextTokens,
    SM_VLLM_MAX_NUM_SEQS: options.maxSequences,
    SM_VLLM_TENSOR_PARALLEL_SIZE: options.tensorParallelDegree,
    SM_VLLM_QUANTIZATION: options.quantization,
  });
}

/** Source: DJL's Large Model Inference, which reads `OPTION_*` and spreads a model over all accelerators. */
export function lmiSettings(options: LanguageModelOptions): PublishedServerSettings {
  return languageModel(options, undefined, {
    HF_MODEL_ID: options.modelId ?? MODEL_DIRECTORY,
    OPTION_MAX_MODEL_LEN: options.maxContextTokens,
    OPTION_MAX_ROLLING_BATCH_SIZE: options.maxSequences,
    OPTION_TENSOR_PARALLEL_DEGREE: options.tensorParallelDegree,
    OPTION_QUANTIZE: options.quantization,
  });
}

/** Source: Hugging Face's images for SageMaker; flags are those of AWS's vLLM image. */
export function huggingFaceSettings(options: LanguageModelOptions): PublishedServerSettings {
  return languageModel(options, VLLM_ACCELERATORS, {
    HF_MODEL_ID: options.modelId ?? MODEL_DIRECTORY,
    SM_VLLM_MAX_MODEL_LEN: options.maxContextTokens,
    SM_VLLM_MAX_NUM_SEQS: options.maxSequences,
    SM_VLLM_TENSOR_PARALLEL_SIZE: options.tensorParallelDegree,
    SM_VLLM_QUANTIZATION: options.quantization,
  });
}

type Variables = { readonly [name: string]: string | number | boolean | undefined };

/** The settings of a server that spreads a model over so many accelerators unless it is told; undefined for all of the instance. */
function languageModel(
  options: LanguageModelOptions,
  accelerators: number | undefined,
  variables: Variables,
): PublishedServerSettings {
  const { memory, maxContextTokens, maxSequences, tensorParallelDegree = accelerators } = options;
  return {
    artifactLayout: 'hugging-face',
    environment: set(variables),
    ...(memory === undefined
      ? {}
      : {
          memory: {
            ...memory,
            ...(maxContextTokens === undefined ? {} : { maxContextTokens }),
            ...(maxSequences === undefined ? {} : { maxSequences }),
          },
        }),
    ...(tensorParallelDegree === undefined ? {} : { tensorParallelDegree }),
    ...(options.modelId === undefined ? {} : { fetchesModel: true }),
  };
}

const entry = (name: string | undefined): { readonly artifactEntry?: string } =>
  name === undefined ? {} : { artifactEntry: name };

function set(variables: Variables): { [name: string]: string } {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}
