import type { AlarmState, TreatMissingData } from '../../lib/simulation/aws/cloudwatch';

/** What an alarm becomes; `kept` means the state it was in. */
export type Outcome = AlarmState | 'kept';

/**
 * One row of a table: datapoints oldest first (`0` within the threshold, `X` breaching, `-` missing) and the state by mode.
 */
export interface AlarmVector {
  readonly data: string;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly outcomes: { readonly [mode in TreatMissingData]: Outcome };
}

function row(
  data: string,
  datapointsToAlarm: number,
  missing: Outcome,
  ignore: Outcome,
  breaching: Outcome,
  notBreaching: Outcome,
): AlarmVector {
  return { data, evaluationPeriods: 3, datapointsToAlarm, outcomes: { missing, ignore, breaching, notBreaching } };
}

/** The tables and examples of "Configuring how CloudWatch alarms treat missing data" (CloudWatch user guide), range 5. */
export const ALARM_VECTORS: readonly AlarmVector[] = [
  row('0 - X - X', 3, 'OK', 'OK', 'OK', 'OK'),
  row('0 - - - -', 3, 'OK', 'OK', 'OK', 'OK'),
  row('- - - - -', 3, 'INSUFFICIENT_DATA', 'kept', 'ALARM', 'OK'),
  row('0 X X - X', 3, 'ALARM', 'ALARM', 'ALARM', 'ALARM'),
  row('- - X - -', 3, 'ALARM', 'kept', 'ALARM', 'OK'),
  row('0 - X - X', 2, 'ALARM', 'ALARM', 'ALARM', 'ALARM'),
  row('0 0 X 0 X', 2, 'ALARM', 'ALARM', 'ALARM', 'ALARM'),
  row('0 - X - -', 2, 'OK', 'OK', 'ALARM', 'OK'),
  row('- - - - 0', 2, 'OK', 'OK', 'ALARM', 'OK'),
  row('- - - X -', 2, 'ALARM', 'kept', 'ALARM', 'OK'),
  // "The alarm does not go immediately into ALARM state", because the next datapoint may be within the threshold.
  row('- - - - X', 3, 'kept', 'kept', 'ALARM', 'OK'),
  row('- - - X -', 3, 'kept', 'kept', 'ALARM', 'OK'),
  row('- - - X 0', 3, 'OK', 'OK', 'OK', 'OK'),
  row('- - X - 0', 3, 'OK', 'OK', 'OK', 'OK'),
  // Without missing data only the last three count.
  row('X X 0 0 0', 3, 'OK', 'OK', 'OK', 'OK'),
  row('0 0 X X X', 3, 'ALARM', 'ALARM', 'ALARM', 'ALARM'),
  row('X X X 0 X', 3, 'OK', 'OK', 'OK', 'OK'),
  row('X X X 0 X', 2, 'ALARM', 'ALARM', 'ALARM', 'ALARM'),
];
