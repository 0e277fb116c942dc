import { LocalClock } from '../../../lib/local/clock';
import { type Actor, Driver } from '../../../lib/local/sidecar/driver';
import { Outbox } from '../../../lib/local/sidecar/outbox';

/** Something that happens every so many seconds. */
class Beat implements Actor {
  private next: number;

  public constructor(
    private readonly name: string,
    start: number,
    private readonly everySeconds: number,
    private readonly heard: [string, number][],
  ) {
    this.next = start + everySeconds;
  }

  public nextEventAt(): number {
    return this.next;
  }

  public advanceTo(atSeconds: number): void {
    this.heard.push([this.name, atSeconds]);
    this.next += this.everySeconds;
  }
}

jest.retryTimes(2); // the clock is hundreds of times the machine's, and a busy machine misses windows

describe('the driver', () => {
  const clockThatIsLate = (lateMs: number) =>
    new LocalClock({ realStartMs: Date.now() - lateMs, localStartSeconds: 1000, speed: 30 });

  test('makes up for a stall exactly: every event at its own moment, in the order of time and of the parts', () => {
    const heard: [string, number][] = [];
    // 2 s late at thirty times the speed: 60 local seconds.
    const clock = clockThatIsLate(2000);
    const driver = new Driver(clock, [new Beat('metrics', 1000, 10, heard), new Beat('alarms', 1000, 30, heard)], fail);
    // The driver begins where the clock stands, so earlier moments are brought up to it.
    const at = driver.catchUp();
    expect(at).toBeGreaterThanOrEqual(1060);
    expect(heard.map(([name]) => name)).toEqual([
      'metrics',
      'metrics',
      'metrics',
      'alarms',
      'metrics',
      'metrics',
      'metrics',
      'alarms',
    ]);
  });

  test('an event sees its own moment when it asks what time it is', () => {
    const clock = clockThatIsLate(0);
    const seen: number[] = [];
    let next: number | undefined = clock.now() + 1;
    const first = next;
    const actor: Actor = {
      nextEventAt: () => next,
      advanceTo: () => {
        seen.push(driver.catchUp());
        next = undefined;
      },
    };
    const driver = new Driver(clock, [actor], fail);
    const end = Date.now() + 50;
    while (Date.now() < end);
    driver.catchUp();
    expect(seen).toEqual([first]);
  });

  test('a part that throws is reported and does not stop the others', () => {
    const errors: unknown[] = [];
    const heard: [string, number][] = [];
    let broken: number | undefined = 1001;
    const actor: Actor = {
      nextEventAt: () => broken,
      advanceTo: () => {
        broken = undefined;
        throw new Error('broken');
      },
    };
    const driver = new Driver(clockThatIsLate(1000), [actor, new Beat('beat', 1000, 10, heard)], (error) =>
      errors.push(error),
    );
    driver.catchUp();
    expect(errors).toHaveLength(1);
    expect(heard.length).toBeGreaterThanOrEqual(3);
  });

  test('wakes by itself for the next event', async () => {
    const heard: [string, number][] = [];
    const clock = LocalClock.startingNow(100);
    const driver = new Driver(clock, [new Beat('beat', clock.now(), 5, heard)], fail);
    driver.start();
    await clock.sleep(40);
    driver.stop();
    expect(heard.length).toBeGreaterThanOrEqual(6);
  });
});

function fail(error: unknown): void {
  throw error;
}

test('the local clock runs by its factor and hands itself on in the environment', async () => {
  const clock = new LocalClock({ realStartMs: Date.now(), localStartSeconds: 5000, speed: 1000 });
  await clock.sleepUntil(5100);
  expect(clock.now()).toBeGreaterThanOrEqual(5100);
  expect(clock.realDelayMs(5000)).toBe(0);
  expect(clock.realDelayMs(clock.now() + 1000)).toBeCloseTo(1000, -2);
  expect(clock.toEnvironment()).toEqual({
    TIDEGATE_CLOCK_REAL_START_MS: String(clock.realStartMs),
    TIDEGATE_CLOCK_LOCAL_START_SECONDS: '5000',
    TIDEGATE_CLOCK_SPEED: '1000',
  });
  const aborted = new AbortController();
  const waiting = clock.sleep(1e9, aborted.signal);
  aborted.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  expect(() => new LocalClock({ realStartMs: 0, localStartSeconds: 0, speed: 0 })).toThrow('above 0');
});

test('the outbox sends one after the other and goes on after a failure', async () => {
  const logged: string[] = [];
  const sent: number[] = [];
  const outbox = new Outbox((message) => logged.push(message));
  for (const number of [1, 2, 3]) {
    outbox.add(`call ${number}`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 10 - 3 * number));
      if (number === 2) throw new Error('refused');
      sent.push(number);
    });
  }
  await outbox.flush();
  expect(sent).toEqual([1, 3]);
  expect(logged).toEqual(['call 2 failed: refused']);
});
