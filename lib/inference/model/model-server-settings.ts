import { throwProblems } from '../../core/errors';
import { TRITON_ENVIRONMENT } from '../contract';
import { checkWhole } from '../value-checks';
import type {
  LanguageModelOptions,
  ModelMemoryNeeds,
  TensorFlowServingOptions,
  TorchServeOptions,
  TritonOptions,
} from './model-server-options';

/** Settings that follow from the options of a server. */
export interface PublishedServerSettings {
  readonly environment: { readonly [name: string]: string };
  readonly memory?: ModelMemoryNeeds;
  readonly tensorParallelDegree?: number;
  readonly tensorParallelVariable?: string;
  readonly fetchesModel?: boolean;
  readonly artifactLayout: string;
  readonly artifactEntry?: string;
}

/** Directory that SageMaker puts the model's files into. */
export const MODEL_DIRECTORY = '/opt/ml/model';

/** Variables for the number of accelerators that a copy is spread over: of AWS's vLLM image, and of LMI. */
const VLLM_TENSOR_PARALLEL = 'SM_VLLM_TENSOR_PARALLEL_SIZE';
const LMI_TENSOR_PARALLEL = 'OPTION_TENSOR_PARALLEL_DEGREE';

/** Source: `serve` of the SageMaker Triton image, which logs every request unless the variable disables it. */
export function tritonSettings(options: TritonOptions): PublishedServerSettings {
  throwProblems('ModelServer.triton', checkCount('threadCount', options.threadCount));
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
  throwProblems('ModelServer.torchServe', checkCount('workersPerModel', options.workersPerModel));
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
  throwProblems('ModelServer.tensorFlowServing', checkCount('maxBatchSize', options.maxBatchSize));
  return {
    artifactLayout: 'tensorflow-serving',
    environment: set({
      SAGEMAKER_TFS_DEFAULT_MODEL_NAME: options.defaultModelName,
      SAGEMAKER_TFS_ENABLE_BATCHING: options.maxBatchSize === undefined ? undefined : true,
      SAGEMAKER_TFS_MAX_BATCH_SIZE: options.maxBatchSize,
    }),
  };
}

/** Source: AWS's vLLM image, which passes `SM_VLLM_*` as flags to the server. */
export function vllmSettings(options: LanguageModelOptions): PublishedServerSettings {
  return languageModel(options, VLLM_TENSOR_PARALLEL, {
    SM_VLLM_MODEL: options.modelId ?? MODEL_DIRECTORY,
    SM_VLLM_MAX_MODEL_LEN: options.maxContextTokens,
    SM_VLLM_MAX_NUM_SEQS: options.maxSequences,
    [VLLM_TENSOR_PARALLEL]: options.tensorParallelDegree,
    SM_VLLM_QUANTIZATION: options.quantization,
  });
}

/** Source: DJL's Large Model Inference, which reads `OPTION_*` and spreads a model over all accelerators. */
export function lmiSettings(options: LanguageModelOptions): PublishedServerSettings {
  return languageModel(options, LMI_TENSOR_PARALLEL, {
    HF_MODEL_ID: options.modelId ?? MODEL_DIRECTORY,
    OPTION_MAX_MODEL_LEN: options.maxContextTokens,
    OPTION_MAX_ROLLING_BATCH_SIZE: options.maxSequences,
    [LMI_TENSOR_PARALLEL]: options.tensorParallelDegree,
    OPTION_QUANTIZE: options.quantization,
  });
}

/** Source: Hugging Face's images for SageMaker; flags are those of AWS's vLLM image. */
export function huggingFaceSettings(options: LanguageModelOptions): PublishedServerSettings {
  return languageModel(options, VLLM_TENSOR_PARALLEL, {
    HF_MODEL_ID: options.modelId ?? MODEL_DIRECTORY,
    SM_VLLM_MAX_MODEL_LEN: options.maxContextTokens,
    SM_VLLM_MAX_NUM_SEQS: options.maxSequences,
    [VLLM_TENSOR_PARALLEL]: options.tensorParallelDegree,
    SM_VLLM_QUANTIZATION: options.quantization,
  });
}

type Variables = { readonly [name: string]: string | number | boolean | undefined };

function languageModel(
  options: LanguageModelOptions,
  tensorParallelVariable: string,
  variables: Variables,
): PublishedServerSettings {
  const { memory, maxContextTokens, maxSequences, tensorParallelDegree } = options;
  throwProblems('ModelServer', checkLanguageModel(options));
  return {
    tensorParallelVariable,
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

function checkLanguageModel(options: LanguageModelOptions): string[] {
  const { memory, maxContextTokens, maxSequences, quantization, modelId } = options;
  const problems = [
    ...checkCount('maxContextTokens', maxContextTokens),
    ...checkCount('maxSequences', maxSequences),
    ...checkCount('tensorParallelDegree', options.tensorParallelDegree),
  ];
  if (modelId === '') problems.push('modelId is empty; name the model, or omit modelId to use the model artifact');
  if (memory !== undefined && (maxContextTokens === undefined || maxSequences === undefined)) {
    problems.push(
      "memory needs maxContextTokens and maxSequences: without them the server uses the model's own, and the size of the KV cache is not known",
    );
  }
  if (memory !== undefined && quantization !== undefined && memory.bytesPerParameter === undefined) {
    problems.push(
      `quantization '${quantization}' changes the bytes of a parameter; give memory.bytesPerParameter (1 for 8-bit, 0.5 for 4-bit weights)`,
    );
  }
  return problems;
}

const checkCount = (property: string, value: number | undefined): string[] =>
  value === undefined ? [] : checkWhole(property, value, 1, Infinity);

const entry = (name: string | undefined): { readonly artifactEntry?: string } =>
  name === undefined ? {} : { artifactEntry: name };

function set(variables: Variables): { [name: string]: string } {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}
