import fc from 'fast-check';
import { checkZone, Clock, isoText, offsetZone, datedClock } from '../../lib/simulation/clock';

const at = (text: string): number => Date.parse(text) / 1000;
const clockFrom = (startsAt: string, timezone: string, seconds: number): Clock =>
  new Clock({ startsAt, timezone }, seconds);
const texts = (clock: Clock, maximum?: number): string[] => clock.axis(maximum).ticks.map(({ text }) => text);

describe('the clock of a run', () => {
  test('is absent without a date, and takes the zone that is given before that of the trace', () => {
    expect(datedClock(undefined, 'Europe/Berlin', 3600)).toBeNull();
    expect(datedClock(at('2026-01-05T12:37:00Z'), undefined, 3600)).toEqual({
      startsAt: '2026-01-05T12:37:00Z',
      timezone: '+01:00',
    });
    expect(datedClock(0, 'Asia/Kolkata', 3600)?.timezone).toBe('Asia/Kolkata');
    expect(datedClock(0, undefined, undefined)?.timezone).toBe('UTC');
    expect(offsetZone(-9.5 * 3600)).toBe('-09:30');
  });

  test.each(['Mars/Olympus', 'Europe/', '01:00', ''])('refuses the zone %j', (zone) => {
    expect(() => checkZone(zone)).toThrow(/time zone .* is not known/);
  });

  test.each([
    [0, '1970-01-01T00:00:00Z'],
    [1_774_746_000.25, '2026-03-29T01:00:00.250Z'],
    [951_782_399, '2000-02-28T23:59:59Z'],
  ])('writes %d as %s', (seconds, text) => {
    expect(isoText(seconds)).toBe(text);
  });

  test('writes every moment as the platform does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (second) => {
        expect(Date.parse(isoText(second))).toBe(second * 1000);
      }),
    );
  });
});

describe('times of a run', () => {
  test('show the time of the day alone within a day', () => {
    const clock = clockFrom('2026-03-16T12:37:00Z', '+01:00', 7200);
    expect(clock.moment(600)).toBe('13:47:00');
    expect(clock.iso(600)).toBe('2026-03-16T12:47:00Z');
    expect(clock.span(0, 7200)).toBe('Mon 16 Mar 2026 13:37:00 to 15:37:00, UTC+01:00');
  });

  test('show the date where a run touches two days of its zone, though one of UTC', () => {
    expect(clockFrom('2026-03-16T20:00:00Z', 'Asia/Tokyo', 3600).moment(0)).toBe('05:00:00');
    expect(clockFrom('2026-03-16T14:30:00Z', 'Asia/Tokyo', 3600).moment(3000)).toBe('17 Mar 00:20:00');
    expect(clockFrom('2026-03-16T14:30:00Z', 'UTC', 3600).moment(3000)).toBe('15:20:00');
  });

  test('show the offset on days on which the clock changes, where a time occurs twice', () => {
    const clock = clockFrom('2026-10-25T00:00:00Z', 'Europe/Berlin', 7200);
    expect(clock.moment(1800)).toBe('02:30:00+02:00');
    expect(clock.moment(5400)).toBe('02:30:00+01:00');
    expect(clock.zone).toBe('Europe/Berlin (UTC+02:00, then UTC+01:00)');
  });

  test('are elapsed, with a sign, where there is no date', () => {
    const clock = new Clock(null, 3 * 86_400);
    expect([clock.isElapsed, clock.iso(5), clock.zone]).toEqual([true, undefined, 'elapsed since the start']);
    expect(clock.moment(6240)).toBe('+1:44:00');
    expect(clock.moment(2 * 86_400 + 61)).toBe('+2 d 00:01:01');
    expect(clock.span(0, 60)).toBe('+0:00:00 to +0:01:00, elapsed since the start');
  });

  test('can be told back from the text of UTC', () => {
    const clock = clockFrom('2026-03-16T12:37:12.5Z', 'Europe/Berlin', 60);
    expect(clock.secondOf(at('2026-03-16T12:37:42.5Z'))).toBe(30);
  });
});

