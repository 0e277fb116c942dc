import type { FleetBlueprint } from '../blueprint';
import type { Demand } from '../fleet/pooled/demand';
import { Clock, datedClock } from '../clock';
import { round } from '../number-text';
import { HOURS_PER_MONTH } from '../rehearse/billing';
import { describeProvisioning, describeService } from '../rehearse/setting-text';
import type { Workload } from '../traffic';
import { targetOf } from './candidate';
import { cdkCode } from './cdk-code';
import type { Confirmed } from './confirm';
import type { PartFigures } from './figures';
import type { Estimated } from './search';
import type { FoundPolicy, TriedCandidate, TunedPolicy, Tuning, TuningSettings, TuningVerdict } from './tuning';
import { notesOf } from './tuning-notes';

/** Smaller savings count as none. */
const MIN_SAVING_RATIO = 0.01;
/** Minimum traffic for a recommendation: minutes of it do not show a day. */
const MIN_SECONDS = 3600;
const MIN_REQUESTS = 1000;

/** Everything that a tuning has computed. */
export interface TuningEvidence {
  readonly blueprint: FleetBlueprint;
  readonly traffic: Workload;
  readonly demand: Demand;
  readonly settings: TuningSettings;
  readonly searchedSeconds: number;
  readonly exactReasons: readonly string[];
  readonly found: readonly Estimated[];
  readonly confirmed: readonly Confirmed[];
  /** Cheapest confirmed candidate, else the nearest one; undefined if none was rehearsed. */
  readonly chosen: Confirmed | undefined;
  readonly chosenHeldOut: PartFigures | null;
  readonly today: Pick<TunedPolicy, 'whole' | 'heldOut'>;
}

/** Verdict on the candidates of a tuning beside today's policy, with the code to paste. */
export function conclusion(evidence: TuningEvidence): Tuning {
  const { blueprint, traffic, demand, settings, searchedSeconds, exactReasons, found, confirmed, chosen } = evidence;
  const { minCapacity, maxCapacity } = blueprint.plan;
  const today = { policy: policiesToday(blueprint), minCapacity, maxCapacity, ...evidence.today };
  const best = chosen === undefined ? null : foundPolicy(chosen, evidence);
  const clock = datedClock(traffic.startsAt, settings.timezone, traffic.utcOffsetSeconds);
  const times = new Clock(clock, traffic.durationSeconds);
  const outcome = verdictOf(today, best, chosen?.meetsObjective === true, settings.sloPercent);
  const recommends = outcome === 'saves' || outcome === 'keeps-the-objective';
  const isTooLittle = traffic.durationSeconds < MIN_SECONDS || today.whole.requests < MIN_REQUESTS;
  const verdict = recommends && isTooLittle ? 'too-little-traffic' : outcome;
  const changes = recommends && !isTooLittle;
  const tuning: Omit<Tuning, 'notes'> = {
    resourceId: blueprint.resourceId,
    template: blueprint.templateName,
    clock,
    trace: {
      name: traffic.name,
      seconds: Math.ceil(traffic.durationSeconds),
      ...(clock !== null && { fromAt: clock.startsAt, toAt: times.iso(traffic.durationSeconds)! }),
      requests: today.whole.requests,
    },
    settings: {
      seed: settings.seed,
      sloPercent: settings.sloPercent,
      sloWaitSeconds: settings.sloWaitSeconds,
      service: describeService(settings.service),
      meanServiceSeconds: round(demand.meanServiceSeconds, 4),
      provisioning: describeProvisioning(settings.provisioning),
      requestTimeoutSeconds: settings.requestTimeoutSeconds,
    },
    search: {
      method: exactReasons.length === 0 ? 'pooled' : 'exact',
      candidates: found.length,
      promising: found.filter(
        ({ estimate }) => estimate.complete && estimate.missedRatio <= 1 - settings.sloPercent / 100 + 1e-12,
      ).length,
      rehearsed: confirmed.length,
      confirmed: confirmed.filter(({ meetsObjective }) => meetsObjective).length,
      seconds: Math.ceil(searchedSeconds),
    },
    candidates: triedCandidates(evidence),
    verdict,
    today,
    best,
    saving: changes ? savingOf(today, best!) : null,
    code: changes ? cdkCode(blueprint, best!.settings, demand.meanServiceSeconds) : null,
  };
  return { ...tuning, notes: notesOf(tuning, blueprint, demand, exactReasons, settings.candidates) };
}

