import type { GuardRecord } from '../../../lib/cost/contract';
import { levelNotification } from '../../../lambda/cost-guard/notification';
import { NOVEMBER } from './fakes';

const record: GuardRecord = {
  atSeconds: NOVEMBER,
  level: 'shrink',
  previousLevel: 'freeze-growth',
  reason: 'the whole budget is committed',
  spentUsd: 10,
  budgetUsd: 14.38,
  committedUsd: 13.5,
  burnRateUsdPerHour: 24,
  forecastUsd: 24.004,
  liftingBudgetUsd: 43,
  actions: [
    { resourceId: 'a', minCapacity: 1, maxCapacity: 2 },
    { resourceId: 'b', minCapacity: 0, maxCapacity: 1 },
  ],
  withheldActions: [],
  stops: [],
  failedResourceIds: ['b'],
  failedJobNames: [],
  dryRun: false,
};

const NUMBERS =
  'Spent 10.00 of 14.38 USD, now 24.00 USD an hour; 13.50 USD is committed until the period ends, ' +
  'forecast for the period 24.00 USD.';

function told(records: readonly GuardRecord[], repeated = false) {
  const { subject, message } = levelNotification({ name: 'chat' }, records, '/budget', repeated);
  return { subject, lines: message.split('\n') };
}

describe('a notification of the cost guard', () => {
  test('has the reason, the numbers, every limit that was set or could not be, and the way to lift them', () => {
    expect(told([record])).toEqual({
      subject: 'Tidegate cost guard chat: freeze-growth -> shrink',
      lines: [
        'chat went from freeze-growth to shrink.',
        'the whole budget is committed',
        '',
        NUMBERS,
        'Limits set:',
        '  a: minimum 1, maximum 2',
        '  b: minimum 0, maximum 1 - FAILED, tried again in a minute',
        '',
        'To lift the limits, write {"amountUsd": 43} or more, with the period as it is, to the parameter /budget; ' +
          'the guard restores the declared limits within a minute, and without a change when the next period begins.',
      ],
    });
  });

  test('goes from the first level to the last when several are passed at once, with the numbers of the last', () => {
    const warned: GuardRecord = { ...record, level: 'warn', previousLevel: 'ok', reason: 'on the way', spentUsd: 1 };
    const { subject, lines } = told([warned, record], true);
    expect(subject).toBe('Tidegate cost guard chat: ok -> shrink (repeated)');
    expect(lines.slice(0, 4)).toEqual(['chat went from ok to shrink.', 'the whole budget is committed', '', NUMBERS]);
  });

  test('says in a dry run that nothing is limited, and which limits would have been set', () => {
    const dry = { ...record, dryRun: true, actions: [], withheldActions: record.actions, failedResourceIds: [] };
    expect(told([dry]).lines).toEqual([
      'chat went from freeze-growth to shrink (dry run: the guard limits nothing).',
      'the whole budget is committed',
      '',
      NUMBERS,
      'No limit was changed.',
      'Limits that would have been set without the dry run:',
      '  a: minimum 1, maximum 2',
      '  b: minimum 0, maximum 1',
      '',
      'To change the budget, write {"amountUsd": ...} to the parameter /budget.',
    ]);
  });

  test('of something else than a level has the sentence and the numbers, and no limits', () => {
    const noted: GuardRecord = {
      ...record,
      previousLevel: 'shrink',
      reason: 'a job is stopped',
      liftingBudgetUsd: null,
    };
    expect(told([noted])).toEqual({
      subject: 'Tidegate cost guard chat: notice',
      lines: [
        'a job is stopped',
        '',
        NUMBERS,
        '',
        'To change the budget, write {"amountUsd": ...} to the parameter /budget.',
      ],
    });
  });
});
