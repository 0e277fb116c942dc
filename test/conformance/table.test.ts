import { ALARM_VECTORS } from './alarm-vectors';
import { ARITHMETIC_WALKS } from './arithmetic-vectors';
import { SCHEDULE_VECTORS } from './schedule-vectors';
import { WALKS } from './vectors';
import { notOnTheWire } from './wire/walks';

test('the table has more than 200 vectors, and one of them has no words in the API', () => {
  const walks = [...WALKS, ...ARITHMETIC_WALKS];
  const alarms = ALARM_VECTORS.flatMap(({ outcomes }) => Object.keys(outcomes));
  expect(walks.length + alarms.length + SCHEDULE_VECTORS.length).toBe(283);
  expect(walks.flatMap((walk) => notOnTheWire(walk) ?? [])).toEqual([
    'maxScaleInPerDecision is an option of Tidegate, PutScalingPolicy has none',
  ]);
});
