/** Minutes of an hour. */
const PHASES = 60;
/** A phase counts as one of change when demand moves there so many times as much as in the median phase. */
const STANDS_OUT = 3;
/** Every phase must have been seen so often. */
const LEAST_VISITS = 6;
/** Older visits fade with this many newer ones. */
const MOST_VISITS = 96;
/** More phases than this are no rhythm. */
const MOST_CHANGES = 24;

/**
 * Learns at which minutes of the hour demand changes its level: jobs and clients on a schedule make traffic that jumps at
 * full hours or every ten minutes and is calm between.
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

  /** Takes how far a minute's demand was from the one before. */
  public add(minute: number, before: number, now: number): void {
    const phase = minute % PHASES;
    const move = Math.min(1, Math.abs(Math.log((now + 0.5) / (before + 0.5))));
    this.visits[phase] = Math.min(MOST_VISITS, this.visits[phase] + 1);
    this.moves[phase] += (move - this.moves[phase]) / this.visits[phase];
    if (phase === 0) this.changes = this.find();
  }

  /** Minutes since the last change, when none is due within the lead; undefined when one is, or when no rhythm is known. */
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
    if (this.visits.some((visits) => visits < LEAST_VISITS)) return undefined;
    const median = Float64Array.from(this.moves).sort()[PHASES / 2];
    const changes = Array.from(this.moves, (move) => move > STANDS_OUT * median);
    const count = changes.filter(Boolean).length;
    return count > 0 && count <= MOST_CHANGES ? changes : undefined;
  }
}

/** What {@link ChangePhases} keeps between runs. */
export interface ChangePhasesState {
  readonly moves: readonly number[];
  readonly visits: readonly number[];
  /** Whether demand changes at each minute of the hour; null while no rhythm is known. */
  readonly changes: readonly boolean[] | null;
}
