import * as fc from 'fast-check';
import { AlarmCount, type AlarmRule } from '../../../lib/simulation/aws/cloudwatch';
import { evaluateAlarm } from '../../../lib/simulation/aws/cloudwatch/alarm-evaluation';

const rule = (changes: Partial<AlarmRule> = {}): AlarmRule => ({
  threshold: 10,
  comparisonOperator: 'GreaterThanThreshold',
  evaluationPeriods: 3,
  ...changes,
});

test.each([
  [
    '3 of 3: the third breach in a row alarms, a good value ends it',
    rule(),
    [11, 11, 11, 9],
    [false, false, true, false],
  ],
  [
    '2 of 3: a gap of one does not matter',
    rule({ datapointsToAlarm: 2 }),
    [11, 9, 11, 9, 9],
    [false, false, true, false, false],
  ],
  ['1 of 1, below', rule({ comparisonOperator: 'LessThanThreshold', evaluationPeriods: 1 }), [10, 9], [false, true]],
  [
    'at the threshold',
    rule({ comparisonOperator: 'GreaterThanOrEqualToThreshold', evaluationPeriods: 1 }),
    [10],
    [true],
  ],
])('%s', (_name, alarm, values, states) => {
  const count = new AlarmCount(alarm);
  expect(values.map((value) => count.take(value))).toEqual(states);
});

test('agrees with the evaluation of CloudWatch for a metric without gaps', () => {
  const alarms = fc
    .record({
      threshold: fc.constant(5),
      comparisonOperator: fc.constantFrom(
        'GreaterThanThreshold' as const,
        'GreaterThanOrEqualToThreshold' as const,
        'LessThanThreshold' as const,
        'LessThanOrEqualToThreshold' as const,
      ),
      evaluationPeriods: fc.integer({ min: 1, max: 6 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .map(({ share, ...alarm }) => ({
      ...alarm,
      datapointsToAlarm: 1 + Math.floor(share * (alarm.evaluationPeriods - 1)),
    }));
  fc.assert(
    fc.property(alarms, fc.array(fc.integer({ min: 4, max: 6 }), { minLength: 1, maxLength: 30 }), (alarm, values) => {
      const count = new AlarmCount(alarm);
      values.forEach((value, index) => {
        const inAlarm = count.take(value);
        if (index + 1 < alarm.evaluationPeriods) return;
        const { state } = evaluateAlarm(alarm, values.slice(0, index + 1), 'OK');
        expect(inAlarm).toBe(state === 'ALARM');
      });
    }),
  );
});
