import { InputError } from '../../core/errors';
import type { FleetBlueprint } from '../blueprint';
import type { Workload } from '../traffic';
import { candidateBlueprint, candidateToday, type Candidate } from './candidate';
import { CandidateSpace } from './candidate-space';
import { conclusion } from './conclusion';
import { cheapestConfirmed, confirm, type Confirmed } from './confirm';
import type { Demand } from '../fleet/pooled/demand';
import type { Estimate, EstimateOptions } from './estimate';
import { restOf, type Figures } from './figures';
import { exactSearchReasons, untunableReason } from './model-limits';
import { byMisses, search, type Estimated } from './search';
import type { Tuning, TuningSettings } from './tuning';

/** Rehearsal of a fleet over a part of the trace. */
export interface RehearsalTask {
  readonly blueprint: FleetBlueprint;
  /** End of the part, in seconds from the trace's start. @default - the whole trace */
  readonly untilSeconds?: number;
}

/** Computes estimates and rehearsals; the results are the same for any number of threads. */
export interface TuningExecutor {
  estimate(
    candidates: readonly Candidate[],
    options: EstimateOptions,
    onDone: (count: number) => void,
  ): Promise<readonly Estimate[]>;
  rehearse(tasks: readonly RehearsalTask[], onDone: (count: number) => void): Promise<readonly Figures[]>;
}

/** Receives the completed ratio of a tuning and its current activity. */
export type TuningProgress = (ratio: number, activity: string) => void;

const DAY = 86_400;
/** Requests that one thread rehearses in about a minute. */
const REQUESTS_TO_REHEARSE = 4e8;
const MIN_REHEARSALS = 4;
const MAX_REHEARSALS = 12;
const MIN_EXACT_CANDIDATES = 12;
const MAX_EXACT_CANDIDATES = 60;
/** Multiple of the allowed misses at which an estimate is abandoned. */
const ABANDON_FACTOR = 3;

/**
 * Searches the cheapest policy that meets the objective on the first two thirds of the trace, and rehearses the best ones and today's policy
 * over the whole trace, request by request.
 *
 * @throws InputError for a fleet that cannot be tuned, with a remedy
 */
export async function tuneFleet(
  blueprint: FleetBlueprint,
  traffic: Workload,
  demand: Demand,
  settings: TuningSettings,
  executor: TuningExecutor,
  onProgress: TuningProgress = () => undefined,
): Promise<Tuning> {
  const refusal = untunableReason(blueprint);
  if (refusal !== undefined) throw new InputError(refusal);
  checkMinCapacityFloor(blueprint, settings.minCapacityFloor);
  const run = new TuningRun(blueprint, traffic, demand, settings, executor, onProgress);
  const { untilSeconds } = run;
  const holdsOut = untilSeconds < traffic.durationSeconds;
  // The whole trace first: it takes longest.
  const todayTasks = [{ blueprint }, ...(holdsOut ? [{ blueprint, untilSeconds }] : [])];
  const [[today, todayBeginning], found] = await Promise.all([run.rehearse(todayTasks), run.search()]);
  const confirmed = await run.confirm(found);
  const chosen = cheapestConfirmed(confirmed) ?? nearest(confirmed);
  const [beginning] = chosen !== undefined && holdsOut ? await run.rehearseBeginning(chosen) : [];
  return conclusion({
    blueprint,
    traffic,
    demand,
    settings,
    searchedSeconds: untilSeconds,
    exactReasons: run.exactReasons,
    found,
    confirmed,
    chosen,
    today: { whole: today!, heldOut: todayBeginning === undefined ? null : restOf(today!, todayBeginning) },
    chosenHeldOut: chosen === undefined || beginning === undefined ? null : restOf(chosen.figures, beginning),
  });
}

/** @throws InputError if the smallest minimum is above the fleet's maximum */
export function checkMinCapacityFloor({ resourceId, plan }: FleetBlueprint, minCapacityFloor: number): void {
  if (minCapacityFloor <= plan.maxCapacity) return;
  throw new InputError(
    `--min-capacity is ${minCapacityFloor}, above the maximum of ${resourceId} (${plan.maxCapacity}); lower it, or raise the maximum in the template`,
  );
}

/** Length of the part that the search sees: two thirds of the trace, in whole days from three days on; all of it below six hours. */
export function searchedSeconds(durationSeconds: number): number {
  const twoThirds = (2 * durationSeconds) / 3;
  if (durationSeconds >= 3 * DAY) return Math.floor(twoThirds / DAY + 1e-9) * DAY;
  return durationSeconds >= DAY / 4 ? Math.floor(twoThirds / 600) * 600 : durationSeconds;
}

