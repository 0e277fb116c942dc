import { redriveMarkerKey } from '../../lib/ingestion/contract';
import {
  decideClaim,
  formatRedriveMarker,
  parseRedriveMarker,
  type ClaimStep,
  type RedriveMarker,
} from '../../lib/ingestion/decide/redrive';
import type { ObjectStore } from '../clients/object-store';
import type { WallClock } from '../support/clock';

/** Place of a record in its stream. */
export interface RecordPlace {
  readonly shardId: string;
  readonly position: string;
}

/** Markers of redriven records in the bucket, which decide that a record is put once. */
export class Claims {
  public constructor(
    private readonly store: ObjectStore,
    private readonly streamName: string,
    private readonly retentionSeconds: number,
    private readonly clock: WallClock,
  ) {}

  /** Text that names a record, also in the stream: the key of its first marker. */
  public nameOf({ shardId, position }: RecordPlace): string {
    return this.keyOf({ shardId, position }, 0);
  }

  /** Returns the step with a record, and the generation of its latest marker; -1 where there is none. */
  public async look(
    place: RecordPlace,
    signal?: AbortSignal,
  ): Promise<{ readonly step: ClaimStep; readonly generation: number }> {
    let latest: RedriveMarker | undefined;
    let generation = -1;
    for (;;) {
      const text = await this.store.get(this.keyOf(place, generation + 1), signal);
      if (text === undefined) break;
      latest = parseRedriveMarker(text, this.keyOf(place, generation + 1));
      generation += 1;
      // Whoever takes a record over has seen that its marker is none of these.
      if (latest.state === 'sent') break;
    }
    return { step: decideClaim(latest, this.clock.now(), this.retentionSeconds), generation };
  }

  /** Claims a record in a new generation; false where another was faster. */
  public claim(place: RecordPlace, generation: number, source: string, signal?: AbortSignal): Promise<boolean> {
    const marker = this.marker('claimed', source);
    return this.store.putNew(this.keyOf(place, generation), marker, 'application/json', signal);
  }

  /** Notes what became of a claimed record. */
  public async settle(
    place: RecordPlace,
    generation: number,
    source: string,
    stored: { readonly shardId: string; readonly sequenceNumber: string } | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    const marker = stored === undefined ? this.marker('released', source) : this.marker('sent', source, stored);
    await this.store.put(this.keyOf(place, generation), marker, 'application/json', signal);
  }

  private marker(
    state: RedriveMarker['state'],
    source: string,
    { shardId, sequenceNumber }: Pick<RedriveMarker, 'shardId' | 'sequenceNumber'> = {
      shardId: null,
      sequenceNumber: null,
    },
  ): string {
    return formatRedriveMarker({ state, at: this.clock.now(), source, shardId, sequenceNumber });
  }

  private keyOf({ shardId, position }: RecordPlace, generation: number): string {
    return redriveMarkerKey(this.streamName, shardId, position, generation);
  }
}
