import { InputError } from '../../../core/errors';
import type {
  ModelResponse,
  ModelServerProcess,
  ModelServerStart,
  ModelServerStatistics,
} from '../model-server-process';
import { type ModelConfig, sampleRequests } from './sample-requests';

const SAMPLE_SEED = 1;

/** Server that has loaded a model of the user. */
interface ServerOfModel {
  /** Name in messages. */
  readonly title: string;
  readonly modelName: string;
  /** Runs the model on the body of a request. */
  invoke(body: string): Promise<ModelResponse>;
  /** Returns the configuration of the model, as the server has completed it. */
  config(): Promise<ModelConfig>;
  statistics(): Promise<ModelServerStatistics>;
}

/**
 * Puts a model of the user behind the traffic: requests take the payloads in turns, each of which is tried once before.
 *
 * @throws InputError when the model refuses one
 */
export async function serveModel(
  server: ServerOfModel,
  { payloads: given, location }: NonNullable<ModelServerStart['served']>,
): Promise<Pick<ModelServerProcess, 'modelName' | 'infer' | 'predict' | 'statistics'>> {
  const { title, modelName } = server;
  const payloads = given ?? sampleRequests(await server.config(), SAMPLE_SEED);
  const tried = given ?? payloads.slice(0, 1);
  for (const { body, place } of tried) {
    const { statusCode, body: reason } = await server.invoke(body);
    if (statusCode === 200) continue;
    const wayOut = given === undefined ? '; give requests of yours with --payload FILE' : '';
    throw new InputError(
      `--model ${location}: the model '${modelName}' refuses ${place} with status ${statusCode}: ${reason.slice(0, 400)}${wayOut}`,
    );
  }
  let next = 0;
  return {
    modelName,
    infer: (body) => server.invoke(body),
    predict: async () => {
      const { body: request } = payloads[next++ % payloads.length]!;
      const { statusCode, body } = await server.invoke(request);
      if (statusCode !== 200) throw new Error(`${title} returned status ${statusCode}: ${body.slice(0, 200)}`);
      return { output: body };
    },
    // Each check ran the model once.
    statistics: async () => {
      const { requests, executions } = await server.statistics();
      return { requests: requests - tried.length, executions: executions - tried.length };
    },
  };
}
