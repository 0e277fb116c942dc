import { Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { findInstanceType } from '../catalog/instance-types';
import { checkArtifact } from './artifact-layout';
import { checkMemoryFit } from './memory-fit';
import type { ModelArtifact, ModelArtifactConfig } from './model-artifact';
import type { ModelServerConfig } from './model-server';

/** Every problem of a model server on instances of some types. */
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
          'the model server fetches its model from the network (modelId), which network isolation forbids; set networkIsolation to ' +
            'false, or put the model into S3 and give modelArtifact',
        ]
      : []),
  ];
}

/** Types whose accelerators the image is not built for. */
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
