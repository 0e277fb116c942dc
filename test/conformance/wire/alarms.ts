import type { MetricAlarm } from '@aws-sdk/client-cloudwatch';
import type { AccountSnapshot } from '../../../lib/emulator';
import type { AlarmState, TreatMissingData } from '../../../lib/simulation/aws/cloudwatch';
import type { AlarmVector } from '../alarm-vectors';
import { NAMESPACE, type Sample, WireAccount } from './wire-account';

/** A row of the tables with one treatment of missing data and the state that the alarm is in before. */
export interface AlarmCase {
  readonly vector: AlarmVector;
  readonly mode: TreatMissingData;
  readonly present: AlarmState;
}

const START_SECONDS = 1_793_577_600;

/** The value of each datapoint, oldest first; undefined where it is missing. */
export const valuesOf = ({ data }: AlarmVector): (number | undefined)[] =>
  data.split(' ').map((point) => (point === '-' ? undefined : point === 'X' ? 11 : 9));

/**
 * The state of every case's alarm after one evaluation by the emulator, in the order of the cases.
 *
 * An alarm comes into the state before by a first definition with data of its own, and is then changed to the table's: a changed
 * alarm keeps its state.
 */
export async function evaluateOverTheWire(cases: readonly AlarmCase[]): Promise<AlarmState[]> {
  const wire = await WireAccount.start(START_SECONDS);
  try {
    await putAlarms(wire, 'before', cases.map(alarmBefore));
    await wire.putSamples([before('OK', 9), before('ALARM', 11)]);
    const first = statesOf(await wire.goTo(START_SECONDS + 60), cases);
    cases.forEach(({ present }, index) => {
      if (first[index] !== present) throw new Error(`alarm ${index} is ${first[index]} before, not ${present}`);
    });

    await putAlarms(wire, 'table', cases.map(alarmOfTable));
    await wire.putSamples([...new Set(cases.map(({ vector }) => vector))].flatMap(samplesOf));
    const states = statesOf(await wire.goTo(START_SECONDS + 120), cases);
    await wire.account.emulator.flush();
    checkEngine(wire, cases, states);
    return states;
  } finally {
    await wire.stop();
  }
}

/** Puts the alarms into the engine and lets the emulator read them; a last alarm shows that it has. */
async function putAlarms(wire: WireAccount, round: string, alarms: MetricAlarm[]): Promise<void> {
  const { engine, emulator } = wire.account;
  engine.alarms = [...alarms, { ...alarms[0], AlarmName: round }];
  await wire.account.post('/hooks/alarms-changed', {});
  await wire.account.settle();
  const known = emulator.snapshot().alarms.some(({ name }) => name === round);
  if (!known) throw new Error(`the alarms ${round} are not known`);
}

const nameOf = (index: number): string => `case-${index}`;

const alarmBefore = ({ present }: AlarmCase, index: number): MetricAlarm => ({
  ...alarm(index, `before-${present}`),
  EvaluationPeriods: 1,
  TreatMissingData: 'missing',
});

const alarmOfTable = ({ vector, mode }: AlarmCase, index: number): MetricAlarm => ({
  ...alarm(index, metricOf(vector)),
  EvaluationPeriods: vector.evaluationPeriods,
  DatapointsToAlarm: vector.datapointsToAlarm,
  TreatMissingData: mode,
});

const alarm = (index: number, MetricName: string): MetricAlarm => ({
  AlarmName: nameOf(index),
  Namespace: NAMESPACE,
  MetricName,
  Dimensions: [],
  Statistic: 'Average',
  Period: 60,
  Threshold: 10,
  ComparisonOperator: 'GreaterThanThreshold',
});

const metricOf = ({ data }: AlarmVector): string => `data-${data.replaceAll(' ', '')}`;

const before = (state: AlarmState, value: number): Sample => ({
  metricName: `before-${state}`,
  atSeconds: START_SECONDS - 30,
  value,
});

/** An evaluation sees the five minutes that ended a minute ago. */
function samplesOf(vector: AlarmVector): Sample[] {
  return valuesOf(vector).flatMap((value, index) =>
    value === undefined
      ? []
      : [{ metricName: metricOf(vector), atSeconds: START_SECONDS - 240 + 60 * index + 5, value }],
  );
}

function statesOf({ alarms }: AccountSnapshot, cases: readonly AlarmCase[]): AlarmState[] {
  const byName = new Map(alarms.map(({ name, state }) => [name, state as AlarmState]));
  return cases.map((_case, index) => byName.get(nameOf(index))!);
}

/** Throws unless the engine has every alarm in the same state. */
function checkEngine(wire: WireAccount, cases: readonly AlarmCase[], states: readonly AlarmState[]): void {
  const inEngine = new Map(wire.account.engine.alarmStates.map(({ alarmName, state }) => [alarmName, state]));
  cases.forEach((_case, index) => {
    const state = inEngine.get(nameOf(index)) ?? 'INSUFFICIENT_DATA';
    if (state !== states[index]) throw new Error(`${nameOf(index)} is ${state} in the engine`);
  });
}
