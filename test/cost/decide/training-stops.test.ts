import type { GuardLevel } from '../../../lib/cost/decide';
import type { BudgetPosition } from '../../../lib/cost/decide/level-choice';
import type { OpenJob } from '../../../lib/cost/decide/meter';
import { admitJobs, haltJobs, mayStartTraining, stopsOf } from '../../../lib/cost/decide/training-stops';
import { job, NOVEMBER, plan, seenAt } from './fixtures';

const HOUR = 3600;

/** Job of 4 USD an hour that waits for its instances: an hour and the two minutes to stop may cost 4.13 USD. */
const open: OpenJob = { rateUsdPerHour: 4, startedAt: null, maxRuntimeSeconds: HOUR, stopReason: null };
const JOB_USD = (4 * (HOUR + 120)) / HOUR;

/** Nothing of 100 USD is committed, and no floor takes a part of it: growth is frozen at 90. */
const position: BudgetPosition = {
  spentUsd: 0,
  budgetUsd: 100,
  forecastUsd: 0,
  floorsUsd: 0,
  committedUsd: 0,
  horizonUsd: 0,
};
const LONG = { at: NOVEMBER, until: NOVEMBER + 100 * HOUR };

function admitted(
  committedUsd: number,
  jobs: { [name: string]: OpenJob },
  before: { [name: string]: OpenJob } | undefined,
  previous: GuardLevel = 'ok',
  runningJobs: 'FINISH' | 'STOP' = 'FINISH',
  time = LONG,
) {
  return admitJobs({ ...plan, runningJobs }, { ...position, committedUsd }, previous, jobs, before, time);
}

describe('the admission of training jobs', () => {
  test('reserves the maximum runtime of every job that may finish', () => {
    const { open: jobs, reservedUsd } = admitted(0, { a: open, b: open }, {});
    expect(jobs).toEqual({ a: open, b: open });
    expect(reservedUsd).toBeCloseTo(2 * JOB_USD, 10);
  });

  test('reserves no more than the rest of the period', () => {
    const time = { at: NOVEMBER, until: NOVEMBER + HOUR / 2 };
    expect(admitted(0, { a: open }, {}, 'ok', 'FINISH', time).reservedUsd).toBeCloseTo(2, 10);
  });

  test('refuses a job whose maximum runtime does not fit beside the others, and reserves nothing for it', () => {
    // 90 - 2 x 4.13 = 81.73: the first two fit, the third does not
    const { open: jobs, reservedUsd } = admitted(81.7, { a: open, b: open, c: open }, {});
    expect([jobs['a']!.stopReason, jobs['b']!.stopReason]).toEqual([null, null]);
    expect(jobs['c']!.stopReason).toBe(
      'its maximum runtime of 3600 s may cost 4.13 USD in this period, more than is free; ' +
        'lower MaxRuntimeInSeconds or raise the budget',
    );
    expect(reservedUsd).toBeCloseTo(2 * JOB_USD, 10);
  });

  test('lets a known job finish although its runtime does not fit, and counts it before new ones', () => {
    const { open: jobs, reservedUsd } = admitted(85, { fresh: open, known: open }, { known: open });
    expect(jobs['known']!.stopReason).toBeNull();
    // 85 + 4.13 + 4.13 is above 90
    expect(jobs['fresh']!.stopReason).toMatch(/^its maximum runtime/);
    expect(reservedUsd).toBeCloseTo(JOB_USD, 10);
  });

  test('lets every job finish that runs at the first evaluation', () => {
    const { open: jobs, reservedUsd } = admitted(99, { a: open }, undefined, 'shrink');
    expect(jobs['a']!.stopReason).toBeNull();
    expect(reservedUsd).toBeCloseTo(JOB_USD, 10);
  });

  test('keeps the reason of a job that is stopped, and reserves nothing for it', () => {
    const stopped = { ...open, stopReason: 'it has started at shrink' };
    expect(admitted(0, { a: stopped }, { a: stopped })).toEqual({ open: { a: stopped }, reservedUsd: 0 });
  });

  test.each<GuardLevel>(['freeze-growth', 'shrink'])('refuses a job that starts at %s, whatever it costs', (level) => {
    const cheap = { ...open, rateUsdPerHour: 0.01 };
    const { open: jobs, reservedUsd } = admitted(0, { a: cheap }, {}, level);
    expect(jobs['a']!.stopReason).toBe(`it has started at ${level}`);
    expect(reservedUsd).toBe(0);
  });

  test('reserves nothing where running jobs are stopped, and refuses one that starts when growth is to be frozen', () => {
    expect(admitted(89, { a: open }, {}, 'warn', 'STOP')).toEqual({ open: { a: open }, reservedUsd: 0 });
    expect(admitted(90, { a: open }, {}, 'warn', 'STOP').open['a']!.stopReason).toBe('it has started at freeze-growth');
    expect(admitted(100, { a: open }, {}, 'warn', 'STOP').open['a']!.stopReason).toBe('it has started at shrink');
  });
});

