import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { monotonicMs } from '../../monotonic';
import { pause } from '../../repeat';
import type { ModelConfig } from '../artifact/sample-requests';
import { modelServerDirectory } from '../enclosed-server';
import { exchange } from '../exchange';
import type { ModelResponse } from '../model-server-process';

const START_SECONDS = 60;

/** ONNX Runtime in a process of its own, which starts with the first call, and again with the next one where it has ended. It listens on a Unix socket. */
export class OnnxProcess {
  private readonly loaded = new Map<string, Promise<ModelConfig>>();
  private server: Promise<string> | undefined;
  private child: ChildProcess | undefined;
  private sockets: string | undefined;

  public constructor(
    private readonly parts: {
      readonly projectDirectory: string;
      /** An interpreter with ONNX Runtime. */
      readonly python: string;
      /** Folder of the log, which is created. */
      readonly directory: string;
    },
  ) {}

  /**
   * Loads the only network below a folder, once, and returns its inputs.
   *
   * @throws Error with the reason for which it cannot be loaded
   */
  public load(name: string, directory: string): Promise<ModelConfig> {
    const known = this.loaded.get(name);
    if (known !== undefined) return known;
    const loading = this.loadNow(name, directory);
    this.loaded.set(name, loading);
    loading.catch(() => this.loaded.delete(name));
    return loading;
  }

  /** Runs a loaded network on the body of one request. */
  public async infer(name: string, body: string): Promise<ModelResponse> {
    return exchange({ socketPath: await this.running(), path: `${pathOf(name)}/infer`, method: 'POST' }, body);
  }

  /** Number of requests that a network has answered since it was loaded. */
  public async answered(name: string): Promise<number> {
    const { body } = await exchange({ socketPath: await this.running(), path: pathOf(name) });
    return (JSON.parse(body) as { readonly answered: number }).answered;
  }

  /** Returns the socket of the process, which is started where none runs. */
  public running(): Promise<string> {
    this.server ??= this.start().catch((error: unknown) => {
      this.server = undefined;
      throw error;
    });
    return this.server;
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

  private async loadNow(name: string, directory: string): Promise<ModelConfig> {
    const { statusCode, body } = await exchange(
      { socketPath: await this.running(), path: pathOf(name), method: 'PUT' },
      JSON.stringify({ directory }),
    );
    if (statusCode !== 200) throw new Error((JSON.parse(body) as { readonly error: string }).error);
    return JSON.parse(body) as ModelConfig;
  }

  private async start(): Promise<string> {
    const { projectDirectory, python, directory } = this.parts;
    fs.mkdirSync(directory, { recursive: true });
    if (this.sockets !== undefined) fs.rmSync(this.sockets, { recursive: true, force: true });
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

const pathOf = (name: string): string => `/models/${encodeURIComponent(name)}`;
