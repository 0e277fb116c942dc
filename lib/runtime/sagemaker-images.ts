import { Aws, CfnMapping, Stack, Token } from 'aws-cdk-lib';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { Construct } from 'constructs';
import { accountOfImage, SKLEARN_IMAGE, type ImageAccounts } from '../catalog/image-accounts';
import { servingImage } from '../catalog/serving-images';
import { InputError } from '../core/errors';

/** Image with the ARN of its repository. */
export interface PulledImage {
  readonly uri: string;
  readonly repositoryArn: string;
}

/** Image that AWS publishes, with its account in each region. */
interface PublishedImage {
  readonly repository: string;
  readonly tag: string;
  readonly accounts: ImageAccounts;
}

/** Account that publishes an image in the stack's region, from a mapping if the region is unresolved at synthesis. */
function accountIn(scope: Construct, id: string, image: PublishedImage, remedy: string): string {
  const { region } = Stack.of(scope);
  const { repository, tag, accounts } = image;
  if (!Token.isUnresolved(region)) return accountOfImage(`${repository}:${tag}`, accounts, region, remedy);
  const mapping = Object.fromEntries(Object.entries(accounts).map(([name, account]) => [name, { account }]));
  return new CfnMapping(scope, id, { mapping }).findInMap(Aws.REGION, 'account');
}

function awsImage(scope: Construct, account: string, repository: string, tag: string): PulledImage {
  const stack = Stack.of(scope);
  const suffix = Token.isUnresolved(stack.region)
    ? Aws.URL_SUFFIX
    : (RegionInfo.get(stack.region).domainSuffix ?? 'amazonaws.com');
  return {
    uri: `${account}.dkr.ecr.${stack.region}.${suffix}/${repository}:${tag}`,
    repositoryArn: repositoryArn(stack, account, stack.region, repository),
  };
}

function repositoryArn(stack: Stack, account: string, region: string, repository: string): string {
  return stack.formatArn({ service: 'ecr', account, region, resource: 'repository', resourceName: repository });
}

/** Returns AWS's scikit-learn training image in the stack's region. */
export function sklearnTrainingImage(scope: Construct, property = 'trainingImage'): PulledImage {
  const remedy = `give ${property}, an image with script mode in ECR of that region`;
  const account = accountIn(scope, 'AlgorithmImageAccounts', SKLEARN_IMAGE, remedy);
  return awsImage(scope, account, SKLEARN_IMAGE.repository, SKLEARN_IMAGE.tag);
}

/** Returns AWS's Triton image in the stack's region. */
export function tritonImage(scope: Construct): PulledImage {
  return publishedImage(scope, 'triton', 'inferenceImage');
}

/** Returns AWS's image of DJL Serving for language models in the stack's region. */
export function lmiImage(scope: Construct): PulledImage {
  return publishedImage(scope, 'djl-lmi', 'image');
}

function publishedImage(scope: Construct, server: string, property: string): PulledImage {
  const image = servingImage(server);
  const remedy = `give ${property}, a copy of the image in ECR of that region`;
  const account = accountIn(scope, 'ServingImageAccounts', image, remedy);
  return awsImage(scope, account, image.repository, image.tag);
}

const ECR_URI =
  /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::[^:@]+)?(?:@sha256:[0-9a-f]{64})?$/;

/** Returns an image in ECR by its URI; throws an {@link InputError} that names the property for another URI. */
export function ecrImage(scope: Construct, property: string, uri: string): PulledImage {
  const match = ECR_URI.exec(uri);
  if (match === null) {
    throw new InputError(
      `${property} ('${uri}') is not an image in ECR; give <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>`,
    );
  }
  const [, account, region, repository] = match;
  return { uri, repositoryArn: repositoryArn(Stack.of(scope), account!, region!, repository!) };
}