function verdictOf(
  today: TunedPolicy,
  best: FoundPolicy | null,
  meetsObjective: boolean,
  sloPercent: number,
): TuningVerdict {
  const todayMeets = today.whole.sloPercent >= sloPercent;
  if (!meetsObjective || best === null) return todayMeets ? 'today-is-best' : 'none-keeps';
  if (best.whole.usd < (1 - MIN_SAVING_RATIO) * today.whole.usd) return 'saves';
  return todayMeets ? 'today-is-best' : 'keeps-the-objective';
}

/** Costs of estimates are their instance-hours at the mean price of today's. */
function triedCandidates({ found, confirmed, searchedSeconds, today }: TuningEvidence): TriedCandidate[] {
  const { usd, instanceHours } = today.whole;
  if (instanceHours === 0) return [];
  const monthlyPrice = (usd / instanceHours) * (3600 / searchedSeconds) * HOURS_PER_MONTH;
  const rehearsed = new Set(confirmed.map(({ candidate }) => candidate));
  return [
    ...found
      .filter(({ candidate, estimate }) => estimate.complete && !rehearsed.has(candidate))
      .map(({ estimate }) => ({
        usdPerMonth: round(estimate.instanceHours * monthlyPrice, 2),
        sloPercent: round(100 * (1 - estimate.missedRatio), 4),
        isRehearsed: false,
      })),
    ...confirmed.map(({ figures }) => ({
      usdPerMonth: figures.usdPerMonth,
      sloPercent: figures.sloPercent,
      isRehearsed: true,
    })),
  ];
}

function savingOf(today: TunedPolicy, best: TunedPolicy): NonNullable<Tuning['saving']> {
  const percent = (from: number, to: number): number => (from === 0 ? 0 : round(100 * (1 - to / from), 2));
  return {
    percent: percent(today.whole.usd, best.whole.usd),
    usdPerMonth: round(today.whole.usdPerMonth - best.whole.usdPerMonth, 2),
    heldOutPercent:
      today.heldOut === null || best.heldOut === null ? null : percent(today.heldOut.usd, best.heldOut.usd),
  };
}

function foundPolicy(
  { candidate, estimate, figures }: Confirmed,
  { blueprint, demand, chosenHeldOut }: TuningEvidence,
): FoundPolicy {
  const { slotsPerInstance } = blueprint;
  const target = targetOf(candidate, { slotsPerInstance, meanServiceSeconds: demand.meanServiceSeconds });
  const metric = {
    'concurrency-10s': 'concurrency every 10 s',
    'concurrency-60s': 'concurrency every minute',
    invocations: 'invocations per minute',
  }[candidate.metric];
  return {
    policy:
      `${metric} at ${target} (${round(100 * candidate.targetRatio, 2)} %), ` +
      `out ${candidate.scaleOutCooldownSeconds} s, in ${candidate.scaleInCooldownSeconds} s`,
    minCapacity: candidate.minCapacity,
    maxCapacity: candidate.maxCapacity,
    whole: figures,
    heldOut: chosenHeldOut,
    settings: candidate,
    target,
    estimate,
  };
}

function policiesToday({ plan }: FleetBlueprint): string {
  const policies = plan.policies.map((policy) =>
    policy.kind === 'target-tracking'
      ? `${policy.policyName} at ${policy.targetValue}, out ${policy.scaleOutCooldownSeconds ?? 300} s, in ${policy.scaleInCooldownSeconds ?? 300} s`
      : `${policy.policyName} in steps`,
  );
  return policies.length === 0 ? 'no policy' : policies.join('; ');
}
