import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { EpochSeconds } from '../../core/time';
import { sageMakerArn } from '../account/arns';
import { parseS3Location } from '../account/s3-location';
import { sleepUntil } from '../clock';
import { GroupedProcess, type ProcessEnd } from '../training/process';
import { downloadPrefix, uploadFolder } from '../training/storage';
import type { TrainingContext } from '../training/training-job';
import type { OptimizationJobRequest } from './optimization-schema';

export type OptimizationStatus = 'STARTING' | 'INPROGRESS' | 'COMPLETED' | 'FAILED' | 'STOPPING' | 'STOPPED';

/** Environment of the optimisation jobs: that of the training jobs, and the program that plays the container. */
export type OptimizationContext = Pick<
  TrainingContext,
  'clock' | 'engine' | 'capacity' | 'dataDirectory' | 'environment' | 'provisioningSeconds'
> & {
  /** Program that is given the folder of the model and the folder of its output; undefined where there is none. */
  readonly optimizer: string | undefined;
};

/** Environment variable with the program that plays the containers of optimisation jobs of a local run. */
export const OPTIMIZER_VARIABLE = 'TIDEGATE_LOCAL_OPTIMIZER';

/** Location of the model in LMI's container, which its environment names. */
const MODEL_LOCATION = '/opt/ml/model';
/** Default of a job without a maximum runtime: one day (API reference of StoppingCondition). */
const DEFAULT_MAX_RUNTIME_SECONDS = 86_400;
/** Minimum real time for a program to end by itself after SIGTERM, at any speed of the local clock. */
const GRACE_MS = 1000;
const MAX_REASON_LENGTH = 1024;

/** One optimisation job: from the request through a program of the user's to the files in S3. */
export class OptimizationJob {
  public readonly name: string;
  public readonly arn: string;
  public readonly createdAt: EpochSeconds;
  public lastModifiedAt: EpochSeconds;
  public status: OptimizationStatus = 'STARTING';
  public startedAt: EpochSeconds | undefined;
  public endedAt: EpochSeconds | undefined;
  public failureReason: string | undefined;
  /** Resolves when the job is over and its program has ended. */
  public readonly finished: Promise<void>;
  private readonly root: string;
  private readonly stopping = new AbortController();
  private process: GroupedProcess | undefined;
  private isTooLong = false;

  public constructor(
    public readonly request: OptimizationJobRequest,
    private readonly context: OptimizationContext,
  ) {
    this.name = request.OptimizationJobName;
    this.arn = sageMakerArn('optimization-job', this.name);
    this.createdAt = context.clock.now();
    this.lastModifiedAt = this.createdAt;
    this.root = path.join(context.dataDirectory, 'optimization', this.name);
    this.finished = this.runToEnd();
  }

  public get isOver(): boolean {
    return ['COMPLETED', 'FAILED', 'STOPPED'].includes(this.status);
  }

  /** Techniques of the job, such as `Quantization`. */
  public get techniques(): string[] {
    return this.request.OptimizationConfigs.flatMap((config) => Object.keys(config)).map((member) =>
      member.replace(/^Model|Config$/g, ''),
    );
  }

  /** Ends the job: SIGTERM, and SIGKILL a second later. */
  public stop(): void {
    if (this.isOver || this.stopping.signal.aborted) return;
    this.change('STOPPING');
    this.stopping.abort(new Error('the optimisation job is being stopped'));
    const { process } = this;
    if (process === undefined) return;
    process.kill('SIGTERM');
    const kill = setTimeout(() => process.kill('SIGKILL'), GRACE_MS);
    void process.ended.then(() => clearTimeout(kill));
  }

