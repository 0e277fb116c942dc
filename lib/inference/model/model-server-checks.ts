import { Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { findInstanceType } from '../../catalog/instance-types';
import { INFERENCE_AMIS } from '../../catalog/serving-images';
import { nearestNames } from '../../core/nearest';
import { checkArtifact } from './artifact-layout';
import { checkMemoryFit } from './memory-fit';
import type { ModelArtifact, ModelArtifactConfig } from './model-artifact';
import type { ModelServerConfig } from './model-server';
import { MODEL_DIRECTORY } from './model-server-settings';

/** Problems of a model server on instances of some types. */
export function checkServer(
  server: ModelServerConfig,
  instanceTypes: readonly string[],
  networkIsolation: boolean,
  artifact: ModelArtifact | undefined,
): string[] {
  return [
    ...checkArtifact(artifact?._localArchive, server),
    ...checkAccelerators(server, instanceTypes),
    ...(server.memory === undefined ? [] : checkMemoryFit(server.memory, instanceTypes, server.tensorParallelDegree)),
    ...(server.fetchesModel === true && networkIsolation
      ? [
          'the model server fetches its model from the network (modelId), which network isolation forbids; set network.isolation to ' +
            'false, or put the model into S3 and give modelArtifact',
        ]
      : []),
  ];
}

/** Variables that tell the server of a language model where its model is. */
const MODEL_VARIABLES = ['SM_VLLM_MODEL', 'HF_MODEL_ID', 'OPTION_MODEL_ID'];

/**
 * Returns the warning for a server whose image contains no model and that gets none. Its container would not answer the health check, and
 * SageMaker would give up on it after the start-up time-out, on instances that are paid for meanwhile
 * (https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html).
 */
export function missingModel(server: ModelServerConfig, artifact: ModelArtifact | undefined): string | undefined {
  if (artifact !== undefined || server.artifactLayout === undefined || server.fetchesModel === true) return undefined;
  const variables = MODEL_VARIABLES.filter((name) => server.environment[name] !== undefined);
  if (variables.some((name) => server.environment[name] !== MODEL_DIRECTORY)) return undefined;
  const orModelId = variables.length > 0 ? ', or modelId of the model server,' : '';
  return (
    `the model server (${server.imageUri.split('/').at(-1)!}) has no model: give modelArtifact${orModelId} or, for an image that contains ` +
    'the model, use ModelServer.image or fromEcrRepository'
  );
}

/** Problems of types whose accelerators the image is not built for. */
function checkAccelerators(
  { acceleratorKind, imageUri }: ModelServerConfig,
  instanceTypes: readonly string[],
): string[] {
  if (acceleratorKind === undefined) return [];
  return [...new Set(instanceTypes)].flatMap((name) => {
    const kind = findInstanceType(name)?.accelerator?.kind;
    if (kind === undefined || kind === acceleratorKind) return [];
    return [
      `the image of the model server (${imageUri.split('/').at(-1)!}) is built for ${acceleratorKind}s, ${name} has ${kind} accelerators; name ` +
        'a tag that is built for them, or choose other types',
    ];
  });
}

/** Problems of an inference AMI: one that SageMaker does not know, or that does not run on the accelerators. */
export function checkAmi(inferenceAmi: string | undefined, instanceTypes: readonly string[]): string[] {
  if (inferenceAmi === undefined) return [];
  if (!INFERENCE_AMIS.includes(inferenceAmi)) {
    return [
      `unknown inferenceAmi '${inferenceAmi}'; nearest known: ${nearestNames(inferenceAmi, INFERENCE_AMIS).join(', ')}`,
    ];
  }
  const kinds = new Set(instanceTypes.flatMap((name) => findInstanceType(name)?.accelerator?.kind ?? []));
  const [kind] = kinds;
  if (kinds.size !== 1 || inferenceAmi.includes(`-${kind!}-`)) return [];
  return [
    `the model server's inference AMI ${inferenceAmi} does not run on ${kind!} instances; choose other pools or another image`,
  ];
}

/** Problems of an image or of files in another region than the model's. Source: API reference, ContainerDefinition. */
export function checkRegions(
  scope: Construct,
  server: Pick<ModelServerConfig, 'imageRegion'>,
  artifact: ModelArtifactConfig | undefined,
): string[] {
  const { region } = Stack.of(scope);
  const differs = (other: string | undefined): other is string =>
    other !== undefined && !Token.isUnresolved(other) && !Token.isUnresolved(region) && other !== region;
  const problems: string[] = [];
  if (differs(server.imageRegion)) {
    problems.push(
      `the image is in ${server.imageRegion}, the model in ${region}; SageMaker pulls from the model's region, so copy it there`,
    );
  }
  const bucketRegion = artifact?.bucket.env.region;
  if (differs(bucketRegion)) {
    problems.push(
      `the model artifact is in ${bucketRegion}, the model in ${region}; SageMaker reads from the model's region, so copy it there`,
    );
  }
  return problems;
}
