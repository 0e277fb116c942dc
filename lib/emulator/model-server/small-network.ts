import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { DEFAULT_SERVICE_PROFILE, type TokenCounts } from '../../simulation/traffic/service-profile';
import type { ModelRepository } from './artifact/open-artifact';
import { modelServerDirectory } from './enclosed-server';
import type { ModelResponse } from './model-server-process';

/** Name of the small network in its repository. */
const MODEL = 'service_time';

/** Fits the small network to the default service profile and exports it in the format of one server, by that server's program. */
export async function exportNetwork(options: {
  readonly projectDirectory: string;
  readonly python: string;
  readonly program: string;
  /** Output folder of the program. */
  readonly target: string;
}): Promise<void> {
  const { projectDirectory, python, program, target } = options;
  const { overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond } = DEFAULT_SERVICE_PROFILE;
  const profile = [overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond].map(String);
  await promisify(execFile)(python, ['-B', program, target, ...profile], {
    env: { ...process.env, PYTHONPATH: modelServerDirectory(projectDirectory) },
  });
}

/** Exports the small network as ONNX, in a Triton repository below a folder. */
export async function exportRepository(options: {
  readonly projectDirectory: string;
  /** An interpreter with NumPy and onnx. */
  readonly python: string;
  readonly parent: string;
}): Promise<ModelRepository> {
  const { projectDirectory, python, parent } = options;
  const directory = path.join(parent, 'repository');
  fs.mkdirSync(directory);
  const program = path.join(modelServerDirectory(projectDirectory), 'triton', 'export_repository.py');
  await exportNetwork({ projectDirectory, python, program, target: directory });
  return { directory, model: MODEL };
}

/**
 * Asks the exported network for the seconds of service of a request.
 *
 * @param title name of the server in the message
 * @throws Error for any other response
 */
export async function predictSeconds(
  { title, invoke }: { readonly title: string; readonly invoke: (body: string) => Promise<ModelResponse> },
  { contextTokens, generatedTokens }: TokenCounts,
): Promise<number> {
  const tensor = { name: 'tokens', shape: [1, 2], datatype: 'FP32', data: [contextTokens, generatedTokens] };
  const { statusCode, body } = await invoke(JSON.stringify({ inputs: [tensor] }));
  const seconds = statusCode === 200 ? firstOutput(body) : undefined;
  if (seconds === undefined) throw new Error(`${title} returned status ${statusCode}: ${body.slice(0, 200)}`);
  return seconds;
}

function firstOutput(body: string): number | undefined {
  const { outputs } = JSON.parse(body) as { readonly outputs?: readonly { readonly data?: readonly unknown[] }[] };
  const value = outputs?.[0]?.data?.[0];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
