import { systemClock } from '../../../lambda/support/clock';
import { optionalEnv, requiredEnv, requiredNumberEnv } from '../../../lambda/support/env';
import { createLogger } from '../../../lambda/support/logger';

describe('environment', () => {
  test('gives the value of a variable', () => {
    expect(requiredEnv('TABLE', { TABLE: 'events' })).toBe('events');
    expect(requiredNumberEnv('DAYS', { DAYS: '90' })).toBe(90);
    expect(optionalEnv('TABLE', { TABLE: '' })).toBeUndefined();
  });

  test.each([[{}], [{ TABLE: '' }]])('names a variable that is missing: %j', (environment) => {
    expect(() => requiredEnv('TABLE', environment)).toThrow('environment variable TABLE is not set');
  });

  test('refuses what is no number', () => {
    expect(() => requiredNumberEnv('DAYS', { DAYS: 'many' })).toThrow("environment variable DAYS is 'many'");
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

test('the system clock tells seconds since the epoch', () => {
  const before = Date.now() / 1000;
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
});
