import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describeWith } from '../support/needs';
import { type ClassifierRun, pythonWithTorch, startClassifier } from './torch';

const torch = pythonWithTorch();
const RUN_TIMEOUT_MS = 300_000;

/** Rows of two labels that lie apart. */
const rows = (count: number): readonly { readonly [field: string]: unknown }[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `r-${index}`,
    features: [(index % 2) * 2 + ((index * 7919) % 101) / 101, ((index * 31) % 17) / 17],
    label: index % 2 === 0 ? 'even' : 'odd',
    time: 1_700_000_000 + index,
  }));

describeWith(
  'missing' in torch ? torch.missing : undefined,
  'what the classifier on real PyTorch takes and refuses',
  () => {
    const { python } = torch as { python: string };
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-refusals-'));
    afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

    async function train(
      name: string,
      lines: readonly (object | string)[],
      options: { readonly hyperparameters?: readonly string[]; readonly parent?: string } = {},
    ): Promise<{ readonly code: number | null; readonly run: ClassifierRun; readonly failure: string | undefined }> {
      const folder = path.join(root, name);
      const data = path.join(folder, 'data');
      fs.mkdirSync(data, { recursive: true });
      const text = lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');
      fs.writeFileSync(path.join(data, 'rows.jsonl'), text);
      const { hyperparameters = [], parent } = options;
      const run = await startClassifier(folder, {
        python,
        count: 1,
        data,
        hyperparameters: ['--epochs', '2', '--hidden', '4', ...hyperparameters],
        parent,
      });
      const [code] = await run.end();
      const failure = path.join(folder, '0', 'output', 'failure');
      return { code: code!, run, failure: fs.existsSync(failure) ? fs.readFileSync(failure, 'utf8') : undefined };
    }

    const features = '[0.5, 0.5]';
    const broken = [
      `{"id": "integer of 400 digits", "features": [${'1'.repeat(400)}, 0], "label": "even"}`,
      '{"id": "beyond float32", "features": [1e300, 0], "label": "even"}',
      '{"id": "no number", "features": [NaN, 0], "label": "even"}',
      '['.repeat(100_000),
      `{"id": "\\ud800", "features": ${features}, "label": "even"}`,
      `{"id": "half a character", "features": ${features}, "label": "\\udc00"}`,
      `{"id": "two lines", "features": ${features}, "label": "a\\nb"}`,
      `{"id": "blank", "features": ${features}, "label": " "}`,
      `{"id": "milliseconds", "features": ${features}, "label": "even", "time": 1700000000000}`,
    ];

    test(
      'rows that no model can learn are invalid, whatever is wrong with them, and the others are learned',
      async () => {
        const { code, run } = await train('broken', [...rows(300), ...broken]);
        expect([code, run.output]).toEqual([0, expect.stringContaining('validation_accuracy=')]);
        expect(run.metrics()).toMatchObject({ invalidRows: broken.length, labels: ['even', 'odd'] });
        expect(run.metrics().watermark).toBe(1_700_000_299);
      },
      RUN_TIMEOUT_MS,
    );

    test(
      'too many of them end the run with what a row has to be',
      async () => {
        const { code, failure } = await train('too-many', [...rows(100), ...broken]);
        expect([code, failure]).toEqual([
          1,
          expect.stringMatching(/^9 of 109 rows .*numbers that float32 holds.*label in one line.*epoch seconds$/),
        ]);
      },
      RUN_TIMEOUT_MS,
    );

    test.each<[string, readonly object[], readonly string[], string]>([
      [
        'one label alone',
        rows(100).map((row) => ({ ...row, label: 'even' })),
        [],
        'all 100 rows have the label even; a classifier needs rows of at least two labels',
      ],
      ['a rate at which it diverges', rows(100), ['--learning-rate', '1e30'], 'lower --learning-rate (1e+30)'],
    ])(
      '%s ends the run without a model',
      async (name, lines, hyperparameters, message) => {
        const { code, run, failure } = await train(name, lines, { hyperparameters });
        expect([code, failure]).toEqual([1, expect.stringContaining(message)]);
        expect(fs.readdirSync(run.model)).toEqual([]);
      },
      RUN_TIMEOUT_MS,
    );

    test(
      'an earlier model whose archive is torn ends the run with its folder',
      async () => {
        const parent = path.join(root, 'torn-parent');
        fs.mkdirSync(parent);
        fs.writeFileSync(path.join(parent, 'model.tar.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]));
        const { code, failure } = await train('torn', rows(100), { parent });
        expect([code, failure]).toEqual([
          1,
          expect.stringMatching(/^the model in .*torn-parent cannot be read \(.+\); give an artifact/),
        ]);
      },
      RUN_TIMEOUT_MS,
    );
  },
);
