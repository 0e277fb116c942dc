import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { EpochSeconds } from '../../core/time';
import { type RunClock, sleepUntil } from '../clock';
import { sageMakerArn } from '../account/arns';
import type { Capacity } from '../account/capacity';
import type { EngineClient } from '../engine/engine-client';
import { parseS3Location, under } from '../account/s3-location';
import type { TrainingJobRequest } from '../sagemaker/training-schema';
import { createDirectory, decodeHyperparameter } from './directory';
import {
  type ClusterEnd,
  ClusterProcesses,
  instanceChoices,
  type InstanceGroup,
  trainingCluster,
  type TrainingHost,
  trainingHosts,
} from './hosts';
import { FolderSync, download, TrainingInputError, uploadModel } from './storage';
import { WarmPool, warmPoolKey } from './warm-pool';

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
  /** Gives a job the instances that an earlier one that is alike left behind; returns its name, or undefined without any. */
  readonly reuse: (key: string, job: TrainingJob) => string | undefined;
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
const SYNC_MS = 500;
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
  /** Instances of the job: of the type that was chosen last, or those of its groups. */
  public groups: readonly InstanceGroup[];
  public failureReason: string | undefined;
  public modelArtifact: string | undefined;
  public trainingStartedAt: EpochSeconds | undefined;
  public trainingEndedAt: EpochSeconds | undefined;
  public lastModifiedAt: EpochSeconds;
  /** Instances that wait for the next job; undefined before the end, and where none are kept. */
  public warmPool: WarmPool | undefined;
  /** Resolves when the job is over and none of its processes runs. */
  public readonly finished: Promise<void>;
  /** Folder of the job, with one below it for each host. */
  private readonly root: string;
  private hosts: readonly TrainingHost[] = [];
  private readonly stopping = new AbortController();
  private stopCause: StopCause | undefined;
  private isInterrupted = false;
  /** Seconds for which the job waited for other instances after interruptions, without the present wait. */
  private waitedSeconds = 0;
  private interruptedAt: EpochSeconds | undefined;
  private processes: ClusterProcesses | undefined;

  public constructor(
    public readonly request: TrainingJobRequest,
    private readonly context: TrainingContext,
  ) {
    this.arn = sageMakerArn('training-job', request.TrainingJobName);
    this.createdAt = context.clock.now();
    this.lastModifiedAt = this.createdAt;
    [this.groups] = instanceChoices(request) as [InstanceGroup[]];
    this.root = path.join(context.dataDirectory, request.TrainingJobName);
    this.transition('Starting', 'Starting the training job');
    this.finished = this.runToEnd();
  }

  /** Instance type; the types of a heterogeneous cluster, with commas between them. */
  public get instanceType(): string {
    return this.groups.map(({ type }) => type).join(', ');
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

  /** Seconds on instances from the first start to the end, or until now: without the waits after interruptions. */
  public trainingSeconds(now: EpochSeconds): number {
    if (this.trainingStartedAt === undefined) return 0;
    const until = this.interruptedAt ?? this.trainingEndedAt ?? now;
    return Math.max(0, Math.round(until - this.trainingStartedAt - this.waitedSeconds));
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

  /**
   * Takes the spot instances away, as EC2 does when it needs them: SIGTERM, and SIGKILL after the grace period. The job waits for others and starts its
   * script again, with the checkpoints that are in S3 (SageMaker developer guide, "Managed Spot Training").
   *
   * @returns false where there is nothing to take: the job is not on spot capacity, or no script of it runs
   */
  public interrupt(): boolean {
    const isRunning = this.processes !== undefined && this.secondaryStatus === 'Training' && !this.isInterrupted;
    if (!this.request.EnableManagedSpotTraining || !isRunning || this.stopCause !== undefined) return false;
    this.isInterrupted = true;
    this.terminate();
    return true;
  }

  /** Ends the job at once, at the end of the local run. */
  public kill(): void {
    this.stop();
    this.processes?.kill('SIGKILL');
  }

  private async runToEnd(): Promise<void> {
    let leave: (() => void) | undefined;
    const watch = new AbortController();
    try {
      if (this.request.EnableManagedSpotTraining) {
        this.stopAt(this.createdAt + this.request.StoppingCondition.MaxWaitTimeInSeconds!, 'max-wait', watch.signal);
      }
      leave = await this.context.enter(this.stopping.signal);
      for (;;) {
        if (!(await this.launch())) return;
        const end = await this.train();
        if (!this.isInterrupted || this.stopCause !== undefined) {
          await this.conclude(end);
          return;
        }
        this.isInterrupted = false;
        this.interruptedAt = this.context.clock.now();
        this.transition('Interrupted', 'Training job interrupted: its spot instances were reclaimed');
      }
    } catch (error) {
      if (this.stopCause !== undefined) this.endStopped();
      else this.fail(this.reasonOf(error));
    } finally {
      watch.abort();
      this.processes?.kill('SIGKILL');
      leave?.();
      await fs.rm(this.root, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Launches instances of the first type with capacity; false when none has. */
  private async launch(): Promise<boolean> {
    const { clock, capacity } = this.context;
    this.transition('LaunchingMLInstances', 'Launching requested ML instances');
    const choices = instanceChoices(this.request);
    for (const groups of choices) {
      const from = groups.length === 1 ? this.context.reuse(warmPoolKey(this.request, groups[0]!), this) : undefined;
      if (from === undefined) continue;
      this.groups = groups;
      this.transition('LaunchingMLInstances', `Reusing the warm pool of the training job ${from}`);
      return true;
    }
    const deadline = clock.now() + CAPACITY_TIMEOUT_SECONDS;
    for (const [index, groups] of choices.entries()) {
      const missing = groups.find(({ type }) => capacity.of(type) !== 'available');
      if (missing === undefined) {
        this.groups = groups;
        await sleepUntil(clock, clock.now() + this.context.provisioningSeconds(), this.stopping.signal);
        return true;
      }
      this.context.onCapacityError(this, missing.type, choices[index + 1]?.[0]?.type ?? null);
    }
    await sleepUntil(clock, deadline, this.stopping.signal);
    this.fail(CAPACITY_FAILURE);
    return false;
  }

  /** Downloads the inputs, runs the script on every host and returns its end. */
  private async train(): Promise<ClusterEnd> {
    const { request, context } = this;
    const startedAt = context.clock.now();
    this.trainingStartedAt ??= startedAt;
    if (this.interruptedAt !== undefined) this.waitedSeconds += startedAt - this.interruptedAt;
    this.interruptedAt = undefined;
    this.transition('Downloading', 'Downloading input data');
    await fs.rm(this.root, { recursive: true, force: true });
    this.hosts = trainingHosts(this.root, this.groups);
    const cluster = await trainingCluster(this.hosts);
    for (const { name, directory } of this.hosts) await createDirectory(directory, request, cluster, name);
    const directories = this.hosts.map(({ directory }) => directory);
    const { sagemaker_submit_directory: source, sagemaker_program: program } = request.HyperParameters ?? {};
    const text = (value: string | undefined): string | undefined => value && String(decodeHyperparameter(value));
    await download(context.engine, this.hosts, request, text(source));
    this.stopping.signal.throwIfAborted();

    this.transition('Training', 'Training image download completed. Training in progress.');
    const synced = {
      checkpoints: request.CheckpointConfig?.S3Uri,
      tensorBoard: request.TensorBoardOutputConfig?.S3OutputPath,
      tensors: request.DebugHookConfig?.S3OutputPath,
    };
    const syncs = Object.entries(synced).flatMap(([folder, to]) =>
      to === undefined
        ? []
        : directories.map(
            (directory) =>
              new FolderSync(
                context.engine,
                directory[folder as keyof typeof synced],
                folder === 'checkpoints' ? parseS3Location(to) : under(parseS3Location(to), this.name),
              ),
          ),
    );
    for (const sync of syncs) await sync.begin();
    this.processes = new ClusterProcesses({
      job: request,
      hosts: this.hosts,
      cluster,
      python: context.python,
      program: text(program) ?? '',
      environment: context.environment,
    });
    const maxRuntime = request.StoppingCondition.MaxRuntimeInSeconds ?? DEFAULT_MAX_RUNTIME_SECONDS;
    const attempt = new AbortController();
    this.stopAt(this.trainingStartedAt + this.waitedSeconds + maxRuntime, 'max-runtime', attempt.signal);
    const syncing = setInterval(() => {
      for (const sync of syncs) void sync.sync().catch(() => undefined);
    }, SYNC_MS);
    try {
      return await this.processes.ended;
    } finally {
      attempt.abort();
      clearInterval(syncing);
      for (const sync of syncs) await sync.sync();
    }
  }

  /** Uploads the script's output and sets the job's final status. */
  private async conclude(end: ClusterEnd): Promise<void> {
    const failed = this.stopCause === undefined && end.exitCode !== 0;
    if (failed) {
      this.fail(await this.failureOf(end));
      return;
    }
    this.transition('Uploading', 'Uploading generated training model');
    this.modelArtifact = await uploadModel(
      this.context.engine,
      this.hosts.map(({ directory }) => directory),
      this.request,
    );
    if (this.stopCause !== undefined) this.endStopped();
    else this.end('Completed', 'Completed', 'Training job completed');
  }

  /** Text of `output/failure` on the host that failed first, or else the end of its standard error. */
  private async failureOf(end: ClusterEnd): Promise<string> {
    const file = path.join(end.host.directory.output, 'failure');
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
    if (this.trainingStartedAt !== undefined) this.trainingEndedAt = this.interruptedAt ?? now;
    this.status = status;
    this.keepWarm(now);
    this.transition(secondary, message);
    this.transitions.at(-1)!.endedAt = now;
  }

  /** Keeps the instances of a job that had some, unless an error of the service may have damaged them. */
  private keepWarm(now: EpochSeconds): void {
    const { KeepAlivePeriodInSeconds: seconds = 0 } = this.request.ResourceConfig;
    const isDamaged = this.failureReason?.startsWith('InternalServerError') === true;
    if (seconds === 0 || this.trainingStartedAt === undefined || isDamaged) return;
    this.warmPool = new WarmPool(warmPoolKey(this.request, this.groups[0]!), now, now + seconds);
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
    const { processes: running } = this;
    if (!running) return;
    running.kill('SIGTERM');
    const grace = Math.max(MIN_GRACE_MS, (STOP_GRACE_SECONDS / this.context.clock.speed) * 1000);
    const kill = setTimeout(() => running.kill('SIGKILL'), grace);
    void running.ended.then(() => clearTimeout(kill));
  }
}
