import { floorOf } from '../../../lambda/capacity-forecaster/floor';

describe('the minimum to write', () => {
  const declared = { minCapacity: 2, maxCapacity: 10 };
  test.each<[string, number, 'forecast' | 'reactive', number, number]>([
    ['is what the forecast asks for', 5, 'forecast', 10, 5],
    ['is not below the declared minimum', 1, 'forecast', 10, 2],
    ['is not above the maximum in force', 14, 'forecast', 12, 12],
    ['is the declared one when the naive forecast is better', 5, 'reactive', 10, 2],
    ['is the declared one while the maximum is limited', 5, 'forecast', 8, 2],
    ['is the maximum where that is limited below the declared minimum', 5, 'forecast', 1, 1],
    ['is the maximum of 0 where growth is forbidden altogether', 5, 'reactive', 0, 0],
  ])('%s', (_name, capacity, mode, maxCapacity, minCapacity) => {
    expect(floorOf({ capacity, mode }, declared, { maxCapacity })).toEqual({
      minCapacity,
      reason: expect.any(String) as unknown,
    });
  });
});
