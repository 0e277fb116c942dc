import type { Stage } from './act';

/** Local seconds within which an alarm has to tell of a way back, or of a configuration that nobody deployed. */
export const ALARM_SECONDS = 1200;

/** Alarms that went off since, but for those that policies own. */
export interface AlarmsHeard {
  /** Whether one with this in its name was heard. */
  has(part: string): boolean;
  names(): readonly string[];
  end(): void;
}

/** Hears of alarms from now on, until it is ended. */
export function listenForAlarms({ platform }: Pick<Stage, 'platform'>): AlarmsHeard {
  const heard = new Set<string>();
  const end = platform.onEvent((event) => {
    if (event.kind !== 'alarm' || event.state !== 'ALARM') return;
    if (!event.alarmName.startsWith('TargetTracking-')) heard.add(event.alarmName);
  });
  return { has: (part) => [...heard].some((name) => name.includes(part)), names: () => [...heard], end };
}
