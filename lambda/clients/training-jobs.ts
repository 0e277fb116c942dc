import {
  DescribeTrainingJobCommand,
  paginateListTrainingJobs,
  SageMakerClient,
  type DescribeTrainingJobResponse,
} from '@aws-sdk/client-sagemaker';
import type { EpochSeconds } from '../../lib/core/time';
import type { TrainingJobSeen } from '../../lib/cost/decide/meter';

/** Training jobs and what they run on. */
export interface TrainingJobsClient {
  /** Names of the jobs that begin with a prefix and changed after a moment. */
  changedSince(namePrefix: string, since: EpochSeconds): Promise<readonly string[]>;
  describe(name: string): Promise<TrainingJobSeen>;
}

const ENDED: readonly (string | undefined)[] = ['Completed', 'Failed', 'Stopped', 'Deleting'];

/** {@link TrainingJobsClient} on SageMaker. */
export function createTrainingJobsClient(sagemaker = new SageMakerClient({})): TrainingJobsClient {
  return {
    async changedSince(namePrefix, since) {
      const names: string[] = [];
      const pages = paginateListTrainingJobs(
        { client: sagemaker, pageSize: 100 },
        { NameContains: namePrefix, LastModifiedTimeAfter: new Date(since * 1000) },
      );
      for await (const { TrainingJobSummaries } of pages)
        for (const { TrainingJobName: name } of TrainingJobSummaries ?? [])
          if (name?.startsWith(namePrefix) === true) names.push(name);
      return names;
    },

    async describe(name) {
      return jobSeen(name, await sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName: name })));
    },
  };
}

function jobSeen(name: string, job: DescribeTrainingJobResponse): TrainingJobSeen {
  const groups = job.ResourceConfig?.InstanceGroups ?? [];
  const ended = ENDED.includes(job.TrainingJobStatus);
  return {
    name,
    instanceType: job.ResourceConfig?.InstanceType ?? groups[0]?.InstanceType ?? 'an unknown type',
    instanceCount:
      job.ResourceConfig?.InstanceCount ?? groups.reduce((sum, { InstanceCount = 0 }) => sum + InstanceCount, 0),
    startedAt: seconds(job.TrainingStartTime),
    endedAt: ended
      ? (seconds(job.TrainingEndTime) ?? seconds(job.LastModifiedTime) ?? seconds(job.CreationTime))
      : null,
    billableSeconds: ended ? (job.BillableTimeInSeconds ?? null) : null,
  };
}

function seconds(date: Date | undefined): EpochSeconds | null {
  return date === undefined ? null : date.getTime() / 1000;
}
