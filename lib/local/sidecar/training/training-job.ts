import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { findInstanceType } from '../../../catalog/instance-types';
import type { EpochSeconds } from '../../../core/time';
import type { LocalClock } from '../../clock';
import { sageMakerArn } from '../arns';
import type { Capacity } from '../capacity';
import type { EngineServices } from '../engine-services';
import { parseS3Location } from '../s3-location';
import type { TrainingJobRequest } from '../sagemaker/schemas';
import {
  decodeHyperparameter,
  layOut,
  scriptArguments,
  trainingDirectory,
  type TrainingDirectory,
  trainingEnvironment,
} from './directory';
import { GroupedProcess, type ProcessEnd } from './process';
import { CheckpointSync, download, TrainingInputError, uploadModel } from './storage';

export type TrainingStatus = 'InProgress' | 'Completed' | 'Failed' | 'Stopping' | 'Stopped';

export interface Transition {
  readonly status: string;
  readonly startedAt: EpochSeconds;
  endedAt: EpochSeconds | undefined;
  readonly message: string;
}

/** What a job needs from around it. */
export interface TrainingSurroundings {
  readonly clock: LocalClock;
  readonly engine: EngineServices;
  readonly capacity: Capacity;
  /** The Python interpreter that runs scripts. */
  readonly python: string;
  /** Below it each job has its folder. */
  readonly dataDirectory: string;
  readonly environment: { readonly [name: string]: string };
  /** Seconds from asking for an instance to having it. */
  readonly provisioningSeconds: () => number;
  /** Waits for one of the few places in which a script may run; the function returned frees it. */
  readonly enter: (signal: AbortSignal) => Promise<() => void>;
  readonly onTransition: (job: TrainingJob) => void;
  readonly onCapacityError: (job: TrainingJob, instanceType: string, fallback: string | null) => void;
}

/** SageMaker's default when a job sets no maximum runtime: one day. */
const DEFAULT_MAX_RUNTIME_SECONDS = 86_400;
/** Between SIGTERM and SIGKILL (SageMaker developer guide, "How Amazon SageMaker runs your training image"). */
const STOP_GRACE_SECONDS = 120;
/** However fast the local clock, a script gets this long in real time to end by itself. */
const LEAST_GRACE_MS = 1000;
/** SageMaker keeps asking for a while before it gives up; how long is not published. */
const CAPACITY_PATIENCE_SECONDS = 60;
const CHECKPOINT_SYNC_MS = 500;
/**
 * Share of the training time that managed spot training bills. Savings reach 90 % (SageMaker developer guide, "Managed
 * Spot Training"); 70 % is an assumption on the careful side.
 */
const SPOT_BILLED_SHARE = 0.3;
/** SageMaker's own limit on `FailureReason`. */
const LONGEST_REASON = 1024;

const CAPACITY_FAILURE =
  'CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type.';

type StopCause = 'asked' | 'max-runtime' | 'max-wait';

/** One training job: from the request over a real process to the model in S3. */
export class TrainingJob {
  public readonly arn: string;
  public readonly createdAt: EpochSeconds;
  public readonly transitions: Transition[] = [];
  public status: TrainingStatus = 'InProgress';
  public instanceType: string;
  public failureReason: string | undefined;
  public modelArtifact: string | undefined;
  public trainingStartedAt: EpochSeconds | undefined;
  public trainingEndedAt: EpochSeconds | undefined;
  public lastModifiedAt: EpochSeconds;
  /** Resolves when the job is over and nothing of it runs any more. */
  public readonly finished: Promise<void>;
  private readonly directory: TrainingDirectory;
  private readonly stopping = new AbortController();
  private stopCause: StopCause | undefined;
  private process: GroupedProcess | undefined;

  public constructor(
    public readonly request: TrainingJobRequest,
    private readonly around: TrainingSurroundings,
  ) {
    this.arn = sageMakerArn('training-job', request.TrainingJobName);
    this.createdAt = around.clock.now();
    this.lastModifiedAt = this.createdAt;
    this.instanceType = this.preferences()[0]!;
    this.directory = trainingDirectory(path.join(around.dataDirectory, request.TrainingJobName));
    this.transition('Starting', 'Starting the training job');
    this.finished = this.runToEnd();
  }

