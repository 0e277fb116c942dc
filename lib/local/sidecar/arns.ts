import { LOCAL_ACCOUNT, LOCAL_REGION } from '../engine/credentials';

type SageMakerKind = 'model' | 'endpoint-config' | 'endpoint' | 'inference-component' | 'training-job';

/** The ARN of a SageMaker resource; SageMaker writes names in ARNs in lower case. */
export const sageMakerArn = (kind: SageMakerKind, name: string): string =>
  `arn:aws:sagemaker:${LOCAL_REGION}:${LOCAL_ACCOUNT}:${kind}/${name.toLowerCase()}`;

/** The name at the end of a SageMaker ARN, or the text itself when it is none. */
export const nameOfArn = (arnOrName: string): string => arnOrName.slice(arnOrName.lastIndexOf('/') + 1);

export const variantResourceId = (endpointName: string, variantName: string): string =>
  `endpoint/${endpointName}/variant/${variantName}`;
