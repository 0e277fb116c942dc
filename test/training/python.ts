import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { formatMeasurementLine } from '../../lib/ingestion/contract';
import { PackedAsset } from '../../lib/training';

const script = path.join(PackedAsset.trainingSourcePath(), 'train.py');

/** Coefficients of the service times of generated results. */
export interface Truth {
  readonly overheadSeconds: number;
  readonly secondsPerContextToken: number;
  readonly secondsPerGeneratedToken: number;
  /** Largest deviation from the truth, seconds. */
  readonly noiseSeconds: number;
}

/** Result lines with token counts spread over their ranges; the same for the same numbers. */
export function resultLines(truth: Truth, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, offset) => {
    const index = from + offset;
    const contextTokens = (index * 7919) % 4001;
    const generatedTokens = (index * 104_729) % 601;
    const noise = (((index * 48_271) % 2001) / 1000 - 1) * truth.noiseSeconds;
    const serviceSeconds =
      truth.overheadSeconds +
      truth.secondsPerContextToken * contextTokens +
      truth.secondsPerGeneratedToken * generatedTokens +
      noise;
    return formatMeasurementLine({
      id: `r-${index}`,
      key: `key-${index % 10}`,
      contextTokens,
      generatedTokens,
      sentAt: 1_700_000_000 + index,
      answeredAt: 1_700_000_001 + index,
      serviceSeconds: Math.max(0, serviceSeconds),
      queueSeconds: 0.1,
    });
  });
}

/** The folders of a training container, below a temporary one. */
export class TrainingContainer {
  public readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-train-test-'));
  public readonly channel = this.folder('input/data/train');
  private readonly environment = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    PYTHONDONTWRITEBYTECODE: '1',
    SM_CHANNEL_TRAIN: this.channel,
    SM_MODEL_DIR: this.folder('model'),
    SM_CHECKPOINT_DIR: this.folder('checkpoints'),
    SM_OUTPUT_DIR: this.folder('output'),
    SM_CHANNEL_MODEL: path.join(this.root, 'input/data/model'),
  };

  public land(name: string, lines: readonly string[]): void {
    const file = path.join(this.channel, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  }

  public train(...hyperparameters: string[]): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync('python3', [script, ...hyperparameters], {
      env: this.environment,
      encoding: 'utf8',
    });
    return { status, output: stdout + stderr };
  }

  public start(): ChildProcess {
    return spawn('python3', [script], { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  public read(name: string): string {
    return fs.readFileSync(path.join(this.root, name), 'utf8');
  }

  public has(name: string): boolean {
    return fs.existsSync(path.join(this.root, name));
  }

  public weights(): { [name: string]: number } {
    return JSON.parse(this.read('model/service_time/1/weights.json')) as { [name: string]: number };
  }

  public metrics(): { [name: string]: number } {
    return JSON.parse(this.read('model/metrics.json')) as { [name: string]: number };
  }

  /** Gives the next run the model of this one, as SageMaker packs it, without checkpoints. */
  public continueFromModel(): void {
    const channel = this.folder('input/data/model');
    const packed = spawnSync('tar', [
      '-czf',
      path.join(channel, 'model.tar.gz'),
      '-C',
      path.join(this.root, 'model'),
      '.',
    ]);
    if (packed.status !== 0) throw new Error(packed.stderr.toString());
    for (const folder of ['model', 'checkpoints']) {
      fs.rmSync(path.join(this.root, folder), { recursive: true });
      this.folder(folder);
    }
  }

  public remove(): void {
    fs.rmSync(this.root, { recursive: true });
  }

  private folder(name: string): string {
    const directory = path.join(this.root, name);
    fs.mkdirSync(directory, { recursive: true });
    return directory;
  }
}
