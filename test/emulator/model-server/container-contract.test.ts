import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../../lib/inference';
import { startEnclosedServer, type EnclosedServer } from '../../../lib/emulator/model-server/enclosed-server';
import { checkContainerContract, type Clause, type Violation } from '../../support/container-contract';
import { missingForModelServers } from '../../support/model-server';
import { describeWith } from '../../support/needs';
import { processOf } from '../../support/processes';

const projectDirectory = path.resolve(__dirname, '../../..');
const PROGRAM = path.resolve(__dirname, '../../support/conformant-server.mjs');

interface Container {
  /** The repository of the image. */
  readonly image: string;
  readonly environment: { readonly [name: string]: string };
}

/** The container of an endpoint as its template has it, which is what SageMaker gets. */
function containerOf(modelServer: ModelServer): Container {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  new GpuEndpoint(stack, 'Chat', {
    modelServer,
    network: { isolation: false },
    modelArtifact: ModelArtifact.fromBucketPrefix(s3.Bucket.fromBucketName(stack, 'Models', 'models'), 'chat/'),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  const [model] = Object.values(Template.fromStack(stack).findResources('AWS::SageMaker::Model')) as {
    readonly Properties: { readonly PrimaryContainer: { readonly Image: string; readonly Environment?: object } };
  }[];
  const { Image, Environment } = model!.Properties.PrimaryContainer;
  return { image: /\/([^:/]+):/.exec(Image)![1]!, environment: { ...Environment } as Container['environment'] };
}

/** Settings that the image reads from its environment, or its refusal. */
function check({ image, environment }: Container): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, image, 'check'], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...environment },
    timeout: 30_000,
  });
  return { status, said: status === 0 ? stdout : stderr.trim() };
}

const LANGUAGE_MODEL = { maxContextTokens: 4096, maxSequences: 8, tensorParallelDegree: 1, quantization: 'awq' };
const FROM_HUB = { modelId: 'meta-llama/Llama-3.1-8B-Instruct' };
const VLLM_FLAGS = '--max-model-len 4096 --max-num-seqs 8 --tensor-parallel-size 1 --quantization awq';

const SERVERS: readonly [name: string, image: string, server: ModelServer, wanted: string][] = [
  ['Triton', 'sagemaker-tritonserver', ModelServer.triton(), '--sagemaker-port=8080 --log-verbose=false'],
  [
    'Triton with all its options',
    'sagemaker-tritonserver',
    ModelServer.triton({ defaultModelName: 'scores', threadCount: 4, verboseLogging: true }),
    '--sagemaker-port=8080 --sagemaker-thread-count=4 --log-verbose=true',
  ],
  ['vLLM', 'vllm', ModelServer.vllm(), '--port 8080 --model /opt/ml/model'],
  [
    'vLLM with all its options',
    'vllm',
    ModelServer.vllm({ ...LANGUAGE_MODEL, ...FROM_HUB }),
    `--port 8080 --model meta-llama/Llama-3.1-8B-Instruct ${VLLM_FLAGS}`,
  ],
  ['LMI', 'djl-inference', ModelServer.lmi(), 'option.model_id=/opt/ml/model'],
  [
    'LMI with all its options',
    'djl-inference',
    ModelServer.lmi({ ...LANGUAGE_MODEL, ...FROM_HUB }),
    'option.model_id=meta-llama/Llama-3.1-8B-Instruct option.max_model_len=4096 option.max_rolling_batch_size=8 ' +
      'option.tensor_parallel_degree=1 option.quantize=awq',
  ],
  ['Hugging Face', 'huggingface-vllm', ModelServer.huggingFace(), '--port 8080 --model /opt/ml/model'],
  [
    'Hugging Face with all its options',
    'huggingface-vllm',
    ModelServer.huggingFace({ ...LANGUAGE_MODEL, ...FROM_HUB }),
    `--port 8080 --model meta-llama/Llama-3.1-8B-Instruct ${VLLM_FLAGS}`,
  ],
  ['TorchServe', 'pytorch-inference', ModelServer.torchServe(), 'entry_point=inference.py'],
  [
    'TorchServe with all its options',
    'pytorch-inference',
    ModelServer.torchServe({ entryPoint: 'serve.py', workersPerModel: 2 }),
    'entry_point=serve.py default_workers_per_model=2',
  ],
  ['TensorFlow Serving', 'tensorflow-inference', ModelServer.tensorFlowServing(), 'default_model='],
  [
    'TensorFlow Serving with all its options',
    'tensorflow-inference',
    ModelServer.tensorFlowServing({ defaultModelName: 'scores', maxBatchSize: 16 }),
    'default_model=scores max_batch_size=16',
  ],
];

