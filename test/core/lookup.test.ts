import { lookup } from '../../lib/core/lookup';

test('a lookup has the names that it was given, and none that every object inherits', () => {
  const seconds: { readonly [unit: string]: number } = lookup({ minute: 60, hour: 3600 });
  expect(Object.entries(seconds)).toEqual([
    ['minute', 60],
    ['hour', 3600],
  ]);
  expect(seconds['hour']).toBe(3600);
  expect(['constructor', 'toString', '__proto__', 'day'].map((unit) => seconds[unit])).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
