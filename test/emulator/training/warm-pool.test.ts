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
  type ResourceConfig,
  UpdateTrainingJobCommand,
} from '@aws-sdk/client-sagemaker';
import { catalogPrice } from '../../../lib/emulator/account/billing';
import { EmulatedAccount } from '../../support/emulated-account';

/** Ends when its gate is there: with a model, or with an error. */
const TRAIN = `
import os, pathlib, sys, time
gates = pathlib.Path(os.environ['GATES'])
def is_there(end):
    return (gates / f"{os.environ['TRAINING_JOB_NAME']}.{end}").exists()
while not is_there('works') and not is_there('fails'):
    time.sleep(0.005)
pathlib.Path(os.environ['SM_MODEL_DIR'], 'model').write_text('')
sys.exit(1 if is_there('fails') else 0)
`;

const KEPT_SECONDS = 3600;

let account: EmulatedAccount;
let folder: string;

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-warm-pool-'));
  account = await EmulatedAccount.start({ dataDirectory: path.join(folder, 'jobs') });
  fs.writeFileSync(path.join(folder, 'train.py'), TRAIN);
  execFileSync('tar', ['-czf', path.join(folder, 'source.tar.gz'), '-C', folder, 'train.py']);
  account.engine.objects.set('code/source.tar.gz', fs.readFileSync(path.join(folder, 'source.tar.gz')));
});

afterEach(async () => {
  await account.stop();
  fs.rmSync(folder, { recursive: true });
});

const create = (
  name: string,
  resources: Partial<ResourceConfig> = {},
  changes: Partial<CreateTrainingJobCommandInput> = {},
) =>
  account.sageMaker.send(
    new CreateTrainingJobCommand({
      TrainingJobName: name,
      RoleArn: 'arn:aws:iam::123456789012:role/training',
      AlgorithmSpecification: { TrainingImage: 'pytorch', TrainingInputMode: 'File' },
      HyperParameters: { sagemaker_program: 'train.py', sagemaker_submit_directory: 's3://code/source.tar.gz' },
      OutputDataConfig: { S3OutputPath: 's3://models/runs' },
      ResourceConfig: {
        InstanceType: 'ml.g5.xlarge',
        InstanceCount: 2,
        VolumeSizeInGB: 50,
        KeepAlivePeriodInSeconds: KEPT_SECONDS,
        ...resources,
      },
      StoppingCondition: { MaxRuntimeInSeconds: 36_000 },
      Environment: { GATES: folder },
      ...changes,
    }),
  );

const describeJob = (name: string): Promise<DescribeTrainingJobCommandOutput> =>
  account.sageMaker.send(new DescribeTrainingJobCommand({ TrainingJobName: name }));

const jobOf = (name: string) => account.emulator.snapshot().trainingJobs.find((job) => job.name === name)!;

