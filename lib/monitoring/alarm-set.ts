import type { RunbookAlarmProps } from './runbook-alarm';

/** Alarms of one part of a platform by construct id. */
export interface AlarmSet {
  readonly [id: string]: RunbookAlarmProps;
}
