import { dayNumber, dayOfWeek } from '../core/calendar';
import { SECONDS_PER_DAY, type EpochSeconds } from '../core/time';
import { checkTimezone, civilOf, momentOf, type CivilTime } from '../scaling/decide/civil-time';

/** Wall clock of a run; null where neither the trace nor a setting gives a date. Plain data. */
export type DatedClock = {
  /** Moment of second 0, in UTC: `2026-01-05T13:37:00Z`. */
  readonly startsAt: string;
  /** Zone of the times in texts: a name such as `Europe/Berlin`, `UTC`, or an offset such as `+01:00`. */
  readonly timezone: string;
} | null;

/** Tick of a time axis. */
export interface TimeTick {
  readonly second: number;
  readonly text: string;
}

/** Time axis of a chart. */
export interface TimeAxis {
  readonly ticks: readonly TimeTick[];
  /** Zone or unit of the ticks. */
  readonly label: string;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const OFFSET = /^([+-])(\d{2}):?(\d{2})$/;

/** Distances of ticks below a day: each divides the next larger unit. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
/** Number of moments of a run at which its offset from UTC is looked up. */
const OFFSET_SAMPLES = 32;
const DAY_STEPS = [1, 2, 7, 14, 28];

/** Moment in UTC as ISO 8601, to the millisecond where it has a fraction. */
export function isoText(at: EpochSeconds): string {
  const { year, month, day, hour, minute, second } = civilOf(at, 'UTC');
  const thousandths = Math.floor((at - Math.floor(at)) * 1000 + 0.5);
  const fraction = thousandths === 0 || thousandths === 1000 ? '' : `.${String(thousandths).padStart(3, '0')}`;
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${fraction}Z`;
}

/** Returns the moment of {@link isoText}. */
export function momentOfIso(text: string): EpochSeconds {
  const [year, month, day, hour, minute, second] = text.split(/[-T:Z]/).map(Number);
  return momentOf({ year: year!, month: month!, day: day!, hour: hour!, minute: minute!, second: 0 }, 'UTC') + second!;
}

/** @throws InputError for a zone that is neither a name nor an offset */
export function checkZone(timezone: string): void {
  if (!OFFSET.test(timezone)) checkTimezone(timezone);
}

/** Offset from UTC as text: `+01:00`, or `UTC` for 0. */
export function offsetZone(offsetSeconds: number): string {
  if (offsetSeconds === 0) return 'UTC';
  const minutes = Math.round(Math.abs(offsetSeconds) / 60);
  return `${offsetSeconds < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Clock of a run that begins at a moment; `timezone` precedes the offset that the trace has. */
export function datedClock(
  startsAt: EpochSeconds | undefined,
  timezone: string | undefined,
  utcOffsetSeconds: number | undefined,
): DatedClock {
  if (startsAt === undefined) return null;
  const zone = timezone ?? offsetZone(utcOffsetSeconds ?? 0);
  checkZone(zone);
  return { startsAt: isoText(startsAt), timezone: zone };
}

/**
 * Times of a run in words: wall-clock times in the run's zone, or times elapsed since its start, which begin with a plus sign.
 *
 * Clock changes are respected: ticks stay on round local times, and times of a day on which the clock changes carry their offset.
 */
export class Clock {
  private readonly start: EpochSeconds | undefined;
  private readonly timezone: string;
  private readonly fixedOffset: number | undefined;
  /** True if texts of moments need a date, because the run touches two days. */
  private readonly showsDate: boolean;
  /** Offsets from UTC during the run, in order; texts of moments need one where there are several. */
  private readonly offsets: readonly number[];

  public constructor(
    clock: DatedClock,
    /** Length of the run. */
    private readonly seconds: number,
  ) {
    this.timezone = clock?.timezone ?? 'UTC';
    const [, sign, hours, minutes] = OFFSET.exec(this.timezone) ?? [];
    this.fixedOffset =
      hours === undefined ? undefined : (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
    this.start = clock === null ? undefined : momentOfIso(clock.startsAt);
    const [first, last] = [this.start ?? 0, (this.start ?? 0) + seconds];
    this.showsDate = this.dayOf(first) !== this.dayOf(Math.max(first, last - 1e-3));
    const parts = Array.from({ length: OFFSET_SAMPLES + 1 }, (_, part) => first + (part * seconds) / OFFSET_SAMPLES);
    this.offsets = [...new Set(parts.map((at) => this.offsetAt(at)))];
  }

  /** True if times count from the start of the run, because its date is unknown. */
  public get isElapsed(): boolean {
    return this.start === undefined;
  }

  /** Zone in a sentence: `UTC`, `UTC+01:00` or `Europe/Berlin`. */
  public get zoneName(): string {
    return this.fixedOffset === undefined ? this.timezone : `UTC${this.timezone}`;
  }

  /** Zone in words: `UTC`, `Europe/Berlin (UTC+01:00)`, or `elapsed since the start`. */
  public get zone(): string {
    const { timezone } = this;
    if (this.start === undefined) return 'elapsed since the start';
    if (timezone === 'UTC' || timezone === 'Etc/UTC') return 'UTC';
    if (this.fixedOffset !== undefined) return `UTC${timezone}`;
    return `${timezone} (${this.offsets.map((offset) => `UTC${offsetText(offset)}`).join(', then ')})`;
  }

  /** Second of the run at a moment; NaN without a date. */
  public secondOf(at: EpochSeconds): number {
    return at - (this.start ?? NaN);
  }

  /** Moment in UTC as ISO 8601; undefined without a date. */
  public iso(second: number): string | undefined {
    return this.start === undefined ? undefined : isoText(this.start + second);
  }

  /** Moment as short as the run allows: `13:47:00`, `17 Nov 13:47:00`, or `+1:44:00` elapsed. */
  public moment(second: number): string {
    if (this.start === undefined) return elapsedText(second);
    const at = this.start + second;
    const { month, day, hour, minute, second: inMinute } = this.civil(at);
    const date = this.showsDate ? `${day} ${MONTHS[month - 1]} ` : '';
    return `${date}${two(hour)}:${two(minute)}:${two(inMinute)}${this.offsets.length > 1 ? offsetText(this.offsetAt(at)) : ''}`;
  }

  /** Part of the run in words: `Thu 16 Nov 2023 13:37:00 to 14:37:00 UTC`. */
  public span(from: number, to: number): string {
    if (this.start === undefined) return `${elapsedText(from)} to ${elapsedText(to)}, elapsed since the start`;
    const [first, last] = [this.start + from, this.start + to];
    const sameDay = this.dayOf(first) === this.dayOf(last);
    return `${this.dated(first)} to ${sameDay ? this.timeOfDay(last) : this.dated(last)}, ${this.zone}`;
  }

  /** Axis with round ticks from 0 to the end of the run. */
  public axis(maximum = 8): TimeAxis {
    const { start, seconds } = this;
    if (start === undefined) return this.elapsedAxis(maximum);
    const step = STEPS.find((each) => seconds / each <= maximum);
    const moments = step === undefined ? this.midnights(start, maximum) : this.roundMoments(start, step);
    return {
      ticks: moments.map((at) => ({ second: at - start, text: this.tickText(at, step ?? SECONDS_PER_DAY) })),
      label: this.zone,
    };
  }

  private elapsedAxis(maximum: number): TimeAxis {
    const { seconds } = this;
    const steps = [...STEPS, ...DAY_STEPS.map((days) => days * SECONDS_PER_DAY)];
    const step = steps.find((each) => seconds / each <= maximum) ?? Math.ceil(seconds / maximum);
    const [unit, length] =
      step >= SECONDS_PER_DAY
        ? ['days', SECONDS_PER_DAY]
        : step >= 3600 || (step >= 1800 && seconds > 10_800)
          ? ['hours', 3600]
          : step >= 60
            ? ['minutes', 60]
            : ['seconds', 1];
    const count = Math.floor(seconds / step + 1e-9);
    return {
      ticks: Array.from({ length: count + 1 }, (_, index) => ({
        second: index * step,
        text: String(Math.round((10 * index * step) / length) / 10),
      })),
      label: `${unit} elapsed since the start`,
    };
  }

  /** Moments at multiples of a step from each local midnight; a time that the clock skips or repeats has one tick. */
  private roundMoments(start: EpochSeconds, step: number): EpochSeconds[] {
    const end = start + this.seconds;
    const moments: EpochSeconds[] = [];
    const add = (at: EpochSeconds): void => {
      if (at >= start && at <= end && at > (moments.at(-1) ?? -Infinity)) moments.push(at);
    };
    for (let day = this.dayOf(start); day <= this.dayOf(end); day++) {
      const [midnight, next] = [this.momentOn(day, 0), this.momentOn(day + 1, 0)];
      // Steps below an hour go on through a change of the clock; hours follow the local time.
      if (step < 3600) for (let at = midnight; at < next; at += step) add(at);
      else for (let inDay = 0; inDay < SECONDS_PER_DAY; inDay += step) add(this.momentOn(day, inDay));
    }
    return moments;
  }

  private midnights(start: EpochSeconds, maximum: number): EpochSeconds[] {
    const end = start + this.seconds;
    const days = this.seconds / SECONDS_PER_DAY;
    const step = DAY_STEPS.find((each) => days / each <= maximum) ?? Math.ceil(days / maximum);
    const moments: EpochSeconds[] = [];
    for (let day = this.dayOf(start); day <= this.dayOf(end); day++) {
      const at = this.momentOn(day, 0);
      // Weeks begin on Monday; day 4 was the first Monday after 1970-01-01.
      if ((day - 4) % step === 0 && at >= start && at <= end) moments.push(at);
    }
    return moments;
  }

  private tickText(at: EpochSeconds, step: number): string {
    const { month, day, hour, minute, second } = this.civil(at);
    const midnight = hour === 0 && minute === 0 && second === 0;
    if (step >= SECONDS_PER_DAY || (midnight && this.showsDate)) return `${day} ${MONTHS[month - 1]}`;
    return `${two(hour)}:${two(minute)}${step < 60 ? `:${two(second)}` : ''}`;
  }

  /** Moment of a second of a local day. */
  private momentOn(day: number, inDay: number): EpochSeconds {
    const asUtc = day * SECONDS_PER_DAY + inDay;
    return this.fixedOffset === undefined ? momentOf(civilOf(asUtc, 'UTC'), this.timezone) : asUtc - this.fixedOffset;
  }

  private civil(at: EpochSeconds): CivilTime {
    return this.fixedOffset === undefined ? civilOf(at, this.timezone) : civilOf(at + this.fixedOffset, 'UTC');
  }

  private dayOf(at: EpochSeconds): number {
    const { year, month, day } = this.civil(at);
    return dayNumber(year, month, day);
  }

  private offsetAt(at: EpochSeconds): number {
    const { hour, minute, second } = this.civil(at);
    return this.dayOf(at) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - Math.floor(at);
  }

  private dated(at: EpochSeconds): string {
    const { year, month, day } = this.civil(at);
    return `${WEEKDAYS[dayOfWeek(this.dayOf(at))]} ${day} ${MONTHS[month - 1]} ${year} ${this.timeOfDay(at)}`;
  }

  private timeOfDay(at: EpochSeconds): string {
    const { hour, minute, second } = this.civil(at);
    return `${two(hour)}:${two(minute)}:${two(second)}`;
  }
}

/** Time since the start: `+0:05:00`, from the third day on `+2 d 03:10:00`. */
function elapsedText(seconds: number): string {
  const whole = Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  return hours >= 48 ? `+${Math.floor(hours / 24)} d ${two(hours % 24)}:${rest}` : `+${hours}:${rest}`;
}

function offsetText(offsetSeconds: number): string {
  return offsetSeconds === 0 ? '+00:00' : offsetZone(offsetSeconds);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
