import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  CreateTrainingJobCommand,
  type CreateTrainingJobCommandInput,
  DescribeTrainingJobCommand,
  type DescribeTrainingJobCommandOutput,
  ListTrainingJobsCommand,
  StopTrainingJobCommand,
} from '@aws-sdk/client-sagemaker';
import { EmulatedAccount } from '../../support/emulated-account';

const TRAIN = `
import argparse, json, os, pathlib, signal, sys, time
parser = argparse.ArgumentParser()
parser.add_argument('--mode', default='train')
parser.add_argument('--epochs', type=int, default=1)
args = parser.parse_args()
model = pathlib.Path(os.environ['SM_MODEL_DIR'])
if args.mode == 'fail':
    pathlib.Path(os.environ['SM_OUTPUT_DIR'], 'failure').write_text('the loss is not a number')
    sys.exit(3)
def wait_for(name):
    while not pathlib.Path(os.environ['GATES'], name).exists():
        time.sleep(0.005)
if args.mode == 'hang':
    def stop(*_):
        (model / 'partial.json').write_text('{}')
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    step = pathlib.Path(os.environ['SM_CHECKPOINT_DIR'], 'step-1')
    step.write_text(f'{int(step.read_text()) + 1 if step.exists() else 1}')
    pathlib.Path(os.environ['GATES'], 'hanging').touch()
    wait_for('never')
wait_for('go')
channel = pathlib.Path(os.environ['SM_CHANNEL_TRAINING'])
rows = [line for file in sorted(channel.rglob('*.jsonl')) for line in file.read_text().splitlines()]
config = pathlib.Path(os.environ['SM_INPUT_CONFIG_DIR'])
seen = {
    'rows': len(rows), 'epochs': args.epochs, 'hps': json.loads(os.environ['SM_HPS']), 'gpus': os.environ['SM_NUM_GPUS'],
    'job': os.environ['TRAINING_JOB_NAME'], 'extra': os.environ['EXTRA'],
    'hosts': json.loads((config / 'resourceconfig.json').read_text())['hosts'],
    'channels': sorted(json.loads((config / 'inputdataconfig.json').read_text())),
}
(model / 'model.json').write_text(json.dumps(seen))
`;

let account: EmulatedAccount;
let folder: string;

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-test-'));
  account = await EmulatedAccount.start({ dataDirectory: path.join(folder, 'jobs') });
  fs.mkdirSync(path.join(folder, 'source'));
  fs.writeFileSync(path.join(folder, 'source', 'train.py'), TRAIN);
  execFileSync('tar', ['-czf', path.join(folder, 'sourcedir.tar.gz'), '-C', path.join(folder, 'source'), 'train.py']);
  const { objects } = account.engine;
  objects.set('code/sourcedir.tar.gz', fs.readFileSync(path.join(folder, 'sourcedir.tar.gz')));
  objects.set('data/results/s/shard-0/1-2.jsonl', Buffer.from('{"a":1}\n{"a":2}\n'));
  objects.set('data/results/s/shard-1/3-3.jsonl', Buffer.from('{"a":3}\n'));
});

afterEach(async () => {
  await account.stop();
  expect(fs.existsSync(path.join(folder, 'jobs')) ? fs.readdirSync(path.join(folder, 'jobs')) : []).toEqual([]);
  fs.rmSync(folder, { recursive: true });
});

const request = (
  mode: string,
  changes: Partial<CreateTrainingJobCommandInput> = {},
): CreateTrainingJobCommandInput => ({
  TrainingJobName: `job-${mode}`,
  RoleArn: 'arn:aws:iam::123456789012:role/training',
  AlgorithmSpecification: { TrainingImage: 'pytorch', TrainingInputMode: 'File' },
  HyperParameters: {
    sagemaker_program: 'train.py',
    sagemaker_submit_directory: 's3://code/sourcedir.tar.gz',
    mode: JSON.stringify(mode),
    epochs: '3',
  },
  InputDataConfig: [
    { ChannelName: 'training', DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://data/results/' } } },
  ],
  OutputDataConfig: { S3OutputPath: 's3://models/runs' },
  ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 1, VolumeSizeInGB: 50 },
  StoppingCondition: { MaxRuntimeInSeconds: 36_000 },
  Environment: { EXTRA: 'yes', GATES: folder },
  ...changes,
});

