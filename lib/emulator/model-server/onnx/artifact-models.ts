import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { S3Location } from '../../account/s3-location';
import type { EngineClient } from '../../engine/engine-client';
import { monotonicMs } from '../../monotonic';
import { pause } from '../../repeat';
import { run } from '../../training/process';
import { exchange } from '../exchange';
import { modelServerDirectory } from '../enclosed-server';
import type { ModelResponse } from '../model-server-process';

const START_SECONDS = 60;

/** Data of a model in S3. */
export interface ModelData extends S3Location {
  /** True for an archive (`model.tar.gz`), false for a prefix of files. */
  readonly isArchive: boolean;
}

/**
 * The networks of the account's models, under ONNX Runtime in one process, which starts with the first request. Each model is loaded from its own
 * artifact in S3, once.
 */
export class ArtifactModels {
  private readonly loaded = new Map<string, Promise<string>>();
  private server: Promise<string> | undefined;
  private child: ChildProcess | undefined;
  private sockets: string | undefined;
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
  ) {}

  /**
   * Runs a model's network on one request.
   *
   * A model that cannot be loaded responds with 500 and the reason, as a container that failed does, and is tried again with the next request.
   */
  public async infer(data: ModelData, body: string): Promise<ModelResponse> {
    const location = `${data.bucket}/${data.key}`;
    try {
      const name = await (this.loaded.get(location) ?? this.load(location, data));
      return await exchange({ socketPath: await this.running(), path: `/models/${name}/infer`, method: 'POST' }, body);
    } catch (error) {
      return {
        statusCode: 500,
        body: JSON.stringify({ error: error instanceof Error ? error.message : String(error) }),
      };
    }
  }

  /** Ends the process; safe to call twice. */
  public async stop(): Promise<void> {
    const { child, sockets } = this;
    this.child = undefined;
    this.sockets = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    if (sockets !== undefined) fs.rmSync(sockets, { recursive: true, force: true });
  }

  private load(location: string, data: ModelData): Promise<string> {
    const loading = this.fetchAndLoad(data);
    this.loaded.set(location, loading);
    loading.catch(() => this.loaded.delete(location));
    return loading;
  }

  private async fetchAndLoad(data: ModelData): Promise<string> {
    const name = `model-${this.sequence++}`;
    const directory = path.join(this.parts.directory, name);
    fs.mkdirSync(directory, { recursive: true });
    await this.fetch(data, directory);
    const { statusCode, body } = await exchange(
      { socketPath: await this.running(), path: `/models/${name}`, method: 'PUT' },
      JSON.stringify({ directory }),
    );
    if (statusCode !== 200) throw new Error((JSON.parse(body) as { readonly error: string }).error);
    return name;
  }

  private async fetch({ bucket, key, isArchive }: ModelData, directory: string): Promise<void> {
    const { engine } = this.parts;
    if (isArchive) {
      const archive = `${directory}.tar.gz`;
      await engine.download(bucket, key, archive);
      await run('tar', ['-xzf', archive, '-C', directory], directory);
      fs.rmSync(archive);
      return;
    }
    for (const object of await engine.listObjects(bucket, key)) {
      const file = path.join(directory, object.key.slice(key.length));
      if (!file.startsWith(directory + path.sep) || file.endsWith(path.sep)) continue;
      fs.mkdirSync(path.dirname(file), { recursive: true });
      await engine.download(bucket, object.key, file);
    }
  }

  /** Socket of the process, which is started where none runs. */
  private running(): Promise<string> {
    this.server ??= this.start().catch((error: unknown) => {
      this.server = undefined;
      throw error;
    });
    return this.server;
  }

  private async start(): Promise<string> {
    const { projectDirectory, python, directory } = this.parts;
    fs.mkdirSync(directory, { recursive: true });
    // The path of a socket has at most about a hundred characters: the run's folder may be deeper.
    this.sockets = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-onnx-'));
    const socketPath = path.join(this.sockets, 'model.sock');
    const logFile = path.join(directory, 'onnx.log');
    const log = fs.openSync(logFile, 'w');
    const program = path.join(modelServerDirectory(projectDirectory), 'onnx', 'serve.py');
    const child = spawn(python, ['-B', program, '--socket', socketPath], {
      cwd: directory,
      stdio: ['pipe', log, log],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, LANG: 'C.UTF-8' },
    });
    fs.closeSync(log);
    this.child = child;
    let hasEnded = false;
    const end = (): void => {
      hasEnded = true;
      this.server = undefined;
      this.loaded.clear();
    };
    child.once('error', end);
    child.once('exit', end);
    const ping = (): Promise<boolean> =>
      exchange({ socketPath, path: '/ping' }).then(
        ({ statusCode }) => statusCode === 200,
        () => false,
      );
    for (const deadline = monotonicMs() + START_SECONDS * 1000; !(await ping()); await pause(50)) {
      if (!hasEnded && monotonicMs() < deadline) continue;
      throw new Error(`ONNX Runtime did not start with ${python} (log: ${logFile})`);
    }
    return socketPath;
  }
}
