import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { EpochSeconds } from '../../core/time';
import { sageMakerArn } from '../account/arns';
import { parseS3Location } from '../account/s3-location';
import { sleepUntil } from '../clock';
import type { ProcessingJobRequest } from '../sagemaker/schemas';
import { GroupedProcess, type ProcessEnd } from '../training/process';
import { downloadPrefix, uploadFolder } from '../training/storage';
import type { TrainingContext } from '../training/training-job';

export type ProcessingStatus = 'InProgress' | 'Completed' | 'Failed' | 'Stopping' | 'Stopped';

/** Environment of the processing jobs: that of the training jobs, without their checkpoints and hosts. */
export type ProcessingContext = Pick<
  TrainingContext,
  'clock' | 'engine' | 'capacity' | 'python' | 'dataDirectory' | 'environment' | 'provisioningSeconds'
> & { readonly onChange: (job: ProcessingJob) => void };

/** Folder that a container's folders are below. Paths below it in entry point and arguments are those of the job's own folder here. */
const CONTAINER_ROOT = '/opt/ml/';
/** SageMaker's default when a job sets no maximum runtime: one day (API reference of CreateProcessingJob). */
const DEFAULT_MAX_RUNTIME_SECONDS = 86_400;
/** Minimum real time for a script to end by itself after SIGTERM, at any speed of the local clock. */
const GRACE_MS = 1000;
/** Maximum length of `ExitMessage` and `FailureReason`. */
const MAX_MESSAGE_LENGTH = 1024;

const CAPACITY_FAILURE =
  'CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type.';

/** One processing job: from the request through a real process to the outputs in S3. */
export class ProcessingJob {
  public readonly arn: string;
  public readonly createdAt: EpochSeconds;
  public lastModifiedAt: EpochSeconds;
  public status: ProcessingStatus = 'InProgress';
  public startedAt: EpochSeconds | undefined;
  public endedAt: EpochSeconds | undefined;
  public exitMessage: string | undefined;
  public failureReason: string | undefined;
  /** Resolves when the job is over and its process has ended. */
  public readonly finished: Promise<void>;
  private readonly root: string;
  private readonly stopping = new AbortController();
  private process: GroupedProcess | undefined;
  private isTooLong = false;

  public constructor(
    public readonly request: ProcessingJobRequest,
    private readonly context: ProcessingContext,
  ) {
    this.arn = sageMakerArn('processing-job', request.ProcessingJobName);
    this.createdAt = context.clock.now();
    this.lastModifiedAt = this.createdAt;
    this.root = path.join(context.dataDirectory, `processing-${request.ProcessingJobName}`);
    this.context.onChange(this);
    this.finished = this.runToEnd();
  }

  public get name(): string {
    return this.request.ProcessingJobName;
  }

  public get instanceType(): string {
    return this.request.ProcessingResources.ClusterConfig.InstanceType;
  }

  public get isOver(): boolean {
    return this.status === 'Completed' || this.status === 'Failed' || this.status === 'Stopped';
  }

  /** Seconds for which the instance is billed, until now at most. */
  public billableSeconds(now: EpochSeconds): number {
    return this.startedAt === undefined ? 0 : Math.max(0, Math.round((this.endedAt ?? now) - this.startedAt));
  }

  /** Ends the job: SIGTERM, and SIGKILL a second later. */
  public stop(): void {
    if (this.isOver || this.stopping.signal.aborted) return;
    this.change('Stopping');
    this.stopping.abort(new Error('the processing job is being stopped'));
    const { process } = this;
    if (process === undefined) return;
    process.kill('SIGTERM');
    const kill = setTimeout(() => process.kill('SIGKILL'), GRACE_MS);
    void process.ended.then(() => clearTimeout(kill));
  }

