import { LocalClock, sleepUntil } from '../../lib/emulator/clock';
import { HandClock } from '../support/hand-clock';

test('the local clock runs by its factor and passes itself on in the environment', async () => {
  const clock = new LocalClock({ realStartMs: Date.now(), localStartSeconds: 5000, speed: 1000 });
  await clock.sleepUntil(5100);
  expect(clock.now()).toBeGreaterThanOrEqual(5100);
  expect(clock.realDelayMs(5000)).toBe(0);
  expect(clock.toEnvironment()).toEqual({
    TIDEGATE_CLOCK_REAL_START_MS: String(clock.realStartMs),
    TIDEGATE_CLOCK_LOCAL_START_SECONDS: '5000',
    TIDEGATE_CLOCK_SPEED: '1000',
  });
  expect(() => new LocalClock({ realStartMs: 0, localStartSeconds: 0, speed: 0 })).toThrow('above 0');
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
