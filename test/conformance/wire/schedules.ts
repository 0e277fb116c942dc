import { DescribeScalingActivitiesCommand, PutScheduledActionCommand } from '@aws-sdk/client-application-auto-scaling';
import type { ScheduleVector } from '../schedule-vectors';
import { targetOf, WireAccount } from './wire-account';

/** Effects of a schedule over the wire. */
export interface WiredSchedule {
  /** Instances one second before the run and at it; for a schedule without runs, at both ends of an hour. */
  readonly before: number;
  readonly after: number;
  /** Moments at which the capacity changed, by `DescribeScalingActivities`. */
  readonly changedAt: readonly string[];
}

/** Maximum time that is played before a run, as metrics are published every 10 seconds. A rate counts from the start of that time. */
const MAX_WAIT_SECONDS = 3600;

const seconds = (iso: string): number => Date.parse(iso) / 1000;

/** Puts a scheduled action that raises the minimum from 1 to 3, and goes to its first run. */
export async function scheduleOverTheWire({ schedule, timezone, after, runs }: ScheduleVector): Promise<WiredSchedule> {
  const run = runs[0] === undefined ? undefined : seconds(runs[0]);
  const isRate = schedule.startsWith('rate');
  const putAt = isRate ? seconds(after) : Math.max(seconds(after), (run ?? 0) - MAX_WAIT_SECONDS);
  const wire = await WireAccount.start(putAt);
  try {
    await wire.createEndpoint('chat', 1, false);
    await wire.register('chat', 1, 9);
    await wire.account.scaling.send(
      new PutScheduledActionCommand({
        ...targetOf('chat'),
        ScheduledActionName: 'action',
        Schedule: schedule,
        Timezone: timezone,
        ScalableTargetAction: { MinCapacity: 3 },
      }),
    );
    await wire.goTo(run === undefined ? putAt + 1 : run - 1);
    const before = await wire.capacity('chat');
    await wire.goTo(run ?? putAt + MAX_WAIT_SECONDS);
    const { ScalingActivities } = await wire.account.scaling.send(
      new DescribeScalingActivitiesCommand(targetOf('chat')),
    );
    const changedAt = ScalingActivities!.map(({ StartTime }) => `${StartTime!.toISOString().slice(0, 19)}Z`);
    return { before, after: await wire.capacity('chat'), changedAt };
  } finally {
    await wire.stop();
  }
}
