import * as fs from 'node:fs';
import * as path from 'node:path';
import type { S3Location } from '../../account/s3-location';
import type { EngineClient } from '../../engine/engine-client';
import { run } from '../../training/process';
import type { ModelResponse } from '../model-server-process';
import { OnnxProcess } from './onnx-process';

/** Data of a model in S3. */
export interface ModelData extends S3Location {
  /** True for an archive (`model.tar.gz`), false for a prefix of files. */
  readonly isArchive: boolean;
}

/** Files of a model on this machine. */
interface FetchedModel {
  readonly name: string;
  readonly directory: string;
}

/**
 * The networks of the account's models, under ONNX Runtime in one process. Each model is loaded from its own artifact in S3, which is fetched once.
 */
export class ArtifactModels {
  private readonly fetched = new Map<string, Promise<FetchedModel>>();
  private readonly runtime: OnnxProcess;
  private sequence = 0;

  public constructor(
    private readonly parts: {
      readonly projectDirectory: string;
      /** An interpreter with ONNX Runtime. */
      readonly python: string;
      /** Folder of the artifacts and the log. */
      readonly directory: string;
      readonly engine: Pick<EngineClient, 'download' | 'listObjects'>;
    },
  ) {
    this.runtime = new OnnxProcess(parts);
  }

  /**
   * Runs a model's network on one request.
   *
   * A model that cannot be loaded responds with 500 and the reason, as a container that failed does, and is tried again with the next request.
   */
  public async infer(data: ModelData, body: string): Promise<ModelResponse> {
    try {
      return await this.runtime.infer(await this.loaded(data), body);
    } catch (error) {
      return {
        statusCode: 500,
        body: JSON.stringify({ error: error instanceof Error ? error.message : String(error) }),
      };
    }
  }

  /** Ends the process; safe to call twice. */
  public stop(): Promise<void> {
    return this.runtime.stop();
  }

  /** Returns the name under which a model is loaded. */
  private async loaded(data: ModelData): Promise<string> {
    const location = `${data.bucket}/${data.key}`;
    let fetching = this.fetched.get(location);
    if (fetching === undefined) {
      fetching = this.fetch(data);
      this.fetched.set(location, fetching);
    }
    try {
      const { name, directory } = await fetching;
      await this.runtime.load(name, directory);
      return name;
    } catch (error) {
      if (this.fetched.get(location) === fetching) this.fetched.delete(location);
      throw error;
    }
  }

  private async fetch({ bucket, key, isArchive }: ModelData): Promise<FetchedModel> {
    const { engine } = this.parts;
    const name = `model-${this.sequence++}`;
    const directory = path.join(this.parts.directory, name);
    fs.mkdirSync(directory, { recursive: true });
    if (isArchive) {
      const archive = `${directory}.tar.gz`;
      await engine.download(bucket, key, archive);
      await run('tar', ['-xzf', archive, '-C', directory], directory);
      fs.rmSync(archive);
      return { name, directory };
    }
    for (const object of await engine.listObjects(bucket, key)) {
      const file = path.join(directory, object.key.slice(key.length));
      if (!file.startsWith(directory + path.sep) || file.endsWith(path.sep)) continue;
      fs.mkdirSync(path.dirname(file), { recursive: true });
      await engine.download(bucket, object.key, file);
    }
    return { name, directory };
  }
}
