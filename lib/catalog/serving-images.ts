import { InputError } from '../core/errors';
import { nearestNames } from '../core/nearest';

/** The day the tags and accounts below were last compared with AWS's lists. */
export const SERVING_IMAGES_AS_OF = '2026-08-21';

/** An image that AWS publishes for hosting. */
export interface ServingImage {
  /** The model server, for example `triton`. */
  readonly server: string;
  /** The ECR repository's name. */
  readonly repository: string;
  /** The tag; tags are mutable in practice, so name another where you have tested another. */
  readonly tag: string;
  /** The SageMaker inference AMI whose driver the image's CUDA needs; left out where the default one is enough. */
  readonly inferenceAmi?: string;
  /** The day from which AWS patches the image line no more, `YYYY-MM-DD`; left out where none is announced. */
  readonly endOfPatch?: string;
}

/** The accounts of AWS's Deep Learning Containers, by region. Source: the image configuration of the SageMaker Python SDK. */
const ACCOUNTS: { readonly [account: string]: readonly string[] } = {
  '763104351884': [
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
    'ca-central-1',
    'sa-east-1',
    'eu-west-1',
    'eu-west-2',
    'eu-west-3',
    'eu-central-1',
    'eu-north-1',
    'ap-south-1',
    'ap-northeast-1',
    'ap-northeast-2',
    'ap-southeast-1',
    'ap-southeast-2',
  ],
  '626614931356': ['af-south-1'],
  '871362719292': ['ap-east-1'],
  '975050140332': ['ap-east-2'],
  '772153158452': ['ap-south-2'],
  '364406365360': ['ap-northeast-3'],
  '907027046896': ['ap-southeast-3'],
  '457447274322': ['ap-southeast-4'],
  '550225433462': ['ap-southeast-5'],
  '633930458069': ['ap-southeast-6'],
  '590183813437': ['ap-southeast-7'],
  '204538143572': ['ca-west-1'],
  '692866216735': ['eu-south-1'],
  '503227376785': ['eu-south-2'],
  '380420809688': ['eu-central-2'],
  '780543022126': ['il-central-1'],
  '637423239942': ['mx-central-1'],
  '217643126080': ['me-south-1'],
  '914824155844': ['me-central-1'],
  '727897471807': ['cn-north-1', 'cn-northwest-1'],
  '446045086412': ['us-gov-east-1'],
  '442386744353': ['us-gov-west-1'],
};

const ACCOUNT_BY_REGION: ReadonlyMap<string, string> = new Map(
  Object.entries(ACCOUNTS).flatMap(([account, regions]) =>
    regions.map((region): [string, string] => [region, account]),
  ),
);

/** CUDA 13 containers need driver 580; on the default AMI they fail to start without a log. */
const CUDA_13_AMI = 'al2023-ami-sagemaker-inference-gpu-4-1';

/** CUDA 12.4 containers need driver 550. */
const CUDA_12_AMI = 'al2-ami-sagemaker-inference-gpu-3-1';

const IMAGES: readonly ServingImage[] = [
  { server: 'triton', repository: 'sagemaker-tritonserver', tag: '26.05-py3', inferenceAmi: CUDA_13_AMI },
  { server: 'vllm', repository: 'vllm', tag: 'server-sagemaker-cuda-v2.3', inferenceAmi: CUDA_13_AMI },
  { server: 'djl-lmi', repository: 'djl-inference', tag: '0.36.0-lmi28.0.0-cu130', inferenceAmi: CUDA_13_AMI },
  {
    server: 'huggingface-vllm',
    repository: 'huggingface-vllm',
    tag: '0.25.1-transformers5.10.2-gpu-py312-cu130-ubuntu22.04',
    inferenceAmi: CUDA_13_AMI,
  },
  {
    server: 'torchserve',
    repository: 'pytorch-inference',
    tag: '2.6.0-gpu-py312-cu124-ubuntu22.04-sagemaker',
    inferenceAmi: CUDA_12_AMI,
    endOfPatch: '2026-06-30',
  },
  {
    server: 'tensorflow-serving',
    repository: 'tensorflow-inference',
    tag: '2.19.0-gpu-py312-cu122-ubuntu22.04-sagemaker',
    endOfPatch: '2026-03-11',
  },
];

/** The values SageMaker accepts for a variant's inference AMI. Source: `ProductionVariantInferenceAmiVersion` in the SageMaker API. */
export const INFERENCE_AMIS: readonly string[] = [
  'al2-ami-sagemaker-inference-gpu-2',
  'al2-ami-sagemaker-inference-gpu-2-1',
  CUDA_12_AMI,
  CUDA_13_AMI,
  'al2-ami-sagemaker-inference-neuron-2',
];

/** The published image of a model server; throws an {@link InputError} with the known servers when there is none. */
export function servingImage(server: string): ServingImage {
  const found = IMAGES.find((image) => image.server === server);
  if (found !== undefined) return found;
  throw new InputError(`no serving image for '${server}'; known: ${IMAGES.map((image) => image.server).join(', ')}`);
}

/** The account that publishes AWS's serving images in a region; throws an {@link InputError} when the table lacks the region. */
export function servingImageAccount(region: string): string {
  const account = ACCOUNT_BY_REGION.get(region);
  if (account !== undefined) return account;
  const nearest = nearestNames(region, ACCOUNT_BY_REGION.keys()).join(', ');
  throw new InputError(
    `no account of the Deep Learning Containers is known for region '${region}' (nearest known: ${nearest}); give the account yourself`,
  );
}

/** Every region with its account, for a lookup at deploy time where the region is not known at synth. */
export function servingImageAccounts(): { readonly [region: string]: string } {
  return Object.fromEntries(ACCOUNT_BY_REGION);
}