/** Waits in real time, in which local time stands still: for processes and their ends. */
async function really(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Creates a job and runs it to its end; returns the seconds in which its instances were launched. */
async function run(
  name: string,
  { end = 'works', ...rest }: { end?: 'works' | 'fails'; resources?: Partial<ResourceConfig>; role?: string } = {},
): Promise<number> {
  await create(name, rest.resources, rest.role === undefined ? {} : { RoleArn: rest.role });
  await account.until(`${name} has instances`, () => jobOf(name).startedAtSeconds !== null);
  fs.writeFileSync(path.join(folder, `${name}.${end}`), '');
  await really(() => ['Completed', 'Failed'].includes(jobOf(name).status));
  return jobOf(name).startedAtSeconds! - jobOf(name).createdAtSeconds;
}

const poolOf = async (name: string) => (await describeJob(name)).WarmPoolStatus;
const update = (name: string, seconds: number) =>
  account.sageMaker.send(
    new UpdateTrainingJobCommand({ TrainingJobName: name, ResourceConfig: { KeepAlivePeriodInSeconds: seconds } }),
  );

test('the instances of a job wait for one that is alike, which starts at once, and cost what running ones cost', async () => {
  await create('first');
  expect(await poolOf('first')).toBeUndefined();
  await account.until('first has instances', () => jobOf('first').startedAtSeconds !== null);
  expect(await poolOf('first')).toEqual({ Status: 'InUse' });
  fs.writeFileSync(path.join(folder, 'first.works'), '');
  await really(() => jobOf('first').status === 'Completed');
  expect(await poolOf('first')).toEqual({ Status: 'Available', ResourceRetainedBillableTimeInSeconds: 0 });

  const before = jobOf('first').billedUsd;
  await account.advance(600);
  expect((await poolOf('first'))!.ResourceRetainedBillableTimeInSeconds).toBe(600);
  const hourly = (jobOf('first').billedUsd - before) / (600 / 3600);
  expect(hourly / catalogPrice('ml.g5.xlarge', 'training')).toBeCloseTo(2, 6);

  expect(await run('second')).toBeLessThan(5);
  expect(await poolOf('first')).toEqual({
    Status: 'Reused',
    ResourceRetainedBillableTimeInSeconds: 600,
    ReusedByJob: 'second',
  });
  expect((await describeJob('second')).SecondaryStatusTransitions).toContainEqual(
    expect.objectContaining({ StatusMessage: 'Reusing the warm pool of the training job first' }),
  );
  // The pool goes on with the second one.
  expect((await poolOf('second'))!.Status).toBe('Available');
  await account.advance(KEPT_SECONDS + 60);
  expect(await poolOf('second')).toEqual({
    Status: 'Terminated',
    ResourceRetainedBillableTimeInSeconds: KEPT_SECONDS,
  });
  const billed = jobOf('second').billedUsd;
  await account.advance(3600);
  expect(jobOf('second').billedUsd).toBe(billed);
  expect(await run('third')).toBeGreaterThan(30);
});

test('a job of its own algorithm error keeps its instances; a job that needs others does not get them', async () => {
  const cold = await run('failed', { end: 'fails' });
  expect((await poolOf('failed'))!.Status).toBe('Available');
  const others: Parameters<typeof run>[1][] = [
    { resources: { VolumeSizeInGB: 60 } },
    { resources: { InstanceCount: 1 } },
    { resources: { InstanceType: 'ml.g6.xlarge' } },
    { role: 'arn:aws:iam::123456789012:role/another' },
  ];
  for (const [index, other] of others.entries()) expect(await run(`other-${index}`, other)).toBeGreaterThan(cold / 3);
  expect((await poolOf('failed'))!.Status).toBe('Available');
  expect(await run('alike', { resources: { KeepAlivePeriodInSeconds: undefined } })).toBeLessThan(5);
  // A job that keeps none ends the pool.
  expect(await poolOf('alike')).toBeUndefined();
});

test('the time of a pool is changed while it is available, and 0 terminates it', async () => {
  await run('kept');
  await account.advance(600);
  await update('kept', 1200);
  await account.advance(300);
  expect((await poolOf('kept'))!.Status).toBe('Available');
  await update('kept', 0);
  expect(await poolOf('kept')).toEqual({ Status: 'Terminated', ResourceRetainedBillableTimeInSeconds: 900 });
  const { TrainingJobSummaries } = await account.sageMaker.send(new ListTrainingJobsCommand({}));
  expect(TrainingJobSummaries).toEqual([
    expect.objectContaining({ WarmPoolStatus: expect.objectContaining({ Status: 'Terminated' }) }),
  ]);
  await expect(update('kept', 60)).rejects.toThrow('kept has no warm pool that is Available');
});

test('spot capacity, groups and more than six hours are refused', async () => {
  const spot = {
    EnableManagedSpotTraining: true,
    StoppingCondition: { MaxRuntimeInSeconds: 60, MaxWaitTimeInSeconds: 60 },
  };
  await expect(create('spot', {}, spot)).rejects.toThrow('cannot be used with managed spot training');
  const InstanceGroups = [{ InstanceGroupName: 'a', InstanceType: 'ml.c5.xlarge' as const, InstanceCount: 1 }];
  const groups = { InstanceType: undefined, InstanceCount: undefined, InstanceGroups };
  await expect(create('groups', groups)).rejects.toThrow('cannot be used with InstanceGroups');
  await expect(create('long', { KeepAlivePeriodInSeconds: 21_601 })).rejects.toThrow('KeepAlivePeriodInSeconds');
});
