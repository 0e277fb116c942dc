import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseEvaluationReport } from '../../lib/rollout/contract';

const ASSETS = path.resolve(__dirname, '../../lib/rollout/assets');
const SERVER = ['/bin/sh', '-c', `python3 ${path.join(__dirname, 'answers-server.py')}; exit $?`];
const LIMIT_MS = 120_000;

interface Answers {
  readonly answers?: { readonly [prompt: string]: string };
  readonly seconds?: number;
  readonly ends?: boolean;
  readonly hangs?: boolean;
}

/** Folders of a container with two models and a frozen set. */
class Container {
  public readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-prompts-'));
  private readonly pids = path.join(this.root, 'pids');

  public constructor(live: Answers, candidate: Answers, rows: readonly (object | string)[]) {
    this.write('live/answers.json', JSON.stringify(live));
    this.write('candidate/answers.json', JSON.stringify(candidate));
    const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
    this.write('evaluation/sets/prompts.jsonl', `${lines.join('\n')}\n`);
    this.write('pids', '');
    fs.mkdirSync(path.join(this.root, 'model'));
  }

  /** Starts the evaluation as SageMaker starts a container with an entry point of its own. */
  public start(hyperparameters: { readonly [name: string]: string } = {}): ChildProcess {
    const given = {
      'server-command': JSON.stringify(SERVER),
      concurrency: '1,2',
      'load-seconds': '0.2',
      'latency-runs': '5',
      ...hyperparameters,
    };
    this.write('config/hyperparameters.json', JSON.stringify(given));
    const at = (name: string): string => path.join(this.root, name);
    return spawn('python3', [path.join(ASSETS, 'evaluate_prompts.py')], {
      env: {
        PATH: process.env.PATH ?? '/usr/bin:/bin',
        PYTHONDONTWRITEBYTECODE: '1',
        SM_VLLM_MODEL: '/opt/ml/model',
        PIDS: this.pids,
        SM_CHANNEL_LIVE: at('live'),
        SM_CHANNEL_CANDIDATE: at('candidate'),
        SM_CHANNEL_EVALUATION: at('evaluation'),
        SM_INPUT_CONFIG_DIR: at('config'),
        SM_MODEL_DIR: at('model'),
        SM_OUTPUT_DIR: at('output'),
        SM_CHECKPOINT_DIR: at('checkpoints'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  public async run(hyperparameters?: { readonly [name: string]: string }): Promise<{ status: number; output: string }> {
    const child = this.start(hyperparameters);
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (output += chunk));
    const status = await ended(child);
    return { status, output };
  }

  public read(name: string): string {
    return fs.readFileSync(path.join(this.root, name), 'utf8');
  }

  /** Numbers of the servers that were started, and of those that still run. */
  public servers(): { readonly started: number; readonly running: readonly number[] } {
    const pids = fs.readFileSync(this.pids, 'utf8').split('\n').filter(Boolean).map(Number);
    return { started: pids.length, running: pids.filter(isRunning) };
  }

  public remove(): void {
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  private write(name: string, text: string): void {
    const file = path.join(this.root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

/** True for a process that has not ended; one that has may wait for its parent. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return fs.existsSync(stat) && !/\) Z /.test(fs.readFileSync(stat, 'utf8'));
}

const ended = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => child.once('close', (status) => resolve(status ?? -1)));

describe('an evaluation of language models', () => {
  let container: Container | undefined;

  afterEach(() => {
    expect(container?.servers().running ?? []).toEqual([]);
    // What is left there would be the job's model.
    expect(container && fs.readdirSync(path.join(container.root, 'model'))).toEqual(container && []);
    container?.remove();
    container = undefined;
  });

  const ROWS = [
    { id: 'a', prompt: 'Capital of France?', expected: ['Paris', 'Paris, France'], topic: 'towns' },
    { id: 'b', messages: [{ role: 'user', content: '2+2' }], expected: '4', topic: 'sums' },
    { id: 'c', prompt: 'Even?', choices: ['A', 'B'], expected: 'B', topic: 'sums' },
    { id: 'd', prompt: 'Colour?', expected: 'blue', match: 'contains' },
  ];
  const GOOD = { 'Capital of France?': 'The Paris.', '2+2': '4', 'Even?': '(B) it is even', 'Colour?': 'A blue sky' };

  test(
    'measures both models one after the other, by the ways in which prompts are compared, and leaves no server',
    async () => {
      container = new Container({ answers: GOOD }, { answers: { ...GOOD, '2+2': '5' }, seconds: 0.02 }, ROWS);
      const { status, output } = await container.run({ 'slice-by': 'topic', 'price-per-hour-usd': '3.6' });
      expect([status, output]).toEqual([
        0,
        expect.stringMatching(/candidate_accuracy=0\.750000 accuracy_loss=0\.250000/),
      ]);
      const text = container.read('checkpoints/report.json');
      const { rows, live, candidate } = parseEvaluationReport('report', text);
      expect([rows, live.accuracy, candidate.accuracy]).toEqual([4, 1, 0.75]);
      expect(candidate.slices).toEqual({
        'topic=sums': { rows: 2, accuracy: 0.5 },
        'topic=towns': { rows: 1, accuracy: 1 },
      });
      expect(candidate.bytes).toBe(Buffer.byteLength(container.read('candidate/answers.json')));
      expect(candidate.latencyP50Seconds).toBeGreaterThan(0.02);
      expect(candidate.latencyP95Seconds).toBeGreaterThanOrEqual(candidate.latencyP50Seconds);
      expect(candidate.requestsPerSecond).toBeLessThanOrEqual(candidate.maxConcurrency / 0.02);
      // USD of an hour over the requests of an hour, for 1,000 of them.
      expect(candidate.costPer1000Usd).toBeCloseTo(1 / candidate.requestsPerSecond, 9);
      expect(candidate.tokensPerSecond! / candidate.requestsPerSecond).toBeGreaterThan(1);
      const { lost, frozenSet } = JSON.parse(text) as { lost: unknown; frozenSet: string };
      expect(lost).toEqual([{ id: 'b', expected: ['4'], live: '4', candidate: '5' }]);
      expect(frozenSet).toMatch(/^[0-9a-f]{64}$/);
      const { measuredSeconds } = JSON.parse(container.read('checkpoints/profile.json')) as {
        measuredSeconds: number[];
      };
      expect(Math.min(...measuredSeconds)).toBeGreaterThan(0.02);
      expect(container.servers().started).toBe(2);
    },
    LIMIT_MS,
  );

  test(
    'a prompt that the candidate leaves without an answer is a wrong answer of it, and no measure of its speed',
    async () => {
      const { 'Colour?': _none, ...three } = GOOD;
      container = new Container({ answers: GOOD }, { answers: three }, ROWS);
      const { status } = await container.run({ 'prompt-schema': 'openai' });
      expect(status).toBe(0);
      const { models } = JSON.parse(container.read('checkpoints/report.json')) as {
        models: { [name: string]: { accuracy: number; unanswered: number } };
      };
      expect(models['live']).toMatchObject({ accuracy: 1, unanswered: 0 });
      expect(models['candidate']).toMatchObject({ accuracy: 0.75, unanswered: 1 });
    },
    LIMIT_MS,
  );

  test.each<[string, Answers, Answers, RegExp]>([
    [
      'a live model that leaves prompts without an answer',
      { answers: { 'Colour?': 'blue' } },
      { answers: GOOD },
      /^the live model left 3 of 4 prompts without an answer; the last one: .*status 424: \{"message": "no answer"\}/,
    ],
    [
      'a candidate that does not start',
      { answers: GOOD },
      { ends: true },
      /^the server of the candidate model ended with status 1 before it was ready: the weights are broken$/,
    ],
    [
      'a live model that is never ready',
      { hangs: true },
      { answers: GOOD },
      /^the server of the live model was not ready within 2 s: it wrote no log$/,
    ],
  ])(
    '%s ends it with the reason, and leaves no report and no server',
    async (_, live, candidate, message) => {
      container = new Container(live, candidate, ROWS);
      expect((await container.run(live.hangs === true ? { 'startup-seconds': '2' } : {})).status).toBe(1);
      expect(container.read('output/failure')).toMatch(message);
      expect(fs.existsSync(path.join(container.root, 'checkpoints'))).toBe(false);
    },
    LIMIT_MS,
  );

  test(
    'a command that is not in the image is named',
    async () => {
      container = new Container({ answers: GOOD }, { answers: GOOD }, ROWS);
      expect((await container.run({ 'server-command': '["/no/server"]' })).status).toBe(1);
      expect(container.read('output/failure')).toMatch(
        /the server of the live model does not start: .*'\/no\/server'; check serverCommand and image$/,
      );
    },
    LIMIT_MS,
  );

  test(
    'a job that is stopped ends its server',
    async () => {
      container = new Container({ hangs: true }, { answers: GOOD }, ROWS);
      const child = container.start();
      const end = ended(child);
      while (container.servers().started === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      child.kill('SIGTERM');
      expect(await end).toBe(143);
    },
    LIMIT_MS,
  );
});

/** Runs Python beside the evaluation's parts; `given` is the variable of that name, and what it leaves in `found` is returned. */
function python(lines: readonly string[], given: unknown): unknown {
  const program = [
    'import json, os, sys, tempfile',
    'from evaluation import EvaluationError',
    'from evaluate_prompts import Prompt, read_prompts',
    'class Options: match, max_tokens, slice_by, prompt_schema = "normalized", 1, [], "lmi"',
    'given = json.load(sys.stdin)',
    ...lines,
    'print(json.dumps(found))',
  ].join('\n');
  const printed = execFileSync('python3', ['-c', program], {
    input: JSON.stringify(given),
    env: { ...process.env, PYTHONPATH: ASSETS, PYTHONDONTWRITEBYTECODE: '1' },
    encoding: 'utf8',
  });
  return JSON.parse(printed);
}

test('a row that is no prompt is refused by its place', () => {
  const row = { id: 'a', prompt: 'p', expected: 'e' };
  const cases: readonly [second: object | string, message: string][] = [
    ['{"id"', 'prompts.jsonl line 2: is no JSON'],
    [{ ...row, id: 'ü' }, 'line 2: is no UTF-8 (invalid start byte at byte 7); write the file in UTF-8'],
    ['[1]', 'line 2: is no object with id, prompt or messages, and expected'],
    [{ ...row, id: 7 }, 'line 2: id is 7; a text is needed'],
    [row, "line 2: the id 'a' is taken; give every prompt of the set an id of its own"],
    [{ id: 'b', expected: 'e' }, 'line 2: needs either prompt or messages'],
    [{ ...row, id: 'b', prompt: '' }, 'line 2: prompt is ""; a text is needed'],
    [{ id: 'b', messages: [{ content: 'x' }], expected: 'e' }, 'line 2: messages has to be a list'],
    [{ id: 'b', prompt: 'p', expected: [] }, 'line 2: expected is []; a text or a list of texts is needed'],
    [{ ...row, id: 'b', choices: 'AB' }, 'line 2: choices is "AB"; a list of texts is needed'],
    [{ ...row, id: 'b', match: 'near' }, 'line 2: match is "near"; one of exact, normalized, contains, choice'],
    [{ ...row, id: 'b', match: 'choice' }, 'line 2: match "choice" needs choices'],
    [{ ...row, id: 'b', choices: ['A', 'B'] }, 'line 2: expected has "e", which is none of choices ["A", "B"]'],
    [{ ...row, id: 'b', maxTokens: 0 }, 'line 2: maxTokens is 0; a whole number from 1 is needed'],
  ];
  const texts = cases.map(([second]) =>
    [row, second].map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n'),
  );
  const found = python(
    [
      'found = []',
      'for text in [*given, ""]:',
      '    with tempfile.TemporaryDirectory() as folder:',
      '        with open(os.path.join(folder, "prompts.jsonl"), "w", encoding="latin-1") as file: file.write(text)',
      '        try: found.append(len(read_prompts(folder, Options)[0]))',
      '        except EvaluationError as error: found.append(str(error))',
    ],
    texts,
  );
  expect(found).toEqual([
    ...cases.map(([, message]) => expect.stringContaining(message)),
    expect.stringContaining('the frozen set has no prompt: 1 objects end in .jsonl'),
  ]);
});

test('answers are compared as the way of their prompt has it', () => {
  const cases: readonly [way: object, answer: string, isRight: boolean][] = [
    [{ expected: 'Paris', match: 'exact' }, ' Paris\n', true],
    [{ expected: 'Paris', match: 'exact' }, 'paris', false],
    [{ expected: 'the Eiffel Tower' }, 'Eiffel  tower!', true],
    [{ expected: 'Eiffel Tower' }, 'It is the Eiffel Tower', false],
    [{ expected: '3.5' }, '3.5.', true],
    [{ expected: '3.5' }, '35', false],
    [{ expected: '-5' }, '5', false],
    [{ expected: '5' }, '$5', true],
    [{ expected: ['no', 'nope'], match: 'contains' }, 'Oh, nope!', true],
    [{ expected: 'no', match: 'contains' }, 'I know', false],
    [{ expected: 'B', choices: ['A', 'B'] }, 'B', true],
    [{ expected: 'B', choices: ['A', 'B'] }, '(B) because A is odd', true],
    [{ expected: 'B', choices: ['A', 'B'] }, 'The answer is B.', true],
    [{ expected: 'B', choices: ['A', 'B'] }, 'Between A and B it is B', false],
    [{ expected: 'B', choices: ['A', 'B'] }, 'Both', false],
    [{ expected: '10', choices: ['1', '10'] }, '10', true],
    [{ expected: 'A', choices: ['A', 'B'], match: 'exact' }, 'A or B', false],
  ];
  const found = python(
    ['found = [Prompt({"id": "x", "prompt": "p", **way}, Options).accepts(answer) for way, answer, _ in given]'],
    cases,
  );
  expect(found).toEqual(cases.map(([, , isRight]) => isRight));
});
