import { LocalClock } from './clock';
import { ensurePythonEnvironment } from './engine/python-environment';
import type { ModelServerProcess } from './model-server/model-server-process';
import { MODEL_SERVERS, type ModelServerName } from './model-server/model-servers';
import { startPlatform, type OwnPlatform } from './platform';
import type { Recorder } from './report/recorder';

/** Starts the local AWS engine, and tells of it as the step `prepare`; the controller is aborted when the engine ends by itself. */
export async function prepareEngine(options: {
  readonly projectDirectory: string;
  readonly dataDirectory: string;
  readonly speed: number;
  readonly seed: number;
  /** The model server that runs behind the endpoints; null for none. */
  readonly server?: ModelServerName | null;
  readonly recorder: Recorder;
  readonly ending: AbortController;
  /** Takes what has to be stopped at the end. */
  readonly onStarted: (started: { stop(): Promise<void> }) => void;
}): Promise<{ readonly platform: OwnPlatform; readonly modelServer: ModelServerProcess | undefined }> {
  const { projectDirectory, dataDirectory, speed, seed, recorder, ending } = options;
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
  const platform = await startPlatform({
    projectDirectory,
    dataDirectory,
    python,
    seed,
    modelServer,
    clock: LocalClock.startingNow(speed),
    onTrouble: () => undefined,
  });
  options.onStarted(platform);
  void platform.failed.then((error) => ending.abort(error));
  recorder.step(
    'prepare',
    'done',
    `engine at ${platform.engineUrl}${modelServer === undefined ? '' : `, ${modelServer.title} behind it`}`,
  );
  return { platform, modelServer };
}
