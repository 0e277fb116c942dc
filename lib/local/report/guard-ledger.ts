import type { EpochSeconds } from '../../core/time';
import type { GuardRecord } from '../../cost/contract';

/** How long after the breach the fleet has to be at its cap, local seconds. */
export const CAP_WITHIN_SECONDS = 90;

/** What the cost guard did with the run's budget; seconds count from the first request. */
export interface GuardReport {
  readonly budgetUsd: number | null;
  /** When the true spend passed the budget. */
  readonly breachAtSecond: number | null;
  /** When the scalable target's maximum was first at its lowest. */
  readonly capAtSecond: number | null;
  readonly levels: readonly { readonly level: string; readonly atSecond: number }[];
  /** The most instances, starting ones included, from 90 seconds after the breach on. */
  readonly maxInstancesAfterCap: number | null;
  /** The lowest maximum the guard set. */
  readonly capInstances: number | null;
  /** Spent from the first request on. */
  readonly spentUsd: number;
}

/** What is seen of the fleet at one moment. */
export interface FleetMoment {
  readonly second: number;
  /** Spent from the first request on. */
  readonly spendUsd: number;
  /** Instances in service and starting. */
  readonly instances: number;
  /** The scalable target's maximum; null where there is none. */
  readonly maxInstances: number | null;
}

/** Follows spend and fleet closely and tells at the end when the budget was passed and what the cap held. */
export class GuardLedger {
  private previous: FleetMoment | undefined;
  private breachAtSecond: number | null = null;
  private declaredMax: number | null = null;
  private cap: { readonly atSecond: number; readonly instances: number } | null = null;
  private maxAfterCap: number | null = null;

  public constructor(private readonly budgetUsd: number | null) {}

  public observe(moment: FleetMoment): void {
    this.declaredMax ??= moment.maxInstances;
    this.noticeBreach(moment);
    const { maxInstances, second, instances } = moment;
    const lowest = this.cap?.instances ?? this.declaredMax;
    if (this.budgetUsd !== null && maxInstances !== null && lowest !== null && maxInstances < lowest) {
      this.cap = { atSecond: second, instances: maxInstances };
    }
    if (this.breachAtSecond !== null && second >= this.breachAtSecond + CAP_WITHIN_SECONDS) {
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
    };
  }

  /** Spend rises in a straight line between two looks, so the moment of the breach is read off that line. */
  private noticeBreach({ second, spendUsd }: FleetMoment): void {
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
