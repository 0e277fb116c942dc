import { isRecordToBlame, longestWitnessSeconds } from '../../lib/ingestion/decide/verdict';

test.each([
  ['fewer quick failures than the maximum', 4, 10, false],
  ['as many failures as the maximum', 5, 10, true],
  ['one failure, however slow', 1, 600, false],
  ['two failures of less than a minute together', 2, 59, false],
  ['two failures of a minute together, as of a record on which the model hangs', 2, 60, true],
])('a record with %s', (_, count, requestSeconds, isToBlame) => {
  expect(isRecordToBlame({ count, requestSeconds }, 5, false)).toBe(isToBlame);
});

test('slow failures decide by their number while other records recover from slow requests', () => {
  expect(isRecordToBlame({ count: 4, requestSeconds: 240 }, 5, true)).toBe(false);
  expect(isRecordToBlame({ count: 5, requestSeconds: 300 }, 5, true)).toBe(true);
});

test('a maximum of one failure decides with the first', () => {
  expect(isRecordToBlame({ count: 1, requestSeconds: 0 }, 1, true)).toBe(true);
});

test('a slow failure is told from a full endpoint by responses in half of its time, a quick one by any', () => {
  expect(longestWitnessSeconds(9.9)).toBe(Infinity);
  expect(longestWitnessSeconds(60)).toBe(30);
});
