import type { FleetRecording } from '../../inspection/contract';
import type { FleetBlueprint } from '../blueprint';
import type { EngineSpan } from '../fleet';
import { rehearse, type Rehearsal, type RehearsalOptions } from '../rehearse';
import type { Workload } from '../traffic';

/** Outcome of a rehearsal in one period of a recording; all zero outside of the rehearsal. */
export interface RehearsedPeriod {
  /** Seconds of the period that the rehearsal has. */
  readonly seconds: number;
  /** Mean number of instances in service. */
  readonly instances: number;
  readonly invocations: number;
  /** Mean number of requests present in one instance in service, on average over the time with an instance. */
  readonly concurrencyPerInstance: number | null;
  readonly completed: number;
  /** Sum of the seconds from arrival to response, of completed requests. */
  readonly latencySumSeconds: number;
}

/** A rehearsal of a recorded past, period by period as the recording has it. */
export interface Replay {
  readonly rehearsal: Rehearsal;
  readonly periods: readonly RehearsedPeriod[];
}

interface Gathered {
  seconds: number;
  instanceSeconds: number;
  busyInstanceSeconds: number;
  invocations: number;
  outstandingSeconds: number;
  completed: number;
  latencySumSeconds: number;
}

/** Rehearses a recorded past: the recorded traffic, beginning with the recorded number of instances. */
export function replay(
  blueprint: FleetBlueprint,
  traffic: Workload,
  recording: FleetRecording,
  options: RehearsalOptions = {},
): Replay {
  const { periodSeconds, series, start } = recording;
  const count = Math.max(...Object.values(series).map(({ length }) => length));
  const periods = Array.from({ length: count }, empty);
  // Runs begin on a full minute.
  const begin = Math.floor((options.startSeconds ?? traffic.startsAt ?? start) / 60) * 60;
  const add = (span: EngineSpan): void => {
    const seconds = span.toSeconds - span.fromSeconds;
    const period = periods[Math.floor((begin + (span.fromSeconds + span.toSeconds) / 2 - start) / periodSeconds)];
    if (period === undefined || seconds <= 0) return;
    period.seconds += seconds;
    period.instanceSeconds += span.inService * seconds;
    period.invocations += span.arrived + span.retried;
    period.completed += span.completed;
    period.latencySumSeconds += span.latencySum;
    if (span.inService === 0) return;
    period.busyInstanceSeconds += seconds;
    period.outstandingSeconds += (span.meanOutstanding / span.inService) * seconds;
  };
  const startInstances = options.startInstances ?? recordedAtStart(blueprint, recording, begin);
  const rehearsal = rehearse(blueprint, traffic, {
    // A recording counts invocations, retries included.
    retries: { mode: 'none' },
    ...options,
    startSeconds: begin,
    ...(startInstances !== undefined && { startInstances }),
    onSpan: add,
  });
  return { rehearsal, periods: periods.map(periodOf) };
}

/** Recorded number of instances at the begin of the replay, within the limits of the fleet. */
function recordedAtStart(
  { plan }: FleetBlueprint,
  { series, start, periodSeconds }: FleetRecording,
  begin: number,
): number | undefined {
  const first = series.instances.slice(Math.max(0, Math.floor((begin - start) / periodSeconds)));
  const recorded = first.find((value) => value !== null);
  if (recorded === undefined || recorded === null) return undefined;
  return Math.min(plan.maxCapacity, Math.max(plan.minCapacity, Math.round(recorded)));
}

function empty(): Gathered {
  return {
    seconds: 0,
    instanceSeconds: 0,
    busyInstanceSeconds: 0,
    invocations: 0,
    outstandingSeconds: 0,
    completed: 0,
    latencySumSeconds: 0,
  };
}

function periodOf(gathered: Gathered): RehearsedPeriod {
  const { seconds, instanceSeconds, busyInstanceSeconds, outstandingSeconds, ...sums } = gathered;
  return {
    ...sums,
    seconds,
    instances: seconds === 0 ? 0 : instanceSeconds / seconds,
    concurrencyPerInstance: busyInstanceSeconds === 0 ? null : outstandingSeconds / busyInstanceSeconds,
  };
}
