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
  const acting: Proposal[] = [];
  const outs: Proposal[] = [];
  const tracking: Proposal[] = [];
  const disagreeing: Proposal[] = [];
  const steps: Proposal[] = [];
  let trackingProposes = false;
  for (const proposal of proposals) {
    const { policyName, kind, direction, mustAgreeToScaleIn } = proposal;
    if (kind === 'target-tracking' && mustAgreeToScaleIn) {
      tracking.push(proposal);
      if (direction !== 'in') disagreeing.push(proposal);
    }
    if (!triggered(policyName)) continue;
    acting.push(proposal);
    if (direction === 'out') outs.push(proposal);
    if (direction === 'in' && kind === 'step') steps.push(proposal);
    if (direction === 'in' && kind === 'target-tracking') trackingProposes = true;
  }
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

  const ins = trackingProposes && disagreeing.length === 0 ? steps.concat(tracking) : steps;
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
