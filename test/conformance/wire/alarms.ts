import type { MetricAlarm } from '@aws-sdk/client-cloudwatch';
import type { PlatformSnapshot } from '../../../lib/local/sidecar';
import type { AlarmState, TreatMissingData } from '../../../lib/simulation/cloudwatch';
import { until } from '../../local/sidecar/platform';
import type { AlarmVector } from '../alarm-vectors';
import { NAMESPACE, type Sample, WirePlatform } from './wire-platform';

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
 * The state of every case's alarm after one evaluation by the sidecar, in the order of the cases.
 *
 * An alarm comes into the state before by a first definition with data of its own, and is then changed to the table's: a changed
 * alarm keeps its state.
 */
export async function evaluateOverTheWire(cases: readonly AlarmCase[]): Promise<AlarmState[]> {
  const wire = await WirePlatform.start(START_SECONDS);
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
    await wire.platform.sidecar.flush();
    checkTold(wire, cases, states);
    return states;
  } finally {
    await wire.stop();
  }
}

/** Puts the alarms into the engine and waits until the sidecar has read them, which a last alarm shows. */
async function putAlarms(wire: WirePlatform, round: string, alarms: MetricAlarm[]): Promise<void> {
  const { engine, sidecar } = wire.platform;
  engine.alarms = [...alarms, { ...alarms[0], AlarmName: round }];
  await wire.platform.post('/hooks/alarms-changed', {});
  await until(`the alarms ${round}`, () => sidecar.snapshot().alarms.some(({ name }) => name === round));
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

function statesOf({ alarms }: PlatformSnapshot, cases: readonly AlarmCase[]): AlarmState[] {
  const byName = new Map(alarms.map(({ name, state }) => [name, state as AlarmState]));
  return cases.map((_case, index) => byName.get(nameOf(index))!);
}

/** Every state is the last one that the engine was told, too. */
function checkTold(wire: WirePlatform, cases: readonly AlarmCase[], states: readonly AlarmState[]): void {
  const told = new Map(wire.platform.engine.alarmStates.map(({ alarmName, state }) => [alarmName, state]));
  cases.forEach((_case, index) => {
    const state = told.get(nameOf(index)) ?? 'INSUFFICIENT_DATA';
    if (state !== states[index]) throw new Error(`the engine was told that ${nameOf(index)} is ${state}`);
  });
}
