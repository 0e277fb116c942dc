import * as path from 'node:path';
import { LocalClock } from '../../emulator/clock';
import { ensurePythonEnvironment } from '../../emulator/engine/python-environment';
import { startKafkaBroker } from '../../emulator/kafka/kafka-broker';
import { ensureKafka } from '../../emulator/kafka/kafka-jars';
import { type ArtifactSource, openArtifact } from '../../emulator/model-server/artifact/open-artifact';
import { readPayloads } from '../../emulator/model-server/artifact/sample-requests';
import type { ModelServerProcess, ModelServerStart } from '../../emulator/model-server/model-server-process';
import { ensureOnnxRuntime, findPythonWithTorch } from '../../emulator/model-server/onnx/onnx-runtime';
import { MODEL_SERVERS, type ModelServerName } from '../../emulator/model-server/model-servers';
import { startEmulatorPlatform, type EmulatorPlatform } from './emulator-platform';
import type { QuietMetrics } from '../../simulation/aws/sagemaker-metrics';
import type { Recorder } from '../recorder';

/** Starts the local AWS engine as the step `prepare`; aborts the controller if the engine terminates unexpectedly. */
export async function prepareEngine(options: {
  readonly projectDirectory: string;
  readonly dataDirectory: string;
  readonly speed: number;
  readonly seed: number;
  /** Datapoints of the metrics of requests while there are none. @default zeros */
  readonly quietMetrics?: QuietMetrics;
  /** Real model server behind the endpoints; null for none. */
  readonly server?: ModelServerName | null;
  /** Artifact that it serves. @default - the small network */
  readonly artifact?: ArtifactSource & {
    /** File with bodies of requests. @default - made from the configuration */
    readonly payload?: string;
  };
  /** Install what training and networks need: ONNX Runtime, beside PyTorch, which has to be there. @default false */
  readonly withLearning?: boolean;
  /** Start a Kafka broker. @default false */
  readonly withKafka?: boolean;
  readonly recorder: Recorder;
  readonly ending: AbortController;
  /** Receives everything that has to be stopped at the end. */
  readonly onStarted: (started: { stop(): Promise<void> }) => void;
}): Promise<{ readonly platform: EmulatorPlatform; readonly modelServer: ModelServerProcess | undefined }> {
  const { projectDirectory, dataDirectory, speed, seed, quietMetrics, recorder, ending } = options;
  recorder.step('prepare', 'running', 'the local AWS engine');
  const served = options.artifact && (await openServed(options.artifact, projectDirectory, dataDirectory));
  const python = await ensurePythonEnvironment({
    projectDirectory,
    onInstall: (message) => recorder.step('prepare', 'running', message),
  });
  ending.signal.throwIfAborted();
  const onInstall = (message: string): void => recorder.step('prepare', 'running', message);
  const server = options.server ?? null;
  const modelServer =
    server === null
      ? undefined
      : await MODEL_SERVERS[server].start({ projectDirectory, dataDirectory, onInstall, served });
  if (modelServer !== undefined) options.onStarted(modelServer);
  ending.signal.throwIfAborted();
  const learningPython =
    options.withLearning === true
      ? await ensureOnnxRuntime({ projectDirectory, base: await findPythonWithTorch(), onInstall })
      : undefined;
  ending.signal.throwIfAborted();
  let kafkaBroker: string | undefined;
  if (options.withKafka === true) {
    const installation = await ensureKafka({ projectDirectory, onInstall });
    ending.signal.throwIfAborted();
    const directory = path.join(dataDirectory, 'kafka');
    const broker = await startKafkaBroker({ projectDirectory, directory, installation, python });
    options.onStarted(broker);
    void broker.failed.then((error) => ending.abort(error));
    kafkaBroker = broker.bootstrapServers;
    ending.signal.throwIfAborted();
  }
  const platform = await startEmulatorPlatform({
    projectDirectory,
    dataDirectory,
    python,
    seed,
    quietMetrics,
    modelServer,
    kafkaBroker,
    learningPython,
    clock: LocalClock.startingNow(speed),
    onError: () => undefined,
  });
  options.onStarted(platform);
  void platform.failed.then((error) => ending.abort(error));
  recorder.step(
    'prepare',
    'done',
    `engine at ${platform.engineUrl}${modelServer === undefined ? '' : `, ${modelServer.title}${modelServer.modelName === undefined ? '' : ` with the model ${modelServer.modelName}`} behind it`}${
      kafkaBroker === undefined ? '' : `, Kafka broker at ${kafkaBroker}`
    }`,
  );
  return { platform, modelServer };
}

/** Opens an artifact of the user, before anything is installed for it. */
async function openServed(
  source: NonNullable<Parameters<typeof prepareEngine>[0]['artifact']>,
  projectDirectory: string,
  dataDirectory: string,
): Promise<ModelServerStart['served']> {
  const payloads = source.payload === undefined ? undefined : readPayloads(source.payload);
  const directory = path.join(dataDirectory, 'artifact');
  const repository = await openArtifact({ source, projectDirectory, directory });
  return { repository, payloads, location: source.location };
}
