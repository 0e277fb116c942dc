import { floorOf, heldFloorOf } from '../../../lambda/capacity-forecaster/floor';

const declared = { minCapacity: 2, maxCapacity: 10 };
const ASKED = (capacity: number): string => `the forecast asks for ${capacity}`;
const NAIVE = 'the naive forecast is better: the policies scale alone';
const HELD = (maximum: number): string =>
  `the maximum is held at ${maximum}, below the declared 10: the forecast is ignored`;

describe('the minimum to write', () => {
  test.each<[string, number, 'forecast' | 'reactive', number, number, string]>([
    ['is what the forecast asks for', 5, 'forecast', 10, 5, ASKED(5)],
    ['is not below the declared minimum', 1, 'forecast', 10, 2, ASKED(1)],
    ['is not above the maximum in force', 14, 'forecast', 12, 12, ASKED(14)],
    ['is the declared one when the naive forecast is better', 5, 'reactive', 10, 2, NAIVE],
    ['is the declared one while the maximum is limited', 5, 'forecast', 8, 2, HELD(8)],
    ['is the maximum where that is limited below the declared minimum', 5, 'forecast', 1, 1, HELD(1)],
    ['is the maximum of 0 where growth is forbidden altogether', 5, 'reactive', 0, 0, HELD(0)],
  ])('%s', (_name, capacity, mode, maxCapacity, minCapacity, reason) => {
    expect(floorOf({ capacity, mode }, declared, { maxCapacity })).toEqual({ minCapacity, reason });
  });
});

describe('the minimum while no minute is counted', () => {
  test('is held for half an hour, and is then the declared one', () => {
    expect(heldFloorOf(29, declared, { maxCapacity: 10 })).toBeUndefined();
    expect(heldFloorOf(30, declared, { maxCapacity: 10 })).toEqual({
      minCapacity: 2,
      reason: 'no requests were counted for 30 minutes: the declared minimum applies',
    });
    expect(heldFloorOf(30, { ...declared, minCapacity: 12 }, { maxCapacity: 11 })?.minCapacity).toBe(11);
  });

  test('is the declared one at once under a lowered maximum, as far as that allows', () => {
    expect(heldFloorOf(0, declared, { maxCapacity: 9 })).toEqual({ minCapacity: 2, reason: HELD(9) });
    expect(heldFloorOf(0, declared, { maxCapacity: 1 })).toEqual({ minCapacity: 1, reason: HELD(1) });
  });
});
