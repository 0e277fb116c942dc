import type { EpochSeconds } from '../../core/time';
import type { GuardRecord } from '../../cost/contract';

/** Time after the cap was set within which the fleet has to be at it, local seconds. */
const CAP_WITHIN_SECONDS = 90;

/** Effect of the cost guard on the run; seconds count from the first request. */
export interface GuardReport {
  readonly budgetUsd: number | null;
  /** Time at which the cost exceeded the budget; null where it never did, as the guard intends. */
  readonly breachAtSecond: number | null;
  /** Time at which the maximum of the scalable target first reached its lowest value. */
  readonly capAtSecond: number | null;
  readonly levels: readonly { readonly level: string; readonly atSecond: number }[];
  /** Maximum number of instances, provisioning ones included, from 90 seconds after the cap on, as long as it holds. */
  readonly maxInstancesAfterCap: number | null;
  /** Lowest maximum that the guard set. */
  readonly capInstances: number | null;
  /** Cost since the first request. */
  readonly spentUsd: number;
  /** Training jobs that the guard stopped. */
  readonly stoppedJobs: readonly string[];
}

/** Cost and instances at one moment. */
export interface FleetMoment {
  readonly second: number;
  /** Cost since the first request. */
  readonly spendUsd: number;
  /** Instances in service and provisioning. */
  readonly instances: number;
  /** Maximum of the scalable target; null where there is none. */
  readonly maxInstances: number | null;
}

/** Records cost and instances, and reports when the budget was exceeded and whether the cap held. */
export class GuardLedger {
  private previous: FleetMoment | undefined;
  private breachAtSecond: number | null = null;
  private declaredMax: number | null = null;
  private cap: { readonly atSecond: number; readonly instances: number } | null = null;
  private maxAfterCap: number | null = null;

  public constructor(private readonly budgetUsd: number | null) {}

  public observe(moment: FleetMoment): void {
    this.declaredMax ??= moment.maxInstances;
    this.detectBreach(moment);
    const { maxInstances, second, instances } = moment;
    const lowest = this.cap?.instances ?? this.declaredMax;
    if (this.budgetUsd !== null && maxInstances !== null && lowest !== null && maxInstances < lowest) {
      this.cap = { atSecond: second, instances: maxInstances };
      this.maxAfterCap = null;
    }
    if (this.cap?.instances === maxInstances && second >= this.cap.atSecond + CAP_WITHIN_SECONDS) {
      this.maxAfterCap = Math.max(this.maxAfterCap ?? 0, instances);
    }
    this.previous = moment;
  }

  public report(records: readonly GuardRecord[], anchor: EpochSeconds): GuardReport {
    return {
      budgetUsd: this.budgetUsd,
      breachAtSecond: rounded(this.breachAtSecond),
      capAtSecond: rounded(this.cap?.atSecond ?? null),
      levels: records
        .filter(({ level, previousLevel }) => level !== previousLevel)
        .map(({ level, atSeconds }) => ({ level, atSecond: rounded(atSeconds - anchor)! })),
      maxInstancesAfterCap: this.maxAfterCap,
      capInstances: this.cap?.instances ?? null,
      spentUsd: this.previous?.spendUsd ?? 0,
      stoppedJobs: records.flatMap(({ stops, failedJobNames }) =>
        stops.map(({ jobName }) => jobName).filter((jobName) => !failedJobNames.includes(jobName)),
      ),
    };
  }

  /** Interpolates the time of the breach linearly between two observations. */
  private detectBreach({ second, spendUsd }: FleetMoment): void {
    if (this.budgetUsd === null || this.breachAtSecond !== null || spendUsd <= this.budgetUsd) return;
    const before = this.previous;
    if (before === undefined || before.spendUsd >= spendUsd) this.breachAtSecond = second;
    else {
      const share = (this.budgetUsd - before.spendUsd) / (spendUsd - before.spendUsd);
      this.breachAtSecond = before.second + share * (second - before.second);
    }
  }
}

function rounded(second: number | null): number | null {
  return second === null ? null : Math.round(second * 10) / 10;
}
