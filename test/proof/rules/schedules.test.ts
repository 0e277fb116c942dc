import { SCHEDULE_RULES } from '../../../lib/proof/rules/schedules';
import { scaledRealTime } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import { policy, type Properties, type Resources } from '../support/templates';

const scheduled = (Schedule: unknown, limits: Properties = { MinCapacity: 2 }): Properties => ({
  ScheduledActions: [{ ScheduledActionName: 'a', Schedule, ScalableTargetAction: limits }],
});
const night = (action: Properties): Properties => ({
  ScheduledActions: [
    {
      ScheduledActionName: 'night',
      Schedule: 'cron(0 22 * * ? *)',
      ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 2 },
      ...action,
    },
  ],
});
/** A target with scheduled actions of which each sets the minimum. */
const minima = (...actions: readonly (readonly [schedule: string, min: number, more?: Properties])[]): Resources =>
  scaledRealTime(
    {},
    {
      ScheduledActions: actions.map(([Schedule, MinCapacity, more], index) => ({
        ScheduledActionName: `action-${index}`,
        Schedule,
        ScalableTargetAction: { MinCapacity },
        ...more,
      })),
    },
  );
const zurich = { Timezone: 'Europe/Zurich' };

testRules(SCHEDULE_RULES, {
  'schedule-invalid': [
    [scaledRealTime({}, scheduled('cron(0 8 * * *)')), scaledRealTime({}, scheduled('cron(0 8 * * ? *)'))],
    [scaledRealTime({}, scheduled('0 8 * * *')), scaledRealTime({}, scheduled('rate(1 day)'))],
    [
      scaledRealTime({}, scheduled('at(2026-12-24T08:00:00)', {})),
      scaledRealTime({}, scheduled({ 'Fn::Sub': 'cron(${Hour} * * ? *)' })),
    ],
    [
      scaledRealTime({}, night({ Timezone: 'Europe/Zuerich' })),
      scaledRealTime({}, night({ Timezone: 'Europe/Zurich' })),
    ],
    [scaledRealTime({}, night({ Schedule: undefined })), scaledRealTime({}, night({ Schedule: { Ref: 'Schedule' } }))],
    [
      scaledRealTime({}, night({ StartTime: '2026-12-01T00:00:00Z', EndTime: '2026-11-01T00:00:00Z' })),
      scaledRealTime({}, night({ StartTime: '2026-12-01T00:00:00Z', EndTime: '2027-01-01T00:00:00Z' })),
    ],
  ],
  'schedule-one-way': [
    [minima(['cron(0 8 * * ? *)', 3]), minima(['cron(0 8 * * ? *)', 3], ['cron(0 20 * * ? *)', 1])],
    [
      minima(['cron(0 8 * * ? *)', 3], ['cron(0 20 * * ? *)', 3]),
      minima(['cron(0 8 * * ? *)', 3], ['cron(0 20 * * ? *)', 2]),
    ],
    [
      scaledRealTime({}, scheduled('cron(0 20 * * ? *)', { MaxCapacity: 2 })),
      // The same as the target's own.
      scaledRealTime({}, scheduled('cron(0 20 * * ? *)', { MaxCapacity: 4 })),
    ],
    [
      minima(['at(2026-12-24T08:00:00)', 3]),
      {
        ...minima(['at(2026-12-24T08:00:00)', 3]),
        Guard: policy('application-autoscaling:RegisterScalableTarget', '*'),
      },
    ],
  ],
  'schedules-collide': [
    [
      minima(['cron(0 8 * * ? *)', 2], ['cron(0 8 ? * MON *)', 4]),
      minima(['cron(0 8 * * ? *)', 2], ['cron(5 8 ? * MON *)', 4]),
    ],
    [
      minima(['cron(0 8 ? * MON-FRI *)', 2], ['cron(0 8 ? * FRI-SAT *)', 3]),
      minima(['cron(0 8 ? * MON-FRI *)', 2], ['cron(0 8 ? * SAT,SUN *)', 3]),
    ],
    [
      minima(['cron(0 8 * * ? *)', 2], ['at(2026-12-24T08:00:00)', 1]),
      minima(['cron(0 8 * * ? *)', 2], ['at(2026-12-24T09:00:00)', 1]),
    ],
    [
      minima(['cron(0 8 * * ? *)', 2, zurich], ['cron(0 8 * * ? *)', 3, zurich]),
      // The same limit twice, and a window of its own.
      minima(['cron(0 8 * * ? *)', 2, zurich], ['cron(0 8 * * ? *)', 2, zurich]),
    ],
    [
      minima(['cron(0 8 1 * ? *)', 2], ['cron(0 8 1 1 ? *)', 3]),
      minima(['cron(0 8 * * ? *)', 2], ['cron(0 8 * * ? *)', 3, { StartTime: '2026-12-01T00:00:00Z' }]),
    ],
    [
      minima(['cron(0 8 ? * MON#1 *)', 2], ['cron(0 8 ? * MON *)', 3]),
      minima(['cron(0 8 ? * MON#1 *)', 2], ['rate(7 days)', 3]),
    ],
  ],
});
