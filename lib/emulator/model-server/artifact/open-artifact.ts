import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../../core/errors';
import { findPython } from '../../engine/python-environment';
import { modelServerDirectory } from '../enclosed-server';

const CONFIG = 'config.pbtxt';
/** Name of a model that comes as one ONNX file. */
const ONNX_MODEL_NAME = 'model';
const UNPACK_TIMEOUT_MS = 300_000;

/** An artifact that a user wants to be served. */
export interface ArtifactSource {
  /** Folder, or archive as SageMaker takes it (`model.tar.gz`). */
  readonly location: string;
  /** Model of a repository that has several. @default - its only model */
  readonly modelName?: string;
}

/** A model repository in Triton's layout. */
export interface ModelRepository {
  /** Folder of the repository, with a folder for each model. */
  readonly directory: string;
  /** Model that responds. */
  readonly model: string;
}

/**
 * Makes a model repository of an artifact, in a folder of its own; the artifact stays as it is.
 *
 * Takes Triton's layout, `MODEL/config.pbtxt` and `MODEL/1/model.onnx`, the folder of one such model, and one ONNX file anywhere, whose configuration
 * the server completes.
 *
 * @throws InputError that names the artifact, what is wrong with it and the way out
 */
export async function openArtifact(options: {
  readonly source: ArtifactSource;
  readonly projectDirectory: string;
  /** Folder for the copy, which is emptied. */
  readonly directory: string;
}): Promise<ModelRepository> {
  const { source, directory } = options;
  fs.rmSync(directory, { recursive: true, force: true });
  const repository = path.join(directory, 'repository');
  fs.mkdirSync(repository, { recursive: true });
  const stats = fs.statSync(source.location, { throwIfNoEntry: false });
  if (stats === undefined)
    throw refusal(source, 'there is no such file or folder; give the folder of a model, or its model.tar.gz');
  if (stats.isDirectory()) return fromFolder(source, path.resolve(source.location), repository);
  const unpacked = path.join(directory, 'unpacked');
  fs.mkdirSync(unpacked);
  await unpack(options, unpacked);
  if (fs.existsSync(path.join(unpacked, CONFIG))) {
    throw refusal(
      source,
      `${CONFIG} is at the top of the archive; Triton wants it in a folder with the name of the model, so pack that folder`,
    );
  }
  return fromFolder(source, unpacked, repository);
}

function refusal({ location }: ArtifactSource, problem: string): InputError {
  return new InputError(`--model ${location}: ${problem}`);
}

function fromFolder(source: ArtifactSource, folder: string, repository: string): ModelRepository {
  if (fs.existsSync(path.join(folder, CONFIG))) {
    const model = path.basename(folder);
    copy(folder, path.join(repository, model));
    return { directory: repository, model: chosen(source, [model]) };
  }
  const models = fs
    .readdirSync(folder)
    .filter((name) => fs.existsSync(path.join(folder, name, CONFIG)))
    .sort();
  if (models.length > 0) {
    const model = chosen(source, models);
    for (const name of models) copy(path.join(folder, name), path.join(repository, name));
    return { directory: repository, model };
  }
  return fromNetwork(source, folder, repository);
}

/** A repository of the only ONNX file of a folder. */
function fromNetwork(source: ArtifactSource, folder: string, repository: string): ModelRepository {
  const files = (fs.readdirSync(folder, { recursive: true }) as string[]).sort();
  const networks = files.filter((file) => file.endsWith('.onnx'));
  if (networks.length === 1) {
    const from = path.dirname(path.join(folder, networks[0]!));
    const model = path.join(repository, ONNX_MODEL_NAME);
    // Weights may lie in files beside the network.
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const isNetwork = entry.name === path.basename(networks[0]!);
      copy(path.join(from, entry.name), path.join(model, '1', isNetwork ? 'model.onnx' : entry.name));
    }
    return { directory: repository, model: chosen(source, [ONNX_MODEL_NAME]) };
  }
  if (networks.length > 1) {
    throw refusal(
      source,
      `it has ${networks.length} ONNX files and no ${CONFIG} that says which is served: ${listed(networks)}`,
    );
  }
  if (files.includes('model.pt') && files.includes('code/inference.py')) {
    throw refusal(
      source,
      "it is in the layout of SageMaker's PyTorch container (ServingLayout.TORCHSERVE), and ONNX is served here; compress the model with ServingLayout.TRITON",
    );
  }
  throw refusal(
    source,
    `it has no ${CONFIG} and no ONNX file; expected MODEL/${CONFIG} with MODEL/1/model.onnx, as the compression pipeline writes it, or one ONNX file. ` +
      `It has ${listed(files) || 'nothing'}`,
  );
}

/** The model that responds. */
function chosen(source: ArtifactSource, models: readonly string[]): string {
  const { modelName } = source;
  if (modelName !== undefined) {
    if (models.includes(modelName)) return modelName;
    throw refusal(source, `there is no model '${modelName}' (--model-name); it has ${listed(models)}`);
  }
  if (models.length === 1) return models[0]!;
  throw refusal(source, `it has ${models.length} models, ${listed(models)}; say with --model-name which responds`);
}

const MAX_LISTED = 10;

const listed = (names: readonly string[]): string =>
  `${names.slice(0, MAX_LISTED).join(', ')}${names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : ''}`;

/** Copies a file or a folder, with the files that its links lead to. */
function copy(from: string, to: string): void {
  fs.cpSync(from, to, { recursive: true, dereference: true });
}

async function unpack({ source, projectDirectory }: Parameters<typeof openArtifact>[0], target: string): Promise<void> {
  const program = path.join(modelServerDirectory(projectDirectory), 'artifact', 'unpack.py');
  const python = await findPython(process.env);
  await new Promise<void>((resolve, reject) => {
    execFile(
      python,
      ['-B', program, source.location, target],
      { timeout: UNPACK_TIMEOUT_MS },
      (error, _stdout, stderr) => {
        if (error === null) resolve();
        else reject(refusal(source, stderr.trim().split('\n').at(-1) || error.message));
      },
    );
  });
}