const create = (input: CreateTrainingJobCommandInput) => account.sageMaker.send(new CreateTrainingJobCommand(input));

const describeJob = (name: string): Promise<DescribeTrainingJobCommandOutput> =>
  account.sageMaker.send(new DescribeTrainingJobCommand({ TrainingJobName: name }));

/** Waits in real time, in which local time stands still: for files, processes and their ends. */
async function really(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const jobOf = (name: string) => account.emulator.snapshot().trainingJobs.find((job) => job.name === name)!;

/** Moves forward until the job has its instance, and waits until the script runs. */
async function training(name: string): Promise<void> {
  await account.until(`${name} has an instance`, () => jobOf(name).startedAtSeconds !== null);
  await really(() => jobOf(name).secondaryStatus === 'Training');
}

/** Opens the gate at which the script of mode 'train' waits. */
const letGo = (): void => fs.writeFileSync(path.join(folder, 'go'), '');

/** Waits for the end of a job whose script runs. */
async function over(name: string): Promise<DescribeTrainingJobCommandOutput> {
  await really(() => ['Completed', 'Failed', 'Stopped'].includes(jobOf(name).status));
  return describeJob(name);
}

test('the script runs as a process under the container conventions and its model lands in S3', async () => {
  const { TrainingJobArn } = await create(request('train'));
  expect(TrainingJobArn).toBe('arn:aws:sagemaker:us-east-1:123456789012:training-job/job-train');
  await training('job-train');
  await account.advance(300);
  letGo();
  const job = await over('job-train');
  expect(job.FailureReason).toBeUndefined();
  expect(job.TrainingJobStatus).toBe('Completed');
  expect(job.SecondaryStatusTransitions!.map((transition) => transition.Status)).toEqual([
    'Starting',
    'LaunchingMLInstances',
    'Downloading',
    'Training',
    'Uploading',
    'Completed',
  ]);
  expect(job.TrainingStartTime!.getTime() - job.CreationTime!.getTime()).toBeGreaterThan(60_000);
  expect(job.TrainingTimeInSeconds).toBe(300);
  expect(job.BillableTimeInSeconds).toBe(300);
  expect(job.ModelArtifacts!.S3ModelArtifacts).toBe('s3://models/runs/job-train/output/model.tar.gz');

  const archive = path.join(folder, 'model.tar.gz');
  fs.writeFileSync(archive, account.engine.objects.get('models/runs/job-train/output/model.tar.gz')!);
  const text = execFileSync('tar', ['-xzOf', archive, 'model.json'], { encoding: 'utf8' });
  expect(JSON.parse(text)).toEqual({
    rows: 3,
    epochs: 3,
    hps: { mode: 'train', epochs: 3 },
    gpus: '1',
    job: 'job-train',
    extra: 'yes',
    hosts: ['algo-1'],
    channels: ['training'],
  });

  await account.emulator.flush();
  const told = account.engine.events.filter((event) => event.detailType === 'SageMaker Training Job State Change');
  expect(told.at(-1)!.detail).toMatchObject({ TrainingJobStatus: 'Completed', SecondaryStatus: 'Completed' });
  const { billedUsd, trainingJobs } = account.emulator.snapshot();
  expect(billedUsd.training).toBeCloseTo((300 / 3600) * 1.408, 6);
  expect(trainingJobs[0]).toMatchObject({ status: 'Completed', modelArtifact: job.ModelArtifacts!.S3ModelArtifacts });
  const { TrainingJobSummaries } = await account.sageMaker.send(new ListTrainingJobsCommand({}));
  expect(TrainingJobSummaries![0]!.TrainingJobName).toBe('job-train');
});

test('a script that fails leaves its own words as the failure reason', async () => {
  await create(request('fail'));
  await account.until('it has an instance', () => jobOf('job-fail').startedAtSeconds !== null);
  const job = await over('job-fail');
  expect(job).toMatchObject({
    TrainingJobStatus: 'Failed',
    SecondaryStatus: 'Failed',
    FailureReason: 'AlgorithmError: the loss is not a number, exit code: 3',
  });
});

test('a container without a network has its source from a channel, and cannot download it', async () => {
  await create(request('train', { EnableNetworkIsolation: true }));
  await account.until('it has an instance', () => jobOf('job-train').startedAtSeconds !== null);
  expect((await over('job-train')).FailureReason).toBe(
    'ClientError: cannot download s3://code/sourcedir.tar.gz: the container has no network (EnableNetworkIsolation); give the source as a channel',
  );

  const input = request('train', { EnableNetworkIsolation: true, TrainingJobName: 'job-isolated' });
  input.HyperParameters!['sagemaker_submit_directory'] = '/opt/ml/input/data/code/sourcedir.tar.gz';
  const source = { S3DataType: 'S3Prefix', S3Uri: 's3://code/sourcedir.tar.gz' } as const;
  input.InputDataConfig!.push({ ChannelName: 'code', DataSource: { S3DataSource: source } });
  await create(input);
  await training('job-isolated');
  letGo();
  expect((await over('job-isolated')).TrainingJobStatus).toBe('Completed');
});

test('an entry point runs in place of the script, and finds hyperparameters and channels in the folders of its container', async () => {
  const shell =
    'cat /opt/ml/input/config/hyperparameters.json "$0"/s/shard-0/1-2.jsonl > /opt/ml/checkpoints/seen; exit 3';
  const entryPoint = (name: string, ContainerArguments: string[]): CreateTrainingJobCommandInput => ({
    ...request(name, { HyperParameters: { epochs: '3' }, CheckpointConfig: { S3Uri: `s3://models/${name}` } }),
    AlgorithmSpecification: {
      TrainingImage: 'lmi',
      TrainingInputMode: 'File',
      ContainerEntrypoint: ['/bin/bash', '-c', shell],
      ContainerArguments,
    },
  });
  await create(entryPoint('shell', ['/opt/ml/input/data/training']));
  await account.until('it has an instance', () => jobOf('job-shell').startedAtSeconds !== null);
  expect((await over('job-shell')).FailureReason).toMatch(/exit code: 3$/);
  expect(account.engine.objects.get('models/shell/seen')!.toString()).toBe('{"epochs":"3"}{"a":1}\n{"a":2}\n');
  const { AlgorithmSpecification, ...rest } = entryPoint('lone', ['x']);
  const lone = { ...AlgorithmSpecification!, ContainerEntrypoint: undefined };
  await expect(create({ ...rest, AlgorithmSpecification: lone })).rejects.toThrow(
    'ContainerArguments without a ContainerEntrypoint are for the entry point of an image',
  );
});

test('data that is not there fails the job before anything runs', async () => {
  const channel = {
    ChannelName: 'training',
    DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://data/none/' } },
  } as const;
  await create(request('train', { InputDataConfig: [channel] }));
  await account.until('it has an instance', () => jobOf('job-train').startedAtSeconds !== null);
  expect((await over('job-train')).FailureReason).toContain('No S3 objects found under S3 URL "s3://data/none/"');
});

test('the maximum runtime ends the script with SIGTERM; checkpoints and the partial model are kept', async () => {
  await create(
    request('hang', {
      StoppingCondition: { MaxRuntimeInSeconds: 600, MaxWaitTimeInSeconds: 36_000 },
      EnableManagedSpotTraining: true,
      CheckpointConfig: { S3Uri: 's3://checkpoints/hang' },
    }),
  );
  await training('job-hang');
  await really(() => fs.existsSync(path.join(folder, 'hanging')));
  await account.advance(599);
  expect(jobOf('job-hang').status).toBe('InProgress');
  await account.advance(1);
  const job = await over('job-hang');
  expect(job).toMatchObject({ TrainingJobStatus: 'Stopped', SecondaryStatus: 'MaxRuntimeExceeded' });
  expect(account.engine.objects.has('checkpoints/hang/step-1')).toBe(true);
  expect(account.engine.objects.has('models/runs/job-hang/output/model.tar.gz')).toBe(true);
  expect(job).toMatchObject({ TrainingTimeInSeconds: 600, BillableTimeInSeconds: 180 });
});

test('a job whose spot instances are taken away waits for others and starts again with its checkpoints; the wait costs nothing', async () => {
  const spot = {
    StoppingCondition: { MaxRuntimeInSeconds: 600, MaxWaitTimeInSeconds: 36_000 },
    EnableManagedSpotTraining: true,
    CheckpointConfig: { S3Uri: 's3://checkpoints/hang' },
  };
  await create(request('hang', spot));
  expect(account.emulator.interruptTraining('job-hang')).toBe(false);
  await training('job-hang');
  await really(() => fs.existsSync(path.join(folder, 'hanging')));
  fs.rmSync(path.join(folder, 'hanging'));
  await account.advance(400);
  expect(account.emulator.interruptTraining('job-hang')).toBe(true);
  expect(account.emulator.interruptTraining('job-hang')).toBe(false);
  await really(() => jobOf('job-hang').secondaryStatus === 'LaunchingMLInstances');
  expect(account.engine.objects.has('checkpoints/hang/step-1')).toBe(true);
  await account.until('it trains again', () => jobOf('job-hang').secondaryStatus !== 'LaunchingMLInstances');
  await really(() => fs.existsSync(path.join(folder, 'hanging')));
  expect((await describeJob('job-hang')).TrainingTimeInSeconds).toBe(400);
  await really(() => account.engine.objects.get('checkpoints/hang/step-1')!.toString() === '2');
  // What is left of the maximum runtime, which counts both attempts.
  await account.advance(199);
  expect(jobOf('job-hang').status).toBe('InProgress');
  await account.advance(1);
  const job = await over('job-hang');
  expect(job).toMatchObject({
    SecondaryStatus: 'MaxRuntimeExceeded',
    TrainingTimeInSeconds: 600,
    BillableTimeInSeconds: 180,
  });
  expect(job.SecondaryStatusTransitions!.map(({ Status }) => Status)).toEqual([
    ...['Starting', 'LaunchingMLInstances', 'Downloading', 'Training', 'Interrupted'],
    ...['LaunchingMLInstances', 'Downloading', 'Training', 'Uploading', 'MaxRuntimeExceeded'],
  ]);
});

test('instances on demand are not taken away', async () => {
  await create(request('train'));
  await training('job-train');
  expect(account.emulator.interruptTraining('job-train')).toBe(false);
  expect(() => account.emulator.interruptTraining('nobody')).toThrow('Requested resource not found.');
  letGo();
  expect((await over('job-train')).TrainingJobStatus).toBe('Completed');
});

test('a job can be stopped while it waits for instances', async () => {
  await create(request('hang'));
  await account.sageMaker.send(new StopTrainingJobCommand({ TrainingJobName: 'job-hang' }));
  const job = await over('job-hang');
  expect(job).toMatchObject({ TrainingJobStatus: 'Stopped', SecondaryStatus: 'Stopped' });
  expect(job.BillableTimeInSeconds ?? 0).toBe(0);
});

test('without capacity the next preferred type runs the job, and without any it fails with a capacity error', async () => {
  account.emulator.setCapacity('ml.g5.xlarge', 'insufficient');
  const preferences = [{ InstanceType: 'ml.g5.xlarge' as const }, { InstanceType: 'ml.g6.xlarge' as const }];
  await create(
    request('train', { ResourceConfig: { InstancePreferences: preferences, InstanceCount: 1, VolumeSizeInGB: 50 } }),
  );
  await training('job-train');
  letGo();
  const job = await over('job-train');
  expect(job).toMatchObject({
    TrainingJobStatus: 'Completed',
    ResourceConfig: { SelectedInstanceType: 'ml.g6.xlarge', SelectedInstanceCount: 1 },
  });

  await create(request('fail'));
  await account.until('it has failed', () => jobOf('job-fail').status === 'Failed');
  expect((await describeJob('job-fail')).FailureReason).toMatch(
    /^CapacityError: Unable to provision requested ML compute/,
  );
});

test('requests are checked', async () => {
  await create(request('train'));
  await expect(create(request('train'))).rejects.toMatchObject({ name: 'ResourceInUse' });
  const refused = (changes: Partial<CreateTrainingJobCommandInput>) =>
    create(request('other', changes)).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
  expect(await refused({ HyperParameters: {} })).toContain('sagemaker_program');
  expect(
    await refused({ ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 9, VolumeSizeInGB: 1 } }),
  ).toContain('9 x ml.g5.xlarge would be 9 processes; the local engine runs at most 8 for a job');
  expect(await refused({ EnableManagedSpotTraining: true })).toContain('MaxWaitTimeInSeconds');
  expect(
    await refused({ ResourceConfig: { InstanceType: 'ml.q9.xlarge' as never, InstanceCount: 1, VolumeSizeInGB: 1 } }),
  ).toContain('unknown instance type');
  const group = { InstanceGroupName: 'a', InstanceType: 'ml.c5.xlarge', InstanceCount: 1 } as const;
  const preference = { InstanceType: 'ml.g5.xlarge', InstanceCount: 1 } as const;
  const resources: [NonNullable<CreateTrainingJobCommandInput['ResourceConfig']>, string][] = [
    [{ ...preference, InstanceGroups: [group] }, 'exactly one of InstanceType, InstanceGroups and InstancePreferences'],
    [{ InstanceGroups: [group], InstanceCount: 1 }, 'InstanceCount cannot be used with InstanceGroups'],
    [{ InstanceGroups: [group, group] }, 'the names of InstanceGroups must be unique'],
    [{ InstancePreferences: [preference], InstanceCount: 1 }, 'InstanceCount must be given for every one'],
    [{ InstancePreferences: [preference, preference] }, 'an instance type can appear only once'],
    [{ ...preference, VolumeKmsKeyId: 'key' }, 'VolumeKmsKeyId cannot be used with ml.g5.xlarge'],
  ];
  for (const [ResourceConfig, message] of resources) expect(await refused({ ResourceConfig })).toContain(message);
  const to = 's3://models/debug';
  const profiling = { S3OutputPath: to, ProfilingIntervalInMilliseconds: 300 };
  expect(await refused({ ProfilerConfig: profiling })).toContain('must be one of 100, 200, 500');
  expect(await refused({ ProfilerConfig: {} })).toContain('S3OutputPath must be given unless DisableProfiler');
  expect(await refused({ DebugHookConfig: { S3OutputPath: to, HookParameters: { x: 'x'.repeat(257) } } })).toContain(
    'at most 256 characters',
  );
  expect(await refused({ ExperimentConfig: { TrialName: '-' } })).toContain('ExperimentConfig.TrialName');
  expect(await refused({ Environment: { '1x': 'y' } })).toContain('names must match');
  expect(await refused({ MlflowConfig: { MlflowResourceArn: 'arn' } })).toContain('not available in the local engine');
  await expect(
    account.sageMaker.send(new DescribeTrainingJobCommand({ TrainingJobName: 'nobody' })),
  ).rejects.toMatchObject({ name: 'ValidationException', message: 'Requested resource not found.' });
});

