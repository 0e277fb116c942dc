import { nextRun } from '../../lib/scaling/decide/schedules';
import { ApplicationAutoScaling } from '../../lib/simulation/aws/application-auto-scaling';
import { CloudWatch } from '../../lib/simulation/aws/cloudwatch';
import { SCHEDULE_VECTORS, type ScheduleVector } from './schedule-vectors';
import { CountedFleet } from './walk-runners';
import { scheduleOverTheWire } from './wire/schedules';

const seconds = (iso: string): number => Date.parse(iso) / 1000;
const iso = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : `${new Date(at * 1000).toISOString().slice(0, 19)}Z`;

function actionOf({ schedule, timezone }: ScheduleVector) {
  return { scheduledActionName: 'action', schedule, ...(timezone !== undefined && { timezone }), minCapacity: 3 };
}

describe('the schedules of the guides', () => {
  test.each(SCHEDULE_VECTORS)('$name: $schedule', (vector) => {
    let after = seconds(vector.after);
    for (const run of vector.runs) {
      const next = nextRun(actionOf(vector), after);
      expect(iso(next)).toBe(run);
      after = next!;
    }
    if (vector.runs.length === 0) expect(nextRun(actionOf(vector), after)).toBeUndefined();
  });

  test.each(SCHEDULE_VECTORS)('in Application Auto Scaling, $name: $schedule', (vector) => {
    const key = {
      serviceNamespace: 'sagemaker',
      resourceId: 'endpoint/chat/variant/main',
      scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
    };
    const fleet = new CountedFleet(1);
    const scaling = new ApplicationAutoScaling(new CloudWatch(), () => fleet);
    const after = seconds(vector.after);
    scaling.registerScalableTarget({ ...key, minCapacity: 1, maxCapacity: 9 }, after);
    scaling.putScheduledAction({ ...key, action: { ...actionOf(vector), createdSeconds: 0 } }, after);
    expect(iso(scaling.nextEventAt())).toBe(vector.runs[0]);
    if (vector.runs.length === 0) return;
    scaling.advanceTo(seconds(vector.runs[0]!) - 1);
    expect(fleet.desiredCapacity()).toBe(1);
    scaling.advanceTo(seconds(vector.runs[0]!));
    expect(fleet.desiredCapacity()).toBe(3);
    expect(scaling.describeScalingActivities(key)[0]!.startTimeSeconds).toBe(seconds(vector.runs[0]!));
  });

  test.each(SCHEDULE_VECTORS)('by the local services over HTTP, $name: $schedule', async (vector) => {
    const [run] = vector.runs;
    const expected = run === undefined ? { after: 1, changedAt: [] } : { after: 3, changedAt: [run] };
    expect(await scheduleOverTheWire(vector)).toEqual({ before: 1, ...expected });
  });
});
