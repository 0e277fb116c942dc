import type { Ceiling } from '../../core/decision';
import type { EpochSeconds } from '../../core/time';

/**
 * Combined state of a policy's alarms. For target tracking, `high` is the scale-out alarm and `low` the scale-in alarm in ALARM; for a step
 * policy, both mean that its alarm is in ALARM.
 */
export type AlarmStanding = 'high' | 'low' | 'ok' | 'insufficient-data';

/** Metric and alarms of one policy. */
export interface PolicySignal {
  /** Newest value; undefined if the metric is missing. */
  readonly value?: number;
  /** Datapoints that the alarm evaluated, oldest first; a step policy aggregates them. Default: the value alone. */
  readonly datapoints?: readonly number[];
  /** Threshold of a step policy's alarm. */
  readonly threshold?: number;
  /** State of the alarms. By default it follows from the value. */
  readonly alarm?: AlarmStanding;
}

/** Observation of a fleet at one moment. */
export interface FleetObservation {
  readonly atSeconds: EpochSeconds;
  /** Desired capacity (instances or copies), whether in service or not. */
  readonly desiredCapacity: number;
  /** Capacity in service. Default: the desired capacity. */
  readonly inServiceCapacity?: number;
  /** Signals by policy name; a policy without one has missing data. */
  readonly signals: { readonly [policyName: string]: PolicySignal };
  /** Policies whose alarms were evaluated now; the others only agree or disagree with a scale-in. Default all. */
  readonly triggered?: readonly string[];
  /** External limits, such as the cost guard's. */
  readonly ceilings?: readonly Ceiling[];
}
