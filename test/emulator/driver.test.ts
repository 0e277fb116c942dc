import type { PlayedActors } from '../../lib/emulator/actor';
import { LocalClock } from '../../lib/emulator/clock';
import { Driver } from '../../lib/emulator/driver';
import { monotonicMs } from '../../lib/emulator/monotonic';
import { HandClock } from '../support/hand-clock';

/** A timeline with an event at each of its moments. */
class Beats implements PlayedActors {
  public readonly played: number[] = [];
  private reached = 0;

  public constructor(private moments: number[]) {}

  public nextEventAt(): number | undefined {
    return this.moments[0];
  }

  public advanceTo(atSeconds: number): number {
    this.played.push(...this.moments.filter((at) => at <= atSeconds));
    this.moments = this.moments.filter((at) => at > atSeconds);
    this.reached = Math.max(this.reached, atSeconds);
    return this.reached;
  }

  public add(atSeconds: number): void {
    this.moments = [...this.moments, atSeconds].sort((a, b) => a - b);
  }
}

function fail(error: unknown): void {
  throw error;
}

test('a timer wakes the timeline for its next event, and only for that', () => {
  const clock = new HandClock(1000);
  const beats = new Beats([1005, 1010]);
  const driver = new Driver(clock, fail);
  expect(clock.nextTimerAt()).toBeUndefined();
  driver.start(beats);
  expect(clock.nextTimerAt()).toBe(1005);
  clock.moveTo(1007);
  expect(beats.played).toEqual([1005]);
  expect(clock.nextTimerAt()).toBe(1010);
  driver.stop();
  expect(clock.nextTimerAt()).toBeUndefined();
});

test('a change from outside comes after every earlier event, and may bring an earlier one', () => {
  // 2 s late at thirty times the speed: 60 local seconds.
  const clock = new LocalClock({ monotonicStartMs: monotonicMs() - 2000, localStartSeconds: 1000, speed: 30 });
  const beats = new Beats([1010, 1020, 1060, 9000]);
  const driver = new Driver(clock, fail);
  driver.start(beats);
  const at = driver.apply((now) => now);
  expect(at).toBeGreaterThanOrEqual(1060);
  expect(beats.played).toEqual([1010, 1020, 1060]);
  driver.stop();

  const byHand = new HandClock(1000);
  const later = new Beats([1100]);
  const driven = new Driver(byHand, fail);
  driven.start(later);
  driven.apply(() => later.add(1050));
  expect(byHand.nextTimerAt()).toBe(1050);
});

test('a change inside an event happens at the moment of that event', () => {
  const clock = new HandClock(1000);
  const driver = new Driver(clock, fail);
  const moments: number[] = [];
  let next: number | undefined = 1001;
  driver.start({
    nextEventAt: () => next,
    advanceTo: (at) => {
      if (next === undefined) return at;
      next = undefined;
      driver.apply((now) => moments.push(now));
      return 1001;
    },
  });
  clock.moveTo(1050);
  expect(moments).toEqual([1001]);
});

test('an error of the timeline is reported, and the driver goes on', () => {
  const clock = new HandClock(1000);
  const errors: unknown[] = [];
  const driver = new Driver(clock, (error) => errors.push(error));
  const moments = [1001, 1002];
  driver.start({
    nextEventAt: () => moments[0],
    advanceTo: (at) => {
      if (moments.shift() === 1001) throw new Error('broken');
      return at;
    },
  });
  clock.moveTo(1010);
  expect(errors).toEqual([new Error('broken')]);
  expect(moments).toEqual([]);
});
