import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { z } from 'zod';
import type { EngineClient } from '../engine/engine-client';
import { s3Uri } from '../http/schema-parts';
import { parseS3Location, s3UriOf, under, type S3Location } from '../account/s3-location';
import type { TrainingJobRequest } from '../sagemaker/training-schema';
import { CONTAINER_ROOT, type TrainingDirectory } from './directory';
import type { TrainingHost } from './hosts';
import { run } from './process';

/** An error in a training job's input; its message is the job's failure reason. */
export class TrainingInputError extends Error {}

const MAX_PARALLEL_DOWNLOADS = 8;

/**
 * Downloads code, channels and earlier checkpoints from S3 into the folders of every host. Each host has all objects of a channel, or, where
 * it is sharded, every n-th.
 */
export async function download(
  engine: EngineClient,
  hosts: readonly TrainingHost[],
  job: TrainingJobRequest,
  submitDirectory: string | undefined,
): Promise<void> {
  const directories = hosts.map(({ directory }) => directory);
  for (const channel of job.InputDataConfig ?? []) {
    const { S3DataSource: source } = channel.DataSource;
    const { S3Uri: uri, InstanceGroupNames: groups } = source;
    const folders = hosts
      .filter(({ group }) => groups === undefined || groups.includes(group.name))
      .map(({ directory }) => path.join(directory.data, channel.ChannelName));
    const isSharded = source.S3DataDistributionType === 'ShardedByS3Key';
    const found =
      source.S3DataType === 'ManifestFile'
        ? await downloadListed(engine, parseS3Location(uri), folders, isSharded)
        : await downloadPrefix(engine, parseS3Location(uri), folders, isSharded);
    if (found === 0) {
      throw new TrainingInputError(
        `ClientError: Data download failed:No S3 objects found under S3 URL "${uri}" given in input data source. ` +
          'Please ensure that the bucket exists in the selected region, that objects exist under that S3 prefix, and ' +
          'that the role has "s3:ListBucket" permissions on the bucket.',
      );
    }
  }
  if (job.CheckpointConfig) {
    const folders = directories.map(({ checkpoints }) => checkpoints);
    // The prefix is a folder, with or without a slash at its end: what was uploaded below it comes back to the same paths.
    const { bucket, key } = parseS3Location(job.CheckpointConfig.S3Uri);
    await downloadPrefix(engine, { bucket, key: key.replace(/\/*$/, '/') }, folders, false);
  }
  if (submitDirectory !== undefined) await extractSource(engine, directories, job, submitDirectory);
}

/** Extracts the source on every host: from a channel, or from S3, which only a container with a network reaches. */
async function extractSource(
  engine: EngineClient,
  directories: readonly TrainingDirectory[],
  job: TrainingJobRequest,
  submitDirectory: string,
): Promise<void> {
  if (submitDirectory.startsWith(CONTAINER_ROOT)) {
    for (const { root, code } of directories) {
      const archive = path.join(root, submitDirectory.slice(CONTAINER_ROOT.length));
      await run('tar', ['-xzf', archive, '-C', code], root).catch((error: Error) => {
        throw new TrainingInputError(`ClientError: cannot extract ${submitDirectory}: ${error.message}`);
      });
    }
    return;
  }
  if (job.EnableNetworkIsolation === true) {
    throw new TrainingInputError(
      `ClientError: cannot download ${submitDirectory}: the container has no network (EnableNetworkIsolation); give the source as a channel`,
    );
  }
  const archive = path.join(directories[0]!.root, 'sourcedir.tar.gz');
  const source = parseS3Location(submitDirectory);
  await engine.download(source.bucket, source.key, archive).catch((error: Error) => {
    throw new TrainingInputError(`ClientError: cannot download ${submitDirectory}: ${error.message}`);
  });
  for (const { root, code } of directories) await run('tar', ['-xzf', archive, '-C', code], root);
}

/** Downloads the objects whose keys have the prefix, to all folders or spread over them, and returns their number. */
export async function downloadPrefix(
  engine: EngineClient,
  from: S3Location,
  folders: readonly string[],
  isSharded: boolean,
): Promise<number> {
  const objects = (await engine.listObjects(from.bucket, from.key)).filter((object) => !object.key.endsWith('/'));
  const base = from.key.slice(0, from.key.lastIndexOf('/') + 1);
  const keys = objects.map(({ key }) => key);
  return downloadObjects(engine, { bucket: from.bucket, base, keys }, folders, isSharded);
}

/**
 * Downloads the objects that a manifest lists: an array whose first element is the prefix, and whose others follow it in the keys
 * (API reference of S3DataSource).
 */
async function downloadListed(
  engine: EngineClient,
  manifest: S3Location,
  folders: readonly string[],
  isSharded: boolean,
): Promise<number> {
  const where = s3UriOf(manifest);
  const file = path.join(path.dirname(folders[0]!), 'manifest.json');
  await engine.download(manifest.bucket, manifest.key, file).catch((error: Error) => {
    throw new TrainingInputError(`ClientError: cannot download the manifest ${where}: ${error.message}`);
  });
  const parsed = manifestSchema.safeParse(parseJson(await fs.readFile(file, 'utf8')));
  await fs.rm(file);
  if (!parsed.success) {
    throw new TrainingInputError(
      `ClientError: the manifest ${where} is not an array of {"prefix": "s3://..."} and the ends of keys`,
    );
  }
  const [{ prefix }, ...ends] = parsed.data;
  const { bucket, key: base } = parseS3Location(prefix);
  return downloadObjects(engine, { bucket, base, keys: ends.map((end) => `${base}${end}`) }, folders, isSharded);
}

const manifestSchema = z.tuple([z.strictObject({ prefix: s3Uri() })], z.string().min(1));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function downloadObjects(
  engine: EngineClient,
  { bucket, base, keys }: { readonly bucket: string; readonly base: string; readonly keys: readonly string[] },
  folders: readonly string[],
  isSharded: boolean,
): Promise<number> {
  const waiting = [...keys.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, key] = next;
      const [first, ...others] = isSharded ? [folders[index % folders.length]!] : folders;
      const file = fileOf(first!, key, base);
      await engine.download(bucket, key, file);
      for (const folder of others) {
        const copy = fileOf(folder, key, base);
        await fs.mkdir(path.dirname(copy), { recursive: true });
        await fs.copyFile(file, copy);
      }
    }
  };
  await Promise.all(Array.from({ length: MAX_PARALLEL_DOWNLOADS }, worker));
  return keys.length;
}

function fileOf(folder: string, key: string, base: string): string {
  const file = path.resolve(folder, key.slice(base.length));
  if (!file.startsWith(folder + path.sep)) {
    throw new TrainingInputError(`ClientError: the object key ${key} leads out of the channel's folder`);
  }
  return file;
}

/** Packs the model folders of the hosts into one archive, uploads it, and returns its S3 URI. A file of the first host wins. */
export async function uploadModel(
  engine: EngineClient,
  directories: readonly TrainingDirectory[],
  job: TrainingJobRequest,
): Promise<string> {
  const [first, ...others] = directories as [TrainingDirectory, ...TrainingDirectory[]];
  for (const { model, outputData } of others) {
    await fs.cp(model, first.model, { recursive: true, force: false });
    await fs.cp(outputData, first.outputData, { recursive: true, force: false });
  }
  const output = under(parseS3Location(job.OutputDataConfig.S3OutputPath), job.TrainingJobName, 'output');
  const model = under(output, 'model.tar.gz');
  await uploadPacked(engine, first.model, path.join(first.root, 'model.tar.gz'), model);
  if ((await fs.readdir(first.outputData)).length > 0) {
    const archive = path.join(first.root, 'output.tar.gz');
    await uploadPacked(engine, first.outputData, archive, under(output, 'output.tar.gz'));
  }
  return s3UriOf(model);
}

async function uploadPacked(engine: EngineClient, folder: string, archive: string, to: S3Location): Promise<void> {
  const names = await fs.readdir(folder);
  await run('tar', ['-czf', archive, '-C', folder, '--', ...(names.length === 0 ? ['.'] : names)], folder);
  await engine.upload(to.bucket, to.key, archive);
}

/** Uploads new and changed files of a folder, such as checkpoints, as SageMaker does while a job runs. */
export class FolderSync {
  private readonly uploaded = new Map<string, string>();
  private running: Promise<void> = Promise.resolve();

  public constructor(
    private readonly engine: EngineClient,
    private readonly folder: string,
    private readonly to: S3Location,
  ) {}

  /** Marks the present files as uploaded. */
  public async begin(): Promise<void> {
    for (const file of await this.files()) this.uploaded.set(file.name, file.version);
  }

  public sync(): Promise<void> {
    this.running = this.running.catch(() => undefined).then(() => this.uploadChanges());
    return this.running;
  }

  private async uploadChanges(): Promise<void> {
    for (const file of await this.files()) {
      if (this.uploaded.get(file.name) === file.version) continue;
      const to = under(this.to, file.name.split(path.sep).join('/'));
      try {
        await this.engine.upload(to.bucket, to.key, path.join(this.folder, file.name));
      } catch (error) {
        if (isGone(error)) continue;
        throw error;
      }
      this.uploaded.set(file.name, file.version);
    }
  }

  private async files(): Promise<{ name: string; version: string }[]> {
    const entries = await fs.readdir(this.folder, { recursive: true, withFileTypes: true });
    const files: { name: string; version: string }[] = [];
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      const stat = await fs.stat(file).catch((error: unknown) => {
        if (isGone(error)) return undefined;
        throw error;
      });
      if (stat === undefined) continue;
      const { mtimeMs, size } = stat;
      files.push({ name: path.relative(this.folder, file), version: `${mtimeMs}/${size}` });
    }
    return files;
  }
}

/** A script has renamed or deleted the file, as it does with the part of a checkpoint that it writes. */
const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Uploads the files of a folder below a prefix, and returns their number. */
export async function uploadFolder(engine: EngineClient, folder: string, uri: string): Promise<number> {
  const to = parseS3Location(uri);
  let files = 0;
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const object = under(to, path.relative(folder, file).split(path.sep).join('/'));
    await engine.upload(object.bucket, object.key, file);
    files++;
  }
  return files;
}
