import { findInstanceType, unknownInstanceType } from '../../catalog/instance-types';
import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import { sageMakerArn } from '../account/arns';
import type { PricePerHour } from '../account/billing';
import type { AccountEvents } from '../events';
import { parseWith } from '../http/schema-parts';
import { ServiceError, validationError } from '../http/service-error';
import type { TrainingJobSnapshot } from '../snapshot';
import { type TrainingJobRequest, trainingJobSchema, trainingJobUpdateSchema } from '../sagemaker/training-schema';
import { instanceChoices, type InstanceGroup, processesPerHost } from './hosts';
import { TrainingJob, type TrainingContext } from './training-job';

/** Maximum number of jobs that run at the same time; further ones wait for their instances. */
const MAX_RUNNING_JOBS = 2;
/** Maximum number of processes of a distributed job, so that one machine can carry them. */
const MAX_PROCESSES_PER_JOB = 8;

/** The training jobs of the account. */
export class TrainingJobs {
  private readonly jobs = new Map<string, TrainingJob>();
  private readonly context: TrainingContext;
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  public constructor(
    context: Omit<TrainingContext, 'enter' | 'reuse' | 'onTransition' | 'onCapacityError'>,
    private readonly events: AccountEvents,
    private readonly priceOf: PricePerHour,
  ) {
    this.context = {
      ...context,
      enter: (signal) => this.enter(signal),
      reuse: (key, by) =>
        this.list().find(({ warmPool }) => warmPool?.take(key, by.name, context.clock.now()) === true)?.name,
      onTransition: (job) => this.onTransition(job),
      onCapacityError: (job, instanceType, fallbackInstanceType) =>
        events.publish({
          kind: 'capacity-error',
          atSeconds: context.clock.now(),
          resource: `training-job/${job.name}`,
          instanceType,
          fallbackInstanceType,
        }),
    };
  }

  public create(input: unknown): TrainingJob {
    const request = parseWith(trainingJobSchema, input);
    const name = request.TrainingJobName;
    if (this.jobs.has(name)) {
      throw new ServiceError(
        'ResourceInUse',
        `Training job names must be unique within an AWS account and region, and a training job with this name already exists (${sageMakerArn('training-job', name)})`,
      );
    }
    this.check(request);
    const job = new TrainingJob(request, this.context);
    this.jobs.set(name, job);
    return job;
  }

  public describe(name: string): TrainingJob {
    const job = this.jobs.get(name);
    if (!job) throw validationError('Requested resource not found.');
    return job;
  }

  public list(): TrainingJob[] {
    return [...this.jobs.values()];
  }

  public stop(name: string): void {
    const job = this.describe(name);
    if (job.isOver) {
      throw validationError(`The request was rejected because the training job is in status ${job.status}.`);
    }
    job.stop();
  }

  /** Sets the time for which the warm pool of a job is kept; 0 terminates it. */
  public update(input: unknown): TrainingJob {
    const { TrainingJobName: name, ResourceConfig: resources } = parseWith(trainingJobUpdateSchema, input);
    const job = this.describe(name);
    const now = this.context.clock.now();
    if (job.warmPool?.status(now) !== 'Available') {
      throw validationError(
        `The training job ${name} has no warm pool that is Available, so that its keep-alive cannot be changed.`,
      );
    }
    job.warmPool.keepFor(resources.KeepAlivePeriodInSeconds, now);
    return job;
  }

  /** Takes the spot instances of a job away; false where there are none. */
  public interrupt(name: string): boolean {
    return this.describe(name).interrupt();
  }

  /** Ends every script; resolves when none is left. */
  public async close(): Promise<void> {
    for (const job of this.jobs.values()) job.kill();
    await Promise.all([...this.jobs.values()].map((job) => job.finished));
  }

  public snapshot(now: EpochSeconds): TrainingJobSnapshot[] {
    return this.list().map((job) => ({
      name: job.name,
      status: job.status,
      secondaryStatus: job.secondaryStatus,
      instanceType: job.instanceType,
      instanceCount: job.groups.reduce((sum, { count }) => sum + count, 0),
      createdAtSeconds: job.createdAt,
      startedAtSeconds: job.trainingStartedAt ?? null,
      endedAtSeconds: job.isOver ? job.lastModifiedAt : null,
      billableSeconds: job.billableSeconds(now),
      billedUsd: this.costOf(job, now),
      modelArtifact: job.modelArtifact ?? null,
      failureReason: job.failureReason ?? null,
    }));
  }

