import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { pythonWithOnnx } from '../compression/onnx-runtime';
import { describeWith } from '../support/needs';

const program = (room: string, name: string): string => path.join(projectDirectory, 'lib', room, 'assets', name);
const RUN_TIMEOUT_MS = 300_000;
const onnx = pythonWithOnnx();

/** Models of two features and the labels a and b: whole, of three features, of two inputs, one that answers with NaN, and a file that is cut off. */
const MODELS = `
import os, sys, torch
def write(name, network, *examples):
    os.makedirs(os.path.join(sys.argv[1], name), exist_ok=True)
    names = [f'x{index}' for index in range(len(examples))]
    torch.onnx.export(network, examples, os.path.join(sys.argv[1], name, 'model.onnx'), input_names=names, output_names=['y'],
        dynamic_axes={one: {0: 'rows'} for one in (*names, 'y')}, opset_version=13)
    with open(os.path.join(sys.argv[1], name, 'labels.txt'), 'w') as file:
        file.write('a\\nb\\n')
def network(features, factor=1.0):
    layer = torch.nn.Linear(features, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])[:, :features] * factor)
        layer.bias.zero_()
    return torch.nn.Sequential(layer, torch.nn.Softmax(dim=1)).eval()
class Two(torch.nn.Module):
    def forward(self, first, second):
        return torch.softmax(first + second, dim=1)
write('whole', network(2), torch.zeros(1, 2))
write('three', network(3), torch.zeros(1, 3))
write('nan', network(2, float('nan')), torch.zeros(1, 2))
write('two', Two(), torch.zeros(1, 2), torch.zeros(1, 2))
write('cut', network(2), torch.zeros(1, 2))
os.truncate(os.path.join(sys.argv[1], 'cut', 'model.onnx'), 100)
os.makedirs(os.path.join(sys.argv[1], 'torn'))
with open(os.path.join(sys.argv[1], 'torn', 'model.tar.gz'), 'wb') as file:
    file.write(bytes([0x1f, 0x8b, 8, 0, 1, 2, 3]))
`;

describeWith('missing' in onnx ? onnx.missing : undefined, 'models and rows that are damaged', () => {
  const { python } = onnx as { python: string };
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-damaged-'));
  const at = (...parts: string[]): string => path.join(root, ...parts);
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  beforeAll(() => {
    execFileSync(python, ['-B', '-c', MODELS, at('models')], { stdio: 'pipe' });
    fs.mkdirSync(at('rows'));
    const rows = Array.from({ length: 40 }, (_, index) => ({
      id: `r-${index}`,
      features: index % 4 === 0 ? [0, 1] : [1, 0],
      label: index % 4 === 0 ? 'b' : 'a',
    }));
    const broken = [
      `{"id": "integer of 400 digits", "features": [${'1'.repeat(400)}, 0], "label": "a"}`,
      '{"id": "beyond float32", "features": [1e300, 0], "label": "a"}',
      '{"id": "half a character \\ud800", "features": [1, 0], "label": "a"}',
      '['.repeat(100_000),
    ];
    const lines = [...rows.map((row) => JSON.stringify(row)), ...broken];
    fs.writeFileSync(at('rows', 'rows.jsonl'), `${lines.join('\n')}\n`);
  }, RUN_TIMEOUT_MS);

  function run(name: string, script: string, environment: { [name: string]: string }, flags: readonly string[]) {
    const { status, stdout, stderr } = spawnSync(python, ['-B', script, '--latency-runs', '10', ...flags], {
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH,
        OMP_NUM_THREADS: '1',
        SM_CHANNEL_TRAIN: at('rows'),
        SM_CHANNEL_EVALUATION: at('rows'),
        SM_OUTPUT_DIR: at(name, 'output'),
        SM_OUTPUT_DATA_DIR: at(name, 'report'),
        SM_CHECKPOINT_DIR: at(name, 'report'),
        SM_MODEL_DIR: at(name, 'model'),
        ...environment,
      },
    });
    const read = (file: string): string => fs.readFileSync(at(name, file), 'utf8');
    return {
      status,
      output: stdout + stderr,
      failure: () => read('output/failure'),
      report: () =>
        JSON.parse(read('report/report.json')) as { models: { [model: string]: { accuracy: number } }; rows?: number },
    };
  }

  const compress = (model: string) =>
    run(`compress-${model}`, program('compression', 'compress.py'), { SM_CHANNEL_MODEL: at('models', model) }, [
      ...['--techniques', 'unchanged'],
    ]);
  const evaluate = (candidate: string) =>
    run(
      `evaluate-${candidate}`,
      program('rollout', 'evaluate.py'),
      { SM_CHANNEL_LIVE: at('models', 'whole'), SM_CHANNEL_CANDIDATE: at('models', candidate) },
      ['--concurrency', '1', '--load-seconds', '0.1'],
    );

  test(
    'rows that no model can take are left out, and the others are measured',
    () => {
      const compressed = compress('whole');
      expect([compressed.status, compressed.output]).toEqual([0, expect.stringContaining('chosen=unchanged')]);
      expect(compressed.report()).toMatchObject({ evaluationRows: 40, models: { unchanged: { accuracy: 1 } } });
      const evaluated = evaluate('whole');
      expect([evaluated.status, evaluated.output]).toEqual([0, expect.stringContaining('candidate_accuracy=1.000000')]);
      expect(evaluated.report().rows).toBe(40);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'a model that answers with NaN is right for no row, though its first label is the most frequent one',
    () => {
      expect(compress('nan').report().models['unchanged']!.accuracy).toBe(0);
      const { models } = evaluate('nan').report();
      expect([models['live']!.accuracy, models['candidate']!.accuracy]).toEqual([1, 0]);
    },
    RUN_TIMEOUT_MS,
  );

  test.each<[string, RegExp, RegExp]>([
    [
      'cut',
      /^the model in .*cut cannot be loaded \(.+\); give a whole artifact/s,
      /^the candidate model in .*cut cannot be loaded/,
    ],
    ['torn', /^the model in .*torn cannot be loaded \(.+\)/s, /^the candidate model in .*torn cannot be loaded/],
    [
      'three',
      /^rows of the channel train have 2 features, and the model takes 3; give rows of this model$/,
      /^the candidate model takes no rows of 2 features, which those of the channel evaluation have/,
    ],
    ['two', /^the model takes x0 tensor\(float\) .*; possible is one input/, /^the candidate model takes no rows of 2/],
  ])(
    'a model that is %s ends the run with the reason',
    (model, ofCompression, ofEvaluation) => {
      const compressed = compress(model);
      expect([compressed.status, compressed.failure()]).toEqual([1, expect.stringMatching(ofCompression)]);
      const evaluated = evaluate(model);
      expect([evaluated.status, evaluated.failure()]).toEqual([1, expect.stringMatching(ofEvaluation)]);
    },
    RUN_TIMEOUT_MS,
  );
});
