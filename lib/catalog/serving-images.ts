import { InputError } from '../core/errors';
import { accountOfImage, DEEP_LEARNING_CONTAINERS, type ImageAccounts } from './image-accounts';

/** Date of the last comparison of tags and accounts with AWS's lists. */
export const SERVING_IMAGES_AS_OF = '2026-08-21';

/** An image that AWS publishes for hosting. */
export interface ServingImage {
  /** Model server, for example `triton`. */
  readonly server: string;
  /** Name of the ECR repository. */
  readonly repository: string;
  /** Tag of the image. Tags are mutable in practice: name the one that you have tested. */
  readonly tag: string;
  /** Accounts that publish the image, by the regions that AWS lists for it. */
  readonly accounts: ImageAccounts;
  /** SageMaker inference AMI with the driver that the image's CUDA needs; left out where the default AMI is sufficient. */
  readonly inferenceAmi?: string;
  /** End of AWS's patches for the image line, `YYYY-MM-DD`; left out where none is announced. */
  readonly endOfPatch?: string;
}

/** AMI for containers with CUDA 13, which need driver 580; on the default AMI they fail to start without a log. */
const CUDA_13_AMI = 'al2023-ami-sagemaker-inference-gpu-4-1';

/** AMI for containers with CUDA 12.4, which need driver 550. */
const CUDA_12_AMI = 'al2-ami-sagemaker-inference-gpu-3-1';

/**
 * Regions by image. Sources: the image configuration of the SageMaker Python SDK of 2026-08-21 where it lists the version
 * (https://github.com/aws/sagemaker-python-sdk/tree/master/sagemaker-core/src/sagemaker/core/image_uri_config; Triton 26.05, PyTorch 2.6.0,
 * TensorFlow 2.19.0), and https://aws.github.io/deep-learning-containers/reference/region_availability/ for newer ones, which does not list
 * GovCloud.
 */
const { commercial, china, govCloud } = DEEP_LEARNING_CONTAINERS;

const IMAGES: readonly ServingImage[] = [
  {
    server: 'triton',
    repository: 'sagemaker-tritonserver',
    tag: '26.05-py3',
    accounts: commercial,
    inferenceAmi: CUDA_13_AMI,
  },
  {
    server: 'vllm',
    repository: 'vllm',
    tag: 'server-sagemaker-cuda-v2.3',
    accounts: { ...commercial, ...china },
    inferenceAmi: CUDA_13_AMI,
  },
  {
    server: 'djl-lmi',
    repository: 'djl-inference',
    tag: '0.36.0-lmi28.0.0-cu130',
    accounts: { ...commercial, ...china },
    inferenceAmi: CUDA_13_AMI,
  },
  {
    server: 'huggingface-vllm',
    repository: 'huggingface-vllm',
    tag: '0.25.1-transformers5.10.2-gpu-py312-cu130-ubuntu22.04',
    accounts: { ...commercial, ...china },
    inferenceAmi: CUDA_13_AMI,
  },
  {
    server: 'torchserve',
    repository: 'pytorch-inference',
    tag: '2.6.0-gpu-py312-cu124-ubuntu22.04-sagemaker',
    accounts: { ...commercial, ...china, ...govCloud },
    inferenceAmi: CUDA_12_AMI,
    endOfPatch: '2026-06-30',
  },
  {
    server: 'tensorflow-serving',
    repository: 'tensorflow-inference',
    tag: '2.19.0-gpu-py312-cu122-ubuntu22.04-sagemaker',
    accounts: { ...commercial, ...china, ...govCloud },
    endOfPatch: '2026-03-11',
  },
];

/** Inference AMIs that SageMaker accepts for a variant. Source: `ProductionVariantInferenceAmiVersion` in the SageMaker API. */
export const INFERENCE_AMIS: readonly string[] = [
  'al2-ami-sagemaker-inference-gpu-2',
  'al2-ami-sagemaker-inference-gpu-2-1',
  CUDA_12_AMI,
  CUDA_13_AMI,
  'al2-ami-sagemaker-inference-neuron-2',
];

/** Returns the published image of a model server; throws an {@link InputError} with the known servers when there is none. */
export function servingImage(server: string): ServingImage {
  const found = IMAGES.find((image) => image.server === server);
  if (found !== undefined) return found;
  throw new InputError(`no serving image for '${server}'; known: ${IMAGES.map((image) => image.server).join(', ')}`);
}

/**
 * Returns the account that publishes an image in a region; throws an {@link InputError} with the regions that AWS lists for the image when
 * the region is not one of them. `remedy` is the way out at the caller.
 */
export function servingImageAccount(
  { repository, tag, accounts }: ServingImage,
  region: string,
  remedy: string,
): string {
  return accountOfImage(`${repository}:${tag}`, accounts, region, remedy);
}
