import type { Step } from '../../core/decision';
import type { Proposal } from './proposal';

/** The proposal that wins and why. */
export interface Combined {
  /** Undefined when nothing is to change. */
  readonly proposal?: Proposal;
  readonly step: Step;
}

/**
 * Makes one wish of many, as the Application Auto Scaling guide tells: the largest capacity wins in both directions; a scale-out
 * needs one policy, a scale-in by target tracking needs all target-tracking policies with scale-in enabled. A step policy's
 * scale-in is not held up by target-tracking policies that are not ready.
 *
 * @param proposals what every policy wants
 * @param triggered the policies whose alarms were evaluated now; only they act, the others agree or not
 */
export function combine(
  proposals: readonly Proposal[],
  triggered: (policyName: string) => boolean,
  desiredCapacity: number,
): Combined {
  const acting = proposals.filter(({ policyName }) => triggered(policyName));
  const outs = acting.filter(({ direction }) => direction === 'out');
  const result = (proposal: Proposal | undefined, reason: string): Combined => ({
    ...(proposal !== undefined && { proposal }),
    step: { stage: 'combine', from: desiredCapacity, to: proposal?.capacity ?? desiredCapacity, reason },
  });

  if (outs.length > 0) {
    const winner = largest(outs);
    const others = outs.length > 1 ? `, the largest of ${outs.length} wishes to scale out` : '';
    return result(winner, `${winner.policyName} wants ${winner.capacity}${others}`);
  }

  const tracking = proposals.filter(({ kind, mustAgreeToScaleIn }) => kind === 'target-tracking' && mustAgreeToScaleIn);
  const disagreeing = tracking.filter(({ direction }) => direction !== 'in');
  const steps = acting.filter(({ kind, direction }) => kind === 'step' && direction === 'in');
  const trackingAsks = acting.some(({ kind, direction }) => kind === 'target-tracking' && direction === 'in');
  const agreed = trackingAsks && disagreeing.length === 0 ? tracking : [];
  const ins = [...steps, ...agreed];
  if (ins.length > 0) {
    const winner = largest(ins);
    const others = ins.length > 1 ? `, the largest of ${ins.length} wishes to scale in` : '';
    return result(winner, `${winner.policyName} wants ${winner.capacity}${others}`);
  }
  if (trackingAsks) {
    const names = disagreeing.map(({ policyName }) => policyName).join(', ');
    return result(undefined, `a scale-in needs every target-tracking policy to agree; not ready: ${names}`);
  }
  return result(undefined, acting.length === 0 ? 'no policy was asked' : 'no policy wants a change');
}

function largest(proposals: readonly Proposal[]): Proposal {
  return proposals.reduce((best, proposal) => (proposal.capacity > best.capacity ? proposal : best));
}