  public billedUsd(now: EpochSeconds): number {
    return this.list().reduce((usd, job) => usd + this.costOf(job, now), 0);
  }

  private costOf(job: TrainingJob, now: EpochSeconds): number {
    const hours = (job.billableSeconds(now) + (job.warmPool?.retainedSeconds(now) ?? 0)) / 3600;
    if (hours === 0) return 0;
    return job.groups.reduce((usd, { type, count }) => usd + hours * count * this.priceOf(type, 'training'), 0);
  }

  private check(request: TrainingJobRequest): void {
    const problems: string[] = [];
    const resources = request.ResourceConfig;
    const choices: readonly (readonly InstanceGroup[])[] = instanceChoices(request);
    for (const groups of choices) {
      const processes = groups.reduce((sum, group) => sum + group.count * processesPerHost(request, group), 0);
      if (processes <= MAX_PROCESSES_PER_JOB) continue;
      problems.push(
        `${groups.map(({ type, count }) => `${count} x ${type}`).join(' and ')} would be ${processes} processes; ` +
          `the local engine runs at most ${MAX_PROCESSES_PER_JOB} for a job: take fewer instances, or a type with fewer GPUs`,
      );
    }
    for (const InstanceType of new Set(choices.flat().map(({ type }) => type))) {
      const found = findInstanceType(InstanceType);
      if (!found) {
        problems.push(unknownInstanceType(InstanceType));
        continue;
      }
      if (found.localNvme && resources.VolumeKmsKeyId !== undefined) {
        problems.push(`VolumeKmsKeyId cannot be used with ${InstanceType}, whose NVMe disks are encrypted by hardware`);
      }
      try {
        this.priceOf(InstanceType, 'training');
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        problems.push(error.message);
      }
    }
    const { ContainerEntrypoint, ContainerArguments } = request.AlgorithmSpecification;
    if (ContainerEntrypoint === undefined && ContainerArguments !== undefined) {
      problems.push(
        'ContainerArguments without a ContainerEntrypoint are for the entry point of an image, which does not run in the local engine',
      );
    }
    for (const name of ContainerEntrypoint === undefined ? ['sagemaker_program', 'sagemaker_submit_directory'] : []) {
      if (request.HyperParameters?.[name] === undefined) {
        problems.push(
          `HyperParameters.${name} is missing: images do not run in the local engine, only script mode (sagemaker_program with sagemaker_submit_directory) or a ContainerEntrypoint`,
        );
      }
    }
    if (problems.length > 0) throw validationError(problems.join('; '));
  }

  private async enter(signal: AbortSignal): Promise<() => void> {
    while (this.running >= MAX_RUNNING_JOBS) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      signal.throwIfAborted();
    }
    this.running++;
    return () => {
      this.running--;
      for (const resume of this.waiting.splice(0)) resume();
    };
  }

  private onTransition(job: TrainingJob): void {
    const last = job.transitions.at(-1)!;
    this.events.publish({
      kind: 'training',
      atSeconds: last.startedAt,
      jobName: job.name,
      status: job.status,
      secondaryStatus: last.status,
      failureReason: job.failureReason ?? null,
    });
    this.events.putEvent({
      source: 'aws.sagemaker',
      detailType: 'SageMaker Training Job State Change',
      resources: [job.arn],
      detail: {
        TrainingJobName: job.name,
        TrainingJobArn: job.arn,
        TrainingJobStatus: job.status,
        SecondaryStatus: last.status,
        FailureReason: job.failureReason,
        ModelArtifacts: job.modelArtifact === undefined ? undefined : { S3ModelArtifacts: job.modelArtifact },
        RoleArn: job.request.RoleArn,
        OutputDataConfig: { S3OutputPath: job.request.OutputDataConfig.S3OutputPath },
        CreationTime: Math.round(job.createdAt * 1000),
        LastModifiedTime: Math.round(job.lastModifiedAt * 1000),
        SecondaryStatusTransitions: job.transitions.map((transition) => ({
          Status: transition.status,
          StartTime: Math.round(transition.startedAt * 1000),
          ...(transition.endedAt === undefined ? {} : { EndTime: Math.round(transition.endedAt * 1000) }),
          StatusMessage: transition.message,
        })),
      },
      atSeconds: last.startedAt,
    });
  }
}