describe('several instances', () => {
  const MEET = `
import json, os, pathlib, sys, time
rank = int(os.environ.get('RANK', os.environ['SM_CURRENT_HOST_RANK']))
host = os.environ['SM_CURRENT_HOST']
seen = {name: os.environ.get(name) for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'SM_HOSTS', 'SM_HOST_COUNT', 'SM_NUM_GPUS', 'SM_MASTER_ADDR', 'MASTER_ADDR')}
seen['resources'] = json.loads((pathlib.Path(os.environ['SM_INPUT_CONFIG_DIR']) / 'resourceconfig.json').read_text())['current_host']
seen['files'] = sorted(file.name for file in pathlib.Path(os.environ['SM_CHANNEL_TRAINING']).rglob('*.jsonl'))
model = pathlib.Path(os.environ['SM_MODEL_DIR'])
(model / f'{host}-{os.environ.get("LOCAL_RANK", "0")}.json').write_text(json.dumps(seen))
(model / 'shared.txt').write_text(host)
pathlib.Path(os.environ['SM_CHECKPOINT_DIR'], host).write_text('1')
gates = pathlib.Path(os.environ['GATES'])
if os.environ.get('FAILS') == host:
    while not (gates / 'waiting').exists():
        time.sleep(0.01)
    pathlib.Path(os.environ['SM_OUTPUT_DIR'], 'failure').write_text('out of memory')
    sys.exit(7)
while 'FAILS' in os.environ:
    (gates / 'waiting').touch()
    time.sleep(0.01)
`;

  beforeEach(() => {
    fs.writeFileSync(path.join(folder, 'source', 'train.py'), MEET);
    execFileSync('tar', ['-czf', path.join(folder, 'meet.tar.gz'), '-C', path.join(folder, 'source'), 'train.py']);
    account.engine.objects.set('code/sourcedir.tar.gz', fs.readFileSync(path.join(folder, 'meet.tar.gz')));
  });

  const meeting = (changes: Partial<CreateTrainingJobCommandInput> = {}): CreateTrainingJobCommandInput =>
    request('meet', {
      ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 2, VolumeSizeInGB: 50 },
      CheckpointConfig: { S3Uri: 's3://checkpoints/meet' },
      ...changes,
    });

  /** Files of the model, by name. */
  function modelFiles(): { [name: string]: string } {
    const archive = path.join(folder, 'model.tar.gz');
    fs.writeFileSync(archive, account.engine.objects.get('models/runs/job-meet/output/model.tar.gz')!);
    const names = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).trim().split('\n').sort();
    return Object.fromEntries(
      names.map((name) => [name, execFileSync('tar', ['-xzOf', archive, name], { encoding: 'utf8' })]),
    );
  }

  async function end(): Promise<DescribeTrainingJobCommandOutput> {
    await account.until('it has its instances', () => jobOf('job-meet').startedAtSeconds !== null);
    return over('job-meet');
  }

  test('each has a process that knows its rank, and one archive has the files of all, the first host first', async () => {
    await create(meeting());
    expect(await end()).toMatchObject({ TrainingJobStatus: 'Completed', ResourceConfig: { InstanceCount: 2 } });
    const files = modelFiles();
    expect(Object.keys(files)).toEqual(['algo-1-0.json', 'algo-2-0.json', 'shared.txt']);
    expect(files['shared.txt']).toBe('algo-1');
    expect(JSON.parse(files['algo-2-0.json']!)).toEqual({
      RANK: null,
      WORLD_SIZE: null,
      LOCAL_RANK: null,
      MASTER_ADDR: null,
      SM_HOSTS: '["algo-1","algo-2"]',
      SM_HOST_COUNT: '2',
      SM_NUM_GPUS: '1',
      SM_MASTER_ADDR: '127.0.0.1',
      resources: 'algo-2',
      files: ['1-2.jsonl', '3-3.jsonl'],
    });
    expect([...account.engine.objects.keys()].filter((key) => key.startsWith('checkpoints/'))).toEqual([
      'checkpoints/meet/algo-1',
      'checkpoints/meet/algo-2',
    ]);
    const seconds = jobOf('job-meet').billableSeconds;
    expect(account.emulator.snapshot().billedUsd.training).toBeCloseTo((seconds / 3600) * 2 * 1.408, 6);
  });

  test('a sharded channel is spread over the hosts', async () => {
    const channel = {
      ChannelName: 'training',
      DataSource: {
        S3DataSource: {
          S3DataType: 'S3Prefix',
          S3Uri: 's3://data/results/',
          S3DataDistributionType: 'ShardedByS3Key',
        },
      },
    } as const;
    await create(meeting({ InputDataConfig: [channel] }));
    expect((await end()).TrainingJobStatus).toBe('Completed');
    const filesOf = (host: string) => (JSON.parse(modelFiles()[`${host}-0.json`]!) as { files: string[] }).files;
    expect([filesOf('algo-1'), filesOf('algo-2')]).toEqual([['1-2.jsonl'], ['3-3.jsonl']]);
  });

  const GROUPS = [
    { InstanceGroupName: 'cpu', InstanceType: 'ml.m5.xlarge', InstanceCount: 1 },
    { InstanceGroupName: 'gpu', InstanceType: 'ml.g5.12xlarge', InstanceCount: 1 },
  ] as const;

  test('a heterogeneous cluster has its groups, torchrun in those that are named, and channels for some of them', async () => {
    const training = request('meet').InputDataConfig![0]!;
    const more: typeof training = {
      ChannelName: 'more',
      DataSource: {
        S3DataSource: { S3DataType: 'ManifestFile', S3Uri: 's3://data/list.manifest', InstanceGroupNames: ['gpu'] },
      },
    };
    const { objects } = account.engine;
    objects.set('data/list.manifest', Buffer.from('[{"prefix": "s3://data/results/"}, "s/shard-1/3-3.jsonl"]'));
    const input = meeting({
      ResourceConfig: { InstanceGroups: [...GROUPS], VolumeSizeInGB: 50 },
      InputDataConfig: [training, more],
      TensorBoardOutputConfig: { S3OutputPath: 's3://models/board' },
      InfraCheckConfig: { EnableInfraCheck: true },
    });
    Object.assign(input.HyperParameters!, {
      sagemaker_torch_distributed_enabled: 'true',
      sagemaker_distribution_instance_groups: '["gpu"]',
    });
    fs.writeFileSync(path.join(folder, 'source', 'train.py'), `${MEET}${SEE_GROUP}`);
    execFileSync('tar', ['-czf', path.join(folder, 'meet.tar.gz'), '-C', path.join(folder, 'source'), 'train.py']);
    objects.set('code/sourcedir.tar.gz', fs.readFileSync(path.join(folder, 'meet.tar.gz')));
    await create(input);
    const job = await end();
    expect(job).toMatchObject({ TrainingJobStatus: 'Completed', ResourceConfig: { InstanceGroups: GROUPS } });
    expect(jobOf('job-meet')).toMatchObject({ instanceType: 'ml.m5.xlarge, ml.g5.12xlarge', instanceCount: 2 });
    const files = modelFiles();
    expect(Object.keys(files).filter((name) => name.startsWith('group-'))).toEqual([
      ...['group-algo-1-0.json', 'group-algo-2-0.json', 'group-algo-2-1.json'],
      ...['group-algo-2-2.json', 'group-algo-2-3.json'],
    ]);
    expect(JSON.parse(files['group-algo-1-0.json']!)).toEqual(['cpu', null, null, '0', []]);
    expect(JSON.parse(files['group-algo-2-3.json']!)).toEqual(['gpu', '3', '4', '4', ['3-3.jsonl']]);
    expect([...objects.keys()].filter((key) => key.startsWith('models/board')).sort()).toEqual([
      'models/board/job-meet/events.algo-1',
      'models/board/job-meet/events.algo-2',
    ]);
    const hours = jobOf('job-meet').billableSeconds / 3600;
    expect(account.emulator.snapshot().billedUsd.training).toBeCloseTo(hours * (0.23 + 7.09), 1);
  });

  const SEE_GROUP = `
more = pathlib.Path(os.environ['SM_INPUT_DIR'], 'data', 'more')
group = [os.environ['SM_CURRENT_INSTANCE_GROUP'], os.environ.get('RANK'), os.environ.get('WORLD_SIZE'), os.environ['SM_NUM_GPUS'],
    sorted(file.name for file in more.rglob('*.jsonl'))]
(model / f'group-{host}-{os.environ.get("LOCAL_RANK", "0")}.json').write_text(json.dumps(group))
pathlib.Path(os.environ['SM_OUTPUT_DIR'], 'tensorboard', f'events.{host}').write_text('1')
`;

  test('a manifest that is none ends the job before anything runs', async () => {
    const source = { S3DataType: 'ManifestFile', S3Uri: 's3://data/results/s/shard-0/1-2.jsonl' } as const;
    await create(meeting({ InputDataConfig: [{ ChannelName: 'training', DataSource: { S3DataSource: source } }] }));
    expect((await end()).FailureReason).toContain('is not an array of {"prefix": "s3://..."} and the ends of keys');
  });

  test('torchrun has a process a GPU, with ranks over all hosts', async () => {
    const input = meeting({ ResourceConfig: { InstanceType: 'ml.g5.12xlarge', InstanceCount: 2, VolumeSizeInGB: 50 } });
    input.HyperParameters!['sagemaker_torch_distributed_enabled'] = 'true';
    await create(input);
    expect((await end()).TrainingJobStatus).toBe('Completed');
    const ranks = Object.entries(modelFiles())
      .filter(([name]) => name.endsWith('.json'))
      .map(([name, text]) => {
        const { RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR } = JSON.parse(text) as { [name: string]: string };
        return [name, RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR];
      });
    expect(ranks).toHaveLength(8);
    expect(ranks).toContainEqual(['algo-1-0.json', '0', '0', '8', '127.0.0.1']);
    expect(ranks).toContainEqual(['algo-2-3.json', '7', '3', '8', '127.0.0.1']);
  });

  test('a host that fails ends the others, and its own words are the reason', async () => {
    await create(meeting({ Environment: { FAILS: 'algo-2', GATES: folder } }));
    expect(await end()).toMatchObject({
      TrainingJobStatus: 'Failed',
      FailureReason: 'AlgorithmError: out of memory, exit code: 7',
    });
    expect(account.engine.objects.has('checkpoints/meet/algo-1')).toBe(true);
  });
});

test('stopping the services ends a running script', async () => {
  await create(request('hang'));
  await training('job-hang');
  await really(() => fs.existsSync(path.join(folder, 'hanging')));
  await account.emulator.stop();
  // Its folder is gone, see afterEach; a script that went on would hold the stop.
  expect(jobOf('job-hang').status).toBe('Stopped');
});
