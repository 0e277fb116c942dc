import { InputError } from '../../core/errors';
import { describeProvisioning, describeService } from '../simulator/summary';
import type { Provisioning } from '../simulator/scenario';
import type { ServiceTimes } from '../service-times';
import type { FleetBlueprint } from '../template';
import type { Workload } from '../workload';
import { candidateBlueprint, candidateToday, rounded, targetOf, type Candidate } from './candidate';
import { CandidateSpace } from './candidate-space';
import { cdkCode } from './cdk-code';
import { cheapestKept, confirm, type Confirmed } from './confirm';
import type { Demand } from './demand';
import type { Estimate, EstimateOptions } from './estimate';
import { restOf, type Figures, type PartFigures } from './figures';
import { beyondThePool, untunable } from './model-limits';
import { byMisses, search, type Estimated } from './search';
import type { FoundPolicy, TunedPolicy, Tuning, TuningVerdict } from './tuning';
import { notesOf } from './tuning-notes';

/** What a fleet is tuned for. */
export interface TuningSettings {
  readonly seed: number;
  /** Requests to serve well, in percent, above 0 and below 100. */
  readonly sloPercent: number;
  /** A request is served well when it waits at most so long for a slot. */
  readonly sloWaitSeconds: number;
  readonly service: ServiceTimes;
  readonly provisioning: Provisioning;
  readonly requestTimeoutSeconds: number;
  /** So many candidates are tried. */
  readonly candidates: number;
  /** No candidate has a smaller minimum. */
  readonly leastCapacity: number;
}

/** A fleet over a part of the trace, to be rehearsed. */
export interface RehearsalTask {
  readonly blueprint: FleetBlueprint;
  /** Where the part ends, in seconds from the trace's start; the whole trace when left out. */
  readonly untilSeconds?: number;
}

/** Those who compute; the same answers whoever and however many they are. */
export interface TuningCrew {
  estimate(
    candidates: readonly Candidate[],
    options: EstimateOptions,
    onDone: (count: number) => void,
  ): Promise<readonly Estimate[]>;
  rehearse(tasks: readonly RehearsalTask[], onDone: (count: number) => void): Promise<readonly Figures[]>;
}

/** Told as the tuning goes on. */
export type TuningProgress = (share: number, doing: string) => void;

const DAY = 86_400;
/** What a rehearsal of so many requests takes is about a minute. */
const REQUESTS_TO_REHEARSE = 4e8;
const LEAST_REHEARSALS = 4;
const MOST_REHEARSALS = 12;
const LEAST_EXACT_CANDIDATES = 12;
/** A candidate that misses so many times what is allowed is not played to the end. */
const GIVE_UP_FACTOR = 3;
/** A saving below this share is none. */
const LEAST_SAVING = 0.01;

/**
 * Searches the cheapest policy that keeps the objective, on the first two thirds of the trace, and rehearses the best ones over the whole
 * trace, request by request, beside the policy of today.
 *
 * @throws InputError for a fleet that cannot be tuned, with the way out
 */
export async function tuneFleet(
  blueprint: FleetBlueprint,
  traffic: Workload,
  demand: Demand,
  settings: TuningSettings,
  crew: TuningCrew,
  onProgress: TuningProgress = () => undefined,
): Promise<Tuning> {
  const refusal = untunable(blueprint);
  if (refusal !== undefined) throw new InputError(refusal);
  checkLeastCapacity(blueprint, settings.leastCapacity);
  const { minCapacity, maxCapacity } = blueprint.plan;
  const run = new TuningRun(blueprint, traffic, demand, settings, crew, onProgress);
  const { untilSeconds } = run;
  const holdsOut = untilSeconds < traffic.durationSeconds;
  // The whole first: it takes longest, and threads begin with what comes first.
  const todayTasks = [{ blueprint }, ...(holdsOut ? [{ blueprint, untilSeconds }] : [])];
  const [[today, todayBeginning], found] = await Promise.all([run.rehearse(todayTasks), run.search()]);
  const confirmed = await run.confirm(found);
  const kept = cheapestKept(confirmed);
  const chosen = kept ?? nearest(confirmed);
  const [beginning] = chosen !== undefined && holdsOut ? await run.rehearseBeginning(chosen) : [];
  const todayPolicy: TunedPolicy = {
    policy: policiesToday(blueprint),
    minCapacity,
    maxCapacity,
    whole: today!,
    heldOut: todayBeginning === undefined ? null : restOf(today!, todayBeginning),
  };
  const heldOut = chosen === undefined || beginning === undefined ? null : restOf(chosen.figures, beginning);
  const best = chosen === undefined ? null : foundPolicy(chosen, blueprint, demand, heldOut);
  return conclude(run, todayPolicy, best, kept !== undefined, found, confirmed);
}

