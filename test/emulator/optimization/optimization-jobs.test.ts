import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  CreateOptimizationJobCommand,
  type CreateOptimizationJobCommandInput,
  DeleteOptimizationJobCommand,
  DescribeOptimizationJobCommand,
  type DescribeOptimizationJobCommandOutput,
  ListOptimizationJobsCommand,
  ListTagsCommand,
  StopOptimizationJobCommand,
} from '@aws-sdk/client-sagemaker';
import { EmulatedAccount } from '../../support/emulated-account';

/** A program in place of a container: it writes down what it was given, waits, or fails. */
const OPTIMIZE = `#!/usr/bin/env node
const fs = require('node:fs');
const [, , model, output] = process.argv;
const { MODE = 'quantize', OPTION_QUANTIZE, HF_MODEL_ID, OPTION_DTYPE } = process.env;
if (MODE === 'fail') { console.error('CUDA out of memory'); process.exit(2); }
if (MODE === 'hang') setInterval(() => undefined, 1000);
else if (MODE !== 'nothing') {
  const seen = { files: fs.readdirSync(model), quantize: OPTION_QUANTIZE, dtype: OPTION_DTYPE, isModel: HF_MODEL_ID === model };
  fs.mkdirSync(output + '/weights');
  fs.writeFileSync(output + '/config.json', JSON.stringify(seen));
  fs.writeFileSync(output + '/weights/part-1', 'x');
}
`;

let folder: string;
let account: EmulatedAccount;

async function start(hasProgram = true): Promise<void> {
  const program = path.join(folder, 'optimize');
  fs.writeFileSync(program, OPTIMIZE, { mode: 0o755 });
  account = await EmulatedAccount.start({
    dataDirectory: path.join(folder, 'jobs'),
    ...(hasProgram && { optimizer: program }),
  });
  account.engine.objects.set('models/llama/config.json', Buffer.from('{}'));
  account.engine.objects.set('models/llama/model.safetensors', Buffer.from('weights'));
  account.engine.objects.set('models/llama-large/config.json', Buffer.from('{}'));
}

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-test-'));
});

afterEach(async () => {
  await account.stop();
  const left = path.join(folder, 'jobs', 'optimization');
  expect(fs.existsSync(left) ? fs.readdirSync(left) : []).toEqual([]);
  fs.rmSync(folder, { recursive: true });
});

function request(
  mode: string,
  changes: Partial<CreateOptimizationJobCommandInput> = {},
): CreateOptimizationJobCommandInput {
  return {
    OptimizationJobName: `job-${mode}`,
    RoleArn: 'arn:aws:iam::123456789012:role/optimization',
    ModelSource: { S3: { S3Uri: 's3://models/llama/' } },
    DeploymentInstanceType: 'ml.g6.12xlarge',
    OptimizationEnvironment: { HF_MODEL_ID: '/opt/ml/model', MODE: mode, OPTION_DTYPE: 'bf16' },
    OptimizationConfigs: [
      {
        ModelQuantizationConfig: {
          Image: 'lmi',
          OverrideEnvironment: { OPTION_QUANTIZE: 'awq', OPTION_DTYPE: 'fp16' },
        },
      },
    ],
    OutputConfig: { S3OutputLocation: 's3://models/small/' },
    StoppingCondition: { MaxRuntimeInSeconds: 3600 },
    ...changes,
  };
}

const create = (input: CreateOptimizationJobCommandInput) =>
  account.sageMaker.send(new CreateOptimizationJobCommand(input));
const describeJob = (name: string): Promise<DescribeOptimizationJobCommandOutput> =>
  account.sageMaker.send(new DescribeOptimizationJobCommand({ OptimizationJobName: name }));

