import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { describeWith } from '../support/needs';
import { type ClassifierRun, type Digit, digits, startClassifier } from '../training/torch';
import { pythonWithOnnx } from './onnx-runtime';

const COMPRESS = path.join(projectDirectory, 'lib', 'compression', 'assets', 'compress.py');
const RUN_TIMEOUT_MS = 600_000;

const onnx = pythonWithOnnx();
const found = 'missing' in onnx ? onnx : digits();
const missing = 'missing' in onnx ? onnx.missing : 'missing' in found ? found.missing : undefined;

interface Measured {
  readonly bytes: number;
  readonly sizeRatio: number;
  readonly speedup: number;
  readonly accuracy: number;
  readonly accuracyByLabel: { readonly [label: string]: number };
  readonly nonzeroWeights: number;
  readonly latencySeconds: { readonly p50: number; readonly p95: number };
  readonly rowsPerSecond: number;
  readonly refusedFor?: readonly string[];
}

interface Report {
  readonly chosen: string | null;
  readonly parent: string;
  readonly models: { readonly [name: string]: Measured };
}

describeWith(missing, 'compression on real ONNX Runtime', () => {
  const { python } = onnx as { python: string };
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-compress-'));
  const folder = (...parts: string[]): string => {
    const made = path.join(root, ...parts);
    fs.mkdirSync(made, { recursive: true });
    return made;
  };
  const rows = folder('rows');
  let trained: ClassifierRun;

  beforeAll(async () => {
    fs.writeFileSync(
      path.join(rows, 'digits.jsonl'),
      (found as readonly Digit[]).map((row) => `${JSON.stringify(row)}\n`).join(''),
    );
    const hyperparameters = ['--epochs', '10', '--hidden', '512,512', '--checkpoint-steps', '1000'];
    trained = await startClassifier(folder('trained'), { python, count: 1, data: rows, hyperparameters });
    expect(await trained.end()).toEqual([0]);
  }, RUN_TIMEOUT_MS);

  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  function compress(name: string, model: string, hyperparameters: readonly string[]) {
    const at = folder('runs', name);
    const { status, stdout, stderr } = spawnSync(python, [COMPRESS, ...hyperparameters], {
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH ?? '/usr/bin:/bin',
        PYTHONDONTWRITEBYTECODE: '1',
        OMP_NUM_THREADS: '1',
        SM_CHANNEL_MODEL: model,
        SM_CHANNEL_TRAIN: rows,
        SM_CHANNEL_EVALUATION: path.join(at, 'no-evaluation'),
        SM_MODEL_DIR: path.join(at, 'model'),
        SM_OUTPUT_DIR: path.join(at, 'output'),
        SM_OUTPUT_DATA_DIR: path.join(at, 'output', 'data'),
      },
    });
    const read = (file: string): string => fs.readFileSync(path.join(at, file), 'utf8');
    return {
      status,
      output: stdout + stderr,
      model: path.join(at, 'model'),
      report: () => JSON.parse(read('output/data/report.json')) as Report,
      failure: () => read('output/failure'),
    };
  }

  /** Answers of a model in ONNX Runtime to the first rows, by a program of its own. */
  function answersOf(file: string): string[] {
    const program = `
import json, sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
rows = [json.loads(line)['features'] for line in open(sys.argv[2])][:200]
answers = session.run(None, {session.get_inputs()[0].name: numpy.array(rows, dtype=numpy.float32)})[0]
print(json.dumps(answers.argmax(axis=1).tolist()))
`;
    const output = execFileSync(python, ['-c', program, file, path.join(rows, 'digits.jsonl')], { encoding: 'utf8' });
    return (JSON.parse(output) as number[]).map(String);
  }

  /** Answers to the first rows by the functions that SageMaker's toolkit calls in its order, from the files of the artifact alone. */
  function answersOfContainer(artifact: string) {
    const program = `
import json, os, sys
artifact, rows = sys.argv[1:]
sys.path.insert(0, os.path.join(artifact, 'code'))
import inference
model = inference.model_fn(artifact)
def respond(body, content_type='application/json'):
    return inference.output_fn(inference.predict_fn(inference.input_fn(body, content_type), model), '*/*')
def request(name, shape, data):
    return json.dumps({'inputs': [{'name': name, 'shape': shape, 'datatype': 'FP32', 'data': data}]})
def reason(*arguments):
    try:
        respond(*arguments)
    except ValueError as error:
        return str(error)
features = [json.loads(line)['features'] for line in open(rows)][:200]
body, content_type = respond(request('features', [200, 64], [value for row in features for value in row]))
outputs = {output['name']: output for output in json.loads(body)['outputs']}
assert outputs['probabilities']['shape'] == [200, 10] and len(outputs['probabilities']['data']) == 2000
refused = [
    reason(request('pixels', [1, 64], [0] * 64)),
    reason(request('features', [1, 2], [0, 1])),
    reason(request('features', [1, 64], [0])),
    reason('{"instances": []}'),
    reason('1,2', 'text/csv'),
]
print(json.dumps({'labels': outputs['label']['data'], 'contentType': content_type, 'refused': refused}))
`;
    const output = execFileSync(python, ['-c', program, artifact, path.join(rows, 'digits.jsonl')], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', PYTHONDONTWRITEBYTECODE: '1' },
    });
    return JSON.parse(output) as { labels: string[]; contentType: string; refused: (string | null)[] };
  }

  test(
    'every technique is measured beside the model, and the best that the gate lets through is ready for Triton',
    () => {
      const run = compress('all', trained.model, [
        ...['--techniques', 'int8-dynamic,int8-static,prune-unstructured,prune-structured,distil,distil+int8-static'],
        ...['--epochs', '40', '--student-hidden', '128,64', '--prefer', 'size', '--parent', 'job-7'],
        ...['--min-speedup', '0'], // which a busy machine decides
      ]);
      expect([run.status, run.output]).toEqual([0, expect.stringContaining('chosen=')]);
      const { models, chosen, parent } = run.report();
      console.info(
        run.output
          .split('\n')
          .filter((line) => /^(model|parent|int8|prune|distil) */.test(line))
          .join('\n'),
      );
      expect(parent).toBe('job-7');
      expect(models['parent']!.accuracy).toBeGreaterThan(0.95);
      for (const name of ['int8-dynamic', 'int8-static']) {
        expect(models[name]!.sizeRatio).toBeGreaterThan(3);
        expect(models['parent']!.accuracy - models[name]!.accuracy).toBeLessThanOrEqual(0.005);
      }
      expect(models['distil']!.sizeRatio).toBeGreaterThan(5);
      expect(models['parent']!.accuracy - models['distil']!.accuracy).toBeLessThanOrEqual(0.01);
      expect(models['prune-structured']!.sizeRatio).toBeGreaterThan(1.8);
      expect(models['prune-unstructured']!.nonzeroWeights).toBeCloseTo(0.5, 1);
      for (const { latencySeconds, rowsPerSecond, accuracyByLabel } of Object.values(models)) {
        expect(latencySeconds.p95).toBeGreaterThanOrEqual(latencySeconds.p50);
        expect(rowsPerSecond).toBeGreaterThan(0);
        expect(Object.keys(accuracyByLabel)).toHaveLength(10);
      }
      // The gate is told by the report itself; the smallest of those that pass is taken.
      const passed = Object.entries(models).filter(([, { refusedFor }]) => refusedFor?.length === 0);
      const smallest = passed.sort(([, a], [, b]) => a.bytes - b.bytes)[0]![0];
      expect(chosen).toBe(smallest);

      const repository = path.join(run.model, 'classifier');
      const served = path.join(repository, '1', 'model.onnx');
      expect(fs.statSync(served).size).toBe(models[chosen!]!.bytes);
      expect(fs.readFileSync(path.join(repository, 'config.pbtxt'), 'utf8')).toContain('platform: "onnxruntime_onnx"');
      const wanted = (found as readonly Digit[]).slice(0, 200).map(({ label }) => label);
      const right = answersOf(served).filter((answer, index) => answer === wanted[index]).length;
      expect(right).toBeGreaterThan(185);

      // A file of ONNX is compressed as it is: what the model says of itself is its labels alone.
      const again = compress('onnx', repository, ['--techniques', 'distil']);
      expect(again.status).toBe(1);
      expect(again.failure()).toContain(
        'distil needs the weights of the model, and the channel model has an ONNX file only',
      );
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'the artifact for TorchServe is loaded and answers as the container does it, with the labels of the ONNX candidate',
    () => {
      const options = [
        ...['--techniques', 'distil,unchanged', '--student-hidden', '128,64', '--epochs', '20', '--latency-runs', '10'],
        ...['--max-accuracy-loss', '0.5', '--max-label-loss', '1', '--min-speedup', '0', '--prefer', 'size'],
      ];
      const run = compress('torchserve', trained.model, [...options, '--serving-layout', 'torchserve']);
      expect([run.status, run.output]).toEqual([0, expect.stringContaining('chosen=distil')]);
      expect(fs.readdirSync(run.model, { recursive: true }).sort()).toEqual([
        ...['code', 'code/inference.py', 'labels.txt', 'model.pt', 'report.json', 'signature.json'],
      ]);
      // What is unchanged is measured once, so that no noise of the clock is judged.
      expect(run.report().models['unchanged']).toMatchObject({ sizeRatio: 1, speedup: 1, refusedFor: [] });

      const asOnnx = compress('torchserve-as-onnx', trained.model, options);
      expect([asOnnx.status, asOnnx.output]).toEqual([0, expect.stringContaining('chosen=distil')]);
      const answers = answersOfContainer(run.model);
      expect(answers.labels).toHaveLength(200);
      expect(answers.labels).toEqual(answersOf(path.join(asOnnx.model, 'classifier', '1', 'model.onnx')));
      expect(answers.contentType).toBe('application/json');
      expect(answers.refused).toEqual([
        "the request has the inputs ['pixels']; the model takes ['features']",
        "input 'features' has the shape [1, 2]; the model takes [rows, 64]",
        "input 'features': shape '[1, 64]' is invalid for input of size 1",
        expect.stringContaining('the request is not {"inputs"'),
        'the content type text/csv is not served; send application/json',
      ]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'the layout of TorchServe refuses INT8 and ONNX files, with what is possible',
    () => {
      const layout = ['--serving-layout', 'torchserve', '--techniques'];
      const quantised = compress('torchserve-int8', trained.model, [...layout, 'distil+int8-static,unchanged']);
      expect([quantised.status, quantised.failure()]).toEqual([
        1,
        'the layout of TorchServe has no INT8: distil+int8-static makes an ONNX file, which PyTorch cannot load; possible are ' +
          'prune-unstructured, prune-structured, distil and unchanged, or --serving-layout triton',
      ]);
      const options = ['--techniques', 'unchanged', '--latency-runs', '10'];
      const repository = compress('unchanged', trained.model, options);
      expect([repository.status, repository.output]).toEqual([0, expect.stringContaining('chosen=unchanged')]);
      const onnxOnly = compress('torchserve-onnx', repository.model, [...layout, 'unchanged']);
      expect([onnxOnly.status, onnxOnly.failure()]).toEqual([
        1,
        expect.stringContaining('needs the network, and the channel model has an ONNX file only'),
      ]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'the gate refuses what loses too much, with the reason, and leaves no model',
    () => {
      const run = compress('refused', trained.model, [
        ...['--techniques', 'prune-structured', '--sparsity', '0.98', '--epochs', '1', '--latency-runs', '10'],
      ]);
      expect(run.status).toBe(1);
      expect(run.failure()).toMatch(
        /the gate refuses every candidate: prune-structured accuracy falls by 0\.\d+, by more than 0\.005/,
      );
      expect(fs.existsSync(run.model)).toBe(false);
      expect(run.report().chosen).toBeNull();
    },
    RUN_TIMEOUT_MS,
  );

  test.each<[string, string, readonly string[], string]>([
    ['an unknown technique', 'trained', ['--techniques', 'shrink'], 'shrink is no technique; known are int8-dynamic'],
    [
      'training after quantisation',
      'trained',
      ['--techniques', 'int8-static+distil'],
      'a quantised model cannot be trained',
    ],
    ['a folder without a model', 'empty', [], 'the channel model has 0 ONNX files and no training/state.pt'],
  ])(
    'refuses %s',
    (name, model, hyperparameters, message) => {
      const run = compress(name, model === 'empty' ? folder('empty') : trained.model, hyperparameters);
      expect(run.status).not.toBe(0);
      expect(run.output).toContain(message);
    },
    RUN_TIMEOUT_MS,
  );
});
