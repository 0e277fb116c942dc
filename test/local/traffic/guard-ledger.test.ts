import type { GuardRecord } from '../../../lib/cost/contract';
import { GuardLedger } from '../../../lib/local/traffic/guard-ledger';

const record = (atSeconds: number, previousLevel: string, level: string): GuardRecord =>
  ({ atSeconds, previousLevel, level, stops: [], failedJobNames: [] }) as unknown as GuardRecord;

const stop = (jobName: string) => ({ jobName, reason: '' });

describe('GuardLedger', () => {
  test('interpolates the breach between two observations, and checks the cap from 90 seconds after it was set', () => {
    const ledger = new GuardLedger(2);
    ledger.observe({ second: 0, spendUsd: 0, instances: 4, maxInstances: 8 });
    ledger.observe({ second: 100, spendUsd: 1.5, instances: 6, maxInstances: 8 });
    // 1.5 + 1 x (t - 100) / 100 = 2 at t = 150
    ledger.observe({ second: 200, spendUsd: 2.5, instances: 6, maxInstances: 4 });
    ledger.observe({ second: 210, spendUsd: 2.6, instances: 4, maxInstances: 2 });
    ledger.observe({ second: 299, spendUsd: 2.7, instances: 5, maxInstances: 2 }); // 89 s after the cap
    ledger.observe({ second: 301, spendUsd: 2.8, instances: 2, maxInstances: 2 });
    ledger.observe({ second: 400, spendUsd: 2.9, instances: 1, maxInstances: 2 });
    ledger.observe({ second: 500, spendUsd: 2.9, instances: 6, maxInstances: 8 }); // released
    const records = [
      record(1120, 'ok', 'warn'),
      record(1180, 'warn', 'freeze-growth'),
      record(1190, 'freeze-growth', 'freeze-growth'),
      record(1210.04, 'freeze-growth', 'shrink'),
      { ...record(1300, 'shrink', 'shrink'), stops: [stop('a'), stop('b')], failedJobNames: ['b'] },
    ];
    expect(ledger.report(records, 1000)).toEqual({
      budgetUsd: 2,
      breachAtSecond: 150,
      capAtSecond: 210,
      levels: [
        { level: 'warn', atSecond: 120 },
        { level: 'freeze-growth', atSecond: 180 },
        { level: 'shrink', atSecond: 210 },
      ],
      maxInstancesAfterCap: 2,
      capInstances: 2,
      spentUsd: 2.9,
      stoppedJobs: ['a'],
    });
  });

  test('leaves everything open without a budget', () => {
    const ledger = new GuardLedger(null);
    ledger.observe({ second: 0, spendUsd: 0, instances: 4, maxInstances: 8 });
    ledger.observe({ second: 500, spendUsd: 9, instances: 4, maxInstances: 3 });
    expect(ledger.report([], 0)).toMatchObject({
      budgetUsd: null,
      breachAtSecond: null,
      capAtSecond: null,
      maxInstancesAfterCap: null,
      capInstances: null,
    });
  });

  test('checks a cap that was set before the budget was spent', () => {
    const ledger = new GuardLedger(3);
    ledger.observe({ second: 0, spendUsd: 0, instances: 4, maxInstances: 8 });
    ledger.observe({ second: 100, spendUsd: 2, instances: 4, maxInstances: 1 });
    ledger.observe({ second: 200, spendUsd: 2.2, instances: 3, maxInstances: 1 });
    expect(ledger.report([], 0)).toMatchObject({
      breachAtSecond: null,
      capAtSecond: 100,
      capInstances: 1,
      maxInstancesAfterCap: 3,
    });
  });

  test('knows a breach without a cap', () => {
    const ledger = new GuardLedger(1);
    ledger.observe({ second: 0, spendUsd: 0, instances: 4, maxInstances: 8 });
    ledger.observe({ second: 100, spendUsd: 2, instances: 4, maxInstances: 8 });
    ledger.observe({ second: 200, spendUsd: 3, instances: 7, maxInstances: 8 });
    expect(ledger.report([], 0)).toMatchObject({ breachAtSecond: 50, capInstances: null, maxInstancesAfterCap: null });
  });
});
