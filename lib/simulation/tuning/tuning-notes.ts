import { number } from '../simulator/number-text';
import type { FleetBlueprint } from '../template';
import type { Demand } from './demand';
import type { Tuning } from './tuning';

/** What to know before the figures are believed, a sentence each. */
export function notesOf(
  tuning: Omit<Tuning, 'notes'>,
  blueprint: FleetBlueprint,
  demand: Demand,
  exactBecause: readonly string[],
  wantedCandidates: number,
): string[] {
  return [
    ...blueprint.notes,
    ...modelNotes(blueprint, tuning, exactBecause, wantedCandidates),
    ...objectiveNotes(tuning, demand),
    ...heldOutNotes(tuning),
    ...changeNotes(tuning, blueprint),
  ];
}

function modelNotes(
  { slotsFrom, slotsPerInstance }: FleetBlueprint,
  { search }: Omit<Tuning, 'notes'>,
  exactBecause: readonly string[],
  wantedCandidates: number,
): string[] {
  const notes: string[] = [];
  if (slotsFrom === 'default') {
    notes.push(
      `the template does not say how many requests an instance works on at once; ${slotsPerInstance} is taken ` +
        '(tag tidegate:max-concurrency-per-instance)',
    );
  }
  if (exactBecause.length > 0) {
    notes.push(
      `${exactBecause.join(' and ')}, so each candidate was rehearsed request by request: ${search.candidates} candidates` +
        (search.candidates < wantedCandidates ? ` in place of ${wantedCandidates}` : ''),
    );
  }
  return notes;
}

function objectiveNotes({ settings, verdict }: Omit<Tuning, 'notes'>, { hopelessShare }: Demand): string[] {
  const allowed = 1 - settings.sloPercent / 100;
  const notes: string[] = [];
  if (hopelessShare > 0.1 * allowed) {
    notes.push(
      `${number(100 * hopelessShare, 3)} % of the requests take longer than the ${number(settings.requestTimeoutSeconds)} s they are given, ` +
        'however many instances there are; --timeout gives them more',
    );
  }
  if (verdict === 'none-keeps') {
    notes.push(
      'no candidate keeps the objective: the one shown comes nearest. An instance that starts sooner (--provisioning), a longer ' +
        '--slo-wait, a lower --slo or a forecast (scaling.CapacityForecaster) may',
    );
  }
  return notes;
}

function heldOutNotes({ best, saving, settings, search, trace }: Omit<Tuning, 'notes'>): string[] {
  if (search.seconds >= trace.seconds) {
    return [
      'the trace is shorter than six hours, so nothing was held out: the policy is tuned to the traffic it is judged on; give a longer trace',
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
      `on the held-out part alone it serves ${number(best.heldOut.sloPercent, 2)} % well, below the objective: take a lower target, or a longer trace`,
    );
  }
  if (
    saving !== null &&
    saving.percent > 0 &&
    saving.heldOutPercent !== null &&
    saving.heldOutPercent < saving.percent / 2
  ) {
    notes.push(
      `on the held-out part it saves ${number(saving.heldOutPercent, 1)} % only, so much of the saving is fitted to the part that was searched`,
    );
  }
  return notes;
}

function changeNotes({ best, saving, today }: Omit<Tuning, 'notes'>, { plan }: FleetBlueprint): string[] {
  if (best === null || saving === null) return [];
  const notes: string[] = [];
  if (plan.policies.length > 1) {
    notes.push(`one policy takes the place of ${plan.policies.map(({ policyName }) => policyName).join(', ')}`);
  }
  if (plan.schedules.length > 0) notes.push('the schedules stay: keep the scaleOnSchedule calls');
  if (best.minCapacity < today.minCapacity) {
    notes.push(
      `the minimum falls from ${today.minCapacity} to ${best.minCapacity}: fewer than 2 instances lie in one Availability Zone; ` +
        `--min-capacity ${today.minCapacity} keeps it`,
    );
  }
  if (best.maxCapacity > today.maxCapacity) {
    notes.push(`the maximum rises from ${today.maxCapacity} to ${best.maxCapacity}: check the account's quota`);
  }
  if (saving.percent < 0) notes.push('today costs less because it serves too few requests well');
  return notes;
}
