import * as path from 'node:path';
import { LocalClock } from '../../emulator/clock';
import { ensurePythonEnvironment } from '../../emulator/engine/python-environment';
import { startKafkaBroker } from '../../emulator/kafka/kafka-broker';
import { ensureKafka } from '../../emulator/kafka/kafka-jars';
import type { ModelServerProcess } from '../../emulator/model-server/model-server-process';
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
  const python = await ensurePythonEnvironment({
    projectDirectory,
    onInstall: (message) => recorder.step('prepare', 'running', message),
  });
  ending.signal.throwIfAborted();
  const onInstall = (message: string): void => recorder.step('prepare', 'running', message);
  const server = options.server ?? null;
  const modelServer =
    server === null ? undefined : await MODEL_SERVERS[server].start({ projectDirectory, dataDirectory, onInstall });
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
    `engine at ${platform.engineUrl}${modelServer === undefined ? '' : `, ${modelServer.title} behind it`}${
      kafkaBroker === undefined ? '' : `, Kafka broker at ${kafkaBroker}`
    }`,
  );
  return { platform, modelServer };
}
