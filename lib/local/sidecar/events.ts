import type { EngineServices, ServiceEvent } from './engine-services';
import type { Outbox } from './outbox';
import type { PlatformEvent } from './snapshot';

/** Tells what happens: to listeners in this process, and to EventBridge where AWS would. */
export class PlatformEvents {
  private readonly listeners = new Set<(event: PlatformEvent) => void>();

  public constructor(
    private readonly engine: EngineServices,
    private readonly outbox: Outbox,
    private readonly log: (message: string) => void,
  ) {}

  /** Calls the listener for every event from now on; the function returned ends that. */
  public listen(listener: (event: PlatformEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  public tell(event: PlatformEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.log(`a listener failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  /** Puts an event on the engine's default bus. */
  public emit(event: ServiceEvent): void {
    this.outbox.add(`event ${event.detailType}`, () => this.engine.putEvent(event));
  }
}
