import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CreateEndpointCommand, CreateModelCommand } from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { openArtifact } from '../../../lib/emulator/model-server/artifact/open-artifact';
import { readPayloads } from '../../../lib/emulator/model-server/artifact/sample-requests';
import type { ModelServerKind, ModelServerProcess } from '../../../lib/emulator/model-server/model-server-process';
import { pythonWithOnnx } from '../../compression/onnx-runtime';
import { createConfig, EmulatedAccount, inStatus } from '../../support/emulated-account';
import { type Digit, digits, startClassifier } from '../../training/torch';

export const projectDirectory = path.resolve(__dirname, '../../..');
const COMPRESS = path.join(projectDirectory, 'lib', 'compression', 'assets', 'compress.py');
/** Rows of a request; the configuration of the pipeline takes more. */
export const BATCH = 30;

const onnx = pythonWithOnnx();
const found = 'missing' in onnx ? onnx : digits();

/** Part that this machine lacks to compress a model; undefined where nothing is missing. */
export const MISSING_FOR_COMPRESSION = 'missing' in found ? found.missing : undefined;

interface Report {
  readonly chosen: string;
  readonly models: { readonly [name: string]: { readonly accuracy: number; readonly accuracyByLabel: object } };
}

/** A classifier of digits, trained and compressed by the programs of the containers, and endpoints that serve it. */
export class CompressedDigits {
  public readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-served-'));
  /** Folder as the compression job writes it. */
  public readonly model = path.join(this.root, 'compressed', 'model');
  public readonly evaluated = (found as readonly Digit[]).slice(0, 600);
  /** Accuracy of the model by the report of the job. */
  public accuracy = Number.NaN;
  private server: ModelServerProcess | undefined;
  private account: EmulatedAccount | undefined;

