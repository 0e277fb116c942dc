/** Version in the registry as a rollout finds it. */
export interface FoundVersion {
  readonly arn: string;
  readonly approvalStatus: string;
  /** Reason that its last approval or rejection has. */
  readonly approvalDescription: string | undefined;
  /** True if a gate has let it through and it waits for approval. */
  readonly hasPassed: boolean;
}

/** First decision of an execution. */
export type StartDecision =
  | { readonly action: 'evaluate' }
  | { readonly action: 'deploy' }
  | { readonly action: 'end'; readonly outcome: 'UNCHANGED' | 'HELD' | 'REFUSED'; readonly reason: string };

/**
 * Decides about a version: one that waits for approval is evaluated, an approved one is rolled out as it is, because a person has decided.
 * SageMaker may send an event twice, so that the second execution finds the work of the first done.
 */
export function decideStart(version: FoundVersion, liveArn: string | undefined, isManual: boolean): StartDecision {
  if (version.arn === liveArn) {
    return { action: 'end', outcome: 'UNCHANGED', reason: 'the version is live already' };
  }
  switch (version.approvalStatus) {
    case 'Approved':
      return { action: 'deploy' };
    case 'Rejected':
      return {
        action: 'end',
        outcome: 'REFUSED',
        reason: `the version is rejected${version.approvalDescription === undefined ? '' : `: ${version.approvalDescription}`}`,
      };
    default:
      return isManual && version.hasPassed
        ? { action: 'end', outcome: 'HELD', reason: 'the version has passed the gate and waits for approval' }
        : { action: 'evaluate' };
  }
}
