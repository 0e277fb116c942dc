/** Calls to the engine that wait; beyond this the oldest is dropped, so that an engine that is gone costs no memory. */
const MOST_WAITING = 5000;

interface Call {
  readonly what: string;
  readonly send: () => Promise<void>;
}

/** Sends notices to the engine one after the other; a failure is logged and never stops the services. */
export class Outbox {
  private readonly waiting: Call[] = [];
  private sending: Promise<void> | undefined;
  private closed = false;

  public constructor(private readonly log: (message: string) => void) {}

  public add(what: string, send: () => Promise<void>): void {
    if (this.closed) return;
    if (this.waiting.length >= MOST_WAITING) {
      const dropped = this.waiting.shift()!;
      this.log(`dropped: ${dropped.what}; the engine does not keep up`);
    }
    this.waiting.push({ what, send });
    this.sending ??= this.drain();
  }

  /** Resolves when everything added so far has been sent or has failed. */
  public async flush(): Promise<void> {
    await this.sending;
  }

  /** Drops what waits and takes nothing more; resolves when the call under way has ended. */
  public async close(): Promise<void> {
    this.closed = true;
    this.waiting.length = 0;
    await this.sending;
  }

  private async drain(): Promise<void> {
    for (let call = this.waiting.shift(); call !== undefined; call = this.waiting.shift()) {
      try {
        await call.send();
      } catch (error) {
        if (!this.closed) this.log(`${call.what} failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.sending = undefined;
  }
}
