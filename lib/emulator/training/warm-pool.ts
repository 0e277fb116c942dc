import type { EpochSeconds } from '../../core/time';
import type { TrainingJobRequest } from '../sagemaker/training-schema';
import type { InstanceGroup } from './hosts';

/**
 * Instances that a job leaves to the next one that is alike, and their bill: the price of running ones until they are reused or their time is over.
 *
 * Source: https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html and the API reference of WarmPoolStatus.
 */
export class WarmPool {
  private reuse: { readonly by: string; readonly at: EpochSeconds } | undefined;

  public constructor(
    private readonly key: string,
    private readonly openedAt: EpochSeconds,
    private until: EpochSeconds,
  ) {}

  public status(now: EpochSeconds): 'Available' | 'Reused' | 'Terminated' {
    if (this.reuse !== undefined) return 'Reused';
    return now < this.until ? 'Available' : 'Terminated';
  }

  public get reusedBy(): string | undefined {
    return this.reuse?.by;
  }

  /** Seconds for which each instance was retained, without the jobs before and after. */
  public retainedSeconds(now: EpochSeconds): number {
    return Math.max(0, Math.round(Math.min(now, this.reuse?.at ?? this.until) - this.openedAt));
  }

  /** Gives the instances to a job that needs the same; false where it needs others, or they are gone. */
  public take(key: string, by: string, now: EpochSeconds): boolean {
    if (key !== this.key || this.status(now) !== 'Available') return false;
    this.reuse = { by, at: now };
    return true;
  }

  /** Sets the time for which the instances are retained, counted from the end of the job; 0 terminates them. */
  public keepFor(seconds: number, now: EpochSeconds): void {
    this.until = Math.max(this.openedAt + seconds, now);
  }
}

/** Settings that two jobs share if one can run on the instances that the other leaves. */
export function warmPoolKey(request: TrainingJobRequest, { type, count }: InstanceGroup): string {
  const { VolumeSizeInGB, VolumeKmsKeyId } = request.ResourceConfig;
  return JSON.stringify([
    request.RoleArn,
    type,
    count,
    VolumeSizeInGB ?? null,
    VolumeKmsKeyId ?? null,
    request.VpcConfig ?? null,
    request.EnableInterContainerTrafficEncryption ?? false,
    request.EnableNetworkIsolation ?? false,
    request.SessionChainingConfig?.EnableSessionTagChaining ?? false,
  ]);
}
