import type { EngineEvent, EngineSpan, RequestEngine } from '../fleet';
import type { ScalingActivityDescription } from '../aws/application-auto-scaling';
import type { FleetBlueprint } from '../blueprint';
import { guardPriceNotes } from './billing';
import { round } from '../number-text';
import type { RehearsalSetup } from './options';
import type { MissCause, RehearsedAction, RehearsedEvent } from './rehearsal';

/** Decisions, events and sums of a run, as far as it has come. */
export class RehearsalRecord {
  public readonly actions: RehearsedAction[] = [];
  public readonly events: RehearsedEvent[] = [];
  public readonly notes: string[];
  public readonly missedBy: { [cause in MissCause]?: number } = {};
  public scaleOuts = 0;
  public scaleIns = 0;
  public capacityErrors = 0;
  public peakInstances = 0;
  public leastInstances = Infinity;
  /** Seconds of slots in service, and of those in use. */
  public slotSeconds = 0;
  public busySeconds = 0;
  /** Seconds of service that the arrived requests need. */
  public workSeconds = 0;
  /** True once an attempt has timed out, and once one has failed in whatever way. */
  public hasTimeOuts = false;
  public hasFailures = false;
  private readonly startSeconds: number;
  private readonly isOutSuspended: boolean;
  private readonly seenActivities = new Set<string>();

  public constructor({ blueprint, pricesPerHourUsd, startSeconds }: RehearsalSetup) {
    this.startSeconds = startSeconds;
    this.isOutSuspended = blueprint.plan.suspended?.dynamicScalingOutSuspended === true;
    this.notes = [
      ...blueprint.notes,
      ...suspensionNotes(blueprint),
      ...variantNotes(blueprint),
      ...edgeNotes(blueprint),
      ...guardPriceNotes(blueprint, pricesPerHourUsd),
    ];
  }

  /** Records a scaling activity that changed the capacity; repetitions are ignored. */
  public addActivity(activity: ScalingActivityDescription): void {
    const { activityId, fromCapacity, toCapacity, startTimeSeconds, cause, steps, decidedBy } = activity;
    if (fromCapacity === toCapacity || activity.notScaledReasons !== undefined) return;
    if (this.seenActivities.has(activityId)) return;
    this.seenActivities.add(activityId);
    if (toCapacity > fromCapacity) this.scaleOuts++;
    else this.scaleIns++;
    const decisive = steps.find((step) => decidedBy !== undefined && step.includes(`:${decidedBy}:`));
    this.actions.push({
      second: round(startTimeSeconds - this.startSeconds, 1),
      from: fromCapacity,
      to: toCapacity,
      decidedBy: decidedBy ?? 'limits',
      reason: decisive?.replace(/^[^:]*:[^:]*: \d+ -> \d+: /, '') ?? cause,
      steps,
    });
  }

  /** Records launches that lacked capacity; other events of the engine are ignored. */
  public addEngineEvent(event: EngineEvent): void {
    if (event.kind === 'capacity-error') {
      this.capacityErrors++;
      const reason = `no capacity for ${event.refusedTypes.join(', ')}; another attempt in 60 s`;
      this.events.push({ second: event.at, kind: 'capacity', title: `${event.missing} instances missing`, reason });
    } else if (event.kind === 'launched' && event.refusedTypes.length > 0) {
      const reason = `${event.refusedTypes.join(', ')} had no capacity`;
      this.events.push({ second: event.at, kind: 'capacity', title: `fell back to ${event.instanceType}`, reason });
    }
  }

  /** Adds the requests and the load between two publications of metrics. */
  public addSpan(span: EngineSpan, engine: RequestEngine, billed: number, maximum: number, guarded: boolean): void {
    const seconds = span.toSeconds - span.fromSeconds;
    this.peakInstances = Math.max(this.peakInstances, billed);
    this.leastInstances = Math.min(this.leastInstances, billed);
    this.slotSeconds += span.inService * engine.slots * seconds;
    this.busySeconds += span.meanBusy * seconds;
    this.workSeconds += span.workArrived;
    if (span.timedOut > 0) this.hasTimeOuts = true;
    if (span.timedOut + span.rejectedByQueue + span.rejectedWithoutInstance > 0) this.hasFailures = true;
    if (span.missed === 0) return;
    const cause = missCause(span, engine, { maximum, guarded, isOutSuspended: this.isOutSuspended });
    this.missedBy[cause] = (this.missedBy[cause] ?? 0) + span.missed;
  }
}

/** Facts about the scaling of a fleet during a span. */
interface ScalingState {
  readonly maximum: number;
  readonly guarded: boolean;
  readonly isOutSuspended: boolean;
}

function missCause(
  { inService }: EngineSpan,
  { roster }: RequestEngine,
  { maximum, guarded, isOutSuspended }: ScalingState,
): MissCause {
  if (isOutSuspended && roster.desired < maximum) return 'suspended';
  if (inService === 0) return 'no-instance';
  if (roster.missing > 0) return 'no-capacity';
  if (roster.provisioning > 0) return 'provisioning';
  if (roster.desired < maximum) return 'reaction';
  return guarded ? 'guard' : 'maximum';
}

/** Notes on suspended activities, with what they leave undone. */
function suspensionNotes({ plan: { suspended } }: FleetBlueprint): string[] {
  return [
    ...(suspended?.dynamicScalingOutSuspended === true ? ['scaling out is suspended: no policy adds capacity'] : []),
    ...(suspended?.dynamicScalingInSuspended === true ? ['scaling in is suspended: no policy removes capacity'] : []),
    ...(suspended?.scheduledScalingSuspended === true ? ['scheduled scaling is suspended: no schedule runs'] : []),
  ];
}

function edgeNotes({ edgeOffload }: FleetBlueprint): string[] {
  if (edgeOffload === undefined) return [];
  return [
    `devices at the edge answer ${round(100 * edgeOffload, 2)} % of the requests of the trace; the fleet receives the rest`,
  ];
}

function variantNotes({ share }: FleetBlueprint): string[] {
  if (share === undefined) return [];
  const percent = round(100 * (share.to - share.from), 2);
  return [
    `one of several variants: it receives ${percent} % of the requests at random, by the weights in the template`,
  ];
}