  /** Runs the training job and the compression job, by the programs of their containers. */
  public async make(): Promise<void> {
    const { python } = onnx as { python: string };
    const train = this.write('train', (found as readonly Digit[]).slice(600));
    const evaluation = this.write('evaluation', this.evaluated);
    const trained = await startClassifier(path.join(this.root, 'trained'), {
      python,
      count: 1,
      data: train,
      hyperparameters: ['--epochs', '6', '--hidden', '64', '--checkpoint-steps', '1000'],
    });
    expect(await trained.end()).toEqual([0]);
    const output = path.join(this.root, 'compressed', 'output');
    const gate = ['--max-accuracy-loss', '0.05', '--min-speedup', '0', '--min-size-ratio', '1'];
    const { status, stdout, stderr } = spawnSync(python, [COMPRESS, '--techniques', 'int8-static', ...gate], {
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH ?? '/usr/bin:/bin',
        PYTHONDONTWRITEBYTECODE: '1',
        OMP_NUM_THREADS: '1',
        SM_CHANNEL_MODEL: trained.model,
        SM_CHANNEL_TRAIN: train,
        SM_CHANNEL_EVALUATION: evaluation,
        SM_MODEL_DIR: this.model,
        SM_OUTPUT_DIR: output,
        SM_OUTPUT_DATA_DIR: path.join(output, 'data'),
      },
    });
    expect(`${status} ${stdout}${stderr}`).toMatch(/^0 /);
    const report = JSON.parse(fs.readFileSync(path.join(output, 'data', 'report.json'), 'utf8')) as Report;
    expect(report.chosen).toBe('int8-static');
    this.accuracy = report.models[report.chosen]!.accuracy;
    expect(this.accuracy).toBeGreaterThan(0.85);
  }

  /** Folder of the model in its repository, and its name. */
  public modelName(): string {
    return fs.readdirSync(this.model).find((name) => fs.existsSync(path.join(this.model, name, 'config.pbtxt')))!;
  }

  /** Packs the repository as SageMaker takes it. */
  public archive(): string {
    const file = path.join(this.root, 'model.tar.gz');
    expect(spawnSync('tar', ['-czf', file, '-C', this.model, '.']).status).toBe(0);
    return file;
  }

  /** A folder with the ONNX file alone. */
  public networkAlone(): string {
    const folder = path.join(this.root, 'alone');
    fs.mkdirSync(folder, { recursive: true });
    fs.copyFileSync(path.join(this.model, this.modelName(), '1', 'model.onnx'), path.join(folder, 'digits.onnx'));
    return folder;
  }

  /** A copy of the artifact with another configuration. */
  public changed(name: string, change: (config: string) => string): string {
    const folder = path.join(this.root, name);
    fs.cpSync(this.model, folder, { recursive: true });
    const config = path.join(folder, this.modelName(), 'config.pbtxt');
    fs.writeFileSync(config, change(fs.readFileSync(config, 'utf8')));
    return folder;
  }

  /** Starts a server with an artifact. */
  public async serve(kind: ModelServerKind, location: string, payload?: string): Promise<ModelServerProcess> {
    const repository = await openArtifact({
      source: { location },
      projectDirectory,
      directory: path.join(this.root, 'opened'),
    });
    const payloads = payload === undefined ? undefined : readPayloads(payload);
    const served = { repository, payloads, location };
    return (this.server = await kind.start({ projectDirectory, dataDirectory: path.join(this.root, 'run'), served }));
  }

  /** Starts an account whose endpoint has the server behind it. */
  public async endpoint(modelServer: ModelServerProcess): Promise<EmulatedAccount> {
    const started = (this.account = await EmulatedAccount.start({ modelServer }));
    // The engine has no use for the artifact: the server has it already.
    started.engine.objects.set('artifacts/digits/model.tar.gz', Buffer.from('served'));
    await started.sageMaker.send(
      new CreateModelCommand({
        ModelName: 'digits',
        ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
        PrimaryContainer: { Image: 'triton:latest', ModelDataUrl: 's3://artifacts/digits/model.tar.gz' },
      }),
    );
    await createConfig(started, 'one', { ModelName: 'digits' });
    await started.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'one' }));
    await inStatus(started, 'InService');
    return started;
  }

  public async invoke(started: EmulatedAccount, body: string): Promise<string> {
    const call = new InvokeEndpointCommand({ EndpointName: 'chat', ContentType: 'application/json', Body: body });
    const { Body } = await started.finish(started.runtime.send(call));
    return Buffer.from(Body as Uint8Array).toString('utf8');
  }

  public requestOf(batch: readonly Digit[]): string {
    const data = batch.flatMap(({ features }) => features);
    return JSON.stringify({ inputs: [{ name: 'features', datatype: 'FP32', shape: [batch.length, 64], data }] });
  }

  /** Share of the evaluated rows whose most probable label is right, by requests to the endpoint. */
  public async accuracyThrough(started: EmulatedAccount): Promise<number> {
    const labels = fs
      .readFileSync(path.join(this.model, this.modelName(), 'labels.txt'), 'utf8')
      .trim()
      .split('\n');
    let right = 0;
    for (let from = 0; from < this.evaluated.length; from += BATCH) {
      const batch = this.evaluated.slice(from, from + BATCH);
      const { outputs } = JSON.parse(await this.invoke(started, this.requestOf(batch))) as {
        readonly outputs: readonly { readonly data: readonly number[] }[];
      };
      batch.forEach(({ label }, row) => {
        const scores = outputs[0]!.data.slice(row * labels.length, (row + 1) * labels.length);
        right += labels[scores.indexOf(Math.max(...scores))] === label ? 1 : 0;
      });
    }
    return right / this.evaluated.length;
  }

  /** Ends what a test has started. */
  public async stop(): Promise<void> {
    await this.account?.stop();
    await this.server?.stop();
    this.account = this.server = undefined;
  }

  public remove(): void {
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  private write(name: string, content: readonly Digit[]): string {
    const folder = path.join(this.root, name);
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, 'digits.jsonl'), content.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return folder;
  }
}