class TuningRun {
  public readonly untilSeconds: number;
  /** Reasons to rehearse every candidate request by request; empty if the pooled model covers the fleet. */
  public readonly exactReasons: readonly string[];

  public constructor(
    public readonly blueprint: FleetBlueprint,
    public readonly traffic: Workload,
    public readonly demand: Demand,
    public readonly settings: TuningSettings,
    private readonly executor: TuningExecutor,
    private readonly onProgress: TuningProgress,
  ) {
    this.untilSeconds = searchedSeconds(traffic.durationSeconds);
    this.exactReasons = exactSearchReasons(blueprint);
  }

  public get allowedMissRatio(): number {
    return 1 - this.settings.sloPercent / 100;
  }

  /** Number of candidates; fewer if each is rehearsed. */
  public get candidates(): number {
    const { candidates } = this.settings;
    if (this.exactReasons.length === 0) return candidates;
    const affordable = Math.floor((2 * REQUESTS_TO_REHEARSE) / Math.max(1, this.traffic.requestCount));
    return Math.min(candidates, Math.max(MIN_EXACT_CANDIDATES, Math.min(MAX_EXACT_CANDIDATES, affordable)));
  }

  public search(): Promise<Estimated[]> {
    const { blueprint, demand, settings, candidates } = this;
    const today = candidateToday(blueprint, demand.meanServiceSeconds);
    const space = new CandidateSpace(blueprint, demand, settings.minCapacityFloor);
    return search(
      space,
      {
        candidates,
        seed: settings.seed,
        allowedMissRatio: this.allowedMissRatio,
        first: today !== undefined && today.minCapacity >= settings.minCapacityFloor ? [today] : [],
        onProgress: (done) => this.onProgress(0.5 * (done / candidates), `${done} of ${candidates} candidates`),
      },
      (batch, onDone) => this.estimateAll(batch, onDone),
    );
  }

  public confirm(found: readonly Estimated[]): Promise<Confirmed[]> {
    const { sloPercent } = this.settings;
    const affordable = Math.floor(REQUESTS_TO_REHEARSE / Math.max(1, this.traffic.requestCount));
    const maxRehearsals = Math.min(MAX_REHEARSALS, Math.max(MIN_REHEARSALS, affordable));
    let done = 0;
    const progress = (): void => this.onProgress(0.5 + (0.4 * done) / maxRehearsals, 'rehearsing the best');
    return confirm(found, { sloPercent, maxRehearsals }, (batch) => {
      progress();
      const tasks = batch.map(({ candidate }) => ({ blueprint: this.withPolicy(candidate) }));
      return this.rehearse(tasks, () => {
        done++;
        progress();
      });
    });
  }

  /** Rehearses the part that the search saw: the whole without it is the held-out part. */
  public rehearseBeginning({ candidate }: Confirmed): Promise<readonly Figures[]> {
    this.onProgress(0.9, 'the held-out part');
    return this.rehearse([{ blueprint: this.withPolicy(candidate), untilSeconds: this.untilSeconds }]);
  }

  public rehearse(tasks: readonly RehearsalTask[], onDone: () => void = () => undefined): Promise<readonly Figures[]> {
    return this.executor.rehearse(tasks, onDone);
  }

  private withPolicy(candidate: Candidate): FleetBlueprint {
    return candidateBlueprint(this.blueprint, candidate, this.demand.meanServiceSeconds);
  }

  private async estimateAll(
    candidates: readonly Candidate[],
    onDone: (count: number) => void,
  ): Promise<readonly Estimate[]> {
    const { blueprint, settings, untilSeconds, allowedMissRatio } = this;
    if (this.exactReasons.length === 0) {
      const { provisioning, sloWaitSeconds, requestTimeoutSeconds, seed } = settings;
      const { slotsPerInstance } = blueprint;
      const abandonRatio = Math.max(ABANDON_FACTOR * allowedMissRatio, 0.01);
      return this.executor.estimate(
        candidates,
        {
          blueprint,
          slotsPerInstance,
          provisioning,
          sloWaitSeconds,
          requestTimeoutSeconds,
          seed,
          untilSeconds,
          abandonRatio,
        },
        onDone,
      );
    }
    const tasks = candidates.map((candidate) => ({ blueprint: this.withPolicy(candidate), untilSeconds }));
    const figures = await this.executor.rehearse(tasks, onDone);
    return figures.map(({ instanceHours, missed, requests }) => ({
      instanceHours,
      missedRatio: missed / Math.max(1, requests),
      complete: true,
    }));
  }
}

/** The rehearsed candidate with the fewest misses. */
function nearest(confirmed: readonly Confirmed[]): Confirmed | undefined {
  return [...confirmed].sort((a, b) => b.figures.sloPercent - a.figures.sloPercent || byMisses(a, b))[0];
}
