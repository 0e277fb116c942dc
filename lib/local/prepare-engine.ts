import { LocalClock } from './clock';
import { ensurePythonEnvironment } from './engine/python-environment';
import { startTriton, type ModelServerProcess } from './model-server/triton';
import { startPlatform, type OwnPlatform } from './platform';
import type { Recorder } from './report/recorder';

/** Starts the local AWS engine, and tells of it as the step `prepare`; the controller is aborted when the engine ends by itself. */
export async function prepareEngine(options: {
  readonly projectDirectory: string;
  readonly dataDirectory: string;
  readonly speed: number;
  readonly seed: number;
  /** The model server that runs behind the endpoints; null for none. */
  readonly server?: 'triton' | null;
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
  const modelServer =
    options.server === 'triton' ? await startTriton({ projectDirectory, dataDirectory, onInstall }) : undefined;
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
    `engine at ${platform.engineUrl}${modelServer === undefined ? '' : ', Triton behind it'}`,
  );
  return { platform, modelServer };
}
