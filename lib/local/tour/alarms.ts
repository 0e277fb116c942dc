import type { TourContext } from './context';

/** Maximum local time until an alarm on a rollback or on a configuration drift. */
export const MAX_ALARM_SECONDS = 1200;

/** Alarms that went into the state ALARM, without those of target tracking policies. */
export interface RaisedAlarms {
  /** True if the name of one contains this text. */
  has(part: string): boolean;
  names(): readonly string[];
  /** Ends the recording. */
  end(): void;
}

/** Records alarms from now on. */
export function recordAlarms({ platform }: Pick<TourContext, 'platform'>): RaisedAlarms {
  const raised = new Set<string>();
  const end = platform.onEvent((event) => {
    if (event.kind !== 'alarm' || event.state !== 'ALARM') return;
    if (!event.alarmName.startsWith('TargetTracking-')) raised.add(event.alarmName);
  });
  return { has: (part) => [...raised].some((name) => name.includes(part)), names: () => [...raised], end };
}
