import { systemClock } from '../../../lambda/support/clock';
import { withDeadline } from '../../../lambda/support/deadline';
import { optionalEnv, requiredEnv, requiredNumberEnv } from '../../../lambda/support/env';
import { createLogger, logger as handlerLogger } from '../../../lambda/support/logger';
import { systemSleep } from '../../../lambda/support/sleep';
import { RetryableError } from '../../../lib/core/errors';

describe('environment', () => {
  test('gives the value of a variable', () => {
    expect(requiredEnv('TABLE', { TABLE: 'events' })).toBe('events');
    expect(requiredNumberEnv('DAYS', { DAYS: '90' })).toBe(90);
    expect(optionalEnv('TABLE', { TABLE: 'events' })).toBe('events');
    expect(optionalEnv('TABLE', { TABLE: '' })).toBeUndefined();
    expect(optionalEnv('TABLE', {})).toBeUndefined();
  });

  test.each([[{}], [{ TABLE: '' }]])('names a variable that is missing: %j', (environment) => {
    expect(() => requiredEnv('TABLE', environment)).toThrow(
      'environment variable TABLE is not set; the construct that creates this handler sets it',
    );
  });

  test('refuses what is no number', () => {
    expect(() => requiredNumberEnv('DAYS', { DAYS: 'many' })).toThrow(
      "environment variable DAYS is 'many'; expected a number",
    );
    expect(() => requiredNumberEnv('DAYS', { DAYS: 'Infinity' })).toThrow("'Infinity'");
  });
});

describe('logger', () => {
  test('writes one JSON line for each call, errors and big integers included', () => {
    const lines: string[] = [];
    const logger = createLogger((line) => lines.push(line));
    logger.info('done', { count: 2, sequence: 12n });
    logger.warn('odd');
    logger.error('failed', { error: new TypeError('no') });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: 'info', message: 'done', count: 2, sequence: '12' },
      { level: 'warn', message: 'odd' },
      {
        level: 'error',
        message: 'failed',
        error: { name: 'TypeError', message: 'no', stack: expect.any(String) as string },
      },
    ]);
  });
});

test('the logger of the handlers writes lines to standard output', () => {
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  handlerLogger.info('done');
  const written = write.mock.calls.map(([line]) => line);
  write.mockRestore();
  expect(written).toEqual(['{"level":"info","message":"done"}\n']);
});

describe('the sleep of the machine', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  /** Sleeps and tells whether the sleep is over. */
  function sleeping(milliseconds: number, signal?: AbortSignal): () => Promise<boolean> {
    let over = false;
    void systemSleep(milliseconds, signal).then(() => (over = true));
    return async () => {
      await Promise.resolve();
      return over;
    };
  }

  test('ends after its time and not before', async () => {
    const isOver = sleeping(200);
    jest.advanceTimersByTime(199);
    expect(await isOver()).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await isOver()).toBe(true);
  });

  test('ends at once when its signal aborts, and leaves no timer', async () => {
    const controller = new AbortController();
    const isOver = sleeping(60_000, controller.signal);
    expect(await isOver()).toBe(false);
    controller.abort();
    expect(await isOver()).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('does not begin when its signal has aborted', async () => {
    const isOver = sleeping(60_000, AbortSignal.abort());
    expect(await isOver()).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('lets go of its signal when its time is over', async () => {
    const { signal } = new AbortController();
    const removed = jest.spyOn(signal, 'removeEventListener');
    const added = jest.spyOn(signal, 'addEventListener');
    const isOver = sleeping(-5, signal);
    jest.advanceTimersByTime(1);
    expect(await isOver()).toBe(true);
    expect(removed.mock.calls[0]!.slice(0, 2)).toEqual(added.mock.calls[0]!.slice(0, 2));
  });
});

test('the sleep of a local run, whose clock is faster, is shorter by its speed', async () => {
  const clock = Symbol.for('tidegate.clock');
  Object.assign(globalThis, { [clock]: { speed: 10 } });
  jest.useFakeTimers();
  try {
    const modules: { systemSleep: typeof systemSleep }[] = [];
    jest.isolateModules(() => modules.push(jest.requireActual('../../../lambda/support/sleep')));
    let over = false;
    void modules[0]!.systemSleep(1000).then(() => (over = true));
    jest.advanceTimersByTime(99);
    await Promise.resolve();
    expect(over).toBe(false);
    jest.advanceTimersByTime(1);
    await Promise.resolve();
    expect(over).toBe(true);
  } finally {
    jest.useRealTimers();
    Reflect.deleteProperty(globalThis, clock);
  }
});

test('settings of a function are those of its process unless others are given', () => {
  process.env['TIDEGATE_TEST_SETTING'] = '7';
  try {
    expect(requiredEnv('TIDEGATE_TEST_SETTING')).toBe('7');
    expect(optionalEnv('TIDEGATE_TEST_SETTING')).toBe('7');
    expect(requiredNumberEnv('TIDEGATE_TEST_SETTING')).toBe(7);
  } finally {
    delete process.env['TIDEGATE_TEST_SETTING'];
  }
});

describe('a look with a deadline', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('returns what the work returns, or throws what it throws, and leaves no timer', async () => {
    await expect(withDeadline(10, 'the budget', () => Promise.resolve(5))).resolves.toBe(5);
    await expect(withDeadline(10, 'the budget', () => Promise.reject(new Error('denied')))).rejects.toThrow('denied');
    expect(jest.getTimerCount()).toBe(0);
  });

  test('ends in time when the work is silent: as an error that may pass, with the signal of the work aborted', async () => {
    let given: AbortSignal | undefined;
    const outcome = withDeadline(10, 'the budget', (signal) => {
      given = signal;
      return new Promise(() => undefined);
    }).catch((error: unknown) => error);
    jest.advanceTimersByTime(9_999);
    expect(given!.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(given!.aborted).toBe(true);
    const error = await outcome;
    expect(error).toBeInstanceOf(RetryableError);
    expect((error as Error).message).toBe('the budget: no answer within 10 s');
  });
});

test('the system clock returns seconds since the epoch', () => {
  const before = Date.now() / 1000;
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  expect(systemClock.now()).toBeLessThan(before + 3600);
});
