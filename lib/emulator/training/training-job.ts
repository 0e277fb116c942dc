import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { findInstanceType } from '../../catalog/instance-types';
import type { EpochSeconds } from '../../core/time';
import { type RunClock, sleepUntil } from '../clock';
import { sageMakerArn } from '../account/arns';
import type { Capacity } from '../account/capacity';
import type { EngineClient } from '../engine/engine-client';
import { parseS3Location } from '../account/s3-location';
import type { TrainingJobRequest } from '../sagemaker/schemas';
import {
  createDirectory,
  decodeHyperparameter,
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

/** Environment of the training jobs: clock, services and limits. */
export interface TrainingContext {
  readonly clock: RunClock;
  readonly engine: EngineClient;
  readonly capacity: Capacity;
  /** The Python interpreter that runs scripts. */
  readonly python: string;
  /** Parent of the jobs' folders. */
  readonly dataDirectory: string;
  readonly environment: { readonly [name: string]: string };
  /** Returns the seconds from the request for an instance to the instance. */
  readonly provisioningSeconds: () => number;
  /** Waits for one of the places for scripts; the returned function frees it. */
  readonly enter: (signal: AbortSignal) => Promise<() => void>;
  readonly onTransition: (job: TrainingJob) => void;
  readonly onCapacityError: (job: TrainingJob, instanceType: string, fallback: string | null) => void;
}

/** SageMaker's default when a job sets no maximum runtime: one day. */
const DEFAULT_MAX_RUNTIME_SECONDS = 86_400;
/** Between SIGTERM and SIGKILL (SageMaker developer guide, "How Amazon SageMaker runs your training image"). */
const STOP_GRACE_SECONDS = 120;
/** Minimum real time for a script to end by itself, at any speed of the local clock. */
const MIN_GRACE_MS = 1000;
/** Time until a job without capacity fails; SageMaker's is not published. An assumption. */
const CAPACITY_TIMEOUT_SECONDS = 60;
const CHECKPOINT_SYNC_MS = 500;
/**
 * Share of the training time that managed spot training bills. Savings reach 90 % (SageMaker developer guide, "Managed
 * Spot Training"); 70 % is an assumption on the careful side.
 */
const SPOT_BILLED_SHARE = 0.3;
/** Maximum length of `FailureReason`. */
const MAX_REASON_LENGTH = 1024;

const CAPACITY_FAILURE =
  'CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type.';

type StopCause = 'requested' | 'max-runtime' | 'max-wait';

/** One training job: from the request through a real process to the model in S3. */
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
  /** Resolves when the job is over and none of its processes runs. */
  public readonly finished: Promise<void>;
  private readonly directory: TrainingDirectory;
  private readonly stopping = new AbortController();
  private stopCause: StopCause | undefined;
  private process: GroupedProcess | undefined;

  public constructor(
    public readonly request: TrainingJobRequest,
    private readonly context: TrainingContext,
  ) {
    this.arn = sageMakerArn('training-job', request.TrainingJobName);
    this.createdAt = context.clock.now();
    this.lastModifiedAt = this.createdAt;
    this.instanceType = this.preferences()[0]!;
    this.directory = trainingDirectory(path.join(context.dataDirectory, request.TrainingJobName));
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

  /** Seconds from the start of the instances to the end, or until now. */
  public trainingSeconds(now: EpochSeconds): number {
    if (this.trainingStartedAt === undefined) return 0;
    return Math.max(0, Math.round((this.trainingEndedAt ?? now) - this.trainingStartedAt));
  }

  public billableSeconds(now: EpochSeconds): number {
    const seconds = this.trainingSeconds(now);
    return this.request.EnableManagedSpotTraining ? Math.round(seconds * SPOT_BILLED_SHARE) : seconds;
  }

  /** Ends the job: SIGTERM, and SIGKILL after the grace period; its output is kept. */
  public stop(cause: StopCause = 'requested'): void {
    if (this.isOver || this.stopCause !== undefined) return;
    this.stopCause = cause;
    if (cause === 'requested') {
      this.status = 'Stopping';
      this.transition('Stopping', 'Stopping the training job');
    }
    this.stopping.abort(new Error('the training job is being stopped'));
    this.terminate();
  }

  /** Ends the job at once, at the end of the local run. */
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
      leave = await this.context.enter(this.stopping.signal);
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

  /** Launches instances of the first type with capacity; false when none has. */
  private async launch(): Promise<boolean> {
    const { clock, capacity } = this.context;
    this.transition('LaunchingMLInstances', 'Launching requested ML instances');
    const types = this.preferences();
    const deadline = clock.now() + CAPACITY_TIMEOUT_SECONDS;
    for (const [index, type] of types.entries()) {
      if (capacity.of(type) === 'available') {
        this.instanceType = type;
        await sleepUntil(clock, clock.now() + this.context.provisioningSeconds(), this.stopping.signal);
        return true;
      }
      this.context.onCapacityError(this, type, types[index + 1] ?? null);
    }
    await sleepUntil(clock, deadline, this.stopping.signal);
    this.fail(CAPACITY_FAILURE);
    return false;
  }

  /** Downloads the inputs, runs the script and returns its end. */
  private async train(signal: AbortSignal): Promise<ProcessEnd> {
    const { request, directory, context } = this;
    this.trainingStartedAt = context.clock.now();
    this.transition('Downloading', 'Downloading input data');
    await fs.rm(directory.root, { recursive: true, force: true });
    await createDirectory(directory, request, this.instanceType);
    const submitDirectory = String(decodeHyperparameter(request.HyperParameters!['sagemaker_submit_directory']!));
    await download(context.engine, directory, request, submitDirectory);
    this.stopping.signal.throwIfAborted();

    this.transition('Training', 'Training image download completed. Training in progress.');
    const program = String(decodeHyperparameter(request.HyperParameters!['sagemaker_program']!));
    const checkpoints = request.CheckpointConfig
      ? new CheckpointSync(context.engine, directory.checkpoints, parseS3Location(request.CheckpointConfig.S3Uri))
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
    const { request, directory, context } = this;
    const accelerator = findInstanceType(this.instanceType)?.accelerator;
    const gpus = accelerator?.kind === 'gpu' ? accelerator.count : 0;
    return new GroupedProcess({
      command: this.context.python,
      arguments: [path.join(directory.code, program), ...scriptArguments(request)],
      directory: directory.code,
      environment: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        HOME: directory.root,
        TMPDIR: directory.root,
        LANG: 'C.UTF-8',
        PYTHONUNBUFFERED: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        ...context.environment,
        ...trainingEnvironment(directory, request, { instanceType: this.instanceType, gpus, program }),
        ...request.Environment,
      },
      logFile: directory.log,
    });
  }

  /** Uploads the script's output and sets the job's final status. */
  private async conclude(end: ProcessEnd): Promise<void> {
    const failed = this.stopCause === undefined && end.exitCode !== 0;
    if (failed) {
      this.fail(await this.failureOf(end));
      return;
    }
    this.transition('Uploading', 'Uploading generated training model');
    this.modelArtifact = await uploadModel(this.context.engine, this.directory, this.request);
    if (this.stopCause !== undefined) this.endStopped();
    else this.end('Completed', 'Completed', 'Training job completed');
  }

  /** Text of `output/failure`, or else the end of standard error. */
  private async failureOf(end: ProcessEnd): Promise<string> {
    const file = path.join(this.directory.output, 'failure');
    const text = await fs.readFile(file, 'utf8').catch(() => end.errorTail);
    const code = end.exitCode ?? `signal ${end.signal}`;
    return `AlgorithmError: ${text.trim()}, exit code: ${code}`;
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
    this.failureReason = reason.slice(0, MAX_REASON_LENGTH);
    this.end('Failed', 'Failed', 'Training job failed');
  }

  private end(status: TrainingStatus, secondary: string, message: string): void {
    const now = this.context.clock.now();
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
    const now = this.context.clock.now();
    const last = this.transitions.at(-1);
    if (last && last.endedAt === undefined) last.endedAt = now;
    this.transitions.push({ status, startedAt: now, endedAt: undefined, message });
    this.lastModifiedAt = now;
    this.context.onTransition(this);
  }

  private stopAt(at: EpochSeconds, cause: StopCause, signal: AbortSignal): void {
    sleepUntil(this.context.clock, at, signal).then(
      () => this.stop(cause),
      () => undefined,
    );
  }

  private terminate(): void {
    const { process: running } = this;
    if (!running) return;
    running.kill('SIGTERM');
    const grace = Math.max(MIN_GRACE_MS, (STOP_GRACE_SECONDS / this.context.clock.speed) * 1000);
    const kill = setTimeout(() => running.kill('SIGKILL'), grace);
    void running.ended.then(() => clearTimeout(kill));
  }

  private preferences(): string[] {
    const { InstanceType, InstancePreferences } = this.request.ResourceConfig;
    return InstancePreferences?.map((preference) => preference.InstanceType) ?? [InstanceType!];
  }
}
