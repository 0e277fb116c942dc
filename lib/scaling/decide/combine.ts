import { IN_WORDS, type Step, type Wording } from '../../core/decision';
import type { Proposal } from './proposal';

/** Winning proposal, with the reason. */
export interface Combined {
  /** Undefined if nothing changes. */
  readonly proposal?: Proposal;
  readonly step: Step;
}

/**
 * Combines the proposals by the rules of the Application Auto Scaling guide: the largest capacity wins in both directions; a scale-out
 * needs one policy, a scale-in by target tracking needs all target-tracking policies with scale-in enabled. A step policy's
 * scale-in does not need the agreement of target-tracking policies.
 *
 * @param proposals one of each policy
 * @param triggered returns true for policies whose alarms were evaluated now; only these act, the others agree or disagree
 */
export function combine(
  proposals: readonly Proposal[],
  triggered: (policyName: string) => boolean,
  desiredCapacity: number,
  words: Wording = IN_WORDS,
): Combined {
  const acting = proposals.filter(({ policyName }) => triggered(policyName));
  const outs = acting.filter(({ direction }) => direction === 'out');
  const result = (proposal: Proposal | undefined, reason: () => string): Combined => {
    const to = proposal?.capacity ?? desiredCapacity;
    const step = { stage: 'combine', from: desiredCapacity, to, reason: words(reason) };
    return proposal === undefined ? { step } : { proposal, step };
  };

  if (outs.length > 0) {
    const winner = largest(outs);
    const others = outs.length > 1 ? `, the largest of ${outs.length} proposals to scale out` : '';
    return result(winner, () => `${winner.policyName} proposes ${winner.capacity}${others}`);
  }

  const tracking = proposals.filter(({ kind, mustAgreeToScaleIn }) => kind === 'target-tracking' && mustAgreeToScaleIn);
  const disagreeing = tracking.filter(({ direction }) => direction !== 'in');
  const steps = acting.filter(({ kind, direction }) => kind === 'step' && direction === 'in');
  const trackingProposes = acting.some(({ kind, direction }) => kind === 'target-tracking' && direction === 'in');
  const agreed = trackingProposes && disagreeing.length === 0 ? tracking : [];
  const ins = [...steps, ...agreed];
  if (ins.length > 0) {
    const winner = largest(ins);
    const others = ins.length > 1 ? `, the largest of ${ins.length} proposals to scale in` : '';
    return result(winner, () => `${winner.policyName} proposes ${winner.capacity}${others}`);
  }
  if (trackingProposes) {
    const names = disagreeing.map(({ policyName }) => policyName).join(', ');
    return result(
      undefined,
      () => `a scale-in needs the agreement of every target-tracking policy; not given by: ${names}`,
    );
  }
  return result(undefined, () => (acting.length === 0 ? 'no policy was evaluated' : 'no policy proposes a change'));
}

function largest(proposals: readonly Proposal[]): Proposal {
  return proposals.reduce((best, proposal) => (proposal.capacity > best.capacity ? proposal : best));
}
