import type { EpochSeconds } from '../../../core/time';
import type { Actor } from '../driver';
import type { StreamedAnswer } from './streamed-answer';

/** The answers that are sent in parts, moved along by the driver. */
export class ResponseStreams implements Actor {
  private readonly open = new Set<StreamedAnswer>();

  public add(answer: StreamedAnswer): void {
    this.open.add(answer);
  }

  public nextEventAt(): EpochSeconds | undefined {
    let next: EpochSeconds | undefined;
    for (const answer of this.open) {
      if (answer.isOver) this.open.delete(answer);
      const at = answer.nextEventAt();
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  public advanceTo(at: EpochSeconds): void {
    for (const answer of this.open) answer.advanceTo(at);
  }
}
