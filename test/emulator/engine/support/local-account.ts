import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { startEmulator, type RunningEmulator } from '../../../../lib/emulator';
import type { LocalClock } from '../../../../lib/emulator/clock';
import { LOCAL_REGION, localCredentials } from '../../../../lib/emulator/credentials';
import { startEngine, type Engine } from '../../../../lib/emulator/engine/engine';
import { ensurePythonEnvironment } from '../../../../lib/emulator/engine/python-environment';
import { PROJECT } from './local-aws';

/** Emulator and engine as a local run starts them, with a folder of their own. */
export interface LocalAccount {
  readonly emulator: RunningEmulator;
  readonly engine: Engine;
  readonly directory: string;
  /** Settings of clients of the account. */
  readonly config: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: typeof localCredentials;
  };
  /** Stops both and deletes the folder. */
  readonly stop: () => Promise<void>;
}

/** Starts an account on a clock; `rollbacks` is how its endpoints take a version back, `further` how its training jobs run, and the address of its Kafka broker. */
export async function startLocalAccount(
  clock: LocalClock,
  rollbacks?: Parameters<typeof startEmulator>[0]['rollbacks'],
  further: Pick<
    Parameters<typeof startEmulator>[0],
    'python' | 'trainingProvisioning' | 'optimizer' | 'kafkaBroker'
  > = {},
): Promise<LocalAccount> {
  const python = await ensurePythonEnvironment({ projectDirectory: PROJECT });
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-account-'));
  let engine: Engine | undefined;
  const emulator = await startEmulator({
    port: 0,
    clock,
    engineUrl: () => engine?.url ?? '',
    seed: 1,
    endpointProvisioning: { medianSeconds: 20, sigma: 0 },
    ...(rollbacks !== undefined && { rollbacks }),
    ...further,
  });
  const stop = async (): Promise<void> => {
    await emulator.stop();
    await engine?.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  };
  try {
    const files = { dataDirectory: directory, projectDirectory: PROJECT };
    engine = await startEngine({ port: 0, clock, emulatorUrl: emulator.url, python, ...files });
  } catch (error) {
    await stop();
    throw error;
  }
  const config = { endpoint: engine.url, region: LOCAL_REGION, credentials: localCredentials };
  return { emulator, engine, directory, config, stop };
}