  public get name(): string {
    return this.request.TrainingJobName;
  }

  public get secondaryStatus(): string {
    return this.transitions.at(-1)!.status;
  }

  public get isOver(): boolean {
    return this.status === 'Completed' || this.status === 'Failed' || this.status === 'Stopped';
  }

  public get instanceCount(): number {
    return this.request.ResourceConfig.InstanceCount ?? 1;
  }

  /** Seconds from having the instances to the end, as far as it has come. */
  public trainingSeconds(now: EpochSeconds): number {
    if (this.trainingStartedAt === undefined) return 0;
    return Math.max(0, Math.round((this.trainingEndedAt ?? now) - this.trainingStartedAt));
  }

  public billableSeconds(now: EpochSeconds): number {
    const seconds = this.trainingSeconds(now);
    return this.request.EnableManagedSpotTraining ? Math.round(seconds * SPOT_BILLED_SHARE) : seconds;
  }

  /** Ends the job: SIGTERM, and SIGKILL after the grace; what it has written is kept. */
  public stop(cause: StopCause = 'asked'): void {
    if (this.isOver || this.stopCause !== undefined) return;
    this.stopCause = cause;
    if (cause === 'asked') {
      this.status = 'Stopping';
      this.transition('Stopping', 'Stopping the training job');
    }
    this.stopping.abort(new Error('the training job is being stopped'));
    this.terminate();
  }

  /** Ends it at once, for the end of the local run. */
  public kill(): void {
    this.stop();
    this.process?.kill('SIGKILL');
  }

