import { isRecordToBlame } from '../../lib/ingestion/decide/verdict';

test.each([
  ['fewer failures than the maximum, quickly', 4, 10, false],
  ['as many failures as the maximum', 5, 10, true],
  ['one failure, however long ago', 1, 600, false],
  ['two failures within a minute', 2, 59, false],
  ['two failures over a minute, as of a record on which the model hangs', 2, 60, true],
])('a record with %s', (_, count, secondsSinceFirst, isToBlame) => {
  expect(isRecordToBlame({ count, secondsSinceFirst }, 5)).toBe(isToBlame);
});

test('a maximum of one failure decides with the first', () => {
  expect(isRecordToBlame({ count: 1, secondsSinceFirst: 0 }, 1)).toBe(true);
});