/** @throws InputError where no candidate could have a minimum as large as is asked for */
export function checkLeastCapacity({ resourceId, plan }: FleetBlueprint, leastCapacity: number): void {
  if (leastCapacity <= plan.maxCapacity) return;
  throw new InputError(
    `--min-capacity is ${leastCapacity}, above the maximum of ${resourceId} (${plan.maxCapacity}); lower it, or raise the maximum in the template`,
  );
}

/** Where the part that is searched on ends: whole days of two thirds from three days on, two thirds from six hours on, else the end. */
export function searchedSeconds(durationSeconds: number): number {
  const twoThirds = (2 * durationSeconds) / 3;
  if (durationSeconds >= 3 * DAY) return Math.floor(twoThirds / DAY + 1e-9) * DAY;
  return durationSeconds >= DAY / 4 ? Math.floor(twoThirds / 600) * 600 : durationSeconds;
}

class TuningRun {
  public readonly untilSeconds: number;
  /** Why candidates are searched request by request; empty where the pooled fleet does. */
  public readonly exactBecause: readonly string[];

  public constructor(
    public readonly blueprint: FleetBlueprint,
    public readonly traffic: Workload,
    public readonly demand: Demand,
    public readonly settings: TuningSettings,
    private readonly crew: TuningCrew,
    private readonly onProgress: TuningProgress,
  ) {
    this.untilSeconds = searchedSeconds(traffic.durationSeconds);
    this.exactBecause = beyondThePool(blueprint);
  }

  public get allowedShare(): number {
    return 1 - this.settings.sloPercent / 100;
  }

  /** The candidates of the search; fewer where each is rehearsed. */
  public get candidates(): number {
    const { candidates } = this.settings;
    if (this.exactBecause.length === 0) return candidates;
    const affordable = Math.floor((2 * REQUESTS_TO_REHEARSE) / Math.max(1, this.traffic.requestCount));
    return Math.min(candidates, Math.max(LEAST_EXACT_CANDIDATES, Math.min(60, affordable)));
  }

  public search(): Promise<Estimated[]> {
    const { blueprint, demand, settings, candidates } = this;
    const today = candidateToday(blueprint, demand.meanServiceSeconds);
    const space = new CandidateSpace(blueprint, demand, settings.leastCapacity);
    return search(
      space,
      {
        candidates,
        seed: settings.seed,
        allowedShare: this.allowedShare,
        first: today !== undefined && today.minCapacity >= settings.leastCapacity ? [today] : [],
        onProgress: (done) => this.onProgress(0.5 * (done / candidates), `${done} of ${candidates} candidates`),
      },
      (batch, onDone) => this.estimateAll(batch, onDone),
    );
  }

  public confirm(found: readonly Estimated[]): Promise<Confirmed[]> {
    const { sloPercent } = this.settings;
    const affordable = Math.floor(REQUESTS_TO_REHEARSE / Math.max(1, this.traffic.requestCount));
    const rehearsals = Math.min(MOST_REHEARSALS, Math.max(LEAST_REHEARSALS, affordable));
    let done = 0;
    const tell = (): void => this.onProgress(0.5 + (0.4 * done) / rehearsals, 'rehearsing the best');
    return confirm(found, { sloPercent, rehearsals }, (batch) => {
      tell();
      const tasks = batch.map(({ candidate }) => ({ blueprint: this.withPolicy(candidate) }));
      return this.rehearse(tasks, () => {
        done++;
        tell();
      });
    });
  }

  /** Rehearses the part that the search saw, to tell the rest of the whole apart from it. */
  public rehearseBeginning({ candidate }: Confirmed): Promise<readonly Figures[]> {
    this.onProgress(0.9, 'the part that was held out');
    return this.rehearse([{ blueprint: this.withPolicy(candidate), untilSeconds: this.untilSeconds }]);
  }

  public rehearse(tasks: readonly RehearsalTask[], onDone: () => void = () => undefined): Promise<readonly Figures[]> {
    return this.crew.rehearse(tasks, onDone);
  }

  private withPolicy(candidate: Candidate): FleetBlueprint {
    return candidateBlueprint(this.blueprint, candidate, this.demand.meanServiceSeconds);
  }

