import {
  CloudWatch,
  type AlarmDefinition,
  type AlarmState,
  type TreatMissingData,
} from '../../lib/simulation/aws/cloudwatch';
import { evaluateAlarm } from '../../lib/simulation/aws/cloudwatch/alarm-evaluation';
import { ALARM_VECTORS, type AlarmVector } from './alarm-vectors';
import { type AlarmCase, evaluateOverTheWire, valuesOf } from './wire/alarms';

const MODES: readonly TreatMissingData[] = ['missing', 'ignore', 'breaching', 'notBreaching'];
const STATES: readonly AlarmState[] = ['OK', 'ALARM', 'INSUFFICIENT_DATA'];
const START = 1_793_577_600;
const metric = { namespace: 'Test', metricName: 'Value', dimensions: {} };

const cases = ALARM_VECTORS.flatMap((vector) =>
  MODES.map((mode) => ({
    title: `${vector.data} with ${vector.datapointsToAlarm} of ${vector.evaluationPeriods}, ${mode}: ${vector.outcomes[mode]}`,
    vector,
    mode,
  })),
);

function definitionOf(
  { evaluationPeriods, datapointsToAlarm }: AlarmVector,
  treatMissingData: TreatMissingData,
): AlarmDefinition {
  return {
    alarmName: 'table',
    metric,
    statistic: 'Average',
    periodSeconds: 60,
    evaluationPeriods,
    datapointsToAlarm,
    threshold: 10,
    comparisonOperator: 'GreaterThanThreshold',
    treatMissingData,
  };
}

describe('the tables on missing data', () => {
  test.each(cases)('by evaluation: $title', ({ vector, mode }) => {
    for (const present of STATES) {
      const outcome = vector.outcomes[mode];
      const { state } = evaluateAlarm(definitionOf(vector, mode), valuesOf(vector), present);
      expect(state).toBe(outcome === 'kept' ? present : outcome);
    }
  });

  test.each(cases)('in CloudWatch: $title', ({ vector, mode }) => {
    for (const present of STATES) {
      const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
      valuesOf(vector).forEach((value, minute) => {
        if (value === undefined) return;
        const atSeconds = START + 60 * minute + 5;
        cloudWatch.putMetric({ metric, atSeconds, sum: value, sampleCount: 1, minimum: value, maximum: value });
      });
      cloudWatch.putAlarm(definitionOf(vector, mode), START + 299);
      cloudWatch.setAlarmState('table', present, 'the state before', START + 299);
      const evaluations = cloudWatch.advanceTo(START + 300);
      const outcome = vector.outcomes[mode];
      expect(evaluations).toHaveLength(1);
      expect(evaluations[0]!.state).toBe(outcome === 'kept' ? present : outcome);
    }
  });

  describe('by the local services over HTTP', () => {
    const present: AlarmCase[] = cases.flatMap(({ vector, mode }) =>
      STATES.map((state) => ({ vector, mode, present: state })),
    );
    let states: AlarmState[];
    beforeAll(async () => {
      states = await evaluateOverTheWire(present);
    });

    test.each(cases)('$title', ({ vector, mode }) => {
      const outcome = vector.outcomes[mode];
      const got = states.filter((_state, index) => present[index]!.vector === vector && present[index]!.mode === mode);
      expect(got).toEqual(STATES.map((state) => (outcome === 'kept' ? state : outcome)));
    });
  });
});
