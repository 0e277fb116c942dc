import * as fc from 'fast-check';
import { decideRollout, type RolloutProgress, type RolloutRate } from '../../../lib/edge/decide/rollout';

const constant: RolloutRate = { basePerMinute: 10, maxPerMinute: 10, incrementFactor: 1, increaseAfterSucceeded: 1 };
const growing: RolloutRate = { basePerMinute: 5, maxPerMinute: 60, incrementFactor: 2, increaseAfterSucceeded: 5 };
const abort = { failedPercentage: 20, minDevices: 5 };
const progress = (notified: number, succeeded: number, failed: number): RolloutProgress => ({
  notified,
  succeeded,
  failed,
});

describe('a rollout', () => {
  test.each<[string, RolloutRate, RolloutProgress, number]>([
    ['begins with the base rate', growing, progress(0, 0, 0), 5],
    ['stays at it before enough devices have succeeded', growing, progress(5, 4, 0), 5],
    // Five successes are one step: 5 x 2.
    ['doubles after five successes', growing, progress(5, 5, 0), 10],
    // Fifteen successes are three steps: 5 x 2 x 2 x 2.
    ['doubles with every five', growing, progress(20, 15, 0), 40],
    ['keeps to the maximum', growing, progress(40, 40, 0), 60],
    ['keeps to a constant rate', constant, progress(50, 50, 0), 10],
    ['reaches no more devices than there are', constant, progress(98, 90, 0), 2],
    ['reaches nobody when all are notified', constant, progress(100, 90, 0), 0],
  ])('%s', (_, rate, seen, notify) => {
    expect(decideRollout(rate, abort, 100, seen)).toMatchObject({ notify, abort: false });
  });

  test.each<[string, RolloutProgress, boolean]>([
    ['goes on while too few devices have ended', progress(10, 2, 2), false],
    // 1 of 5 is 20 %.
    ['is cancelled at the threshold', progress(10, 4, 1), true],
    // 1 of 6 is 16.7 %.
    ['goes on below it', progress(10, 5, 1), false],
    ['is cancelled above it', progress(10, 0, 5), true],
    ['goes on without failures', progress(10, 10, 0), false],
  ])('%s', (_, seen, isCancelled) => {
    expect(decideRollout(constant, abort, 100, seen).abort).toBe(isCancelled);
  });

  test('tells the reason', () => {
    expect(decideRollout(constant, abort, 100, progress(10, 4, 1)).reason).toBe(
      '1 of 5 devices failed (20.0 %), at 20 % the deployment is cancelled',
    );
    expect(decideRollout(growing, abort, 100, progress(5, 5, 0)).reason).toBe('10 devices a minute after 5 successes');
  });

  test('is never cancelled without a threshold', () => {
    expect(decideRollout(constant, undefined, 100, progress(10, 0, 10))).toMatchObject({ notify: 10, abort: false });
  });

  test('reaches every device in the end, each once, where none fails', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 100 }), (devices, basePerMinute) => {
        const rate = {
          basePerMinute,
          maxPerMinute: 1_000,
          incrementFactor: 1.5,
          increaseAfterSucceeded: basePerMinute,
        };
        let notified = 0;
        for (let minute = 0; minute <= devices; minute++) {
          const { notify } = decideRollout(rate, abort, devices, { notified, succeeded: notified, failed: 0 });
          expect(notify).toBeGreaterThanOrEqual(notified < devices ? 1 : 0);
          notified += notify;
          if (notified === devices) break;
        }
        expect(notified).toBe(devices);
      }),
    );
  });
});
