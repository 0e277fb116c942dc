import { checkArtifact } from './artifact-layout';
import { checkMemoryFit } from './memory-fit';
import type { ModelArtifact } from './model-artifact';
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
    ...(server.memory === undefined ? [] : checkMemoryFit(server.memory, instanceTypes, server.tensorParallelDegree)),
    ...(server.fetchesModel === true && networkIsolation
      ? [
          'the model server fetches its model from the network (modelId), which network isolation forbids; set networkIsolation to ' +
            'false, or put the model into S3 and give modelArtifact',
        ]
      : []),
  ];
}
