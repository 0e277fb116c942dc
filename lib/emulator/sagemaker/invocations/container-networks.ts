import type { ModelResponse } from '../../model-server/model-server-process';
import type { ArtifactModels } from '../../model-server/onnx/artifact-models';
import type { Models } from '../models';
import type { ContainerRequest, ServedRequest } from './container-request';

/** Responses of containers: those of their own networks, where ONNX Runtime is there for them, and simulated ones. */
export class ContainerNetworks {
  public constructor(
    private readonly models: Models,
    /** Undefined where no network runs. */
    private readonly artifacts: ArtifactModels | undefined,
    /** Runs a model that the user gave, in place of those of the account. */
    private readonly infer: ((body: string) => Promise<ModelResponse>) | undefined,
  ) {}

  /** Returns the response of a model to a request that was served. */
  public respond(
    request: ContainerRequest,
    modelName: string,
    body: string,
    served: ServedRequest,
  ): Promise<ModelResponse> {
    if (request.answeredBy === 'simulated') {
      return Promise.resolve({ statusCode: 200, body: request.respond(served) });
    }
    if (this.infer !== undefined) return this.infer(body);
    if (this.artifacts === undefined) {
      const error = `tensors are taken by the network of the model ${modelName} itself, and none runs here: ONNX Runtime is not part of this run`;
      return Promise.resolve({ statusCode: 400, body: JSON.stringify({ error }) });
    }
    const data = this.models.has(modelName) ? this.models.dataOf(modelName) : undefined;
    if (data === undefined) {
      const error = `the model ${modelName} has no artifact, so there is no network to run`;
      return Promise.resolve({ statusCode: 400, body: JSON.stringify({ error }) });
    }
    return this.artifacts.infer(data, body);
  }
}
