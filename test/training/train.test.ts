import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PackedAsset } from '../../lib/training';
import { resultLines, TrainingContainer, type Truth } from './python';

const truth: Truth = {
  overheadSeconds: 0.05,
  secondsPerContextToken: 0.000125,
  secondsPerGeneratedToken: 0.02,
  noiseSeconds: 0.02,
};

let container: TrainingContainer;
beforeEach(() => {
  container = new TrainingContainer();
});
afterEach(() => container.remove());

const shard = 'requests/shardId-000000000000';

describe('the training', () => {
  test('finds the coefficients that made the service times', () => {
    container.land(`${shard}/1-2.jsonl`, resultLines(truth, 0, 2000));
    expect(container.train()).toMatchObject({ status: 0 });
    const weights = container.weights();
    expect(weights.overhead_seconds).toBeCloseTo(0.05, 2);
    expect(weights.seconds_per_context_token! / truth.secondsPerContextToken).toBeCloseTo(1, 1);
    expect(weights.seconds_per_generated_token! / truth.secondsPerGeneratedToken).toBeCloseTo(1, 2);
  });

  test('beats the mean predictor on requests it has not seen', () => {
    container.land(`${shard}/1-2.jsonl`, resultLines(truth, 0, 2000));
    container.train();
    const metrics = container.metrics();
    // Noise is uniform in +-0.02 s: its standard deviation is 0.02 / sqrt(3) = 0.0115 s
    expect(metrics.holdout_rmse).toBeLessThan(0.013);
    expect(metrics.holdout_rmse).toBeLessThan(metrics.holdout_rmse_of_mean! / 100);
    expect(metrics.holdout_r2).toBeGreaterThan(0.999);
    expect(metrics.rows! + metrics.holdout_rows!).toBe(2000);
    expect(metrics.holdout_rows! / 2000).toBeCloseTo(0.2, 1);
  });

  test('never learns a negative price of a token', () => {
    container.land('1-2.jsonl', resultLines({ ...truth, secondsPerContextToken: -0.0001, overheadSeconds: 1 }, 0, 500));
    expect(container.train()).toMatchObject({ status: 0 });
    expect(container.weights().seconds_per_context_token).toBe(0);
    expect(container.weights().seconds_per_generated_token).toBeCloseTo(0.02, 3);
  });

  test('prints its metrics so that SageMaker can chart them', () => {
    container.land('1-2.jsonl', resultLines(truth, 0, 500));
    expect(container.train().output).toMatch(/^holdout_rmse=[0-9.e+-]+$/m);
  });

  test('writes a model repository that serves what was learned', () => {
    container.land('1-2.jsonl', resultLines(truth, 0, 500));
    container.train();
    const template = PackedAsset.initialModelPath();
    for (const file of ['service_time/config.pbtxt', 'service_time/1/model.py']) {
      expect(container.read(`model/${file}`)).toBe(fs.readFileSync(path.join(template, file), 'utf8'));
    }
    expect(container.weights()).not.toEqual(
      JSON.parse(fs.readFileSync(path.join(template, 'service_time/1/weights.json'), 'utf8')),
    );
  });

  test('reads hyperparameters and names unknown ones', () => {
    container.land('1-2.jsonl', resultLines(truth, 0, 500));
    expect(container.train('--holdout', '0.5', '--colour', 'blue').output).toContain(
      'ignoring unknown hyperparameters: --colour blue',
    );
    expect(container.metrics().holdout_rows! / 500).toBeCloseTo(0.5, 1);
  });

  test('counts a request once when objects of a shard overlap', () => {
    container.land(`${shard}/1-4.jsonl`, resultLines(truth, 0, 400));
    container.land(`${shard}/1-3.jsonl`, resultLines(truth, 0, 300));
    container.land(`${shard}/4-5.jsonl`, resultLines(truth, 300, 200));
    container.train();
    const { rows, holdout_rows, repeated_lines } = container.metrics();
    expect([rows! + holdout_rows!, repeated_lines]).toEqual([500, 400]);
  });

  test('skips a few invalid lines, and counts them', () => {
    const broken = [
      'not json',
      '{"id":"x"}',
      '{"id":"y","context_tokens":1,"generated_tokens":1,"service_seconds":NaN}',
      `{"id":"y","context_tokens":${'1'.repeat(400)},"generated_tokens":1,"service_seconds":1}`,
      '{"id":"y","context_tokens":1,"generated_tokens":1,"service_seconds":1e200}',
      '{"id":"y","context_tokens":1,"generated_tokens":1,"service_seconds":1,"answered_at":1764547200000}',
      '{"id":"\\ud800","context_tokens":1,"generated_tokens":1,"service_seconds":1}',
      '['.repeat(100_000),
    ];
    container.land('1-2.jsonl', [...resultLines(truth, 0, 500), ...broken, '']);
    expect(container.train()).toMatchObject({ status: 0 });
    expect(container.metrics()).toMatchObject({ invalid_lines: broken.length });
  });
});

