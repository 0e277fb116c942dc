import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { LocalClock, sleepUntil } from '../../lib/emulator/clock';
import { monotonicMs } from '../../lib/emulator/monotonic';
import { projectDirectory } from '../architecture/imports';
import { HandClock } from '../support/hand-clock';

const PRELOAD = path.join(projectDirectory, 'lib', 'emulator', 'engine', 'clock-preload.cjs');

test('the local clock runs by its factor and passes itself on in the environment', async () => {
  const clock = new LocalClock({ monotonicStartMs: monotonicMs(), localStartSeconds: 5000, speed: 1000 });
  await clock.sleepUntil(5100);
  expect(clock.now()).toBeGreaterThanOrEqual(5100);
  expect(clock.realDelayMs(5000)).toBe(0);
  expect(clock.toEnvironment()).toEqual({
    TIDEGATE_CLOCK_MONOTONIC_START_MS: String(clock.monotonicStartMs),
    TIDEGATE_CLOCK_LOCAL_START_SECONDS: '5000',
    TIDEGATE_CLOCK_SPEED: '1000',
  });
  expect(() => new LocalClock({ monotonicStartMs: 0, localStartSeconds: 0, speed: 0 })).toThrow('above 0');
});

test('a timer of the local clock calls back at its moment and never before, unless it is cancelled', async () => {
  const clock = LocalClock.startingNow(1000);
  const due = clock.now() + 300;
  let cancelled = 0;
  const cancel = clock.callAt(due - 100, () => cancelled++);
  cancel();
  const at = await new Promise<number>((resolve) => clock.callAt(due, () => resolve(clock.now())));
  expect(at).toBeGreaterThanOrEqual(due);
  expect(cancelled).toBe(0);
});

test('a sleep ends at its moment or with its signal', async () => {
  const clock = new HandClock(1000);
  await sleepUntil(clock, 1000);
  const order: string[] = [];
  const slept = sleepUntil(clock, 1010).then(() => order.push(`slept until ${clock.now()}`));
  const aborted = new AbortController();
  const waiting = sleepUntil(clock, 1010, aborted.signal);
  aborted.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(sleepUntil(clock, 1010, aborted.signal)).rejects.toThrow('enough');
  clock.moveTo(1009);
  expect(order).toEqual([]);
  clock.moveTo(1010);
  await slept;
  expect(order).toEqual(['slept until 1010']);
  expect(clock.nextTimerAt()).toBeUndefined();
});

test('the local clock runs on when the date of the machine is set back', () => {
  const clock = LocalClock.startingNow(60);
  const before = clock.now();
  const date = jest.spyOn(Date, 'now').mockReturnValue(0);
  expect(clock.now()).toBeGreaterThanOrEqual(before);
  expect(clock.now()).toBeLessThan(before + 60 * 60);
  date.mockRestore();
});

test('a process with the clock in its environment has the same time, whatever its date', () => {
  const clock = LocalClock.startingNow(10);
  // The date of the process is set back by an hour before the clock is installed.
  const script = `const real = Date.now; Date.now = () => real() - 3_600_000; require(${JSON.stringify(PRELOAD)}); console.log(Date.now())`;
  const before = clock.now();
  const shown = execFileSync(process.execPath, ['-e', script], { env: { ...process.env, ...clock.toEnvironment() } });
  const seconds = Number(shown.toString()) / 1000;
  expect(seconds).toBeGreaterThanOrEqual(before - 0.001);
  expect(seconds).toBeLessThanOrEqual(clock.now());
});
