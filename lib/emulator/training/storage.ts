import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { EngineClient } from '../engine/engine-client';
import { parseS3Location, s3UriOf, under, type S3Location } from '../account/s3-location';
import type { TrainingJobRequest } from '../sagemaker/schemas';
import type { TrainingDirectory } from './directory';
import { run } from './process';

/** An error in a training job's input; its message is the job's failure reason. */
export class TrainingInputError extends Error {}

const MAX_PARALLEL_DOWNLOADS = 8;

/** Downloads code, channels and earlier checkpoints from S3 into the job's folders. */
export async function download(
  engine: EngineClient,
  directory: TrainingDirectory,
  job: TrainingJobRequest,
  submitDirectory: string,
): Promise<void> {
  const archive = path.join(directory.root, 'sourcedir.tar.gz');
  const source = parseS3Location(submitDirectory);
  await engine.download(source.bucket, source.key, archive).catch((error: Error) => {
    throw new TrainingInputError(`ClientError: cannot download ${submitDirectory}: ${error.message}`);
  });
  await run('tar', ['-xzf', archive, '-C', directory.code], directory.root);

  for (const channel of job.InputDataConfig ?? []) {
    const uri = channel.DataSource.S3DataSource.S3Uri;
    const found = await downloadPrefix(engine, parseS3Location(uri), path.join(directory.data, channel.ChannelName));
    if (found === 0) {
      throw new TrainingInputError(
        `ClientError: Data download failed:No S3 objects found under S3 URL "${uri}" given in input data source. ` +
          'Please ensure that the bucket exists in the selected region, that objects exist under that S3 prefix, and ' +
          'that the role has "s3:ListBucket" permissions on the bucket.',
      );
    }
  }
  if (job.CheckpointConfig) {
    await downloadPrefix(engine, parseS3Location(job.CheckpointConfig.S3Uri), directory.checkpoints);
  }
}

/** Downloads every object whose key has the prefix and returns their number. */
async function downloadPrefix(engine: EngineClient, from: S3Location, folder: string): Promise<number> {
  const objects = (await engine.listObjects(from.bucket, from.key)).filter((object) => !object.key.endsWith('/'));
  const base = from.key.slice(0, from.key.lastIndexOf('/') + 1);
  const waiting = [...objects];
  const worker = async (): Promise<void> => {
    for (let object = waiting.pop(); object !== undefined; object = waiting.pop()) {
      const file = path.resolve(folder, object.key.slice(base.length));
      if (!file.startsWith(folder + path.sep)) {
        throw new TrainingInputError(`ClientError: the object key ${object.key} leads out of the channel's folder`);
      }
      await engine.download(from.bucket, object.key, file);
    }
  };
  await Promise.all(Array.from({ length: MAX_PARALLEL_DOWNLOADS }, worker));
  return objects.length;
}

/** Packs the model folder and uploads it; returns the artifact's S3 URI. */
export async function uploadModel(
  engine: EngineClient,
  directory: TrainingDirectory,
  job: TrainingJobRequest,
): Promise<string> {
  const output = under(parseS3Location(job.OutputDataConfig.S3OutputPath), job.TrainingJobName, 'output');
  const model = under(output, 'model.tar.gz');
  await uploadPacked(engine, directory.model, path.join(directory.root, 'model.tar.gz'), model);
  if ((await fs.readdir(directory.outputData)).length > 0) {
    const archive = path.join(directory.root, 'output.tar.gz');
    await uploadPacked(engine, directory.outputData, archive, under(output, 'output.tar.gz'));
  }
  return s3UriOf(model);
}

async function uploadPacked(engine: EngineClient, folder: string, archive: string, to: S3Location): Promise<void> {
  const names = await fs.readdir(folder);
  await run('tar', ['-czf', archive, '-C', folder, '--', ...(names.length === 0 ? ['.'] : names)], folder);
  await engine.upload(to.bucket, to.key, archive);
}

/** Uploads new and changed checkpoints, as SageMaker does while a job runs. */
export class CheckpointSync {
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
      await this.engine.upload(to.bucket, to.key, path.join(this.folder, file.name));
      this.uploaded.set(file.name, file.version);
    }
  }

  private async files(): Promise<{ name: string; version: string }[]> {
    const entries = await fs.readdir(this.folder, { recursive: true, withFileTypes: true });
    const files: { name: string; version: string }[] = [];
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const file = path.join(entry.parentPath, entry.name);
      const { mtimeMs, size } = await fs.stat(file);
      files.push({ name: path.relative(this.folder, file), version: `${mtimeMs}/${size}` });
    }
    return files;
  }
}
