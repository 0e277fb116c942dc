import { ServiceError } from '../service-error';

/** Those who wait until something that changes from time to time is so. */
export class StatusWaiters {
  private readonly waiting = new Set<() => void>();

  /** Lets everyone look again. */
  public wake(): void {
    for (const look of [...this.waiting]) look();
  }

  /**
   * Resolves with what `look` gives once it is done.
   *
   * @throws ServiceError ServiceUnavailable when the signal aborts
   */
  public async until<T>(
    look: () => { readonly done: boolean; readonly value: T },
    signal: AbortSignal | undefined,
  ): Promise<T> {
    for (;;) {
      const { done, value } = look();
      if (done) return value;
      if (signal?.aborted) throw new ServiceError('ServiceUnavailable', 'the local services are stopping', 503);
      await new Promise<void>((resolve) => {
        const again = (): void => {
          this.waiting.delete(again);
          signal?.removeEventListener('abort', again);
          resolve();
        };
        this.waiting.add(again);
        signal?.addEventListener('abort', again, { once: true });
      });
    }
  }
}
