import { LOCAL_ACCOUNT, LOCAL_REGION } from '../credentials';

type SageMakerKind =
  | 'model'
  | 'endpoint-config'
  | 'endpoint'
  | 'inference-component'
  | 'training-job'
  | 'processing-job'
  | 'optimization-job'
  | 'model-package-group'
  | 'model-package';

/** ARN of a SageMaker resource, with the name in lower case as SageMaker writes it. */
export const sageMakerArn = (kind: SageMakerKind, name: string): string =>
  `arn:aws:sagemaker:${LOCAL_REGION}:${LOCAL_ACCOUNT}:${kind}/${name.toLowerCase()}`;

/** Name at the end of a SageMaker ARN; a text that is no ARN is returned as it is. */
export const nameOfArn = (arnOrName: string): string => arnOrName.slice(arnOrName.lastIndexOf('/') + 1);
