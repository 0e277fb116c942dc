import type { EpochSeconds } from '../../../core/time';
import type { Actor } from '../../actor';
import type { StreamedResponse } from './streamed-response';

/** The responses that are sent in parts. */
export class ResponseStreams implements Actor {
  private readonly open = new Set<StreamedResponse>();

  public add(response: StreamedResponse): void {
    this.open.add(response);
  }

  public nextEventAt(): EpochSeconds | undefined {
    let next: EpochSeconds | undefined;
    for (const response of this.open) {
      if (response.isOver) this.open.delete(response);
      const at = response.nextEventAt();
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  public advanceTo(at: EpochSeconds): void {
    for (const response of this.open) response.advanceTo(at);
  }
}