/** Name of the object of rows, as ingestion writes it: positions are padded, the last one comes first. */
const objectName = (from: number, count: number): string =>
  `${shard}/${[from + count - 1, from].map((position) => String(position).padStart(56, '0')).join('-')}.jsonl`;

/** Lands rows in objects of a hundred; a row is a second after the one before. */
function landObjects(into: TrainingContainer, from: number, count: number): void {
  for (let first = from; first < from + count; first += 100)
    into.land(objectName(first, 100), resultLines(truth, first, 100));
}

/** Names of the files that a run reads, by the checkpoint that it leaves. */
const filesOf = (of: TrainingContainer): string[] =>
  (JSON.parse(of.read('checkpoints/progress.json')) as { readonly files: string[] }).files;

describe('a training with a window', () => {
  test('reads no object that ends before it, and no older row of the first one inside it', () => {
    landObjects(container, 0, 2000);
    // The newest row is that of second 1999: the window begins with row 1449.
    expect(container.train('--window-seconds', '550')).toMatchObject({ status: 0 });
    expect(filesOf(container)).toEqual([1400, 1500, 1600, 1700, 1800, 1900].map((first) => objectName(first, 100)));
    const { rows, holdout_rows, old_lines, watermark } = container.metrics();
    expect([rows! + holdout_rows!, old_lines, watermark]).toEqual([551, 49, 1_700_002_000]);
  });

  test('reads as much of each folder, and every object whose name says nothing about its time', () => {
    landObjects(container, 0, 1000);
    container.land('other/b.jsonl', resultLines(truth, 5000, 50));
    container.land('other/a.jsonl', resultLines(truth, 2000, 50));
    expect(container.train('--window-seconds', '1000')).toMatchObject({ status: 0 });
    expect(filesOf(container)).toEqual(['other/a.jsonl', 'other/b.jsonl']);
    expect(container.metrics()).toMatchObject({ old_lines: 50, watermark: 1_700_005_050 });
  });

  test('goes on with the same window after an interruption', () => {
    landObjects(container, 0, 1000);
    container.train('--window-seconds', '500');
    const before = filesOf(container);
    landObjects(container, 1000, 200);
    expect(container.train('--window-seconds', '500').output).toContain('2 files to read');
    expect(filesOf(container)).toHaveLength(before.length + 2);
    expect(container.train('--window-seconds', '100').output).toContain('another version, holdout or window');
  });

  test.each(['0', '-5', 'nan'])('refuses a window of %s seconds', (seconds) => {
    landObjects(container, 0, 100);
    expect(container.train('--window-seconds', seconds)).toMatchObject({ status: 1 });
    expect(container.read('output/failure')).toMatch(/^window-seconds \(.*\) must be above 0$/);
  });
});