  private async runToEnd(): Promise<void> {
    const watch = new AbortController();
    try {
      const { clock, capacity } = this.context;
      if (capacity.of(this.instanceType) !== 'available') {
        this.fail(CAPACITY_FAILURE);
        return;
      }
      await sleepUntil(clock, clock.now() + this.context.provisioningSeconds(), this.stopping.signal);
      this.startedAt = clock.now();
      const limit = this.request.StoppingCondition?.MaxRuntimeInSeconds ?? DEFAULT_MAX_RUNTIME_SECONDS;
      sleepUntil(clock, this.startedAt + limit, watch.signal).then(
        () => {
          this.isTooLong = true;
          this.process?.kill('SIGKILL');
        },
        () => undefined,
      );
      await this.download();
      this.stopping.signal.throwIfAborted();
      await this.conclude(await this.work());
    } catch (error) {
      if (this.stopping.signal.aborted) this.change('Stopped');
      else this.fail(error instanceof Error ? error.message : String(error));
    } finally {
      watch.abort();
      this.process?.kill('SIGKILL');
      await fs.rm(this.root, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  private async download(): Promise<void> {
    await fs.mkdir(this.here('/opt/ml/config'), { recursive: true });
    await fs.mkdir(this.here('/opt/ml/output'), { recursive: true });
    const { Tags: _apart, ...configuration } = this.request;
    await fs.writeFile(this.here('/opt/ml/config/processingjobconfig.json'), JSON.stringify(configuration));
    for (const { S3Output } of this.request.ProcessingOutputConfig?.Outputs ?? []) {
      await fs.mkdir(this.here(S3Output.LocalPath), { recursive: true });
    }
    for (const { InputName, S3Input } of this.request.ProcessingInputs ?? []) {
      const folder = this.here(S3Input.LocalPath);
      await fs.mkdir(folder, { recursive: true });
      const found = await downloadPrefix(this.context.engine, parseS3Location(S3Input.S3Uri), [folder], false);
      if (found > 0) continue;
      throw new Error(
        `ClientError: Data download failed: no S3 objects found under S3 URL "${S3Input.S3Uri}" given in input ${InputName}.`,
      );
    }
  }

  private async work(): Promise<ProcessEnd> {
    const { ContainerEntrypoint, ContainerArguments = [] } = this.request.AppSpecification;
    const [command, ...rest] = ContainerEntrypoint;
    this.process = new GroupedProcess({
      command: /^python3?$/.test(command!) ? this.context.python : command!,
      arguments: [...rest, ...ContainerArguments].map((text) => this.here(text)),
      directory: this.root,
      environment: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        HOME: this.root,
        TMPDIR: this.root,
        LANG: 'C.UTF-8',
        PYTHONUNBUFFERED: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        ...this.context.environment,
        ...Object.fromEntries(
          Object.entries(this.request.Environment ?? {}).map(([name, value]) => [name, this.here(value)]),
        ),
      },
      logFile: path.join(this.root, 'processing.log'),
    });
    return this.process.ended;
  }

  private async conclude(end: ProcessEnd): Promise<void> {
    const message = await fs.readFile(this.here('/opt/ml/output/message'), 'utf8').catch(() => undefined);
    this.exitMessage = message?.slice(0, MAX_MESSAGE_LENGTH);
    if (this.stopping.signal.aborted) {
      this.change('Stopped');
      return;
    }
    if (this.isTooLong) {
      this.fail('ClientError: Processing job runtime exceeded MaxRuntimeInSeconds provided');
      return;
    }
    if (end.exitCode !== 0) {
      const reason = (message ?? end.errorTail).trim();
      this.fail(`AlgorithmError: ${reason}, exit code: ${end.exitCode ?? `signal ${end.signal}`}`);
      return;
    }
    for (const { S3Output } of this.request.ProcessingOutputConfig?.Outputs ?? []) {
      await uploadFolder(this.context.engine, this.here(S3Output.LocalPath), S3Output.S3Uri);
    }
    this.change('Completed');
  }

  /** Path on this machine of a path in the container; another text as it is. */
  private here(text: string): string {
    return text.startsWith(CONTAINER_ROOT) ? path.join(this.root, text.slice(CONTAINER_ROOT.length)) : text;
  }

  private fail(reason: string): void {
    this.failureReason = reason.slice(0, MAX_MESSAGE_LENGTH);
    this.change('Failed');
  }

  private change(status: ProcessingStatus): void {
    this.status = status;
    this.lastModifiedAt = this.context.clock.now();
    if (this.isOver && this.startedAt !== undefined) this.endedAt = this.lastModifiedAt;
    this.context.onChange(this);
  }
}
