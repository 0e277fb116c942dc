import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CreateEndpointCommand, CreateModelCommand } from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { openArtifact } from '../../../lib/emulator/model-server/artifact/open-artifact';
import { readPayloads } from '../../../lib/emulator/model-server/artifact/sample-requests';
import type { ModelServerProcess } from '../../../lib/emulator/model-server/model-server-process';
import { TRITON } from '../../../lib/emulator/model-server/triton/triton';
import { formatInferenceRequest } from '../../../lib/ingestion/contract';
import { pythonWithOnnx } from '../../compression/onnx-runtime';
import { createConfig, EmulatedAccount, inStatus } from '../../support/emulated-account';
import { missingForModelServers } from '../../support/model-server';
import { describeWith } from '../../support/needs';
import { type Digit, digits, startClassifier } from '../../training/torch';

const projectDirectory = path.resolve(__dirname, '../../..');
const COMPRESS = path.join(projectDirectory, 'lib', 'compression', 'assets', 'compress.py');
const LIMIT_MS = 600_000;
/** Rows of a request; the configuration of the pipeline takes more. */
const BATCH = 30;

const onnx = pythonWithOnnx();
const found = 'missing' in onnx ? onnx : digits();
const missing =
  missingForModelServers() ??
  ('missing' in onnx ? onnx.missing : undefined) ??
  ('missing' in found ? found.missing : undefined);

interface Report {
  readonly chosen: string;
  readonly models: { readonly [name: string]: { readonly accuracy: number; readonly accuracyByLabel: object } };
}