describe('a training that goes on from an earlier model', () => {
  test('reads only what came later, and comes to the model of all rows', () => {
    const all = new TrainingContainer();
    try {
      landObjects(all, 0, 1000);
      all.land('other.jsonl', resultLines(truth, 1000, 100));
      all.train();
      landObjects(container, 0, 600);
      container.land('other.jsonl', resultLines(truth, 1000, 100));
      container.train();
      container.continueFromModel();
      landObjects(container, 600, 400);
      expect(container.train().output).toContain('going on from 700 rows');
      expect(filesOf(container)).toEqual([600, 700, 800, 900].map((first) => objectName(first, 100)));
      expect(container.metrics()).toEqual(all.metrics());
      const { overhead_seconds, seconds_per_generated_token } = container.weights();
      expect(overhead_seconds).toBeCloseTo(all.weights().overhead_seconds!, 9);
      expect(seconds_per_generated_token).toBeCloseTo(all.weights().seconds_per_generated_token!, 9);
    } finally {
      all.remove();
    }
  });

  test('fails without anything new, with another model and with another holdout, and says so', () => {
    landObjects(container, 0, 300);
    container.train();
    container.continueFromModel();
    expect(container.train()).toMatchObject({ status: 1 });
    expect(container.read('output/failure')).toMatch(
      /is newer than those that the model .* has learned; nothing to do$/,
    );
    expect(container.train('--holdout', '0.5')).toMatchObject({ status: 1 });
    expect(container.read('output/failure')).toContain('trained with holdout 0.2, not 0.5');
    fs.writeFileSync(path.join(container.root, 'input/data/model/model.tar.gz'), 'none');
    fs.rmSync(path.join(container.root, 'checkpoints/progress.json'), { force: true });
    expect(container.train()).toMatchObject({ status: 1 });
    expect(container.read('output/failure')).toContain('give the artifact of its model');
  });
});

