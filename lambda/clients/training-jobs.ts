import {
  DescribeTrainingJobCommand,
  paginateListTrainingJobs,
  SageMakerClient,
  StopTrainingJobCommand,
  type DescribeTrainingJobResponse,
  type ResourceConfig,
} from '@aws-sdk/client-sagemaker';
import { SECONDS_PER_DAY, type EpochSeconds } from '../../lib/core/time';
import type { TrainingJobSeen } from '../../lib/cost/decide/meter';
import { awsClient } from './aws-client';

/** Client of training jobs. */
export interface TrainingJobsClient {
  /** Returns the names of the jobs with a prefix that changed after a moment. */
  changedSince(namePrefix: string, since: EpochSeconds, signal?: AbortSignal): Promise<readonly string[]>;
  describe(name: string, signal?: AbortSignal): Promise<TrainingJobSeen>;
  /** Stops a job; the container has 120 seconds to write a checkpoint. */
  stop(name: string, signal?: AbortSignal): Promise<void>;
}

/** Maximum running time of a job that names none (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html). */
const DEFAULT_MAX_RUNTIME_SECONDS = SECONDS_PER_DAY;

const ENDED: readonly (string | undefined)[] = ['Completed', 'Failed', 'Stopped', 'Deleting'];

/** {@link TrainingJobsClient} of SageMaker. */
export function createTrainingJobsClient(sagemaker = awsClient(SageMakerClient)): TrainingJobsClient {
  return {
    async changedSince(namePrefix, since, signal) {
      const names: string[] = [];
      const pages = paginateListTrainingJobs(
        { client: sagemaker, pageSize: 100 },
        { NameContains: namePrefix, LastModifiedTimeAfter: new Date(since * 1000) },
        { abortSignal: signal },
      );
      for await (const { TrainingJobSummaries } of pages)
        for (const { TrainingJobName: name } of TrainingJobSummaries ?? [])
          if (name?.startsWith(namePrefix) === true) names.push(name);
      return names;
    },

    async describe(name, signal) {
      const command = new DescribeTrainingJobCommand({ TrainingJobName: name });
      return jobSeen(name, await sagemaker.send(command, { abortSignal: signal }));
    },

    async stop(name, signal) {
      await sagemaker.send(new StopTrainingJobCommand({ TrainingJobName: name }), { abortSignal: signal });
    },
  };
}

function jobSeen(name: string, job: DescribeTrainingJobResponse): TrainingJobSeen {
  const [first, ...others] = groupsOf(job.ResourceConfig ?? {});
  // Instances in a warm pool cost what running ones cost, until they are reused or terminated.
  const { Status: pool, ResourceRetainedBillableTimeInSeconds: retained = 0 } = job.WarmPoolStatus ?? {};
  const isOver = ENDED.includes(job.TrainingJobStatus);
  const ended = isOver && pool !== 'Available';
  const end = seconds(job.TrainingEndTime) ?? seconds(job.LastModifiedTime) ?? seconds(job.CreationTime);
  return {
    name,
    ...first!,
    ...(others.length === 0 ? {} : { otherGroups: others }),
    startedAt: seconds(job.TrainingStartTime),
    endedAt: ended && end !== null ? end + retained : null,
    billableSeconds: ended && job.BillableTimeInSeconds !== undefined ? job.BillableTimeInSeconds + retained : null,
    maxRuntimeSeconds: job.StoppingCondition?.MaxRuntimeInSeconds ?? DEFAULT_MAX_RUNTIME_SECONDS,
    // A job whose instances are kept is over, and cannot be stopped.
    isStopping: job.TrainingJobStatus === 'Stopping' || (isOver && !ended),
  };
}

/** Instances of a job by type: those that were chosen of several preferences, or those of its groups. */
function groupsOf(resources: ResourceConfig): { readonly instanceType: string; readonly instanceCount: number }[] {
  const { InstanceGroups: groups = [], SelectedInstanceType: type, SelectedInstanceCount: count } = resources;
  if (groups.length === 0) {
    return [
      {
        instanceType: type ?? resources.InstanceType ?? 'an unknown type',
        instanceCount: count ?? resources.InstanceCount ?? 0,
      },
    ];
  }
  return groups.map(({ InstanceType = 'an unknown type', InstanceCount = 0 }) => ({
    instanceType: InstanceType,
    instanceCount: InstanceCount,
  }));
}

function seconds(date: Date | undefined): EpochSeconds | null {
  return date === undefined ? null : date.getTime() / 1000;
}