describe('ticks of time', () => {
  test('stand at round times of the zone, not at fractions of the run', () => {
    const clock = clockFrom('2026-03-16T12:37:00Z', '+01:00', 7200);
    expect(clock.axis().ticks).toEqual([
      { second: 480, text: '13:45' },
      ...['14:00', '14:15', '14:30', '14:45', '15:00', '15:15', '15:30'].map((text, index) => ({
        second: 1380 + 900 * index,
        text,
      })),
    ]);
    expect(texts(clockFrom('2026-03-16T12:07:00Z', 'Asia/Kolkata', 7200), 4)).toEqual([
      '18:00',
      '18:30',
      '19:00',
      '19:30',
    ]);
  });

  test('are dates at midnight, and whole days for long runs', () => {
    expect(texts(clockFrom('2026-03-16T18:00:00Z', 'UTC', 86_400), 5)).toEqual([
      '18:00',
      '17 Mar',
      '06:00',
      '12:00',
      '18:00',
    ]);
    expect(texts(clockFrom('2026-03-16T18:00:00Z', 'UTC', 6 * 86_400))).toEqual(
      ['17', '18', '19', '20', '21', '22'].map((day) => `${day} Mar`),
    );
    // Weeks begin on Monday.
    expect(texts(clockFrom('2026-03-01T00:00:00Z', 'UTC', 40 * 86_400))).toEqual([
      '2 Mar',
      '9 Mar',
      '16 Mar',
      '23 Mar',
      '30 Mar',
      '6 Apr',
    ]);
  });

  test('follow the clock on the day of 23 hours and on that of 25', () => {
    const short = clockFrom('2026-03-28T23:00:00Z', 'Europe/Berlin', 23 * 3600);
    expect(short.axis().ticks).toEqual(
      [0, 2, 5, 8, 11, 14, 17, 20, 23].map((hour, index) => ({
        second: hour * 3600,
        text: ['00:00', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00', '00:00'][index],
      })),
    );
    const long = clockFrom('2026-10-24T22:00:00Z', 'Europe/Berlin', 25 * 3600);
    expect(long.axis(4).ticks.map(({ second }) => second / 3600)).toEqual([0, 13, 25]);
    expect(texts(clockFrom('2026-10-25T00:00:00Z', 'Europe/Berlin', 7200), 4)).toEqual([
      '02:00',
      '02:30',
      '02:00',
      '02:30',
      '03:00',
    ]);
  });

  test('count from the start where there is no date, in the unit that the axis names', () => {
    expect(new Clock(null, 40).axis(4)).toEqual({
      ticks: [0, 10, 20, 30, 40].map((second) => ({ second, text: String(second) })),
      label: 'seconds elapsed since the start',
    });
    const hours = new Clock(null, 14_400).axis();
    expect(hours.label).toBe('hours elapsed since the start');
    expect(hours.ticks.map(({ text }) => text)).toEqual(['0', '0.5', '1', '1.5', '2', '2.5', '3', '3.5', '4']);
    expect(new Clock(null, 7200).axis().ticks.at(-1)).toEqual({ second: 7200, text: '120' });
    expect(texts(new Clock(null, 5 * 86_400))).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', '+05:45', '-03:30'];
  test('ascend, lie within the run and are no more than one above the maximum, in every zone', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: at('2026-01-01'), max: at('2027-01-01') }),
        fc.constantFrom(...zones, null),
        fc.integer({ min: 10, max: 100 * 86_400 }),
        fc.integer({ min: 3, max: 10 }),
        (start, zone, seconds, maximum) => {
          const clock = new Clock(zone === null ? null : { startsAt: isoText(start), timezone: zone }, seconds);
          const ticks = clock.axis(maximum).ticks;
          const moments = ticks.map(({ second }) => second);
          expect(ticks.length).toBeLessThanOrEqual(maximum + 2);
          expect([...moments].sort((a, b) => a - b)).toEqual(moments);
          expect(new Set(moments).size).toBe(moments.length);
          for (const second of moments) expect(second >= 0 && second <= seconds).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
});
