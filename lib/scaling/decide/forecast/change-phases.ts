/** Minutes of an hour. */
export const PHASES = 60;
/** Minimum ratio of the move of demand in a phase of change to that in the median phase. */
const MIN_MOVE_RATIO = 3;
/** Minimum number of visits of every phase. */
const MIN_VISITS = 6;
/** Maximum weight of past visits. */
const MAX_VISITS = 96;
/** Maximum number of phases of change; more are no rhythm. */
const MAX_CHANGES = 24;

/**
 * Learns the minutes of the hour at which demand changes its level: scheduled jobs and clients make traffic that jumps at full hours or
 * every ten minutes and is steady in between.
 */
export class ChangePhases {
  private readonly moves: Float64Array;
  private readonly visits: Float64Array;
  private changes: boolean[] | undefined;

  public constructor(state?: ChangePhasesState) {
    this.moves = Float64Array.from(state?.moves ?? new Array<number>(PHASES).fill(0));
    this.visits = Float64Array.from(state?.visits ?? new Array<number>(PHASES).fill(0));
    if (state?.changes) this.changes = [...state.changes];
  }

  /** Adds the demand of a minute and of the one before. */
  public add(minute: number, before: number, now: number): void {
    const phase = minute % PHASES;
    const move = Math.min(1, Math.abs(Math.log((now + 0.5) / (before + 0.5))));
    this.visits[phase] = Math.min(MAX_VISITS, this.visits[phase] + 1);
    this.moves[phase] += (move - this.moves[phase]) / this.visits[phase];
    if (phase === 0) this.changes = this.find();
  }

  /** Returns the minutes since the last change; undefined if one is due within the lead, or if no rhythm is known. */
  public calmSince(minute: number, leadMinutes: number): number | undefined {
    const { changes } = this;
    if (changes === undefined) return undefined;
    for (let ahead = 0; ahead <= leadMinutes; ahead++) {
      if (changes[(minute + ahead) % PHASES]) return undefined;
    }
    let since = 1;
    while (!changes[(minute - since + PHASES) % PHASES]) since++;
    return since;
  }

  public toState(): ChangePhasesState {
    return { moves: [...this.moves], visits: [...this.visits], changes: this.changes ?? null };
  }

  private find(): boolean[] | undefined {
    if (this.visits.some((visits) => visits < MIN_VISITS)) return undefined;
    const median = Float64Array.from(this.moves).sort()[PHASES / 2];
    const changes = Array.from(this.moves, (move) => move > MIN_MOVE_RATIO * median);
    const count = changes.filter(Boolean).length;
    return count > 0 && count <= MAX_CHANGES ? changes : undefined;
  }
}

/** State of {@link ChangePhases} between runs. */
export interface ChangePhasesState {
  readonly moves: readonly number[];
  readonly visits: readonly number[];
  /** True for each minute of the hour at which demand changes; null while no rhythm is known. */
  readonly changes: readonly boolean[] | null;
}