describe('the environment of a container', () => {
  test.each(SERVERS)('is what the image of %s reads', (_name, image, server, wanted) => {
    const container = containerOf(server);
    expect(container.image).toBe(image);
    const { status, said } = check(container);
    expect({ status, said: status === 0 ? sorted(JSON.parse(said) as string[]) : said }).toEqual({
      status: 0,
      said: sorted(wanted.split(' ')),
    });
  });

  test.each(SERVERS.filter(([name]) => name.endsWith('all its options')))(
    'is refused by the image of %s when a name has a letter too many',
    (_name, _image, server) => {
      const { image, environment } = containerOf(server);
      for (const [name, value] of Object.entries(environment)) {
        const { [name]: _left, ...others } = environment;
        const { status, said } = check({ image, environment: { ...others, [`${name}S`]: value } });
        expect({ name, status, said }).toEqual({
          name,
          status: 2,
          said: expect.stringContaining(`${name}S`) as string,
        });
      }
    },
  );

  test.each<[string, ModelServer]>([
    ['SM_VLLM_MAX_MODEL_LEN', ModelServer.vllm({ environment: { SM_VLLM_MAX_MODEL_LEN: '0.5' } })],
    ['SM_VLLM_MAX_NUM_SEQS', ModelServer.huggingFace({ environment: { SM_VLLM_MAX_NUM_SEQS: '0' } })],
    ['SM_VLLM_QUANTIZATION', ModelServer.vllm({ quantization: 'a-w-q' })],
    ['OPTION_TENSOR_PARALLEL_DEGREE', ModelServer.lmi({ environment: { OPTION_TENSOR_PARALLEL_DEGREE: '-1' } })],
    ['HF_MODEL_ID', ModelServer.lmi({ modelId: 'https://huggingface.co/x/y' })],
    ['SAGEMAKER_PROGRAM', ModelServer.torchServe({ entryPoint: 'inference' })],
    [
      'SAGEMAKER_TFS_MAX_BATCH_SIZE',
      ModelServer.tensorFlowServing({ environment: { SAGEMAKER_TFS_MAX_BATCH_SIZE: 'NaN' } }),
    ],
    ['SAGEMAKER_TRITON_THREAD_COUNT', ModelServer.triton({ environment: { SAGEMAKER_TRITON_THREAD_COUNT: '1.5' } })],
    ['SAGEMAKER_TRITON_DEBUG', ModelServer.triton({ environment: { SAGEMAKER_TRITON_DEBUG: '1' } })],
  ])('is refused when %s cannot be read', (name, server) => {
    const { status, said } = check(containerOf(server));
    expect({ status, said }).toEqual({ status: 2, said: expect.stringMatching(`^error: ${name}: `) as string });
  });
});

describeWith(missingForModelServers(), 'the container contract', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-container-'));
  let server: EnclosedServer | undefined;
  afterEach(() => server?.stop());
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

  /** Starts a container as SageMaker does, `serve` and the template's environment, and holds it against the contract. */
  async function run({ image, environment }: Container, ...faults: readonly string[]): Promise<readonly Violation[]> {
    server = await startEnclosedServer({
      name: 'container',
      title: image,
      projectDirectory,
      python: process.env.PYTHON ?? 'python3',
      directory,
      ports: { model: 8080 },
      command: () => contained(environment, image, ...faults),
      startSeconds: 30,
      graceSeconds: 1,
    });
    const pid = processOf(process.execPath, PROGRAM, ` ${image} serve`);
    const request = { body: '{"inputs": "hello"}' };
    return checkContainerContract(
      { socketPath: server.socketPath, pid },
      request,
      faults.length > 0 ? 3_000 : undefined,
    );
  }

  test.each(SERVERS.filter(([name]) => name.endsWith('all its options')))(
    'is kept by a container with the environment of %s',
    async (_name, _image, modelServer) => {
      expect(await run(containerOf(modelServer))).toEqual([]);
    },
  );

  test('is not fulfilled by one that refuses its environment: it does not start, with the end of its log', async () => {
    const container = containerOf(ModelServer.vllm({ environment: { SM_VLLM_MAX_MODEL_LENGTH: '4096' } }));
    await expect(run(container)).rejects.toThrow(
      /^vllm did not start: error: SM_VLLM_MAX_MODEL_LENGTH: vLLM has no flag --max-model-length \(log: /,
    );
  });

  test.each<[string, readonly Clause[]]>([
    ['slow-ping', ['ping', 'ping is empty']],
    ['wordy-ping', ['ping is empty']],
    ['no-answer', ['invocations']],
    ['deaf-to-sigterm', ['end']],
  ])(
    'is not fulfilled by one with the fault %s',
    async (fault, clauses) => {
      const violations = await run(containerOf(ModelServer.vllm()), fault);
      expect(violations.map(({ clause }) => clause)).toEqual(clauses);
    },
    90_000,
  );

  test.each(['unhealthy', 'other-port'])(
    'is not fulfilled by one that is %s: it does not start in time',
    async (fault) => {
      const container = containerOf(ModelServer.vllm());
      const starting = startEnclosedServer({
        name: 'container',
        title: container.image,
        projectDirectory,
        python: process.env.PYTHON ?? 'python3',
        directory,
        ports: { model: 8080 },
        command: () => contained(container.environment, container.image, fault),
        startSeconds: 3,
        graceSeconds: 1,
      });
      await expect(starting).rejects.toThrow(/^vllm did not start: it did not respond to \/ping with 200 within 3 s/);
    },
  );
});

/** The command that a container runs, with the environment of its template and no other. */
function contained(environment: Container['environment'], image: string, ...faults: readonly string[]): string[] {
  const variables = Object.entries({ PATH: process.env.PATH, ...environment }).map(
    ([name, value]) => `${name}=${value}`,
  );
  return ['env', '-i', ...variables, process.execPath, PROGRAM, image, 'serve', ...faults];
}

const sorted = (words: readonly string[]): readonly string[] => [...words].sort();
