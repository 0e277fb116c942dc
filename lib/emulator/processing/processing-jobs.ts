import { findInstanceType, unknownInstanceType } from '../../catalog/instance-types';
import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import type { PricePerHour } from '../account/billing';
import type { AccountEvents } from '../events';
import { parseWith } from '../http/schema-parts';
import { ServiceError, validationError } from '../http/service-error';
import { processingJobSchema } from '../sagemaker/schemas';
import { ProcessingJob, type ProcessingContext } from './processing-job';

/** The processing jobs of the account. */
export class ProcessingJobs {
  private readonly jobs = new Map<string, ProcessingJob>();
  private readonly context: ProcessingContext;

  public constructor(
    context: Omit<ProcessingContext, 'onChange'>,
    private readonly events: AccountEvents,
    private readonly priceOf: PricePerHour,
  ) {
    this.context = { ...context, onChange: (job) => this.onChange(job) };
  }

  public create(input: unknown): ProcessingJob {
    const request = parseWith(processingJobSchema, input);
    const { ProcessingJobName: name } = request;
    if (this.jobs.has(name)) {
      throw new ServiceError('ResourceInUse', `Processing job names must be unique, and ${name} exists already`);
    }
    const { InstanceType } = request.ProcessingResources.ClusterConfig;
    if (!findInstanceType(InstanceType)) throw validationError(unknownInstanceType(InstanceType));
    try {
      this.usdPerHour(InstanceType);
    } catch (error) {
      throw error instanceof InputError ? validationError(error.message) : error;
    }
    const job = new ProcessingJob(request, this.context);
    this.jobs.set(name, job);
    return job;
  }

  public describe(name: string): ProcessingJob {
    const job = this.jobs.get(name);
    if (!job) throw validationError('Could not find requested job with name: ' + name);
    return job;
  }

  public list(): ProcessingJob[] {
    return [...this.jobs.values()];
  }

  public stop(name: string): void {
    const job = this.describe(name);
    if (job.isOver) throw validationError(`The processing job is in status ${job.status} and cannot be stopped.`);
    job.stop();
  }

  /** Ends every script; resolves when none is left. */
  public async close(): Promise<void> {
    for (const job of this.jobs.values()) job.stop();
    await Promise.all(this.list().map((job) => job.finished));
  }

  public billedUsd(now: EpochSeconds): number {
    return this.list().reduce(
      (usd, job) => usd + (job.billableSeconds(now) / 3600) * this.usdPerHour(job.instanceType),
      0,
    );
  }

  /** Price of an instance that processes: that of training, which the price list has too for the types that both may use. */
  private usdPerHour(instanceType: string): number {
    return this.priceOf(instanceType, 'training');
  }

  private onChange(job: ProcessingJob): void {
    this.events.putEvent({
      source: 'aws.sagemaker',
      detailType: 'SageMaker Processing Job State Change',
      resources: [job.arn],
      detail: {
        ProcessingJobName: job.name,
        ProcessingJobArn: job.arn,
        ProcessingJobStatus: job.status,
        FailureReason: job.failureReason,
        ExitMessage: job.exitMessage,
        RoleArn: job.request.RoleArn,
        CreationTime: Math.round(job.createdAt * 1000),
        LastModifiedTime: Math.round(job.lastModifiedAt * 1000),
      },
      atSeconds: job.lastModifiedAt,
    });
  }
}
