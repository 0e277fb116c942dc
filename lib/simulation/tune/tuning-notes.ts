import { numberText } from '../number-text';
import type { FleetBlueprint } from '../blueprint';
import type { Demand } from '../fleet/pooled/demand';
import { slotNotes } from '../rehearse/setting-text';
import { isQuietPolicy } from './candidate';
import type { Tuning } from './tuning';

/** Caveats of a tuning, a sentence each. */
export function notesOf(
  tuning: Omit<Tuning, 'notes'>,
  blueprint: FleetBlueprint,
  demand: Demand,
  exactReasons: readonly string[],
  requestedCandidates: number,
): string[] {
  return [
    ...blueprint.notes,
    ...modelNotes(blueprint, tuning, exactReasons, requestedCandidates),
    ...objectiveNotes(tuning, demand),
    ...heldOutNotes(tuning),
    ...changeNotes(tuning, blueprint),
  ];
}

function modelNotes(
  blueprint: FleetBlueprint,
  { search }: Omit<Tuning, 'notes'>,
  exactReasons: readonly string[],
  requestedCandidates: number,
): string[] {
  const notes = slotNotes(blueprint);
  if (exactReasons.length > 0) {
    notes.push(
      `${exactReasons.join(' and ')}, so each candidate was rehearsed request by request: ${search.candidates} candidates` +
        (search.candidates < requestedCandidates ? ` in place of ${requestedCandidates}` : ''),
    );
  }
  return notes;
}

function objectiveNotes({ settings, verdict }: Omit<Tuning, 'notes'>, { unservableRatio }: Demand): string[] {
  const allowed = 1 - settings.sloPercent / 100;
  const notes: string[] = [];
  if (unservableRatio > 0.1 * allowed) {
    notes.push(
      `${numberText(100 * unservableRatio, 3)} % of the requests take longer than the ${numberText(settings.requestTimeoutSeconds)} s of their time-out ` +
        'with any number of instances; --timeout raises it',
    );
  }
  if (verdict === 'none-keeps') {
    notes.push(
      'no candidate keeps the objective, and the nearest one is shown. A shorter start-up (--provisioning), a longer --slo-wait, ' +
        'a lower --slo or a forecast (scaling.CapacityForecaster) may keep it',
    );
  }
  return notes;
}

function heldOutNotes({ best, saving, settings, search, trace }: Omit<Tuning, 'notes'>): string[] {
  if (search.seconds >= trace.seconds) {
    return [
      'the trace is shorter than six hours, so nothing was held out: the policy is evaluated on the traffic that it was tuned to; use a longer trace',
    ];
  }
  const notes: string[] = [];
  if (
    saving !== null &&
    best?.heldOut != null &&
    best.heldOut.sloPercent < settings.sloPercent &&
    best.whole.sloPercent >= settings.sloPercent
  ) {
    notes.push(
      `on the held-out part alone it serves ${numberText(best.heldOut.sloPercent, 2)} % well, below the objective: use a lower target, or a longer trace`,
    );
  }
  if (
    saving !== null &&
    saving.percent > 0 &&
    saving.heldOutPercent !== null &&
    saving.heldOutPercent < saving.percent / 2
  ) {
    notes.push(
      `on the held-out part it saves only ${numberText(saving.heldOutPercent, 1)} %: most of the saving is overfitted to the part that the search saw`,
    );
  }
  return notes;
}

function changeNotes({ best, saving, today }: Omit<Tuning, 'notes'>, { plan }: FleetBlueprint): string[] {
  if (best === null || saving === null) return [];
  const notes: string[] = [];
  const replaced = plan.policies.filter((policy) => !isQuietPolicy(policy));
  if (replaced.length > 1) {
    notes.push(`one policy replaces ${replaced.map(({ policyName }) => policyName).join(', ')}`);
  }
  if (plan.schedules.length > 0) notes.push('the schedules stay: keep the scaleOnSchedule calls');
  if (best.minCapacity < today.minCapacity) {
    notes.push(
      `the minimum falls from ${today.minCapacity} to ${best.minCapacity}: fewer than 2 instances are in a single Availability Zone; ` +
        `--min-capacity ${today.minCapacity} keeps it`,
    );
  }
  if (best.maxCapacity > today.maxCapacity) {
    notes.push(`the maximum rises from ${today.maxCapacity} to ${best.maxCapacity}: check the account's quota`);
  }
  if (saving.percent < 0) notes.push("today's policy costs less because it serves too few requests well");
  return notes;
}