describe('running jobs at a level', () => {
  const stopped = { ...open, stopReason: 'already' };

  test('finish, where that is configured, and below freeze-growth', () => {
    expect(haltJobs({ ...plan, runningJobs: 'FINISH' }, 'shrink', { a: open })).toEqual({ a: open });
    expect(haltJobs({ ...plan, runningJobs: 'STOP' }, 'warn', { a: open })).toEqual({ a: open });
  });

  test.each<GuardLevel>(['freeze-growth', 'shrink'])(
    'are stopped at %s with STOP, each for its first reason',
    (level) => {
      expect(haltJobs({ ...plan, runningJobs: 'STOP' }, level, { a: open, b: stopped })).toEqual({
        a: { ...open, stopReason: `running jobs are stopped at ${level}` },
        b: stopped,
      });
    },
  );
});

describe('the stops', () => {
  const stopped = { ...open, stopReason: 'no' };
  const stops = (dryRun: boolean, isStopping: boolean, before: OpenJob | undefined, now: OpenJob | undefined) =>
    stopsOf(
      { ...plan, dryRun },
      seenAt(0, { trainingJobs: [{ ...job, name: 'a', isStopping }] }),
      now === undefined ? {} : { a: now },
      before === undefined ? undefined : { open: { a: before }, settledAt: {} },
    );
  const STOP = [{ jobName: 'a', reason: 'no' }];

  test('are the jobs with a reason, with every evaluation until the service stops them', () => {
    expect(stops(false, false, undefined, stopped)).toEqual(STOP);
    expect(stops(false, false, stopped, stopped)).toEqual(STOP);
    expect(stops(false, true, stopped, stopped)).toEqual([]);
    expect(stops(false, false, undefined, open)).toEqual([]);
    expect(stops(false, false, undefined, undefined)).toEqual([]);
  });

  test('are told once in a dry run', () => {
    expect(stops(true, false, undefined, stopped)).toEqual(STOP);
    expect(stops(true, false, open, stopped)).toEqual(STOP);
    expect(stops(true, false, stopped, stopped)).toEqual([]);
    const other = { open: { b: stopped }, settledAt: {} };
    const seen = seenAt(0, { trainingJobs: [{ ...job, name: 'a' }] });
    expect(stopsOf({ ...plan, dryRun: true }, seen, { a: stopped }, other)).toEqual(STOP);
  });

  test('are none while the jobs cannot be listed', () => {
    expect(stopsOf(plan, seenAt(0, { trainingJobs: null }), { a: stopped }, undefined)).toEqual([]);
  });
});

test('training may start below freeze-growth, and at every level of a dry run', () => {
  const levels: readonly GuardLevel[] = ['ok', 'warn', 'freeze-growth', 'shrink'];
  expect(levels.map((level) => mayStartTraining(level, false))).toEqual([true, true, false, false]);
  expect(levels.map((level) => mayStartTraining(level, true))).toEqual([true, true, true, true]);
});
