import { ServiceError } from '../http/service-error';

/** Callers that wait for a condition on a resource. */
export class StatusWaiters {
  private readonly waiting = new Set<() => void>();

  /** Lets every caller check its condition again. */
  public recheck(): void {
    for (const again of [...this.waiting]) again();
  }

  /**
   * Resolves with the value that `check` returns once it is done.
   *
   * @throws ServiceError ServiceUnavailable when the signal aborts
   */
  public async until<T>(
    check: () => { readonly done: boolean; readonly value: T },
    signal: AbortSignal | undefined,
  ): Promise<T> {
    for (;;) {
      const { done, value } = check();
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
