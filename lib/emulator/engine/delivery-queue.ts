/** Maximum number of waiting calls; beyond it the oldest is discarded, so that an engine that is gone costs no memory. */
const MAX_WAITING = 5000;

interface Call {
  readonly name: string;
  readonly send: () => Promise<void>;
}

/** Calls to the engine, sent one after the other; a failure is logged and does not affect the services. */
export class DeliveryQueue {
  private readonly waiting: Call[] = [];
  private sending: Promise<void> | undefined;
  private isClosed = false;

  public constructor(private readonly log: (message: string) => void) {}

  public add(name: string, send: () => Promise<void>): void {
    if (this.isClosed) return;
    if (this.waiting.length >= MAX_WAITING) {
      const discarded = this.waiting.shift()!;
      this.log(`discarded: ${discarded.name}; the engine does not keep up`);
    }
    this.waiting.push({ name, send });
    this.sending ??= this.drain();
  }

  /** Resolves when everything added so far has been sent or has failed. */
  public async flush(): Promise<void> {
    await this.sending;
  }

  /** Discards the waiting calls and accepts no others; resolves when the call under way has ended. */
  public async close(): Promise<void> {
    this.isClosed = true;
    this.waiting.length = 0;
    await this.sending;
  }

  private async drain(): Promise<void> {
    for (let call = this.waiting.shift(); call !== undefined; call = this.waiting.shift()) {
      try {
        await call.send();
      } catch (error) {
        if (!this.isClosed) this.log(`${call.name} failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.sending = undefined;
  }
}
