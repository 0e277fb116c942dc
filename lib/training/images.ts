import { Aws, CfnMapping, Stack, Token } from 'aws-cdk-lib';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { Construct } from 'constructs';
import { servingImage, servingImageAccount, servingImageAccounts } from '../catalog/serving-images';
import { InputError } from '../core/errors';

/** An image and the ARN of the repository it is pulled from. */
export interface PulledImage {
  readonly uri: string;
  readonly repositoryArn: string;
}

/** AWS's scikit-learn image in script mode; it runs on every instance type. Pin another tag where you have tested another. */
const SKLEARN = { repository: 'sagemaker-scikit-learn', tag: '1.4-2-py312' };

/** The accounts that publish AWS's algorithm images, as far as they are known. Source: SageMaker Python SDK, `image_uri_config`. */
const ALGORITHM_ACCOUNTS: { readonly [region: string]: string } = {
  'us-east-1': '683313688378',
  'us-east-2': '257758044811',
  'us-west-2': '246618743249',
  'eu-west-1': '141502667606',
  'eu-central-1': '492215442770',
};

/** The account of a table for the stack's region, looked up at deployment where the region is not known before. */
function accountIn(
  scope: Construct,
  id: string,
  accounts: { readonly [region: string]: string },
  known: (region: string) => string,
): string {
  const { region } = Stack.of(scope);
  if (!Token.isUnresolved(region)) return known(region);
  const mapping = Object.fromEntries(Object.entries(accounts).map(([name, account]) => [name, { account }]));
  return new CfnMapping(scope, id, { mapping }).findInMap(Aws.REGION, 'account');
}

function published(scope: Construct, account: string, repository: string, tag: string): PulledImage {
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

/** AWS's scikit-learn training image in the stack's region. */
export function sklearnTrainingImage(scope: Construct): PulledImage {
  const account = accountIn(scope, 'AlgorithmImageAccounts', ALGORITHM_ACCOUNTS, (region) => {
    const found = ALGORITHM_ACCOUNTS[region];
    if (found !== undefined) return found;
    throw new InputError(
      `no account of AWS's scikit-learn image is known for region '${region}' (known: ${Object.keys(ALGORITHM_ACCOUNTS).join(', ')}); ` +
        'give trainingImage',
    );
  });
  return published(scope, account, SKLEARN.repository, SKLEARN.tag);
}

/** AWS's Triton image in the stack's region. */
export function tritonImage(scope: Construct): PulledImage {
  const { repository, tag } = servingImage('triton');
  return published(
    scope,
    accountIn(scope, 'ServingImageAccounts', servingImageAccounts(), servingImageAccount),
    repository,
    tag,
  );
}

const ECR_URI =
  /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::[^:@]+)?(?:@sha256:[0-9a-f]{64})?$/;

/** An image in ECR by its URI; throws an {@link InputError} that names the property when it is none. */
export function ecrImage(scope: Construct, property: string, uri: string): PulledImage {
  const match = ECR_URI.exec(uri);
  if (match === null) {
    throw new InputError(
      `${property} ('${uri}') is no image in ECR; give <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>`,
    );
  }
  const [, account, region, repository] = match;
  return { uri, repositoryArn: repositoryArn(Stack.of(scope), account!, region!, repository!) };
}
