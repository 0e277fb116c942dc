import type { EpochSeconds } from '../core/time';
import type { CapacityState } from '../simulation/fleet';
import type { Capacity } from './account/capacity';
import type { Actor, PlayedActors } from './actor';
import type { AccountEvents } from './events';
import type { Alarms } from './monitoring/alarms';
import type { MetricsPublisher } from './monitoring/metrics-publisher';
import type { Endpoints } from './sagemaker/endpoints/endpoints';
import type { ProcessingJobs } from './processing/processing-jobs';
import type { ResponseStreams } from './sagemaker/invocations/response-streams';
import type { Scaling } from './scaling/scaling';
import type { AccountEvent, AccountSnapshot } from './snapshot';
import type { TrainingJobs } from './training/training-jobs';

/** The parts of the loop in their order, and what lives beside it. */
export interface EmulatorParts {
  readonly endpoints: Endpoints;
  readonly streams: ResponseStreams;
  readonly metrics: MetricsPublisher;
  readonly alarms: Alarms;
  readonly scaling: Scaling;
  readonly events: AccountEvents;
  readonly capacity: Capacity;
  readonly trainingJobs: TrainingJobs;
  readonly processingJobs: ProcessingJobs;
  readonly onError: (error: unknown) => void;
}

/** Events that one part may have at one moment before it counts as stuck. */
const MAX_EVENTS_AT_A_MOMENT = 1000;

/**
 * The AWS account, played event by event. Its loop is
 *
 *     endpoints → metrics → alarms → scaling → events
 *
 * Instances come and go and requests end; the endpoints' measurements are published; alarms are evaluated on them; scaling acts on the alarms
 * and thereby changes the endpoints; whatever happens is published as an event. Each turn plays the earliest event; at the same moment the parts
 * come in this order.
 */
export class Emulator implements PlayedActors {
  private readonly loop: readonly Actor[];
  private reachedSeconds: EpochSeconds;
  private isAdvancing = false;
  private repeated: { actor: Actor; atSeconds: EpochSeconds; times: number } | undefined;

  public constructor(
    private readonly parts: EmulatorParts,
    startSeconds: EpochSeconds,
  ) {
    const { endpoints, streams, metrics, alarms, scaling } = parts;
    const evaluations: Actor = {
      nextEventAt: () => alarms.nextEventAt(),
      advanceTo: (atSeconds) => this.evaluateAlarms(atSeconds),
    };
    this.loop = [endpoints, streams, metrics, evaluations, scaling];
    this.reachedSeconds = startSeconds;
  }

  public nextEventAt(): EpochSeconds | undefined {
    return this.nextActor()?.atSeconds;
  }

  public advanceTo(atSeconds: EpochSeconds): EpochSeconds {
    if (this.isAdvancing) return this.reachedSeconds;
    const until = Math.max(this.reachedSeconds, atSeconds);
    this.isAdvancing = true;
    try {
      for (let next = this.nextActor(); next !== undefined && next.atSeconds <= until; next = this.nextActor()) {
        this.reachedSeconds = Math.max(this.reachedSeconds, next.atSeconds);
        this.advance(next.actor, this.reachedSeconds);
      }
      this.reachedSeconds = until;
    } finally {
      this.isAdvancing = false;
    }
    return until;
  }

  /** Evaluates the alarms that are due: one in ALARM rolls back the updates that name it, and scaling acts on all of them. */
  private evaluateAlarms(atSeconds: EpochSeconds): void {
    const { alarms, endpoints, scaling } = this.parts;
    const evaluations = alarms.advanceTo(atSeconds);
    for (const evaluation of evaluations) {
      if (evaluation.state === 'ALARM') endpoints.onAlarm(evaluation.alarmName, evaluation.atSeconds);
    }
    scaling.onEvaluations(evaluations);
  }

  /** Says whether new instances of a type are available from now on. Throws an InputError for a type that does not exist. */
  public setCapacity(instanceType: string, state: CapacityState, atSeconds: EpochSeconds): void {
    this.parts.capacity.set(instanceType, state, atSeconds);
    this.parts.events.publish({ kind: 'capacity-set', atSeconds, instanceType, state });
  }

  /** Calls the listener for every event from now on; the returned function ends that. */
  public onEvent(listener: (event: AccountEvent) => void): () => void {
    return this.parts.events.listen(listener);
  }

  public snapshot(atSeconds: EpochSeconds): AccountSnapshot {
    const { endpoints, scaling, alarms, trainingJobs, processingJobs, capacity } = this.parts;
    const endpointsUsd = endpoints.billedUsd(atSeconds);
    // The bill of SageMaker's jobs: those that train and those that process.
    const trainingUsd = trainingJobs.billedUsd(atSeconds) + processingJobs.billedUsd(atSeconds);
    return {
      atSeconds,
      endpoints: endpoints.snapshot(atSeconds),
      targets: scaling.targetSnapshots(),
      activities: scaling.activitySnapshots(),
      alarms: alarms.snapshot(),
      trainingJobs: trainingJobs.snapshot(atSeconds),
      capacity: capacity.snapshot(),
      billedUsd: { total: endpointsUsd + trainingUsd, endpoints: endpointsUsd, training: trainingUsd },
    };
  }

  /** The part with the earliest event; the first in the loop among those at the same moment. */
  private nextActor(): { readonly actor: Actor; readonly atSeconds: EpochSeconds } | undefined {
    let best: { readonly actor: Actor; readonly atSeconds: EpochSeconds } | undefined;
    for (const actor of this.loop) {
      const atSeconds = actor.nextEventAt();
      if (atSeconds !== undefined && (best === undefined || atSeconds < best.atSeconds)) best = { actor, atSeconds };
    }
    return best;
  }

  private advance(actor: Actor, atSeconds: EpochSeconds): void {
    try {
      actor.advanceTo(atSeconds);
    } catch (error) {
      this.parts.onError(error);
    }
    const next = actor.nextEventAt();
    if (next !== undefined && next <= atSeconds && this.isStuck(actor, atSeconds)) {
      throw new Error(`a part of the account does not move past ${atSeconds}`);
    }
  }

  /** True once a part has reported the same past moment too often, which would stop the clock. */
  private isStuck(actor: Actor, atSeconds: EpochSeconds): boolean {
    if (this.repeated?.actor !== actor || this.repeated.atSeconds !== atSeconds) {
      this.repeated = { actor, atSeconds, times: 0 };
    }
    return ++this.repeated.times > MAX_EVENTS_AT_A_MOMENT;
  }
}
