import type { Json } from '../../core/parse';
import { parseWith } from '../http/schema-parts';
import { ServiceError, validationError } from '../http/service-error';
import { OptimizationJob, type OptimizationContext } from './optimization-job';
import { optimizationJobSchema } from './optimization-schema';

/** The optimisation jobs of the account. They are on no bill: SageMaker chooses their instances, and says only afterwards which. */
export class OptimizationJobs {
  private readonly jobs = new Map<string, OptimizationJob>();

  public constructor(private readonly context: OptimizationContext) {}

  public create(input: unknown): OptimizationJob {
    const request = parseWith(optimizationJobSchema, input);
    const { OptimizationJobName: name } = request;
    if (this.jobs.has(name)) {
      throw new ServiceError('ResourceInUse', `Optimization job names must be unique, and ${name} exists already`);
    }
    const job = new OptimizationJob(request, this.context);
    this.jobs.set(name, job);
    return job;
  }

  public describe(name: string): OptimizationJob {
    const job = this.jobs.get(name);
    if (!job) throw new ServiceError('ResourceNotFound', `Could not find the optimization job ${name}.`);
    return job;
  }

  public list(): OptimizationJob[] {
    return [...this.jobs.values()];
  }

  public stop(name: string): void {
    const job = this.describe(name);
    if (job.isOver) throw validationError(`The optimization job is in status ${job.status} and cannot be stopped.`);
    job.stop();
  }

  public delete(name: string): void {
    const job = this.describe(name);
    if (!job.isOver) {
      throw validationError(`The optimization job is in status ${job.status} and cannot be deleted; stop it first.`);
    }
    this.jobs.delete(name);
  }

  /** Ends every program; resolves when none is left. */
  public async close(): Promise<void> {
    for (const job of this.jobs.values()) job.stop();
    await Promise.all(this.list().map((job) => job.finished));
  }
}

export function describeOptimizationJob(job: OptimizationJob): Json {
  const { Tags: _listedApart, ...described } = job.request;
  return {
    ...described,
    OptimizationJobArn: job.arn,
    OptimizationJobStatus: job.status,
    FailureReason: job.failureReason,
    CreationTime: job.createdAt,
    OptimizationStartTime: job.startedAt,
    OptimizationEndTime: job.endedAt,
    LastModifiedTime: job.lastModifiedAt,
    OptimizationOutput: job.status === 'COMPLETED' ? { RecommendedInferenceImage: imageOf(job) } : undefined,
  };
}

export function summarizeOptimizationJob(job: OptimizationJob) {
  return {
    OptimizationJobName: job.name,
    OptimizationJobArn: job.arn,
    CreationTime: job.createdAt,
    OptimizationJobStatus: job.status,
    OptimizationStartTime: job.startedAt,
    OptimizationEndTime: job.endedAt,
    LastModifiedTime: job.lastModifiedAt,
    DeploymentInstanceType: job.request.DeploymentInstanceType,
    MaxInstanceCount: job.request.MaxInstanceCount,
    OptimizationTypes: job.techniques,
  };
}

/** Image of the job itself, in which its output runs. */
function imageOf({ request }: OptimizationJob): string | undefined {
  return request.OptimizationConfigs.flatMap((config) => Object.values(config)).find((one) => one !== undefined)?.Image;
}
