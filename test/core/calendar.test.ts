import fc from 'fast-check';
import { dateOf, dayNumber, dayOfWeek, daysInMonth } from '../../lib/core/calendar';

describe('the calendar', () => {
  test('agrees with the platform about days', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000, max: 200_000 }), (days) => {
        const date = new Date(days * 86_400_000);
        expect(dateOf(days)).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
        });
        expect(dayNumber(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())).toBe(days);
        expect(dayOfWeek(days)).toBe(date.getUTCDay());
      }),
    );
  });

  test.each([
    [2023, 2, 28],
    [2024, 2, 29],
    [1900, 2, 28],
    [2000, 2, 29],
    [2024, 12, 31],
    [2024, 4, 30],
  ])('gives %i-%i %i days', (year, month, days) => {
    expect(daysInMonth(year, month)).toBe(days);
  });
});
