import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CreateTrainingJobCommand, DescribeTrainingJobCommand } from '@aws-sdk/client-sagemaker';
import { PackedAsset } from '../../lib/training';
import { packDirectory } from '../../lib/training/pack-source';
import { EmulatedAccount } from '../support/emulated-account';
import { describeWith } from '../support/needs';
import { type ClassifierRun, type Digit, digits, pythonWithTorch, startClassifier } from './torch';

const torch = pythonWithTorch();
const found = 'missing' in torch ? torch : digits();
const missing = 'missing' in torch ? torch.missing : 'missing' in found ? found.missing : undefined;
const RUN_TIMEOUT_MS = 300_000;
const EPOCHS = ['--epochs', '20', '--checkpoint-steps', '20'];

/** Lines of the channel `train`; digits of the later labels come later. */
const linesOf = (rows: readonly Digit[]): string =>
  rows.map((row) => `${JSON.stringify({ ...row, time: Number(row.label) < 8 ? 1 : 2 })}\n`).join('');

describeWith(missing, 'the classifier on real PyTorch', () => {
  const all = found as readonly Digit[];
  const { python } = torch as { python: string };
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-classifier-'));
  const folder = (...parts: string[]): string => {
    const made = path.join(root, ...parts);
    fs.mkdirSync(made, { recursive: true });
    return made;
  };
  const everything = folder('data', 'all');
  const early = folder('data', 'early');
  let full: ClassifierRun;

  beforeAll(() => {
    fs.writeFileSync(path.join(everything, 'a.jsonl'), linesOf(all.slice(0, 900)));
    fs.writeFileSync(path.join(everything, 'b.jsonl'), linesOf(all.slice(900)));
    fs.writeFileSync(path.join(early, 'a.jsonl'), linesOf(all.filter(({ label }) => Number(label) < 8)));
  });

  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  const start = (name: string, options: Partial<Parameters<typeof startClassifier>[1]> = {}): Promise<ClassifierRun> =>
    startClassifier(folder('runs', name), {
      python,
      count: 1,
      data: everything,
      hyperparameters: EPOCHS,
      ...options,
    });

  test(
    'learns the digits in one process',
    async () => {
      full = await start('one');
      expect(await full.end()).toEqual([0]);
      const metrics = full.metrics();
      expect(metrics).toMatchObject({ processes: 1, labels: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] });
      expect(metrics.accuracy).toBeGreaterThan(0.95);
      expect(Object.values(metrics.accuracyByLabel).every((accuracy) => accuracy > 0.8)).toBe(true);
    },
    RUN_TIMEOUT_MS,
  );

  test.each([2, 4])(
    'follows the same curve in %i processes',
    async (count) => {
      const run = await start(`of-${count}`, { count });
      expect(await run.end()).toEqual(Array.from({ length: count }, () => 0));
      const { losses, accuracy, processes, seconds } = run.metrics();
      const speedup = full.metrics().seconds / seconds;
      console.info(
        `${count} processes on ${os.availableParallelism()} cores: ${speedup.toFixed(2)} times the speed of one, ` +
          `efficiency ${((100 * speedup) / count).toFixed(0)} %`,
      );
      expect(processes).toBe(count);
      expect(losses).toHaveLength(20);
      full.metrics().losses.forEach((loss, epoch) => expect(losses[epoch]! / loss).toBeCloseTo(1, 2));
      expect(Math.abs(accuracy - full.metrics().accuracy)).toBeLessThan(0.01);
      expect(fs.readdirSync(path.join(root, 'runs', `of-${count}`, '1', 'model'))).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'goes on after a kill from its checkpoint, on the same curve, in another number of processes too',
    async () => {
      const first = await start('killed', { count: 2 });
      expect(await first.printed('epoch=4 ')).toBe(true);
      first.kill('SIGKILL');
      expect(await first.end()).not.toContain(0);
      const second = await start('killed', { count: 1 });
      expect(await second.end()).toEqual([0]);
      expect(second.output).toMatch(/resumed=1 step=\d+/);
      const metrics = second.metrics();
      expect(metrics.stepsOfThisAttempt).toBeLessThan(metrics.steps);
      expect(metrics.stepsOfThisAttempt).toBeGreaterThan(0);
      full.metrics().losses.forEach((loss, epoch) => expect(metrics.losses[epoch]! / loss).toBeCloseTo(1, 2));
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'saves its progress when SageMaker ends the instance, and loses no step',
    async () => {
      const first = await start('interrupted');
      expect(await first.printed('epoch=2 ')).toBe(true);
      first.kill('SIGTERM');
      expect(await first.end()).toEqual([143]);
      const second = await start('interrupted');
      expect(await second.end()).toEqual([0]);
      const done = Number(/resumed=1 step=(\d+)/.exec(second.output)![1]);
      expect(done + second.metrics().stepsOfThisAttempt).toBe(second.metrics().steps);
      expect(second.metrics().losses).toEqual(full.metrics().losses);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'begins anew where a checkpoint is damaged or of other data',
    async () => {
      const checkpoints = folder('runs', 'damaged', 'checkpoints');
      fs.writeFileSync(path.join(checkpoints, 'checkpoint.pt'), 'no checkpoint');
      const damaged = await start('damaged', { hyperparameters: ['--epochs', '2'] });
      expect(await damaged.end()).toEqual([0]);
      expect(damaged.output).toContain('the checkpoint cannot be read');
      const other = await start('damaged', { hyperparameters: ['--epochs', '2'], data: early });
      expect(await other.end()).toEqual([0]);
      expect(other.output).toContain('the checkpoint is of another plan');
    },
    RUN_TIMEOUT_MS,
  );

  describe('an incremental run', () => {
    let parent: ClassifierRun;

    beforeAll(async () => {
      parent = await start('parent', { data: early });
      expect(await parent.end()).toEqual([0]);
    }, RUN_TIMEOUT_MS);

    test(
      'learns new labels in a fraction of the steps, without forgetting the others',
      async () => {
        const run = await start('incremental', { parent: parent.model, hyperparameters: ['--epochs', '5'], count: 2 });
        expect(await run.end()).toEqual([0, 0]);
        const metrics = run.metrics();
        expect(metrics.labels).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        expect(metrics.watermark).toBe(2);
        expect(metrics.newRows).toBeLessThan(all.length * 0.2);
        expect(metrics.accuracyByLabel['8']).toBeGreaterThan(0.8);
        expect(metrics.accuracyByLabel['9']).toBeGreaterThan(0.8);
        expect(metrics.forgetting['run-1']!.before).toBeCloseTo(parent.metrics().accuracy, 6);
        expect(metrics.forgetting['run-1']!.lost).toBeLessThanOrEqual(0.02);
        const share = metrics.steps / full.metrics().steps;
        expect(share).toBeLessThan(0.3);
        console.info(
          `incremental: ${metrics.steps} steps, ${(100 * share).toFixed(0)} % of the ${full.metrics().steps} of a full run; ` +
            `forgotten ${(100 * metrics.forgetting['run-1']!.lost).toFixed(1)} points`,
        );
        const kept = fs.readdirSync(path.join(run.model, 'training', 'frozen')).sort();
        expect(kept).toEqual(['run-1.npz', 'run-2.npz']);
      },
      RUN_TIMEOUT_MS,
    );

    test(
      'fails without a model where it forgets',
      async () => {
        const run = await start('forgetful', {
          parent: parent.model,
          hyperparameters: ['--epochs', '10', '--replay-share', '0'],
        });
        expect(await run.end()).toEqual([1]);
        expect(run.failure()).toMatch(
          /forgotten: on the held-out rows of run-1 its accuracy fell from 0\.9\d+ to 0\.\d+/,
        );
        expect(fs.readdirSync(run.model)).toEqual([]);
      },
      RUN_TIMEOUT_MS,
    );

    test(
      'has nothing to do without newer rows',
      async () => {
        const run = await start('nothing-new', { parent: parent.model, data: early });
        expect(await run.end()).toEqual([1]);
        expect(run.failure()).toMatch(/no row below .* is newer than 1\.0/);
      },
      RUN_TIMEOUT_MS,
    );

    test(
      'refuses rows of another shape, and an archive that leads out of its folder',
      async () => {
        const narrow = folder('data', 'narrow');
        fs.writeFileSync(path.join(narrow, 'a.jsonl'), '{"id":"a","features":[1],"label":"x","time":9}\n');
        const run = await start('narrow', { parent: parent.model, data: narrow, hyperparameters: ['--holdout', '0'] });
        expect(await run.end()).toEqual([1]);
        expect(run.failure()).toBe('rows have 1 features, the model in the channel model has 64');

        const channel = folder('data', 'hostile');
        fs.writeFileSync(path.join(root, 'outside'), 'x');
        execFileSync('tar', ['-czPf', path.join(channel, 'model.tar.gz'), '-C', channel, '../../outside']);
        const hostile = await start('hostile', { parent: channel });
        expect(await hostile.end()).toEqual([1]);
        expect(hostile.failure()).toContain('leads out of its folder');
      },
      RUN_TIMEOUT_MS,
    );
  });

  describe('on captured requests', () => {
    const asked = all.slice(0, 200);
    const captures = folder('data', 'captures');
    const labels = folder('data', 'labels');
    /** Copies as data capture writes them: tensors as text, every second one in base64, and a plain form. */
    const capture = ({ id, features }: Digit, index: number): object => {
      const tensors = {
        id,
        inputs: [{ name: 'features', shape: [1, features.length], datatype: 'FP32', data: features }],
      };
      const data = JSON.stringify(index % 3 === 2 ? { id, features } : tensors);
      return {
        captureData: {
          endpointInput:
            index % 2 === 0
              ? { data, encoding: 'JSON' }
              : { data: Buffer.from(data).toString('base64'), encoding: 'BASE64' },
        },
        eventMetadata: { eventId: `e-${index}`, inferenceTime: '2026-12-01T08:00:00.250Z' },
        eventVersion: '0',
      };
    };
    const write = (file: string, values: readonly object[]): void =>
      fs.writeFileSync(file, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    const truth = (eventId: string, label: string): object => ({
      groundTruthData: { data: label, encoding: 'CSV' },
      eventMetadata: { eventId },
      eventVersion: '0',
    });

    test(
      'learns those whose label is known',
      async () => {
        write(path.join(captures, 'a.jsonl'), asked.map(capture));
        // By the id of the request, by the event id of its capture, and the last fifty not at all.
        const known = asked.slice(0, 150).map(({ id, label }, index) => truth(index < 75 ? id : `e-${index}`, label));
        write(path.join(labels, 'a.jsonl'), known);
        const run = await start('captured', {
          data: captures,
          labels,
          hyperparameters: ['--epochs', '1', '--holdout', '0'],
        });
        expect(await run.end()).toEqual([0]);
        expect(run.metrics()).toMatchObject({ newRows: 150, unlabelledRows: 50, watermark: 1_796_112_000.25 });
        const unknown = await start('unknown', { data: captures, hyperparameters: ['--epochs', '1'] });
        expect(await unknown.end()).toEqual([1]);
        expect(unknown.failure()).toMatch(/^none of the 200 requests below .* has a label in the channel labels/);
        fs.writeFileSync(path.join(labels, 'b.jsonl'), '{"id": "d-1", "label": "3"}\n');
        const wrong = await start('wrong-truth', { data: captures, labels, hyperparameters: ['--epochs', '1'] });
        expect(await wrong.end()).toEqual([1]);
        expect(wrong.failure()).toMatch(/^line 1 of b\.jsonl in the channel labels is no ground truth/);
      },
      RUN_TIMEOUT_MS,
    );
  });

  test(
    'opens no captured hour before its window or the watermark of its model',
    async () => {
      const captured = folder('data', 'hours');
      /** Lands rows that were captured at an hour; those of the first are no rows, which fails every run that opens them. */
      const land = (hour: number, rows: readonly Digit[] | undefined): void => {
        const directory = path.join(captured, '2026', '12', '01', String(hour).padStart(2, '0'));
        fs.mkdirSync(directory, { recursive: true });
        const at = Date.UTC(2026, 11, 1, hour) / 1000;
        const lines = rows?.map((row) => `${JSON.stringify({ ...row, time: at })}\n`) ?? Array(500).fill('no row\n');
        fs.writeFileSync(path.join(directory, 'a.jsonl'), lines.join(''));
      };
      land(2, undefined);
      land(11, all.slice(0, 100));
      land(12, all.slice(100, 200));
      const hyperparameters = ['--epochs', '1', '--holdout', '0'];
      const unbounded = await start('hours-unbounded', { data: captured, hyperparameters });
      expect(await unbounded.end()).toEqual([1]);
      const window = ['--window-seconds', '1800'];
      const full = await start('hours-window', { data: captured, hyperparameters: [...hyperparameters, ...window] });
      expect(await full.end()).toEqual([0]);
      expect(full.metrics()).toMatchObject({
        newRows: 100,
        invalidRows: 0,
        watermark: Date.UTC(2026, 11, 1, 12) / 1000,
      });
      land(14, all.slice(200, 260));
      const next = await start('hours-next', { data: captured, parent: full.model, hyperparameters });
      expect(await next.end()).toEqual([0]);
      expect(next.metrics()).toMatchObject({
        newRows: 60,
        invalidRows: 0,
        watermark: Date.UTC(2026, 11, 1, 14) / 1000,
      });
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'runs on two instances of the local account, and its model lands in S3',
    async () => {
      const account = await EmulatedAccount.start({ dataDirectory: folder('jobs'), python });
      try {
        account.engine.objects.set('code/source.tar.gz', packDirectory(PackedAsset.classifierSourcePath()));
        account.engine.objects.set('data/digits/a.jsonl', Buffer.from(linesOf(all)));
        await account.sageMaker.send(
          new CreateTrainingJobCommand({
            TrainingJobName: 'digits',
            RoleArn: 'arn:aws:iam::123456789012:role/training',
            AlgorithmSpecification: { TrainingImage: 'pytorch', TrainingInputMode: 'File' },
            HyperParameters: {
              sagemaker_program: 'train.py',
              sagemaker_submit_directory: 's3://code/source.tar.gz',
              epochs: '3',
            },
            InputDataConfig: [
              {
                ChannelName: 'train',
                DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://data/digits/' } },
              },
            ],
            OutputDataConfig: { S3OutputPath: 's3://models/runs' },
            ResourceConfig: { InstanceType: 'ml.g5.xlarge', InstanceCount: 2, VolumeSizeInGB: 50 },
            StoppingCondition: { MaxRuntimeInSeconds: 36_000 },
            CheckpointConfig: { S3Uri: 's3://models/checkpoints' },
            Environment: { OMP_NUM_THREADS: '1' },
          }),
        );
        const jobOf = () => account.emulator.snapshot().trainingJobs.find(({ name }) => name === 'digits')!;
        await account.until('it has its instances', () => jobOf().startedAtSeconds !== null);
        while (jobOf().status === 'InProgress') await new Promise((resolve) => setTimeout(resolve, 20));
        const job = await account.sageMaker.send(new DescribeTrainingJobCommand({ TrainingJobName: 'digits' }));
        expect([job.TrainingJobStatus, job.FailureReason]).toEqual(['Completed', undefined]);
        const archive = path.join(root, 'model.tar.gz');
        fs.writeFileSync(archive, account.engine.objects.get('models/runs/digits/output/model.tar.gz')!);
        const metrics = JSON.parse(execFileSync('tar', ['-xzOf', archive, 'metrics.json'], { encoding: 'utf8' })) as {
          processes: number;
        };
        expect(metrics.processes).toBe(2);
        expect(account.engine.objects.has('models/checkpoints/checkpoint.pt')).toBe(true);
      } finally {
        await account.stop();
      }
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'leaves a model that answers with probabilities',
    () => {
      const program = `
import json, sys, torch
model = torch.jit.load(sys.argv[1])
print(json.dumps(model(torch.tensor(json.loads(sys.argv[2]))).tolist()))
`;
      const rows = all.slice(0, 20);
      const file = path.join(full.model, 'classifier', '1', 'model.pt');
      const output = execFileSync(python, ['-c', program, file, JSON.stringify(rows.map(({ features }) => features))], {
        encoding: 'utf8',
      });
      const labels = fs
        .readFileSync(path.join(full.model, 'classifier', 'labels.txt'), 'utf8')
        .trim()
        .split('\n');
      const answers = (JSON.parse(output) as number[][]).map((probabilities) => {
        expect(probabilities.reduce((sum, probability) => sum + probability)).toBeCloseTo(1, 4);
        return labels[probabilities.indexOf(Math.max(...probabilities))];
      });
      const right = answers.filter((answer, index) => answer === rows[index]!.label).length;
      expect(right).toBeGreaterThanOrEqual(19);
    },
    RUN_TIMEOUT_MS,
  );
});