/** Opens a named pipe for writing once somebody reads it; rejects after ten seconds. */
async function openForReader(pipe: string): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    try {
      return fs.openSync(pipe, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
    } catch (error) {
      if (attempt === 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe('a training that is interrupted', () => {
  test('goes on from its checkpoint and comes to the same model', () => {
    const all = new TrainingContainer();
    try {
      for (const part of [0, 1, 2]) all.land(`${part}.jsonl`, resultLines(truth, part * 300, 300));
      all.train();
      for (const part of [0, 1]) container.land(`${part}.jsonl`, resultLines(truth, part * 300, 300));
      container.train();
      container.land('2.jsonl', resultLines(truth, 600, 300));
      const { output } = container.train();
      expect(output).toContain('resuming after 2 files');
      expect(output).toContain('1 files to read');
      expect(container.metrics()).toEqual(all.metrics());
      expect(container.weights()).toEqual(all.weights());
    } finally {
      all.remove();
    }
  });

  test('by SIGTERM saves what it has learned from whole files and ends', async () => {
    container.land('1.jsonl', resultLines(truth, 0, 300));
    const pipe = path.join(container.channel, '2.jsonl');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const training = container.start();
    let output = '';
    training.stdout!.on('data', (text: Buffer) => (output += text.toString()));
    const ended = new Promise<number | null>((resolve) => training.once('exit', resolve));
    // Half a file arrives, then the instance is taken away.
    const writer = await openForReader(pipe);
    fs.writeSync(writer, `${resultLines(truth, 300, 10).join('\n')}\n`);
    training.kill('SIGTERM');
    expect(await ended).toBe(143);
    fs.closeSync(writer);
    expect(output).toContain('interrupted after 1 files; the checkpoint is saved');
    expect(container.has('model/metrics.json')).toBe(false);

    fs.rmSync(pipe);
    container.land('2.jsonl', resultLines(truth, 300, 300));
    expect(container.train().output).toContain('resuming after 1 files');
    expect(container.metrics().rows! + container.metrics().holdout_rows!).toBe(600);
  });

  test.each([
    ['cannot be read', () => '{"version": 1, "fil', 'the checkpoint is invalid'],
    ['is of another version', () => '{"version": 0}', 'has another version, holdout or window'],
  ])('begins anew when its checkpoint %s', (_, content, message) => {
    container.land('1.jsonl', resultLines(truth, 0, 300));
    fs.writeFileSync(path.join(container.root, 'checkpoints/progress.json'), content());
    const { status, output } = container.train();
    expect(status).toBe(0);
    expect(output).toContain(message);
  });
});

describe('a training that cannot succeed', () => {
  test.each<[string, () => void, string[], string]>([
    ['without data', () => undefined, [], 'there is no result line in a .jsonl file below'],
    ['with empty objects', () => container.land('1.jsonl', []), [], 'there is no result line in a .jsonl file below'],
    [
      'with too few rows',
      () => container.land('1.jsonl', resultLines(truth, 0, 10)),
      [],
      'are too few (min_rows is 20)',
    ],
    [
      'with other data',
      () => container.land('1.jsonl', Array(50).fill('{"a":1}')),
      [],
      '50 of 50 lines are not results',
    ],
    [
      'with nothing held out',
      () => container.land('1.jsonl', resultLines(truth, 0, 100)),
      ['--holdout', '0'],
      'holdout (0.0)',
    ],
  ])('%s says why in the failure file', (_, prepare, hyperparameters, reason) => {
    prepare();
    const { status, output } = container.train(...hyperparameters);
    expect(status).toBe(1);
    expect(container.read('output/failure')).toContain(reason);
    expect(output).toContain('training failed: ');
    expect(output).not.toContain('Traceback');
    expect(container.has('model/service_time')).toBe(false);
  });
});

describe('the served model', () => {
  /** Runs model.py with stand-ins for Triton's own modules, which only its container has. */
  const serve = `
import json, sys, types

class Tensor:
    def __init__(self, name, values): self.name, self.values = name, values
    def as_numpy(self): return self.values

class Response:
    def __init__(self, output_tensors): self.output_tensors = output_tensors

triton = types.ModuleType("triton_python_backend_utils")
triton.Tensor, triton.InferenceResponse = Tensor, Response
triton.get_input_tensor_by_name = lambda request, name: Tensor(name, [request[name]])
numpy = types.ModuleType("numpy")
numpy.int64, numpy.float64 = int, float
numpy.array = lambda values, dtype: values
sys.modules.update({"triton_python_backend_utils": triton, "numpy": numpy})
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1] + "/1")
from model import TritonPythonModel
model = TritonPythonModel()
model.initialize({"model_repository": sys.argv[1], "model_version": "1"})
responses = model.execute([{"context_tokens": 400, "generated_tokens": 50}, {"context_tokens": 0, "generated_tokens": 0}])
print(json.dumps([{t.name: t.values[0] for t in r.output_tensors} for r in responses]))
`;

  test('responds with the tokens and the seconds that its weights predict', () => {
    const repository = path.join(PackedAsset.initialModelPath(), 'service_time');
    const { stdout, stderr } = spawnSync('python3', ['-c', serve, repository], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const answers = JSON.parse(stdout) as { generated_tokens: number; service_seconds: number; instance: string }[];
    // 0.05 + 400 x 0.000125 + 50 x 0.02
    expect(answers[0]).toMatchObject({ generated_tokens: 50, service_seconds: 1.1 });
    expect(answers[1]).toMatchObject({ generated_tokens: 0, service_seconds: 0.05 });
    expect(answers[0]!.instance).not.toBe('');
  });

  test('has the outputs that its configuration promises', () => {
    const configuration = fs.readFileSync(
      path.join(PackedAsset.initialModelPath(), 'service_time/config.pbtxt'),
      'utf8',
    );
    const names = [...configuration.matchAll(/name: "(\w+)"/g)].map(([, name]) => name);
    expect(names).toEqual([
      'service_time',
      'context_tokens',
      'generated_tokens',
      'generated_tokens',
      'service_seconds',
      'instance',
    ]);
  });
});