  private async runToEnd(): Promise<void> {
    const watch = new AbortController();
    try {
      const { clock, capacity, optimizer } = this.context;
      if (capacity.of(this.request.DeploymentInstanceType) !== 'available') {
        this.fail('CapacityError: Unable to provision requested ML compute capacity.');
        return;
      }
      await sleepUntil(clock, clock.now() + this.context.provisioningSeconds(), this.stopping.signal);
      this.startedAt = clock.now();
      this.change('INPROGRESS');
      if (optimizer === undefined) {
        this.fail(
          `AlgorithmError: this machine has no container that optimises a language model for ${this.request.DeploymentInstanceType}, and the local engine makes none up. ` +
            `Set ${OPTIMIZER_VARIABLE} to a program of yours; it is called with the folder of the model and the folder for its output.`,
        );
        return;
      }
      if (this.request.OptimizationConfigs.length === 0) {
        this.fail('ClientError: OptimizationConfigs names no technique');
        return;
      }
      const limit = this.request.StoppingCondition.MaxRuntimeInSeconds ?? DEFAULT_MAX_RUNTIME_SECONDS;
      sleepUntil(clock, this.startedAt + limit, watch.signal).then(
        () => {
          this.isTooLong = true;
          this.process?.kill('SIGKILL');
        },
        () => undefined,
      );
      await this.conclude(await this.work(optimizer));
    } catch (error) {
      if (this.stopping.signal.aborted) this.change('STOPPED');
      else this.fail(error instanceof Error ? error.message : String(error));
    } finally {
      watch.abort();
      this.process?.kill('SIGKILL');
      await fs.rm(this.root, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Downloads the model, and runs the program of the user's on it. */
  private async work(optimizer: string): Promise<ProcessEnd> {
    const [model, output] = [path.join(this.root, 'model'), path.join(this.root, 'output')] as const;
    await fs.mkdir(model, { recursive: true });
    await fs.mkdir(output);
    const uri = this.request.ModelSource.S3.S3Uri;
    const { bucket, key } = parseS3Location(uri);
    // The location is a folder, with or without a slash at its end.
    const from = { bucket, key: key.replace(/\/*$/, '/') };
    if ((await downloadPrefix(this.context.engine, from, [model], false)) === 0) {
      throw new Error(`ClientError: Data download failed: no S3 objects found under S3 URL "${uri}".`);
    }
    this.stopping.signal.throwIfAborted();
    const overrides = this.request.OptimizationConfigs.flatMap((config) => Object.values(config));
    const given = Object.assign(
      {},
      this.request.OptimizationEnvironment,
      ...overrides.map((one) => one?.OverrideEnvironment),
    ) as { [name: string]: string };
    this.process = new GroupedProcess({
      command: optimizer,
      arguments: [model, output],
      directory: this.root,
      environment: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        HOME: this.root,
        TMPDIR: this.root,
        LANG: 'C.UTF-8',
        ...this.context.environment,
        ...Object.fromEntries(
          Object.entries(given).map(([name, value]) => [name, value === MODEL_LOCATION ? model : value]),
        ),
      },
      logFile: path.join(this.root, 'optimization.log'),
    });
    return this.process.ended;
  }

  private async conclude(end: ProcessEnd): Promise<void> {
    // SageMaker ends a job at its maximum runtime as it ends one that is stopped.
    if (this.stopping.signal.aborted || this.isTooLong) {
      this.change('STOPPED');
      return;
    }
    if (end.exitCode !== 0) {
      this.fail(`AlgorithmError: ${end.errorTail.trim()}, exit code: ${end.exitCode ?? `signal ${end.signal}`}`);
      return;
    }
    const files = await uploadFolder(
      this.context.engine,
      path.join(this.root, 'output'),
      this.request.OutputConfig.S3OutputLocation.replace(/\/*$/, '/'),
    );
    if (files === 0) this.fail('AlgorithmError: the container left no file in the folder for its output');
    else this.change('COMPLETED');
  }

  private fail(reason: string): void {
    this.failureReason = reason.slice(0, MAX_REASON_LENGTH);
    this.change('FAILED');
  }

  private change(status: OptimizationStatus): void {
    this.status = status;
    this.lastModifiedAt = this.context.clock.now();
    if (this.isOver && this.startedAt !== undefined) this.endedAt = this.lastModifiedAt;
  }
}
