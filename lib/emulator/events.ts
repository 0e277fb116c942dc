import type { DeliveryQueue } from './engine/delivery-queue';
import type { EngineClient, ServiceEvent } from './engine/engine-client';
import type { AccountEvent } from './snapshot';

/** Publishes events: to listeners in this process, and to EventBridge where AWS does. */
export class AccountEvents {
  private readonly listeners = new Set<(event: AccountEvent) => void>();

  public constructor(
    private readonly engine: EngineClient,
    private readonly deliveries: DeliveryQueue,
    private readonly log: (message: string) => void,
  ) {}

  /** Calls the listener for every event from now on; the returned function ends that. */
  public listen(listener: (event: AccountEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  public publish(event: AccountEvent): void {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.log(`a listener failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  /** Puts an event on the engine's default bus. */
  public putEvent(event: ServiceEvent): void {
    this.deliveries.add(`event ${event.detailType}`, () => this.engine.putEvent(event));
  }
}