/** Looks at a job until it is in a status, while local time stands still and programs run. */
async function reaches(name: string, ...statuses: string[]): Promise<DescribeOptimizationJobCommandOutput> {
  for (;;) {
    const job = await describeJob(name);
    if (statuses.includes(job.OptimizationJobStatus!)) return job;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Moves forward until the job has its instance. */
async function provisioned(): Promise<void> {
  await account.advance(1200);
}

test('the program of the user makes the files, which land below the output location', async () => {
  await start();
  const { OptimizationJobArn } = await create(request('quantize', { Tags: [{ Key: 'team', Value: 'chat' }] }));
  expect(OptimizationJobArn).toBe('arn:aws:sagemaker:us-east-1:123456789012:optimization-job/job-quantize');
  expect((await describeJob('job-quantize')).OptimizationJobStatus).toBe('STARTING');
  await provisioned();
  const job = await reaches('job-quantize', 'COMPLETED', 'FAILED');
  expect(job).toMatchObject({
    OptimizationJobStatus: 'COMPLETED',
    DeploymentInstanceType: 'ml.g6.12xlarge',
    OptimizationOutput: { RecommendedInferenceImage: 'lmi' },
  });
  expect(job.FailureReason).toBeUndefined();
  expect(job.OptimizationEndTime!.getTime()).toBeGreaterThanOrEqual(job.OptimizationStartTime!.getTime());
  expect(JSON.parse(account.engine.objects.get('models/small/config.json')!.toString())).toEqual({
    // Not those of the model whose name only begins alike; variables of a technique win.
    files: ['config.json', 'model.safetensors'],
    quantize: 'awq',
    dtype: 'fp16',
    isModel: true,
  });
  expect(account.engine.objects.has('models/small/weights/part-1')).toBe(true);
  const { Tags } = await account.sageMaker.send(new ListTagsCommand({ ResourceArn: OptimizationJobArn }));
  expect(Tags).toEqual([{ Key: 'team', Value: 'chat' }]);
});

test('without a program no model is made up: the job fails and says so', async () => {
  await start(false);
  await create(request('quantize'));
  await provisioned();
  const job = await reaches('job-quantize', 'COMPLETED', 'FAILED');
  expect(job.OptimizationJobStatus).toBe('FAILED');
  expect(job.FailureReason).toMatch(
    /^AlgorithmError: this machine has no container .* TIDEGATE_LOCAL_OPTIMIZER to a program of yours/,
  );
  expect([...account.engine.objects.keys()].filter((key) => key.startsWith('models/small/'))).toEqual([]);
});

test.each<[string, string, Partial<CreateOptimizationJobCommandInput>, string]>([
  ['a program that fails', 'fail', {}, 'AlgorithmError: CUDA out of memory, exit code: 2'],
  [
    'a program that makes nothing',
    'nothing',
    {},
    'AlgorithmError: the container left no file in the folder for its output',
  ],
  [
    'a model that is not there',
    'quantize',
    { ModelSource: { S3: { S3Uri: 's3://models/none' } } },
    'ClientError: Data download failed: no S3 objects found under S3 URL "s3://models/none".',
  ],
  ['no technique', 'quantize', { OptimizationConfigs: [] }, 'ClientError: OptimizationConfigs names no technique'],
])('%s fails the job with its reason', async (_what, mode, changes, reason) => {
  await start();
  await create(request(mode, changes));
  await provisioned();
  expect(await reaches(`job-${mode}`, 'COMPLETED', 'FAILED')).toMatchObject({
    OptimizationJobStatus: 'FAILED',
    FailureReason: reason,
  });
});

test('without capacity no program starts', async () => {
  await start();
  account.emulator.setCapacity('ml.g6.12xlarge', 'insufficient');
  await create(request('quantize'));
  const job = await reaches('job-quantize', 'FAILED');
  expect(job.FailureReason).toContain('CapacityError');
  expect(job.OptimizationStartTime).toBeUndefined();
});

test('a job that is stopped, and one that reaches its maximum runtime, end as stopped', async () => {
  await start();
  await create(request('hang'));
  await create(request('hang', { OptimizationJobName: 'job-long', StoppingCondition: { MaxRuntimeInSeconds: 1800 } }));
  await provisioned();
  await reaches('job-hang', 'INPROGRESS');
  await account.sageMaker.send(new StopOptimizationJobCommand({ OptimizationJobName: 'job-hang' }));
  await reaches('job-hang', 'STOPPED');
  await reaches('job-long', 'INPROGRESS');
  await account.advance(1800);
  const long = await reaches('job-long', 'STOPPED');
  expect(long.OptimizationEndTime!.getTime() - long.OptimizationStartTime!.getTime()).toBeGreaterThanOrEqual(1_800_000);
  expect(long.FailureReason).toBeUndefined();
});

test('names are unique, and are free again after a deletion', async () => {
  await start();
  await create(request('fail'));
  await expect(create(request('fail'))).rejects.toMatchObject({ name: 'ResourceInUse' });
  const remove = () => account.sageMaker.send(new DeleteOptimizationJobCommand({ OptimizationJobName: 'job-fail' }));
  await expect(remove()).rejects.toThrow('is in status STARTING and cannot be deleted; stop it first');
  await provisioned();
  await reaches('job-fail', 'FAILED');
  await expect(
    account.sageMaker.send(new StopOptimizationJobCommand({ OptimizationJobName: 'job-fail' })),
  ).rejects.toThrow('is in status FAILED and cannot be stopped');
  await remove();
  await expect(describeJob('job-fail')).rejects.toMatchObject({ name: 'ResourceNotFound' });
  await create(request('fail'));
});

test('a list selects by name, status and technique', async () => {
  await start();
  await create(request('fail'));
  await create(
    request('hang', { OptimizationConfigs: [{ ModelCompilationConfig: { OverrideEnvironment: { A: 'b' } } }] }),
  );
  const list = async (query: object): Promise<string[]> => {
    const { OptimizationJobSummaries } = await account.sageMaker.send(new ListOptimizationJobsCommand(query));
    return OptimizationJobSummaries!.map(({ OptimizationJobName }) => OptimizationJobName!).sort();
  };
  expect(await list({})).toEqual(['job-fail', 'job-hang']);
  expect(await list({ OptimizationContains: 'Compilation' })).toEqual(['job-hang']);
  expect(await list({ NameContains: 'fail' })).toEqual(['job-fail']);
  expect(await list({ StatusEquals: 'COMPLETED' })).toEqual([]);
});

test.each<[string, object, string]>([
  [
    'an instance type that hosts no such model',
    { DeploymentInstanceType: 'ml.c5.xlarge' },
    'DeploymentInstanceType: must be one of ml.g4dn.xlarge',
  ],
  [
    'two techniques in one',
    { OptimizationConfigs: [{ ModelQuantizationConfig: {}, ModelCompilationConfig: {} }] },
    'exactly one of ModelQuantizationConfig',
  ],
  ['an empty technique', { OptimizationConfigs: [{}] }, 'exactly one of ModelQuantizationConfig'],
  [
    'eleven techniques',
    { OptimizationConfigs: Array(11).fill({ ModelQuantizationConfig: {} }) },
    'OptimizationConfigs',
  ],
  [
    '26 variables',
    { OptimizationEnvironment: Object.fromEntries(Array.from({ length: 26 }, (_, n) => [`V${n}`, 'x'])) },
    'OptimizationEnvironment: at most 25 entries are allowed',
  ],
  ['a long value', { OptimizationEnvironment: { A: 'x'.repeat(257) } }, 'OptimizationEnvironment.A'],
  [
    'an image with a space',
    { OptimizationConfigs: [{ ModelQuantizationConfig: { Image: 'a b' } }] },
    'must have no spaces',
  ],
  ['no role', { RoleArn: 'arn:aws:iam::1:user/nobody-at-all' }, 'RoleArn: must be the ARN of a role'],
  ['a location that is none', { OutputConfig: { S3OutputLocation: '/tmp/x' } }, 'must be an S3 URI'],
  [
    'another source',
    { ModelSource: { SageMakerModel: { ModelName: 'llama' } } },
    'SageMakerModel is not available in the local engine',
  ],
  ['a wait below half an hour', { StoppingCondition: { MaxPendingTimeInSeconds: 60 } }, 'MaxPendingTimeInSeconds'],
  ['an unknown member', { Priority: 1 }, 'extraneous key [Priority] is not permitted'],
])('%s is refused by name', async (_what, changes, message) => {
  await start();
  const reply = await fetch(account.emulator.url, {
    method: 'POST',
    headers: { 'x-amz-target': 'SageMaker.CreateOptimizationJob' },
    body: JSON.stringify({ ...request('fail'), ...changes }),
  });
  expect(reply.status).toBe(400);
  expect(await reply.json()).toMatchObject({
    __type: 'ValidationException',
    message: expect.stringContaining(message),
  });
});