  private async estimateAll(
    candidates: readonly Candidate[],
    onDone: (count: number) => void,
  ): Promise<readonly Estimate[]> {
    const { blueprint, settings, untilSeconds, allowedShare } = this;
    if (this.exactBecause.length === 0) {
      const { provisioning, sloWaitSeconds, requestTimeoutSeconds, seed } = settings;
      const { slotsPerInstance } = blueprint;
      const giveUpShare = Math.max(GIVE_UP_FACTOR * allowedShare, 0.01);
      return this.crew.estimate(
        candidates,
        {
          blueprint,
          slotsPerInstance,
          provisioning,
          sloWaitSeconds,
          requestTimeoutSeconds,
          seed,
          untilSeconds,
          giveUpShare,
        },
        onDone,
      );
    }
    const tasks = candidates.map((candidate) => ({ blueprint: this.withPolicy(candidate), untilSeconds }));
    const figures = await this.crew.rehearse(tasks, onDone);
    return figures.map(({ instanceHours, missed, requests }) => ({
      instanceHours,
      missedShare: missed / Math.max(1, requests),
      complete: true,
    }));
  }
}

function conclude(
  run: TuningRun,
  today: TunedPolicy,
  best: FoundPolicy | null,
  keeps: boolean,
  found: readonly Estimated[],
  confirmed: readonly Confirmed[],
): Tuning {
  const { blueprint, traffic, demand, settings, exactBecause, untilSeconds } = run;
  const verdict = verdictOf(today, best, keeps, settings.sloPercent);
  const changes = verdict === 'saves' || verdict === 'keeps-the-objective';
  const tuning: Omit<Tuning, 'notes'> = {
    resourceId: blueprint.resourceId,
    template: blueprint.templateName,
    trace: { name: traffic.name, seconds: Math.ceil(traffic.durationSeconds), requests: today.whole.requests },
    settings: {
      seed: settings.seed,
      sloPercent: settings.sloPercent,
      sloWaitSeconds: settings.sloWaitSeconds,
      service: describeService(settings.service),
      meanServiceSeconds: rounded(demand.meanServiceSeconds, 4),
      provisioning: describeProvisioning(settings.provisioning),
      requestTimeoutSeconds: settings.requestTimeoutSeconds,
    },
    search: {
      method: exactBecause.length === 0 ? 'pooled' : 'exact',
      candidates: found.length,
      promising: found.filter(
        ({ estimate }) => estimate.complete && estimate.missedShare <= 1 - settings.sloPercent / 100 + 1e-12,
      ).length,
      rehearsed: confirmed.length,
      confirmed: confirmed.filter((one) => one.keeps).length,
      seconds: Math.ceil(untilSeconds),
    },
    verdict,
    today,
    best,
    saving: changes ? savingOf(today, best!) : null,
    code: changes ? cdkCode(blueprint, best!.settings, demand.meanServiceSeconds) : null,
  };
  return { ...tuning, notes: notesOf(tuning, blueprint, demand, exactBecause, settings.candidates) };
}

function verdictOf(today: TunedPolicy, best: FoundPolicy | null, keeps: boolean, sloPercent: number): TuningVerdict {
  const todayKeeps = today.whole.sloPercent >= sloPercent;
  if (!keeps || best === null) return todayKeeps ? 'today-is-best' : 'none-keeps';
  if (best.whole.usd < (1 - LEAST_SAVING) * today.whole.usd) return 'saves';
  return todayKeeps ? 'today-is-best' : 'keeps-the-objective';
}

function savingOf(today: TunedPolicy, best: FoundPolicy): NonNullable<Tuning['saving']> {
  const percent = (from: number, to: number): number => (from === 0 ? 0 : rounded(100 * (1 - to / from), 2));
  return {
    percent: percent(today.whole.usd, best.whole.usd),
    usdPerMonth: rounded(today.whole.usdPerMonth - best.whole.usdPerMonth, 2),
    heldOutPercent:
      today.heldOut === null || best.heldOut === null ? null : percent(today.heldOut.usd, best.heldOut.usd),
  };
}

function foundPolicy(
  { candidate, estimate, figures }: Confirmed,
  { slotsPerInstance }: FleetBlueprint,
  { meanServiceSeconds }: Demand,
  heldOut: PartFigures | null,
): FoundPolicy {
  const target = targetOf(candidate, { slotsPerInstance, meanServiceSeconds });
  const metric = {
    'concurrency-10s': 'concurrency each 10 s',
    'concurrency-60s': 'concurrency each minute',
    invocations: 'invocations a minute',
  }[candidate.metric];
  return {
    policy:
      `${metric} at ${target} (${rounded(100 * candidate.safetyFactor, 2)} %), ` +
      `out ${candidate.scaleOutCooldownSeconds} s, in ${candidate.scaleInCooldownSeconds} s`,
    minCapacity: candidate.minCapacity,
    maxCapacity: candidate.maxCapacity,
    whole: figures,
    heldOut,
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

/** The rehearsed one that misses least. */
function nearest(confirmed: readonly Confirmed[]): Confirmed | undefined {
  return [...confirmed].sort((a, b) => b.figures.sloPercent - a.figures.sloPercent || byMisses(a, b))[0];
}