  private async runToEnd(): Promise<void> {
    let leave: (() => void) | undefined;
    const watch = new AbortController();
    try {
      if (this.request.EnableManagedSpotTraining) {
        this.stopAt(this.createdAt + this.request.StoppingCondition.MaxWaitTimeInSeconds!, 'max-wait', watch.signal);
      }
      leave = await this.around.enter(this.stopping.signal);
      if (!(await this.launch())) return;
      const end = await this.train(watch.signal);
      await this.conclude(end);
    } catch (error) {
      if (this.stopCause !== undefined) this.endStopped();
      else this.fail(this.reasonOf(error));
    } finally {
      watch.abort();
      this.process?.kill('SIGKILL');
      leave?.();
      await fs.rm(this.directory.root, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Gets instances of the first type that has capacity; false when none has. */
  private async launch(): Promise<boolean> {
    const { clock, capacity } = this.around;
    this.transition('LaunchingMLInstances', 'Launching requested ML instances');
    const types = this.preferences();
    const deadline = clock.now() + CAPACITY_PATIENCE_SECONDS;
    for (const [index, type] of types.entries()) {
      if (capacity.of(type) === 'available') {
        this.instanceType = type;
        await clock.sleep(this.around.provisioningSeconds(), this.stopping.signal);
        return true;
      }
      this.around.onCapacityError(this, type, types[index + 1] ?? null);
    }
    await clock.sleepUntil(deadline, this.stopping.signal);
    this.fail(CAPACITY_FAILURE);
    return false;
  }

  /** Brings the inputs, runs the script and returns how it ended. */
  private async train(signal: AbortSignal): Promise<ProcessEnd> {
    const { request, directory, around } = this;
    this.trainingStartedAt = around.clock.now();
    this.transition('Downloading', 'Downloading input data');
    await fs.rm(directory.root, { recursive: true, force: true });
    await layOut(directory, request, this.instanceType);
    const submitDirectory = String(decodeHyperparameter(request.HyperParameters!['sagemaker_submit_directory']!));
    await download(around.engine, directory, request, submitDirectory);
    this.stopping.signal.throwIfAborted();

    this.transition('Training', 'Training image download completed. Training in progress.');
    const program = String(decodeHyperparameter(request.HyperParameters!['sagemaker_program']!));
    const checkpoints = request.CheckpointConfig
      ? new CheckpointSync(around.engine, directory.checkpoints, parseS3Location(request.CheckpointConfig.S3Uri))
      : undefined;
    await checkpoints?.begin();
    this.process = this.start(program);
    const maxRuntime = request.StoppingCondition.MaxRuntimeInSeconds ?? DEFAULT_MAX_RUNTIME_SECONDS;
    this.stopAt(this.trainingStartedAt + maxRuntime, 'max-runtime', signal);
    const syncing = setInterval(() => void checkpoints?.sync().catch(() => undefined), CHECKPOINT_SYNC_MS);
    try {
      return await this.process.ended;
    } finally {
      clearInterval(syncing);
      await checkpoints?.sync();
    }
  }

  private start(program: string): GroupedProcess {
    const { request, directory, around } = this;
    const accelerator = findInstanceType(this.instanceType)?.accelerator;
    const gpus = accelerator?.kind === 'gpu' ? accelerator.count : 0;
    return new GroupedProcess({
      command: around.python,
      arguments: [path.join(directory.code, program), ...scriptArguments(request)],
      directory: directory.code,
      environment: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        HOME: directory.root,
        TMPDIR: directory.root,
        LANG: 'C.UTF-8',
        PYTHONUNBUFFERED: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        ...around.environment,
        ...trainingEnvironment(directory, request, { instanceType: this.instanceType, gpus, program }),
        ...request.Environment,
      },
      logFile: directory.log,
    });
  }

  /** Uploads what the script left and settles the job's status. */
  private async conclude(end: ProcessEnd): Promise<void> {
    const failed = this.stopCause === undefined && end.exitCode !== 0;
    if (failed) {
      this.fail(await this.failureOf(end));
      return;
    }
    this.transition('Uploading', 'Uploading generated training model');
    this.modelArtifact = await uploadModel(this.around.engine, this.directory, this.request);
    if (this.stopCause !== undefined) this.endStopped();
    else this.end('Completed', 'Completed', 'Training job completed');
  }

  /** The text the script left in `output/failure`, or else the end of what it wrote to standard error. */
  private async failureOf(end: ProcessEnd): Promise<string> {
    const file = path.join(this.directory.output, 'failure');
    const told = await fs.readFile(file, 'utf8').catch(() => end.errorTail);
    const code = end.exitCode ?? `signal ${end.signal}`;
    return `AlgorithmError: ${told.trim()}, exit code: ${code}`;
  }

  private endStopped(): void {
    if (this.stopCause === 'max-runtime') {
      this.end('Stopped', 'MaxRuntimeExceeded', 'Training job runtime exceeded MaxRuntimeInSeconds provided');
    } else if (this.stopCause === 'max-wait') {
      this.end('Stopped', 'MaxWaitTimeExceeded', 'Training job wait time exceeded MaxWaitTimeInSeconds provided');
    } else {
      this.end('Stopped', 'Stopped', 'Training job stopped');
    }
  }

  private fail(reason: string): void {
    this.failureReason = reason.slice(0, LONGEST_REASON);
    this.end('Failed', 'Failed', 'Training job failed');
  }

  private end(status: TrainingStatus, secondary: string, message: string): void {
    const now = this.around.clock.now();
    if (this.trainingStartedAt !== undefined) this.trainingEndedAt = now;
    this.status = status;
    this.transition(secondary, message);
    this.transitions.at(-1)!.endedAt = now;
  }

  private reasonOf(error: unknown): string {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof TrainingInputError ? message : `InternalServerError: ${message}`;
  }

  private transition(status: string, message: string): void {
    const now = this.around.clock.now();
    const last = this.transitions.at(-1);
    if (last && last.endedAt === undefined) last.endedAt = now;
    this.transitions.push({ status, startedAt: now, endedAt: undefined, message });
    this.lastModifiedAt = now;
    this.around.onTransition(this);
  }

  private stopAt(at: EpochSeconds, cause: StopCause, signal: AbortSignal): void {
    this.around.clock.sleepUntil(at, signal).then(
      () => this.stop(cause),
      () => undefined,
    );
  }

  private terminate(): void {
    const { process: running } = this;
    if (!running) return;
    running.kill('SIGTERM');
    const grace = Math.max(LEAST_GRACE_MS, (STOP_GRACE_SECONDS / this.around.clock.speed) * 1000);
    const kill = setTimeout(() => running.kill('SIGKILL'), grace);
    void running.ended.then(() => clearTimeout(kill));
  }

  private preferences(): string[] {
    const { InstanceType, InstancePreferences } = this.request.ResourceConfig;
    return InstancePreferences?.map((preference) => preference.InstanceType) ?? [InstanceType!];
  }
}
