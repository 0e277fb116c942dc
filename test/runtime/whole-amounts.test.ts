import { Duration, Lazy, Size } from 'aws-cdk-lib';
import { checkKeyPrefix } from '../../lib/runtime/key-prefix';
import { checkWholeDurations, gibibytesOf, secondsOf } from '../../lib/runtime/whole-amounts';

describe('a duration that AWS takes as a whole number', () => {
  test.each([0.1, 1e-160, 5e-324, NaN, Infinity, 100.1, 1e308])('is refused by its name where it is %d s', (amount) => {
    expect(checkWholeDurations('seconds', { timeout: Duration.seconds(amount) })).toEqual([
      `timeout (${amount} s) must be a whole number of seconds`,
    ]);
  });

  test('may be left out, or be known at deploy time only', () => {
    const later = Duration.seconds(Lazy.number({ produce: () => 0.5 }));
    expect(checkWholeDurations('seconds', { timeout: undefined, cooldown: later })).toEqual([]);
    expect(checkWholeDurations('minutes', { interval: Duration.hours(1) })).toEqual([]);
    expect(checkWholeDurations('minutes', { interval: Duration.seconds(90) })).toEqual([
      'interval (1.5 minutes) must be a whole number of minutes',
    ]);
  });

  test('keeps its fraction until it is checked', () => {
    expect(secondsOf(Duration.millis(1500))).toBe(1.5);
    expect(gibibytesOf(Size.mebibytes(512))).toBe(0.5);
  });
});

describe('a prefix of keys', () => {
  test.each(['', 'rows/', 'day=1/', 'Ärzte 2026/', "a!b_c.d'(e)/"])("may be '%s'", (prefix) => {
    expect(checkKeyPrefix('prefix', prefix)).toEqual([]);
  });

  test.each(['*', 'rows/*/', 'a?', '${aws:username}/', '{', '/rows', 'x'.repeat(513), 'a\nb'])(
    "may not be '%s'",
    (prefix) => {
      expect(checkKeyPrefix('prefix', prefix)[0]).toMatch(/^prefix \('[^]*'\) must be at most 512 letters/);
    },
  );
});