describeWith(missing, 'an artifact of the compression pipeline on Triton', () => {
  const { python } = onnx as { python: string };
  const rows = found as readonly Digit[];
  const evaluated = rows.slice(0, 600);
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-served-'));
  const model = path.join(root, 'compressed', 'model');
  let report: Report;
  let server: ModelServerProcess | undefined;
  let account: EmulatedAccount | undefined;

  const write = (name: string, content: readonly Digit[]): string => {
    const folder = path.join(root, name);
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, 'digits.jsonl'), content.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return folder;
  };

  // The training job and the compression job, by the programs of their containers.
  beforeAll(async () => {
    const train = write('train', rows.slice(600));
    const evaluation = write('evaluation', evaluated);
    const hyperparameters = ['--epochs', '6', '--hidden', '64', '--checkpoint-steps', '1000'];
    const trained = await startClassifier(path.join(root, 'trained'), {
      python,
      count: 1,
      data: train,
      hyperparameters,
    });
    expect(await trained.end()).toEqual([0]);
    const output = path.join(root, 'compressed', 'output');
    const { status, stdout, stderr } = spawnSync(
      python,
      [
        COMPRESS,
        '--techniques',
        'int8-static',
        '--max-accuracy-loss',
        '0.05',
        '--min-speedup',
        '0',
        '--min-size-ratio',
        '1',
      ],
      {
        encoding: 'utf8',
        env: {
          PATH: process.env.PATH ?? '/usr/bin:/bin',
          PYTHONDONTWRITEBYTECODE: '1',
          OMP_NUM_THREADS: '1',
          SM_CHANNEL_MODEL: trained.model,
          SM_CHANNEL_TRAIN: train,
          SM_CHANNEL_EVALUATION: evaluation,
          SM_MODEL_DIR: model,
          SM_OUTPUT_DIR: output,
          SM_OUTPUT_DATA_DIR: path.join(output, 'data'),
        },
      },
    );
    expect(`${status} ${stdout}${stderr}`).toMatch(/^0 /);
    report = JSON.parse(fs.readFileSync(path.join(output, 'data', 'report.json'), 'utf8')) as Report;
    expect(report.chosen).toBe('int8-static');
  }, LIMIT_MS);

  afterEach(async () => {
    await account?.stop();
    await server?.stop();
    account = server = undefined;
  });
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  async function serve(location: string, payload?: string): Promise<ModelServerProcess> {
    const repository = await openArtifact({
      source: { location },
      projectDirectory,
      directory: path.join(root, 'opened'),
    });
    const payloads = payload === undefined ? undefined : readPayloads(payload);
    const served = { repository, payloads, location };
    return (server = await TRITON.start({ projectDirectory, dataDirectory: path.join(root, 'run'), served }));
  }

  const requestOf = (batch: readonly Digit[]): string =>
    JSON.stringify({
      inputs: [
        {
          name: 'features',
          datatype: 'FP32',
          shape: [batch.length, 64],
          data: batch.flatMap(({ features }) => features),
        },
      ],
    });

  /** Starts an account whose endpoint has the server behind it. */
  async function endpoint(modelServer: ModelServerProcess): Promise<EmulatedAccount> {
    const started = (account = await EmulatedAccount.start({ modelServer }));
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

  const invoke = async (started: EmulatedAccount, body: string): Promise<string> => {
    const call = new InvokeEndpointCommand({ EndpointName: 'chat', ContentType: 'application/json', Body: body });
    const { Body } = await started.finish(started.runtime.send(call));
    return Buffer.from(Body as Uint8Array).toString('utf8');
  };

  /** Share of the evaluated rows whose most probable label is right, by requests to the endpoint. */
  async function accuracyThrough(started: EmulatedAccount): Promise<number> {
    const labels = fs
      .readFileSync(path.join(model, repositoryOf(), 'labels.txt'), 'utf8')
      .trim()
      .split('\n');
    let right = 0;
    for (let from = 0; from < evaluated.length; from += BATCH) {
      const batch = evaluated.slice(from, from + BATCH);
      const { outputs } = JSON.parse(await invoke(started, requestOf(batch))) as {
        readonly outputs: readonly { readonly data: readonly number[] }[];
      };
      batch.forEach(({ label }, row) => {
        const scores = outputs[0]!.data.slice(row * labels.length, (row + 1) * labels.length);
        right += labels[scores.indexOf(Math.max(...scores))] === label ? 1 : 0;
      });
    }
    return right / evaluated.length;
  }

  const repositoryOf = (): string =>
    fs.readdirSync(model).find((name) => fs.existsSync(path.join(model, name, 'config.pbtxt')))!;

  test(
    'answers with the accuracy that the report of the job has, from its archive',
    async () => {
      const archive = path.join(root, 'model.tar.gz');
      expect(spawnSync('tar', ['-czf', archive, '-C', model, '.']).status).toBe(0);
      const started = await endpoint(await serve(archive));
      const wanted = report.models[report.chosen]!.accuracy;
      expect(wanted).toBeGreaterThan(0.85);
      expect(await accuracyThrough(started)).toBeCloseTo(wanted, 9);
      expect(server).toMatchObject({ modelName: repositoryOf() });
      await expect(invoke(started, requestOf(evaluated.slice(0, 1)).replace('"features"', '"pixels"'))).rejects.toThrow(
        "unexpected inference input 'pixels'",
      );
      // Requests of the traffic run the model too, on requests that are made for it.
      const before = await server!.statistics();
      expect(before.requests).toBe(evaluated.length / BATCH);
      const traffic = { id: 'r-000001', key: 'user-1', contextTokens: 100, generatedTokens: 10 };
      const response = await invoke(started, formatInferenceRequest(traffic));
      expect(JSON.parse(response)).toMatchObject({ id: 'r-000001', generated_tokens: 10 });
      let after = before;
      for (let look = 0; look < 600 && after.requests === before.requests; look++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        after = await server!.statistics();
      }
      expect(after.requests).toBe(before.requests + 1);
    },
    LIMIT_MS,
  );

  test(
    'answers the same from the ONNX file alone, whose configuration Triton completes',
    async () => {
      const folder = path.join(root, 'alone');
      fs.mkdirSync(folder);
      fs.copyFileSync(path.join(model, repositoryOf(), '1', 'model.onnx'), path.join(folder, 'digits.onnx'));
      const started = await endpoint(await serve(folder));
      expect(await accuracyThrough(started)).toBeCloseTo(report.models[report.chosen]!.accuracy, 9);
    },
    LIMIT_MS,
  );

  /** A copy of the artifact with another configuration. */
  function changed(name: string, change: (config: string) => string): string {
    const folder = path.join(root, name);
    fs.cpSync(model, folder, { recursive: true });
    const config = path.join(folder, repositoryOf(), 'config.pbtxt');
    fs.writeFileSync(config, change(fs.readFileSync(config, 'utf8')));
    return folder;
  }

  test(
    'does not start where Triton refuses the layout, with its reason',
    async () => {
      const cases: readonly [string, (config: string) => string, string][] = [
        ['cut', (config) => config.slice(0, -20), 'failed to read text proto'],
        ['typed', (config) => config.replace('TYPE_FP32', 'TYPE_INT64'), 'the network has TYPE_FP32'],
        [
          'torch',
          (config) => config.replace('onnxruntime_onnx', 'pytorch_libtorch'),
          'has the backends onnxruntime and python',
        ],
      ];
      for (const [name, change, reason] of cases) {
        const error = await serve(changed(name, change)).catch((thrown: unknown) => thrown);
        expect(String(error)).toContain(reason);
      }
    },
    LIMIT_MS,
  );

  test(
    'takes requests of a file, and names the one that the model refuses',
    async () => {
      const payload = path.join(root, 'payload.jsonl');
      const good = requestOf(evaluated.slice(0, 2));
      fs.writeFileSync(payload, `${good}\n${good.replace('[2,64]', '[2,63]')}\n`);
      await expect(serve(model, payload)).rejects.toThrow(
        new RegExp(`refuses ${payload}:2 with status 500: .*[Ss]hape`),
      );
      fs.writeFileSync(payload, `${good}\n`);
      const served = await serve(model, payload);
      expect(await served.predict({ contextTokens: 1, generatedTokens: 1 })).toBeUndefined();
    },
    LIMIT_MS,
  );
});
